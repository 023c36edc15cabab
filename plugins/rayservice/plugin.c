/* plugin.c - the RayService controller as the host sees it: settings, memory
 * between passes, which service an object concerns, one reconcile per key. */
#include <stdlib.h>

#include "fields.h"
#include "pass.h"

enum { BUCKETS = 256 };

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rs_settings settings;
    struct memo *memos[BUCKETS]; /* by hash of namespace and name */
};

/* ---- settings
 * ----------------------------------------------------------------------------------------------------
 */

static int read_settings(struct controller *k, struct rv_error *err) {
    struct rv_val s = k->api->settings(k->host);
    struct rs_settings fresh = {.zero_downtime = rv_path_bool(s, "zeroDowntime", true),
                                .deadline_s = rv_path_int(s, "upgradeDeadlineSeconds", 3600),
                                .drain_s = rv_path_int(s, "maxDrainSeconds", 300),
                                .quiet_poll_s = rv_path_int(s, "quietPollSeconds", 30),
                                .deadline_rolls_back =
                                    !rv_str_is(rv_path_str(s, "upgradeDeadlinePolicy"), RS_POLICY_REPORT)};
    int r = rc_settings_read(&fresh.cluster, s, err);
    if (r != 0) return r;
    k->settings = fresh;
    return 0;
}

static int32_t on_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    struct controller *k = rv_alloc(sizeof *k);
    k->api = api;
    k->host = h;
    int r = read_settings(k, err);
    if (r != 0) {
        free(k);
        return r;
    }
    *ret_state = k;
    return 0;
}

static int32_t on_settings(void *state, struct rv_error *err) { return read_settings(state, err); }

/* ---- memory between passes
 * ---------------------------------------------------------------------------------------
 */

static struct memo **memo_slot(struct controller *k, struct rv_str ns, struct rv_str name) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < ns.n; i++) h = (h ^ (uint8_t)ns.p[i]) * 16777619u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 16777619u;
    struct memo **m = &k->memos[(h ^ h >> 16) & (BUCKETS - 1)];
    while (*m != NULL && !(rv_str_is(ns, (*m)->ns) && rv_str_is(name, (*m)->name))) m = &(*m)->next;
    return m;
}

static void memo_drop(struct controller *k, struct memo **m) {
    struct memo *gone = *m;
    if (gone == NULL) return;
    metrics_forget(k->api, k->host, gone);
    *m = gone->next;
    for (int i = 0; i < SIDES; i++) heard_forget(&gone->heard[i]);
    free(gone->uid);
    free(gone->ns);
    free(gone->name);
    free(gone);
}

static struct memo *memo_of(struct controller *k, const struct rs_service *s) {
    struct memo **m = memo_slot(k, s->ns, s->name);
    if (*m != NULL && !rv_str_is(s->uid, (*m)->uid)) memo_drop(k, m); /* a namesake */
    m = memo_slot(k, s->ns, s->name);
    if (*m != NULL) return *m;
    *m = rv_alloc(sizeof **m);
    **m = (struct memo){.ns = rv_strdup(s->ns),
                        .name = rv_strdup(s->name),
                        .uid = rv_strdup(s->uid),
                        .said_invalid = -1,
                        .said_config = -1,
                        .ongoing = -1,
                        .told_ready = -1,
                        .told_upgrade = -1};
    for (int i = 0; i < SIDES; i++) heard_forget(&(*m)->heard[i]);
    return *m;
}

static void on_fini(void *state) {
    struct controller *k = state;
    for (size_t i = 0; i < BUCKETS; i++)
        while (k->memos[i] != NULL) memo_drop(k, &k->memos[i]);
    free(k);
}

/* ---- whom an object concerns
 * -------------------------------------------------------------------------------------
 */

