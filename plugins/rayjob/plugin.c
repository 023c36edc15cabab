/* plugin.c - the RayJob controller as the host sees it: settings, memory between passes, which job an object concerns,
 * one reconcile per key. */
#include <stdlib.h>

#include "fields.h"
#include "pass.h"

enum { BUCKETS = 256 };

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rj_settings settings;
    struct memo *memos[BUCKETS]; /* by hash of namespace and name */
    size_t selectors;            /* memos with a cluster that is not the job's own */
};

/* ---- settings --------------------------------------------------------------------------------------------- */

static int read_settings(struct controller *k, struct rv_error *err) {
    struct rv_val s = k->api->settings(k->host);
    struct rj_settings fresh = {.delete_self = rv_path_bool(s, "deleteRayJobAfterJobFinishes", false),
                                .grace_s = rv_path_int(s, "transitionGracePeriodSeconds", 300),
                                .check_timeout_s = rv_path_int(s, "statusCheckTimeoutSeconds", 300),
                                .submitter_image = rv_path_str(s, "submitterImage")};
    int r = rc_settings_read(&fresh.shared, s, err);
    if (r == 0) k->settings = fresh; /* whole, or not at all */
    return r;
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

/* ---- memory between passes ---------------------------------------------------------------------------------- */

static struct memo **memo_slot(struct controller *k, struct rv_str ns, struct rv_str name) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < ns.n; i++) h = (h ^ (uint8_t)ns.p[i]) * 16777619u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 16777619u;
    struct memo **m = &k->memos[(h ^ h >> 16) & (BUCKETS - 1)];
    while (*m != NULL && !(rv_str_is(ns, (*m)->ns) && rv_str_is(name, (*m)->name))) m = &(*m)->next;
    return m;
}

static void memo_select(struct controller *k, struct memo *m, struct rv_str cluster) {
    if (m->selected != NULL && rv_str_is(cluster, m->selected)) return;
    if (m->selected != NULL) k->selectors--;
    free(m->selected);
    m->selected = cluster.n != 0 ? rv_strdup(cluster) : NULL;
    if (m->selected != NULL) k->selectors++;
}

static void memo_drop(struct controller *k, struct memo **m) {
    struct memo *gone = *m;
    if (gone == NULL) return;
    metrics_forget(k->api, k->host, gone);
    memo_select(k, gone, (struct rv_str){NULL, 0});
    *m = gone->next;
    free(gone->uid);
    free(gone->ns);
    free(gone->name);
    free(gone);
}

static struct memo *memo_of(struct controller *k, const struct rj_job *j) {
    struct memo **m = memo_slot(k, j->ns, j->name);
    if (*m != NULL && !rv_str_is(j->uid, (*m)->uid)) memo_drop(k, m); /* a namesake */
    m = memo_slot(k, j->ns, j->name);
    if (*m == NULL) {
        *m = rv_alloc(sizeof **m);
        **m = (struct memo){.ns = rv_strdup(j->ns),
                            .name = rv_strdup(j->name),
                            .uid = rv_strdup(j->uid),
                            .said_invalid = -1,
                            .told_phase = -1};
    }
    memo_select(k, *m, j->selected);
    return *m;
}

static void on_fini(void *state) {
    struct controller *k = state;
    for (size_t i = 0; i < BUCKETS; i++)
        while (k->memos[i] != NULL) memo_drop(k, &k->memos[i]);
    free(k);
}

/* ---- whom an object concerns ------------------------------------------------------------------------------------ */

