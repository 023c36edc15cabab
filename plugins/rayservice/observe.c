/* observe.c - what is there: the two clusters, their pods and endpoints; and from it the input of the decision. */
#include "fields.h"
#include "pass.h"
#include "plugins/ray/live_head.h"
#include "plugins/ray/names.h"
#include "plugins/ray/obstacle.h"

bool is_owned(const struct service_pass *p, const struct rv_object *o) {
    return rv_str_eq(rv_meta_controller_uid(o->value), p->s->uid);
}

/* ---- pods -------------------------------------------------------------------------------------------------------- */

bool takes_requests(struct rv_val pod) {
    return !rv_meta_deleting(pod) && rv_condition_is(rv_val_path(pod, "status.conditions"), "Ready", "True");
}

static struct rv_str label(struct rv_val o, const char *key) {
    return rv_val_str(rv_val_get(rv_val_path(o, "metadata.labels"), key));
}

/* Of several heads the oldest: that one the cluster's controller keeps. */
static bool observe_pod(void *arg, const struct rv_object *o) {
    struct observed_cluster *s = arg;
    if (rv_meta_deleting(o->value)) return true;
    if (rv_str_is(label(o->value, RC_LABEL_SERVE), "true") && takes_requests(o->value)) s->pods++;
    if (!rv_str_is(label(o->value, RC_LABEL_NODE_TYPE), "head")) return true;
    s->heads++;
    if (s->head.size != 0 && rc_time(rv_path_str(s->head.value, "metadata.creationTimestamp")) <=
                                 rc_time(rv_path_str(o->value, "metadata.creationTimestamp")))
        return true;
    s->head = *o;
    s->head.size = sizeof s->head;
    return true;
}

/* ---- endpoints --------------------------------------------------------------------------------------------------- */

struct uids {
    struct rv_arena *a;
    struct rv_str *list;
    size_t n, cap;
};

static void add_uid(struct uids *u, struct rv_str uid) {
    for (size_t i = 0; i < u->n; i++)
        if (rv_str_eq(u->list[i], uid)) return;
    if (u->n == u->cap) {
        struct rv_str *more = rv_arena_alloc(u->a, 2 * (u->cap + 8) * sizeof *more);
        if (u->n > 0) memcpy(more, u->list, u->n * sizeof *more);
        u->list = more;
        u->cap = 2 * (u->cap + 8);
    }
    u->list[u->n++] = uid;
}

/* A pod may stand in several slices, one for each family of addresses. */
static bool count_slice(void *arg, const struct rv_object *o) {
    struct uids *u = arg;
    for (struct rv_iter it = rv_iter(rv_val_get(o->value, "endpoints")); rv_iter_next(&it);) {
        struct rv_str uid = rv_path_str(it.val, "targetRef.uid");
        if (uid.n != 0 && rv_path_bool(it.val, "conditions.ready", false)) add_uid(u, uid);
    }
    return true;
}

static int64_t endpoints_of(struct service_pass *p, struct rv_str service, bool *there) {
    struct rv_object o = {.size = sizeof o};
    struct uids u = {.a = p->arena};
    *there = ctx_get(&p->ctx, KIND_SERVICE, service, &o);
    if (!*there) return 0;
    ctx_list_owned(&p->ctx, KIND_SLICE, o.uid, count_slice, &u);
    return (int64_t)u.n;
}

/* ---- clusters ---------------------------------------------------------------------------------------------------- */

static void observe_cluster(struct service_pass *p, struct observed_cluster *s, struct rv_str name) {
    s->cluster.size = sizeof s->cluster;
    if (name.n == 0 || !ctx_get(&p->ctx, KIND_CLUSTER, name, &s->cluster) || !is_owned(p, &s->cluster)) {
        s->cluster = (struct rv_object){0};
        return;
    }
    rc_cluster_read(&s->c, s->cluster.value, &p->s->settings->cluster);
    s->deleting = rv_meta_deleting(s->cluster.value);
    s->likeness = rs_compare(p->s, s->cluster.value);
    struct rv_val conditions = rv_val_get(s->c.status, "conditions");
    s->suspended =
        rv_path_bool(s->c.spec, "suspend", false) || rv_condition_is(conditions, RC_CONDITION_SUSPENDED, "True");
    ctx_list_owned(&p->ctx, KIND_POD, s->cluster.uid, observe_pod, s);
    if (s->head.size != 0) {
        struct rc_cluster specified = s->c; /* an edit of it changes no head that runs */
        rc_as_head_runs(p->arena, &specified, s->head.value, false, &s->c);
        s->head_ip = rv_path_str(s->head.value, "status.podIP");
        s->head_ready = takes_requests(s->head.value) && rv_condition_is(conditions, RC_CONDITION_HEAD_READY, "True");
    }
    s->endpoints = endpoints_of(p, rc_name_serve_service(p->arena, name), &s->has_service);
}

static bool count_superfluous(void *arg, const struct rv_object *o) {
    struct service_pass *p = arg;
    p->superfluous += !rv_meta_deleting(o->value) && !rv_str_eq(o->name, p->now.active.name) &&
                      !rv_str_eq(o->name, p->now.pending.name);
    return true;
}

void observe(struct service_pass *p) {
    struct rv_error err = {0};
    rs_goal_hash(p->s, -1, p->goal);
    observe_cluster(p, &p->side[ACTIVE], p->now.active.name);
    observe_cluster(p, &p->side[PENDING], p->now.pending.name);
    ctx_list_owned(&p->ctx, KIND_CLUSTER, p->s->uid, count_superfluous, p);
    p->stable_endpoints = endpoints_of(p, rs_serve_service_name(p->arena, p->s), &p->stable_there);
    p->config = rs_config_parse(p->arena, p->s->config, &err);
    if (p->config == NULL) p->config_error = rv_arena_str(p->arena, rv_str(err.text));
}

