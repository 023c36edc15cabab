/* steps.c - carrying out what upgrade.c decided: clusters are made and changed, capacities and weights go into the
 * status, names are exchanged at a promotion. What the decision waits for stands in status.upgrade. */
#include "fields.h"
#include "pass.h"
#include "plugins/ray/child_cluster.h"

/* One that never had traffic goes at once: no request of its own can be under way. */
static void retire(struct service_pass *p, struct rv_str name, bool served) {
    struct rs_state *s = &p->now;
    if (name.n == 0) return;
    for (size_t i = 0; i < s->retired_n; i++)
        if (rv_str_eq(s->retired[i].name, name)) return;
    if (s->retired_n == RS_RETIRED_MAX) return; /* it is found again by its owner */
    int64_t since = served ? p->time : p->time - p->s->delay_ns - p->s->drain_ns;
    s->retired[s->retired_n++] =
        (struct rs_retired){.name = name,
                            .since = rc_time_text(p->arena, since),
                            .until = rc_time_text(p->arena, since + p->s->delay_ns + p->s->drain_ns)};
}

/* Its first share is none. Every other one moved together with that of the active cluster. */
static bool pending_served(const struct service_pass *p) {
    const struct rs_side *s = &p->now.pending;
    return s->traffic > 0 || (s->moved.n != 0 && rv_str_eq(s->moved, p->now.active.moved));
}

/* ---- rollback and giving up -------------------------------------------------------------------------------------- */

static void take_rollback(struct service_pass *p) {
    static const char *const why[] = {[UP_ROLLBACK_REVERTED] = "Goal state reverted to original cluster, rolling back.",
                                      [UP_ROLLBACK_OTHER] =
                                          "Goal state changed mid-upgrade, rolling back to original cluster.",
                                      [UP_ROLLBACK_LATE] = "The upgrade passed its deadline, rolling back."};
    if (p->plan.rollback == UP_ROLLBACK_KEEP || p->plan.rollback == UP_ROLLBACK_CLEAR) return;
    struct rv_str text = rv_str(why[p->plan.rollback]);
    if (p->plan.rollback == UP_ROLLBACK_LATE && p->now.failed_reason.n != 0)
        text = rv_arena_fmt(p->arena, "%s " RV_STR_FMT, why[UP_ROLLBACK_LATE], RV_STR_ARG(p->now.failed_reason));
    status_condition(p, RS_ROLLBACK, "True",
                     p->plan.rollback == UP_ROLLBACK_LATE ? "UpgradeDeadlineExceeded" : "DesiredClusterSpecChanged",
                     text);
}

static struct rv_str why_late(struct service_pass *p) {
    const struct observed_cluster *s = &p->side[PENDING];
    struct rv_str why = p->plan.step == UP_BLOCKED ? p->quota_why : observed_obstacle(p, s);
    struct rv_str said = s->head_ready ? serve_says(p, PENDING) : RV_STR("");
    if (said.n != 0) return said;
    return why.n != 0 ? why : rv_str(up_step_name(p->plan.step));
}

static void give_up(struct service_pass *p) {
    p->now.failed_hash = rv_arena_str(p->arena, rv_str(p->goal));
    p->now.failed_reason = why_late(p);
    ctx_event(&p->ctx, true, "UpgradeDeadlineExceeded", "RollBack",
              rv_arena_fmt(p->arena,
                           "The upgrade made no progress until %.*s: " RV_STR_FMT
                           ". It is rolled back, and tried again when the cluster spec is edited",
                           (int)p->now.deadline.n, p->now.deadline.p, RV_STR_ARG(p->now.failed_reason)));
}

/* ---- clusters ---------------------------------------------------------------------------------------------------- */