/* The job that made this cluster, and those that chose it. */
static void wake_for_cluster(struct controller *k, struct rv_str ns, struct rv_str cluster, struct rv_val value) {
    for (struct rv_iter it = rv_iter(rv_val_path(value, "metadata.ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false) && rv_str_is(rv_path_str(it.val, "kind"), "RayJob"))
            k->api->requeue(k->host, &(struct rv_key){ns, rv_path_str(it.val, "name")}, 0);
    for (size_t i = 0; i < BUCKETS && k->selectors > 0; i++)
        for (struct memo *m = k->memos[i]; m != NULL; m = m->next)
            if (m->selected != NULL && rv_str_is(cluster, m->selected) && rv_str_is(ns, m->ns))
                k->api->requeue(k->host, &(struct rv_key){ns, rv_str(m->name)}, 0);
}

static void on_map(void *state, const struct rv_object *o, int32_t deleted) {
    struct controller *k = state;
    struct rv_object cluster = {.size = sizeof cluster};
    (void)deleted;
    if (o->kind == KIND_CLUSTER) {
        wake_for_cluster(k, o->ns, o->name, o->value);
        return;
    }
    struct rv_str name = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_CLUSTER));
    if (name.n != 0 && k->api->get(k->host, KIND_CLUSTER, o->ns, name, &cluster) == 0)
        wake_for_cluster(k, o->ns, name, cluster.value);
}

/* ---- reconcile ------------------------------------------------------------------------------------------------------
 */

static bool somebody_elses(struct rv_val spec) {
    struct rv_val manager = rv_val_get(spec, "managedBy");
    return rv_val_set(manager) && !rv_str_is(rv_val_str(manager), RJ_MANAGER);
}

/* Nothing is lost to an edit: what runs or has ended goes on, and what is wrong is said; only what has not begun, or
 * could not go on, is Invalid. It begins anew when the spec is repaired. */
static void invalid(struct pass *p, const char *event, struct rv_str message) {
    enum rj_phase phase = p->now.phase;
    bool begun = phase == RJ_RUNNING || phase == RJ_COMPLETE || phase == RJ_FAILED || phase == RJ_SUSPENDING ||
                 phase == RJ_SUSPENDED || phase == RJ_RETRYING || (phase == RJ_INITIALIZING && see_cluster(p));
    if (p->memo->said_invalid != p->j->generation) pass_event(p, true, event, "Validate", message);
    p->memo->said_invalid = p->j->generation;
    pass_explain(p, "invalid: " RV_STR_FMT, RV_STR_ARG(message));
    p->invalid = message;
    if (begun) return;
    p->now.phase = RJ_INVALID;
    p->now.reason = RV_STR(RJ_REASON_INVALID);
    p->now.message = message;
}

/* A moment that was waited for is not missed for an action that fails. */
static void outcome(const struct pass *p, struct rv_outcome *out) {
    if (p->retry) {
        out->code = RV_RETRY;
        out->message = RV_STR("an action failed");
        if (p->wake > p->time)
            p->api->requeue(p->host, &(struct rv_key){p->j->ns, p->j->name}, (p->wake - p->time) / 1000000 + 1);
    } else if (p->wake != 0) {
        out->code = RV_AFTER;
        out->after_ms = p->wake > p->time ? (p->wake - p->time) / 1000000 + 1 : 1;
    }
}

static void reconcile(struct pass *p, struct rv_outcome *out) {
    rv_autobuf struct rv_buf why = {0};
    const char *event = rj_validate(p->j, &why);
    if (event != NULL) invalid(p, event, rv_arena_str(p->arena, rv_buf_str(&why)));
    if (p->now.phase != RJ_INVALID || p->invalid.n == 0) states_step(p);
    ending_strays(p);
    if (p->waiting.n != 0) pass_explain(p, "waiting: " RV_STR_FMT, RV_STR_ARG(p->waiting));
    status_write(p);
    metrics_tell(p);
    outcome(p, out);
}

/* A word that nobody knows does not change how a job is run that has begun: its cluster, or its submitter, says how. */
static void keep_mode(struct controller *k, struct rj_job *j) {
    struct rv_str name = rv_path_str(j->status, "rayClusterName");
    struct rv_object o = {.size = sizeof o};
    if (j->mode != RJ_MODE_UNKNOWN) return;
    if (name.n != 0 && k->api->get(k->host, KIND_CLUSTER, j->ns, name, &o) == 0 &&
        rv_str_eq(rv_meta_controller_uid(o.value), j->uid))
        j->mode = rj_mode_of(rv_val_str(rv_val_get(rv_val_path(o.value, "metadata.labels"), RC_LABEL_SUBMISSION_MODE)));
    else if (k->api->get(k->host, KIND_SUBMITTER, j->ns, j->name, &o) == 0 &&
             rv_str_eq(rv_meta_controller_uid(o.value), j->uid))
        j->mode = RJ_K8S;
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    struct rj_job j;
    if (k->api->get(k->host, KIND_RAYJOB, key->ns, key->name, &o) != 0) {
        memo_drop(k, memo_slot(k, key->ns, key->name));
        return; /* the garbage collector does the rest */
    }
    rj_job_read(&j, o.value, &k->settings.shared);
    j.submitter_image = k->settings.submitter_image;
    keep_mode(k, &j);
    bool deleting = rv_meta_deleting(o.value);
    if (somebody_elses(j.spec) && !deleting) {
        k->api->explain(k->host, RV_STR("spec.managedBy names another manager: not ours"));
        return;
    }
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct pass p = {.api = k->api,
                     .host = k->host,
                     .arena = arena,
                     .settings = &k->settings,
                     .j = &j,
                     .memo = memo_of(k, &j),
                     .time = k->api->now(k->host)};
    rj_state_read(&p.was, j.status);
    p.now = p.was;
    see(&p);
    events_take_results(&p);
    if (deleting)
        ending_deleted(&p, out);
    else
        reconcile(&p, out);
}

static const struct rv_plugin rayjob = {
    .size = sizeof rayjob,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "rayjob",
    .version = RV_VERSION,
    .kinds = rv_manifest_kinds,
    .kind_n = KIND_COUNT,
    .init = on_init,
    .reconcile = on_reconcile,
    .map = on_map,
    .settings_changed = on_settings,
    .fini = on_fini,
};

RV_PLUGIN(rayjob)