/* ---- the decision's input ---------------------------------------------------------------------------------------- */

/* Is the configuration that it accepted the one in the spec? */
static bool is_of_spec(const struct service_pass *p, const struct rs_side *now) {
    char hash[33];
    rs_config_hash(p->s->config, hash);
    return rv_str_is(now->config_hash, hash);
}

static bool has_current_config(const struct service_pass *p, const struct observed_cluster *s,
                               const struct rs_side *now) {
    return now->config_hash.n != 0 && (s->frozen || is_of_spec(p, now));
}

static int32_t capacity_of(const struct service_pass *p, const struct rs_side *s, bool pending) {
    if (s->capacity >= 0) return (int32_t)s->capacity;
    return pending && p->s->strategy == UP_INCREMENTAL && p->now.active.name.n != 0 ? 0 : 100;
}

enum { DEAF = 5 }; /* questions in a row without an answer: until then it may have been busy */

static void view_side(struct service_pass *p, int side, struct up_side *v) {
    struct observed_cluster *s = &p->side[side];
    struct rs_side *now = side_now(p, side);
    struct serve_memo *h = serve_memo_of(p, side);
    bool there = cluster_there(s) && !s->deleting;
    int32_t capacity = capacity_of(p, now, side == PENDING);
    *v = (struct up_side){.named = now->name.n != 0,
                          .exists = there,
                          .deleting = s->deleting,
                          .same = s->likeness.same,
                          .extends = s->likeness.extends,
                          .suspended = s->suspended && !s->head_ready,
                          .head_ready = there && s->head_ready,
                          .untold = h->failures >= DEAF || (s->frozen && now->config.n == 0 && !is_of_spec(p, now)),
                          .capacity = capacity,
                          .traffic = now->traffic >= 0 ? (int32_t)now->traffic
                                     : side == ACTIVE  ? 100
                                                       : 0,
                          .moved = rc_time(now->moved)};
    bool known = p->s->traffic == RS_VIA_GATEWAY; /* routes send to what slices show */
    v->pods = (int32_t)s->pods;
    v->endpoints = (int32_t)(known && s->endpoints < s->pods ? s->endpoints : s->pods);
    bool own = p->s->strategy != UP_INCREMENTAL && rv_node_get(p->config, "target_capacity") != NULL; /* the user's */
    bool as_told = h->capacity == capacity || own || (h->capacity < 0 && capacity == 100);
    bool proxy = p->s->exclude_head || h->proxy_ok || s->pods > 0;
    v->running = h->answered && h->running;
    s->current = has_current_config(p, s, now);
    v->proven = there && s->head_ready && h->fresh && h->healthy && as_told && proxy && s->current;
}

static int32_t at_least_one(int64_t v) { return v < 1 ? 1 : (int32_t)v; }

void observe_view(struct service_pass *p) {
    const struct rs_service *s = p->s;
    struct up_view *v = &p->view;
    *v = (struct up_view){.strategy = s->strategy,
                          .may_replace = s->may_replace,
                          .rolling_back = rs_condition_is(&p->now, RS_ROLLBACK, "True"),
                          .given_up = p->now.failed_hash.n != 0 && rv_str_is(p->now.failed_hash, p->goal),
                          .sliced = s->traffic == RS_VIA_SLICES,
                          .shares_act = p->shares_act,
                          .quota_blocks = p->quota_blocks,
                          .crowded = p->superfluous > 0,
                          .rolls_back = s->rolls_back,
                          .surge = at_least_one(rv_path_int(s->options, "maxSurgePercent", 100)),
                          .step = at_least_one(rv_path_int(s->options, "stepSizePercent", 100)),
                          .interval_ns = rv_path_int(s->options, "intervalSeconds", 1) * RC_SECOND,
                          .deadline = rc_time(p->now.deadline),
                          .now = p->time};
    p->side[ACTIVE].frozen = v->given_up || (p->now.pending.name.n != 0 && !p->side[ACTIVE].likeness.same);
    view_side(p, ACTIVE, &v->active);
    view_side(p, PENDING, &v->pending);
}

/* ---- why it is not ready ----------------------------------------------------------------------------------------- */

struct rv_str observed_obstacle(struct service_pass *p, const struct observed_cluster *s) {
    static const char *const types[] = {"Stalled", RC_CONDITION_REPLICA_FAILURE, RC_CONDITION_RECONCILING};
    struct rv_val conditions = rv_val_get(s->c.status, "conditions");
    if (!cluster_there(s)) return RV_STR("the RayCluster is being created");
    if (s->deleting) return RV_STR("the RayCluster is being deleted");
    if (s->suspended)
        return RV_STR("the RayCluster is suspended: it waits for admission by its queue, or for somebody to resume it");
    for (size_t i = 0; i < RV_ARRAY_LEN(types); i++) {
        struct rv_val c = rv_condition_find(conditions, types[i]);
        if (rv_str_is(rv_path_str(c, "status"), "True"))
            return rv_arena_fmt(p->arena, RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(rv_path_str(c, "reason")),
                                RV_STR_ARG(rv_path_str(c, "message")));
    }
    if (s->head_ready || s->head.size == 0) return s->head_ready ? RV_STR("") : RV_STR("its head pod is not there yet");
    return rv_arena_fmt(p->arena, "its head pod " RV_STR_FMT " is not ready", RV_STR_ARG(s->head.name));
}
