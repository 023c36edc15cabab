/* status.c - conditions (spec section 6) and the one write that ends a pass. Nothing is written when nothing changed;
 * what is only copied from clusters, and the time of the write, change nothing by themselves. */
#include "fields.h"
#include "pass.h"

void status_begin(struct service_pass *p) {
    struct rv_val have = p->now.conditions;
    p->conditions = rv_val_len(have) > 0 ? rv_node_from(p->arena, have) : rv_node_array(p->arena);
    if (rv_val_len(have) > 0) return;
    status_condition(p, RS_READY, "False", RS_REASON_INITIALIZING, RV_STR("RayService is initializing"));
    status_condition(p, RS_UPGRADE, "False", RS_REASON_INITIALIZING, RV_STR("RayService is initializing"));
}

void status_condition(struct service_pass *p, const char *type, const char *status, const char *reason,
                      struct rv_str message) {
    rv_condition_set(p->arena, p->conditions, type, status, rv_str(reason), message, p->time);
    rv_node_set_int(p->arena, rv_node_find(p->conditions, "type", rv_str(type)), "observedGeneration",
                    p->s->generation);
}

static struct rv_str now_reason(struct service_pass *p, const char *type) {
    return rv_node_text(rv_node_get(rv_node_find(p->conditions, "type", rv_str(type)), "reason"));
}

static bool now_is(struct service_pass *p, const char *type, const char *status) {
    return rv_str_is(rv_node_text(rv_node_get(rv_node_find(p->conditions, "type", rv_str(type)), "status")), status);
}

/* ---- Ready ------------------------------------------------------------------------------------------------------- */

static int64_t count_endpoints(const struct service_pass *p) {
    bool shared = p->s->traffic == RS_VIA_GATEWAY && cluster_there(&p->side[ACTIVE]);
    if (!shared) return p->stable_endpoints;
    return p->side[ACTIVE].endpoints + p->side[PENDING].endpoints;
}

static void check_init_timeout(struct service_pass *p) {
    struct rv_node *ready = rv_node_find(p->conditions, "type", RV_STR(RS_READY));
    int64_t since = rc_time(rv_node_text(rv_node_get(ready, "lastTransitionTime"))), limit = p->s->init_timeout_ns;
    bool runs = limit > 0 && p->now.endpoints == 0 && rv_str_is(now_reason(p, RS_READY), RS_REASON_INITIALIZING);
    if (!runs || since == 0) return;
    if (p->time - since < limit) {
        ctx_wake(&p->ctx, since + limit);
        return;
    }
    struct rv_str why = rv_arena_fmt(
        p->arena,
        "RayService failed to become ready within the configured timeout of %llds. Time spent initializing: %llds",
        (long long)(limit / RC_SECOND), (long long)((p->time - since) / RC_SECOND));
    p->now.active.name = p->now.pending.name = RV_STR("");
    status_condition(p, RS_READY, "False", RS_REASON_INIT_TIMEOUT, why);
    ctx_event(&p->ctx, true, "RayServiceInitializingTimeout", "Reconcile", why);
}

static void ready(struct service_pass *p) {
    p->now.endpoints = count_endpoints(p);
    if (p->now.endpoints > 0)
        status_condition(p, RS_READY, "True", "NonZeroServeEndpoints",
                         RV_STR("Number of serve endpoints is greater than 0"));
    else if (now_is(p, RS_READY, "True"))
        status_condition(p, RS_READY, "False", "ZeroServeEndpoints", RV_STR("Number of serve endpoints dropped to 0"));
    else if (rv_str_is(now_reason(p, RS_READY), RS_REASON_INVALID))
        status_condition(p, RS_READY, "False", RS_REASON_INITIALIZING, RV_STR("RayService is initializing"));
    check_init_timeout(p);
}

/* ---- UpgradeInProgress ------------------------------------------------------------------------------------------- */