static void prepare(struct service_pass *p) {
    bool shares = p->s->strategy == UP_INCREMENTAL,
         first = p->now.active.name.n == 0 || !cluster_there(&p->side[ACTIVE]);
    if (p->now.pending.name.n != 0) retire(p, p->now.pending.name, pending_served(p));
    p->now.pending = (struct rs_side){.name = rc_child_cluster_name(&p->ctx), .capacity = -1, .traffic = -1};
    if (shares) p->now.pending.capacity = first ? 100 : 0;
    if (first) return;
    quota_describe(p);
    ctx_event(&p->ctx, false, "UpgradeStarted", "Upgrade",
              rv_arena_fmt(p->arena,
                           "A second RayCluster " RV_STR_FMT
                           " is made for the edited spec. While both are there it needs " RV_STR_FMT
                           " beside the first",
                           RV_STR_ARG(p->now.pending.name), RV_STR_ARG(p->peak)));
}

static void create(struct service_pass *p) {
    bool first = p->now.active.name.n == 0;
    if (cluster_there(&p->side[PENDING]) || !may_write(p)) return;
    ctx_create(&p->ctx, "ray.io/v1", "rayclusters", rs_cluster(p->arena, p->s, p->now.pending.name, first),
               TAG_CLUSTER_CREATE);
}

/* Bounds of groups, new groups, and the notes of what the cluster was made of.
 */
static void update(struct service_pass *p, int side, bool append) {
    struct observed_cluster *s = &p->side[side];
    if (!cluster_there(s) || s->deleting || !(s->likeness.same || s->likeness.extends) || !may_write(p)) return;
    struct rv_node *ops = rs_cluster_groups(p->arena, p->s, s->cluster.value, append);
    if (ops != NULL) {
        ctx_json_patch(&p->ctx, "ray.io/v1", "rayclusters", &s->cluster, ops, TAG_CLUSTER_UPDATE);
        return; /* the notes say what is there: after it */
    }
    bool complete = rv_val_len(rv_val_path(s->cluster.value, "spec.workerGroupSpecs")) ==
                    rv_val_len(rv_val_get(p->s->cluster_spec, "workerGroupSpecs"));
    if (!complete || !(append || s->likeness.adopted)) return;
    struct rv_node *notes = rs_cluster_notes(p->arena, p->s, s->cluster.value);
    if (notes != NULL)
        ctx_patch(&p->ctx, "ray.io/v1", "rayclusters", s->cluster.name, s->cluster.uid, notes, TAG_CLUSTER_UPDATE);
}

/* ---- shares ------------------------------------------------------------------------------------------------------ */

static void share(struct service_pass *p, struct rs_side *s, int32_t traffic) {
    if (s->traffic == traffic) return;
    s->traffic = traffic;
    s->moved = rc_time_text(p->arena, p->time);
}

static bool has_shares(const struct service_pass *p) {
    return p->s->strategy == UP_INCREMENTAL || p->now.pending.traffic > 0 ||
           (p->now.active.traffic >= 0 && p->now.pending.name.n != 0);
}

static void take_shares(struct service_pass *p) {
    const struct up_plan *u = &p->plan;
    bool active = p->now.active.name.n != 0;
    if (u->assume_active && active) p->now.active.capacity = u->capacity_active;
    if (u->assume_pending && p->s->strategy == UP_INCREMENTAL) p->now.pending.capacity = u->capacity_pending;
    if (!has_shares(p)) {
        p->now.active.traffic = p->now.pending.traffic = -1;
        p->now.active.moved = p->now.pending.moved = RV_STR("");
        return;
    }
    if (active) share(p, &p->now.active, u->traffic_active);
    if (p->now.pending.name.n != 0 && active) share(p, &p->now.pending, u->traffic_pending);
}

static void promote(struct service_pass *p) {
    struct rv_str old = p->now.active.name;
    p->now.active = p->now.pending;
    p->now.pending = (struct rs_side){.capacity = -1, .traffic = -1};
    p->now.failed_hash = p->now.failed_reason = RV_STR("");
    if (p->s->strategy == UP_INCREMENTAL) share(p, &p->now.active, 100);
    retire(p, old, true);
    if (old.n == 0) return;
    ctx_event(&p->ctx, false, "UpgradeComplete", "Promote",
              rv_arena_fmt(p->arena,
                           "RayCluster " RV_STR_FMT " takes all traffic; " RV_STR_FMT
                           " goes when its requests have ended",
                           RV_STR_ARG(p->now.active.name), RV_STR_ARG(old)));
}