static struct rv_str owner_named(struct rv_val value, const char *kind) {
    for (struct rv_iter it = rv_iter(rv_val_path(value, "metadata.ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false) && rv_str_is(rv_path_str(it.val, "kind"), kind))
            return rv_path_str(it.val, "name");
    return (struct rv_str){NULL, 0};
}

static void wake(struct controller *k, struct rv_str ns, struct rv_str name) {
    if (name.n != 0) k->api->requeue(k->host, &(struct rv_key){ns, name}, 0);
}

static void wake_cluster(struct controller *k, struct rv_str ns, struct rv_str cluster) {
    struct rv_object o = {.size = sizeof o};
    if (cluster.n != 0 && k->api->get(k->host, KIND_CLUSTER, ns, cluster, &o) == 0)
        wake(k, ns, owner_named(o.value, "RayService"));
}

/* Slices have the labels of their Service: the name in them is a service's or,
 * of a cluster's own, the cluster's. */
static void wake_named(struct controller *k, const struct rv_object *o) {
    struct rv_val labels = rv_val_path(o->value, "metadata.labels");
    struct rv_str name = rv_val_str(rv_val_get(labels, RC_LABEL_ORIGIN_NAME));
    struct rv_object service = {.size = sizeof service};
    if (name.n == 0) return;
    if (k->api->get(k->host, KIND_RAYSERVICE, o->ns, name, &service) == 0) wake(k, o->ns, name);
    wake_cluster(k, o->ns, name);
}

/* A quota has more room: services that wait for it look again. Others find
 * nothing to do. */
static void wake_blocked(struct controller *k, struct rv_str ns) {
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct memo *m = k->memos[i]; m != NULL; m = m->next)
            if (rv_str_is(ns, m->ns)) wake(k, ns, rv_str(m->name));
}

static void on_map(void *state, const struct rv_object *o, int32_t deleted) {
    struct controller *k = state;
    (void)deleted;
    switch (o->kind) {
    case KIND_SERVICE:
        wake(k, o->ns, owner_named(o->value, "RayService"));
        wake_cluster(k, o->ns, owner_named(o->value, "RayCluster"));
        return;
    case KIND_POD:
        wake_cluster(k, o->ns, owner_named(o->value, "RayCluster"));
        return;
    case KIND_SLICE:
        wake_named(k, o);
        return;
    case KIND_QUOTA:
        wake_blocked(k, o->ns);
        return;
    default:
        wake(k, o->ns, owner_named(o->value, "RayService"));
    }
}

/* ---- reconcile
 * ---------------------------------------------------------------------------------------------------
 */

static bool somebody_elses(struct rv_val spec) {
    struct rv_val manager = rv_val_get(spec, "managedBy");
    return rv_val_set(manager) && !rv_str_is(rv_val_str(manager), RS_MANAGER);
}

/* What serves goes on serving: an edit that is not valid takes nothing away. */
static void invalid(struct pass *p, const char *event, struct rv_str message) {
    struct rv_str prefix = rv_str_is(rv_str(event), "InvalidRayServiceMetadata")
                               ? RV_STR("The RayService metadata is invalid: ")
                               : RV_STR("The RayService spec is invalid: ");
    message = rv_arena_fmt(p->arena, RV_STR_FMT RV_STR_FMT, RV_STR_ARG(prefix), RV_STR_ARG(message));
    if (p->memo->said_invalid != p->s->generation) pass_event(p, true, event, "Validate", message);
    p->memo->said_invalid = p->s->generation;
    pass_explain(p, RV_STR_FMT, RV_STR_ARG(message));
    status_condition(p, RS_READY, "False", RS_REASON_INVALID, message);
    status_condition(p, RS_STALLED, "True", RS_REASON_INVALID, message);
    rv_condition_remove(p->conditions, RS_RECONCILING);
}

static bool timed_out(const struct pass *p) {
    return rv_str_is(rv_path_str(rv_condition_find(p->now.conditions, RS_READY), "reason"), RS_REASON_INIT_TIMEOUT);
}

static void serve(struct pass *p) {
    beside_see(p);
    quota_check(p);
    see_view(p);
    steps_take(p);
    status_conditions(p);
}

static void reconcile(struct pass *p) {
    rv_autobuf struct rv_buf why = {0};
    status_begin(p);
    const char *event = rs_validate(p->s, &why);
    if (event != NULL) {
        invalid(p, event, rv_arena_str(p->arena, rv_buf_str(&why)));
        retire_clusters(p);
    } else if (suspend_step(p)) {
        rv_condition_remove(p->conditions, RS_RECONCILING);
        rv_condition_remove(p->conditions, RS_STALLED);
    } else if (timed_out(p) && !rs_condition_is(&p->was, RS_SUSPENDED, "True")) {
        pass_explain(p, "it did not become ready in time; spec.suspend true and "
                        "false begins anew");
        retire_clusters(p);
    } else {
        serve(p);
        retire_clusters(p);
    }
    status_write(p);
    metrics_tell(p);
}

/* A moment that was waited for is not missed for an action that fails. */
static void outcome(const struct pass *p, struct rv_outcome *out) {
    int64_t ms = p->wake > p->time ? (p->wake - p->time) / 1000000 + 1 : 1;
    if (p->retry) {
        out->code = RV_RETRY;
        out->message = RV_STR("an action failed");
        if (p->wake > p->time) p->api->requeue(p->host, &(struct rv_key){p->s->ns, p->s->name}, ms);
    } else if (p->wake != 0) {
        out->code = RV_AFTER;
        out->after_ms = ms;
    }
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    struct rs_service s;
    if (k->api->get(k->host, KIND_RAYSERVICE, key->ns, key->name, &o) != 0) {
        memo_drop(k, memo_slot(k, key->ns, key->name));
        return; /* the garbage collector does the rest */
    }
    rs_service_read(&s, o.value, &k->settings);
    bool deleting = rv_meta_deleting(o.value);
    if (somebody_elses(s.spec) && !deleting) {
        k->api->explain(k->host, RV_STR("spec.managedBy names another manager: not ours"));
        return;
    }
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct pass *p = rv_arena_alloc(arena, sizeof *p);
    *p = (struct pass){
        .api = k->api, .host = k->host, .arena = arena, .s = &s, .memo = memo_of(k, &s), .time = k->api->now(k->host)};
    rs_state_read(&p->was, s.status);
    p->now = p->was;
    see(p);
    events_take_results(p);
    if (deleting)
        retire_all(p);
    else if (!pass_has_finalizer(p))
        pass_finalizer(p, true);
    else
        reconcile(p);
    outcome(p, out);
}

static const struct rv_plugin rayservice = {
    .size = sizeof rayservice,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "rayservice",
    .version = RV_VERSION,
    .kinds = rv_manifest_kinds,
    .kind_n = KIND_COUNT,
    .init = on_init,
    .reconcile = on_reconcile,
    .map = on_map,
    .settings_changed = on_settings,
    .fini = on_fini,
};

RV_PLUGIN(rayservice)