static void upgrade(struct service_pass *p) {
    bool active = p->now.active.name.n != 0, pending = p->now.pending.name.n != 0;
    if (active && pending)
        status_condition(p, RS_UPGRADE, "True", "BothActivePendingClustersExist",
                         RV_STR("Both active and pending Ray clusters exist"));
    else if (active)
        status_condition(p, RS_UPGRADE, "False", "NoPendingCluster",
                         RV_STR("Active Ray cluster exists and no pending Ray cluster"));
    else if (rv_str_is(now_reason(p, RS_UPGRADE), RS_REASON_INVALID))
        status_condition(p, RS_UPGRADE, "False", RS_REASON_INITIALIZING, RV_STR("RayService is initializing"));
    if (!pending || p->plan.rollback == UP_ROLLBACK_CLEAR) rv_condition_remove(p->conditions, RS_ROLLBACK);
}

/* ---- where it stands --------------------------------------------------------------------------------------------- */

static struct rv_str serve_waits(struct service_pass *p, int side) {
    const struct observed_cluster *s = &p->side[side];
    const struct serve_memo *h = serve_memo_of(p, side);
    struct rv_str why = observed_obstacle(p, s);
    if (!s->head_ready && why.n != 0) return why;
    if (p->config == NULL && !s->frozen)
        return rv_arena_fmt(p->arena, "spec.serveConfigV2 cannot be used: " RV_STR_FMT, RV_STR_ARG(p->config_error));
    struct rv_str said = serve_says(p, side);
    if (said.n != 0) return said;
    if (h->answered && !(side == ACTIVE ? p->view.active.endpoints > 0 : p->view.pending.endpoints > 0))
        return RV_STR("no pod of it takes requests yet");
    if (why.n != 0) return why;
    return h->answered ? RV_STR("the Service has no endpoint yet") : RV_STR("Serve is being asked");
}

static struct rv_str what_waits(struct service_pass *p) {
    switch (p->plan.step) {
    case UP_BLOCKED:
        return p->quota_why;
    case UP_CLEARING:
        return RV_STR("the old cluster goes when its requests have ended; a third one is not made beside it");
    case UP_WAITING_GATEWAY:
    case UP_WAITING_SLICE:
        return p->shares_why;
    case UP_SHIFTING:
        return rv_arena_fmt(p->arena, "the next %d %% move after an interval of %lld s, at " RV_STR_FMT, p->view.step,
                            (long long)(p->view.interval_ns / RC_SECOND),
                            RV_STR_ARG(rc_time_text(p->arena, rc_time(p->now.pending.moved) + p->view.interval_ns)));
    case UP_SCALING:
        return RV_STR("target capacities are being changed");
    case UP_PROMOTING:
        return RV_STR("the switch");
    case UP_ROLLING_BACK:
        return p->view.active.capacity < 100 ? RV_STR("the active cluster has its capacity again")
                                             : RV_STR("its traffic goes back");
    default:
        return serve_waits(p, PENDING);
    }
}

struct rv_str status_line(struct service_pass *p) {
    rv_autobuf struct rv_buf b = {0};
    const struct rs_state *s = &p->now;
    if (s->step.n == 0 || rv_str_is(s->step, up_step_name(UP_GIVEN_UP))) return RV_STR("");
    rv_buf_addf(&b, RV_STR_FMT, RV_STR_ARG(s->step));
    if (s->pending.name.n != 0) rv_buf_addf(&b, ": to RayCluster " RV_STR_FMT, RV_STR_ARG(s->pending.name));
    if (p->s->strategy == UP_INCREMENTAL && s->pending.name.n != 0)
        rv_buf_addf(&b, " (%lld %% of traffic, capacity %lld %%; the active one has %lld %%, capacity %lld %%)",
                    (long long)(s->pending.traffic > 0 ? s->pending.traffic : 0),
                    (long long)(s->pending.capacity > 0 ? s->pending.capacity : 0),
                    (long long)(s->active.traffic >= 0 ? s->active.traffic : 100),
                    (long long)(s->active.capacity >= 0 ? s->active.capacity : 100));
    if (p->plan.step == UP_STARTING || p->plan.step == UP_QUEUED) {
        quota_describe(p);
        rv_buf_addf(&b, "; needs " RV_STR_FMT " beside the first", RV_STR_ARG(p->peak));
    }
    struct rv_str waits = what_waits(p);
    if (waits.n != 0) rv_buf_addf(&b, "; waits: " RV_STR_FMT, RV_STR_ARG(waits));
    if (s->deadline.n != 0)
        rv_buf_addf(&b, "; until " RV_STR_FMT ", then it is %s", RV_STR_ARG(s->deadline),
                    !p->s->rolls_back        ? "reported as late"
                    : s->pending.name.n != 0 ? "rolled back"
                                             : "given up");
    if (p->plan.step == UP_ROLLING_BACK && s->pending.name.n != 0) rv_buf_adds(&b, "; then that cluster is given up");
    return rv_arena_str(p->arena, rv_buf_str(&b));
}