static void drop(struct service_pass *p) {
    retire(p, p->now.pending.name, pending_served(p));
    ctx_event(&p->ctx, false, "RollbackComplete", "RollBack",
              rv_arena_fmt(p->arena,
                           "Rollback complete, RayCluster " RV_STR_FMT
                           " has all traffic and capacity again; " RV_STR_FMT " is given up",
                           RV_STR_ARG(p->now.active.name), RV_STR_ARG(p->now.pending.name)));
    p->now.pending = (struct rs_side){.capacity = -1, .traffic = -1};
    if (p->s->strategy == UP_INCREMENTAL) share(p, &p->now.active, 100);
}

/* ---- what is waited for, since when, until when
 * ------------------------------------------------------------------ */

static bool changed(const struct service_pass *p) {
    const struct rs_state *a = &p->was, *b = &p->now;
    return !rv_str_eq(a->active.name, b->active.name) || !rv_str_eq(a->pending.name, b->pending.name) ||
           a->active.capacity != b->active.capacity || a->pending.capacity != b->pending.capacity ||
           a->active.traffic != b->active.traffic;
}

static bool progressed(const struct service_pass *p) {
    bool queued = rv_str_is(p->was.step, up_step_name(UP_QUEUED)),
         blocked = rv_str_is(p->was.step, up_step_name(UP_BLOCKED));
    return p->was.since.n == 0 || changed(p) || (queued && p->plan.step != UP_QUEUED) ||
           (blocked && p->plan.step != UP_BLOCKED);
}

/* A process that begins knows of no proof until Serve has answered. It is the step of the one before it, so the status
 * says the same. */
static bool resumes(struct service_pass *p) {
    return p->now.step.n != 0 && p->now.since.n != 0 && p->plan.step != UP_ROLLING_BACK && serve_unheard(p) &&
           !changed(p);
}

/* A spec that did not come up is told of until another is wanted, or the same one is tried or has come up after all. */
static void withdraw_failure(struct service_pass *p) {
    bool over = !rv_str_is(p->now.failed_hash, p->goal) || p->plan.prepare || p->side[ACTIVE].likeness.same;
    if (over) p->now.failed_hash = p->now.failed_reason = RV_STR("");
}

static void take_step(struct service_pass *p) {
    enum up_step step = p->plan.step;
    bool active = p->now.active.name.n != 0,
         busy = p->now.pending.name.n != 0 || step == UP_BLOCKED || step == UP_CLEARING;
    withdraw_failure(p);
    if (!busy || (!active && step == UP_INITIALIZING)) {
        p->now.step = p->now.since = p->now.deadline = RV_STR("");
        if (p->now.failed_hash.n != 0) p->now.step = rv_str(up_step_name(UP_GIVEN_UP));
        return;
    }
    if (!resumes(p)) p->now.step = rv_str(up_step_name(step));
    if (progressed(p)) p->now.since = rc_time_text(p->arena, p->time);
    bool limited =
        p->s->deadline_ns > 0 && step != UP_QUEUED && step != UP_ROLLING_BACK && step != UP_CLEARING && active;
    int64_t until = rc_time(p->now.since) + p->s->deadline_ns;
    p->now.deadline = limited ? rc_time_text(p->arena, until) : RV_STR("");
    if (limited && until > p->time) ctx_wake(&p->ctx, until);
}

void steps_take(struct service_pass *p) {
    const struct up_plan *u = &p->plan;
    up_decide(&p->view, &p->plan);
    p->side[ACTIVE].frozen = u->serve_active_frozen;
    p->side[PENDING].frozen = u->serve_pending_frozen;
    if (u->wake != 0) ctx_wake(&p->ctx, u->wake);
    take_rollback(p);
    if (u->give_up) give_up(p);
    serve_requests_submit(p);
    serve_requests_ask(p);
    take_shares(p);
    owned_objects_keep(p);
    if (u->create_pending) create(p);
    update(p, ACTIVE, u->update_active);
    update(p, PENDING, u->update_pending);
    if (u->prepare)
        prepare(p);
    else if (u->promote)
        promote(p);
    else if (u->drop_pending)
        drop(p);
    take_step(p);
}