/* ---- kstatus ----------------------------------------------------------------------------------------------------- */

/* Once for each edit. What Serve itself says against a configuration is told where it says it (serve_requests.c). */
static void report_unreadable(struct service_pass *p, struct rv_str why) {
    if (p->memo->config_reported == p->s->generation) return;
    p->memo->config_reported = p->s->generation;
    ctx_event(&p->ctx, true, "FailedToUpdateServeApplications", "Update", why);
}

static const char *serve_fault(struct service_pass *p, int side, struct rv_str *why) {
    const struct serve_memo *h = serve_memo_of(p, side);
    if (side_now(p, side)->name.n == 0) return NULL;
    *why = serve_waits(p, side);
    if (p->config == NULL) report_unreadable(p, *why);
    return p->config == NULL || h->refused != NULL ? "InvalidServeConfig" : NULL;
}

static const char *stalled(struct service_pass *p, struct rv_str *why) {
    const char *reason = serve_fault(p, p->now.pending.name.n != 0 ? PENDING : ACTIVE, why);
    if (reason != NULL) return reason;
    if (p->stuck_reason != NULL) {
        *why = p->stuck;
        return p->stuck_reason;
    }
    *why = rv_arena_fmt(p->arena, RV_STR_FMT "; it is tried again when the cluster spec is edited",
                        RV_STR_ARG(p->now.failed_reason));
    if (p->now.failed_hash.n != 0) return "UpgradeDeadlineExceeded";
    *why = status_line(p);
    return p->plan.step == UP_LATE ? "UpgradeDeadlineExceeded" : NULL;
}

/* What a process before this one said stays until Serve has answered this one, and what Serve refused stays so until it
 * has answered the next submission. */
static bool keeps_words(struct service_pass *p) {
    bool works = now_is(p, RS_RECONCILING, "True"), fails = now_is(p, RS_STALLED, "True"),
         refused = fails && rv_str_is(now_reason(p, RS_STALLED), "InvalidServeConfig"),
         awaits = p->memo->serve[ACTIVE].awaits || p->memo->serve[PENDING].awaits;
    if (!works && !fails) return false;
    if (p->stuck_reason != NULL || p->config == NULL || !rv_str_eq(p->was.step, p->now.step)) return false;
    if (works && p->now.step.n != 0 && !rv_str_eq(now_reason(p, RS_RECONCILING), p->now.step)) return false;
    return serve_unheard(p) || (refused && awaits);
}

/* By which way an edit of the cluster's spec reaches what serves. */
static void explain_way(struct service_pass *p) {
    const struct observed_cluster *a = &p->side[ACTIVE];
    if (p->now.active.name.n != 0 && p->now.pending.name.n != 0)
        ctx_explain(&p->ctx, "a second RayCluster takes over %s",
                    p->s->strategy == UP_INCREMENTAL
                        ? "step by step, by upgradeStrategy NewClusterWithIncrementalUpgrade"
                        : "at once when it serves, by upgradeStrategy NewCluster");
    else if (!p->s->may_replace && cluster_there(a) && !a->likeness.same && !a->likeness.extends)
        ctx_explain(&p->ctx,
                    "spec.rayClusterConfig was changed after RayCluster " RV_STR_FMT
                    " was made: with upgradeStrategy None it stays as it is",
                    RV_STR_ARG(p->now.active.name));
}

static void progress(struct service_pass *p) {
    struct rv_str why = RV_STR(""), line = status_line(p);
    const char *reason = stalled(p, &why);
    bool is_ready = now_is(p, RS_READY, "True");
    explain_way(p);
    if (keeps_words(p)) {
        ctx_explain(&p->ctx, "Serve is being asked%s" RV_STR_FMT, line.n != 0 ? "; before: " : "", RV_STR_ARG(line));
        return;
    }
    if (reason != NULL)
        status_condition(p, RS_STALLED, "True", reason, why);
    else
        rv_condition_remove(p->conditions, RS_STALLED);
    if (line.n == 0 && !is_ready) line = serve_waits(p, p->now.pending.name.n != 0 ? PENDING : ACTIVE);
    if (line.n != 0 && reason == NULL)
        status_condition(p, RS_RECONCILING, "True",
                         p->now.step.n != 0 ? up_step_name(p->plan.step) : RS_REASON_INITIALIZING, line);
    else
        rv_condition_remove(p->conditions, RS_RECONCILING);
    if (line.n != 0) ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(line));
    if (reason != NULL) ctx_explain(&p->ctx, "%s: " RV_STR_FMT, reason, RV_STR_ARG(why));
}

void status_conditions(struct service_pass *p) {
    ready(p);
    upgrade(p);
    progress(p);
}

/* ---- the write --------------------------------------------------------------------------------------------------- */

static void add_copies(struct service_pass *p, struct rv_node *fresh) {
    static const char *const none[] = {"desiredCPU", "desiredGPU", "desiredMemory", "desiredTPU"};
    for (int side = 0; side < SIDES; side++) {
        struct rv_node *n = rv_node_get(fresh, side == ACTIVE ? "activeServiceStatus" : "pendingServiceStatus");
        struct rv_object o = {.size = sizeof o};
        struct rv_str name = side_now(p, side)->name;
        bool there = name.n != 0 && ctx_get(&p->ctx, KIND_CLUSTER, name, &o);
        if (there && rv_val_len(rv_val_get(o.value, "status")) > 0) {
            rv_node_set(p->arena, n, "rayClusterStatus", rv_node_from(p->arena, rv_val_get(o.value, "status")));
            continue;
        }
        struct rv_node *empty = rv_node_ensure_map(p->arena, n, "rayClusterStatus");
        for (size_t i = 0; i < RV_ARRAY_LEN(none); i++) rv_node_set_cstr(p->arena, empty, none[i], "0");
        rv_node_ensure_map(p->arena, empty, "head");
    }
}

/* The status as it is, without what alone is no reason to write. */
static struct rv_val comparable(struct service_pass *p) {
    struct rv_node *n = rv_node_from(
        p->arena, rv_val_present(p->s->status) ? p->s->status : rv_node_freeze(p->arena, rv_node_map(p->arena)));
    rv_node_remove(n, "lastUpdateTime");
    rv_node_remove(rv_node_get(n, "activeServiceStatus"), "rayClusterStatus");
    rv_node_remove(rv_node_get(n, "pendingServiceStatus"), "rayClusterStatus");
    return rv_node_freeze(p->arena, n);
}

void status_write(struct service_pass *p) {
    struct rv_node *fresh = rs_state_node(p->arena, &p->now);
    rv_node_set(p->arena, fresh, "conditions", p->conditions);
    rv_node_set_int(p->arena, fresh, "observedGeneration", p->s->generation);
    if (now_is(p, RS_READY, "True")) rv_node_set_cstr(p->arena, fresh, "serviceStatus", "Running");
    if (rv_node_merge_patch(p->arena, comparable(p), rv_node_freeze(p->arena, fresh)) == NULL) return;
    add_copies(p, fresh);
    rv_node_set_str(p->arena, fresh, "lastUpdateTime", rc_time_text(p->arena, p->time));
    struct rv_node *patch = rv_node_merge_patch(p->arena, p->s->status, rv_node_freeze(p->arena, fresh));
    if (patch == NULL) return;
    /* A step is taken from what was read, or not at all. */
    bool step =
        !rv_str_eq(p->was.active.name, p->now.active.name) || !rv_str_eq(p->was.pending.name, p->now.pending.name);
    ctx_patch_status(&p->ctx, "rayservices", patch, step ? rv_path_str(p->s->meta, "resourceVersion") : RV_STR(""),
                     TAG_STATUS);
}
