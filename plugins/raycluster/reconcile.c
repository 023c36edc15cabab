/* reconcile.c - what to do about a RayCluster now (spec section 8).
 *
 * A pass looks at what is there and asks for everything that is missing or too much, all at once; the next pass sees
 * the results. Only pods that the cluster controls (by uid) count or are deleted. Pods are created in growing batches;
 * the first failure stops the batch and backs off, so that a quota is not hammered. */
#include "reconcile.h"

#include <stdio.h>
#include <stdlib.h>

#include "fields.h"
#include "names.h"

enum { BATCH_MAX = 512 };

/* ---- saying ----------------------------------------------------------------------------------------------- */

void pass_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note) {
    struct rv_event e = {.size = sizeof e,
                         .warning = warning,
                         .reason = rv_str(reason),
                         .action = rv_str(action),
                         .note = note,
                         .api_version = RV_STR("ray.io/v1"),
                         .kind = RV_STR("RayCluster"),
                         .ns = p->c->ns,
                         .name = p->c->name,
                         .uid = p->c->uid,
                         .controller = RV_STR("raycluster-controller")};
    (void)p->api->event(p->host, &e);
}

void pass_explain(struct pass *p, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    p->api->explain(p->host, rv_buf_str(&b));
}

/* ---- seeing ----------------------------------------------------------------------------------------------- */

static void see_pod(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    struct rv_val v = o->value, labels = rv_val_path(v, "metadata.labels"),
                  conditions = rv_val_path(v, "status.conditions");
    struct pass_pod *pod = &p->pods[p->pod_n++];
    int64_t index;
    *pod = (struct pass_pod){
        .value = v,
        .name = o->name,
        .uid = o->uid,
        .group = rv_val_str(rv_val_get(labels, RC_LABEL_GROUP)),
        .head = rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_NODE_TYPE)), "head"),
        .deleting = rv_meta_deleting(v),
        .running = rv_str_is(rv_path_str(v, "status.phase"), "Running"),
        .ready = rv_condition_is(conditions, "Ready", "True"),
        .index = rv_str_to_int(rv_val_str(rv_val_get(labels, RC_LABEL_REPLICA_INDEX)), 0, INT32_MAX, &index) == 0
                     ? index
                     : -1,
        .created = rv_path_str(v, "metadata.creationTimestamp")};
}

struct service_search {
    struct pass *p;
    bool serve_found;
};

static void see_service(void *arg, const struct rv_object *o) {
    struct service_search *s = arg;
    if (rv_str_is(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE)), "head"))
        s->p->head_service = o->value;
}

static void see_serve_service(void *arg, const struct rv_object *o) {
    struct service_search *s = arg;
    (void)o;
    s->serve_found = true;
}

static void see(struct pass *p, struct service_search *services) {
    struct rv_query q = {.size = sizeof q, .kind = KIND_POD, .owner_uid = p->c->uid};
    uint64_t n = p->api->list(p->host, &q, NULL, NULL);
    p->pods = rv_arena_alloc(p->arena, (size_t)(n + 1) * sizeof *p->pods);
    p->api->list(p->host, &q, see_pod, p);
    q.kind = KIND_SERVICE;
    p->api->list(p->host, &q, see_service, services);
    q.kind = KIND_SERVE_SERVICE;
    p->api->list(p->host, &q, see_serve_service, services);
}

/* A pod that has ended for good, whatever its restart policy; or whose Ray container has and may not come back. */
static bool ended(const struct pass_pod *pod) {
    struct rv_val v = pod->value;
    struct rv_str phase = rv_path_str(v, "status.phase"), ray = rv_path_str(v, "spec.containers[0].name");
    if (rv_str_is(phase, "Failed") || rv_str_is(phase, "Succeeded")) return true;
    if (!pod->running || !rv_str_is(rv_path_str(v, "spec.restartPolicy"), "Never")) return false;
    for (struct rv_iter it = rv_iter(rv_val_path(v, "status.containerStatuses")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), ray)) return rv_val_set(rv_val_path(it.val, "state.terminated"));
    return false;
}

static struct rv_str waiting_reason(struct pass *p, const struct pass_pod *pod, const char *list) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod->value, list)); rv_iter_next(&it);) {
        struct rv_val w = rv_val_path(it.val, "state.waiting");
        struct rv_str reason = rv_path_str(w, "reason"), message = rv_path_str(w, "message");
        if (reason.n == 0 || rv_str_is(reason, "ContainerCreating") || rv_str_is(reason, "PodInitializing")) continue;
        return rv_arena_fmt(p->arena, "container " RV_STR_FMT " waits: " RV_STR_FMT "%s%.*s",
                            RV_STR_ARG(rv_path_str(it.val, "name")), RV_STR_ARG(reason), message.n != 0 ? ": " : "",
                            (int)(message.n < 200 ? message.n : 200), message.n != 0 ? message.p : "");
    }
    return (struct rv_str){NULL, 0};
}

struct rv_str pass_blocker(struct pass *p) {
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct pass_pod *pod = &p->pods[i];
        if (pod->ready || pod->deleting || pod->chosen) continue;
        struct rv_val scheduled = rv_condition_find(rv_val_path(pod->value, "status.conditions"), "PodScheduled");
        struct rv_str why = waiting_reason(p, pod, "status.initContainerStatuses");
        if (why.n == 0) why = waiting_reason(p, pod, "status.containerStatuses");
        if (why.n == 0 && rv_str_is(rv_path_str(scheduled, "status"), "False"))
            why = rv_arena_fmt(p->arena, "not scheduled: " RV_STR_FMT, RV_STR_ARG(rv_path_str(scheduled, "message")));
        if (why.n == 0)
            why = rv_arena_fmt(p->arena, "phase " RV_STR_FMT ", not ready yet",
                               RV_STR_ARG(rv_val_str_or(rv_val_path(pod->value, "status.phase"), "Pending")));
        return rv_arena_fmt(p->arena, "%s pod " RV_STR_FMT ": " RV_STR_FMT, pod->head ? "head" : "worker",
                            RV_STR_ARG(pod->name), RV_STR_ARG(why));
    }
    return (struct rv_str){NULL, 0};
}

/* ---- asking ----------------------------------------------------------------------------------------------- */

static void create(struct pass *p, const char *resource, struct rv_node *object, enum pass_tag tag) {
    struct rv_val v = rv_node_freeze(p->arena, object);
    struct rv_action a = {.size = sizeof a,
                          .verb = RV_VERB_CREATE,
                          .tag = tag,
                          .api_version = RV_STR("v1"),
                          .resource = rv_str(resource),
                          .ns = p->c->ns,
                          .name = rv_path_str(v, "metadata.name"),
                          .body = {v.p, v.n}};
    if (p->api->act(p->host, &a, NULL) == 0)
        p->creates++;
    else
        p->retry = true;
}

static void delete_pod(struct pass *p, struct pass_pod *pod, enum pass_tag tag) {
    if (pod->chosen || pod->deleting) return;
    struct rv_action a = {.size = sizeof a,
                          .verb = RV_VERB_DELETE,
                          .tag = tag,
                          .api_version = RV_STR("v1"),
                          .resource = RV_STR("pods"),
                          .ns = p->c->ns,
                          .name = pod->name,
                          .pre_uid = pod->uid,
                          .grace_seconds = -1};
    pod->chosen = true;
    if (p->api->act(p->host, &a, NULL) == 0) p->deletes++;
}

static void suffix(struct pass *p, char out[6]) {
    uint8_t random[5];
    p->api->random(p->host, random, sizeof random);
    rv_name_suffix(random, out);
}

static struct rv_str spec_hash(struct pass *p) {
    struct memo *m = p->memo;
    if (m->hash_generation != p->c->generation || m->hash[0] == 0) {
        rc_spec_hash(p->c, m->hash);
        m->hash_generation = p->c->generation;
    }
    return rv_str(m->hash);
}

static size_t delete_all(struct pass *p, struct rv_str group) {
    size_t n = 0;
    for (size_t i = 0; i < p->pod_n; i++) {
        if (group.n != 0 && (p->pods[i].head || !rv_str_eq(p->pods[i].group, group))) continue;
        if (!p->pods[i].deleting) n++;
        delete_pod(p, &p->pods[i], TAG_DELETE_ALL);
    }
    return n;
}

/* ---- results of the last pass ------------------------------------------------------------------------------ */

static const struct outcome_text {
    const char *did, *failed, *marker, *action, *did_note, *failed_note;
} texts[] = {
    [TAG_HEAD_POD] = {"CreatedHeadPod", "FailedToCreateHeadPod", "FailedCreateHeadPod", "Create", "Created head Pod",
                      "Failed to create the head Pod"},
    [TAG_WORKER_POD] = {"CreatedWorkerPod", "FailedToCreateWorkerPod", "FailedCreateWorkerPod", "Create",
                        "Created worker Pod", "Failed to create worker Pod"},
    [TAG_SERVICE] = {"CreatedService", "FailedToCreateService", NULL, "Create", "Created service",
                     "Failed to create service"},
    [TAG_DELETE_HEAD] = {"DeletedHeadPod", "FailedToDeleteHeadPod", "FailedDeleteHeadPod", "Delete", "Deleted head Pod",
                         "Failed to delete head Pod"},
    [TAG_DELETE_WORKER] = {"DeletedWorkerPod", "FailedToDeleteWorkerPod", "FailedDeleteWorkerPod", "Delete",
                           "Deleted worker Pod", "Failed to delete worker Pod"},
    [TAG_DELETE_ALL] = {NULL, "FailedToDeletePodCollection", "FailedDeleteAllPods", "Delete", NULL,
                        "Failed to delete Pod"},
};

static void take_failure(struct pass *p, const struct rv_result *r, const struct outcome_text *t) {
    struct rv_str note =
        rv_arena_fmt(p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, t->failed_note, RV_STR_ARG(r->ns),
                     RV_STR_ARG(r->name), RV_STR_ARG(r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code))));
    p->retry = true;
    p->memo->batch = 1;
    if (p->failure_text.n == 0) { /* one event per pass is enough: the others failed for the same reason */
        pass_event(p, true, t->failed, t->action, note);
        p->failure = t->marker;
        p->failure_text = note;
    }
}

static void take_results(struct pass *p) {
    const struct rv_result *results;
    uint64_t n = p->api->results(p->host, &results);
    unsigned created = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct rv_result *r = &results[i];
        if (r->tag == TAG_STATUS) {
            /* Gone or replaced meanwhile is no failure: the next event brings the newer object. */
            if (r->code != 0 && r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT) p->retry = true;
            if (r->code != 0) p->memo->status_written = 0;
            continue;
        }
        if (r->tag == TAG_OTHER || r->tag >= RV_ARRAY_LEN(texts)) continue;
        const struct outcome_text *t = &texts[r->tag];
        bool gone = r->verb == RV_VERB_DELETE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT);
        if (r->code != 0 && !gone) {
            take_failure(p, r, t);
            continue;
        }
        if (r->verb == RV_VERB_CREATE) created++;
        if (t->did != NULL && !gone)
            pass_event(p, false, t->did, t->action,
                       rv_arena_fmt(p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT, t->did_note, RV_STR_ARG(r->ns),
                                    RV_STR_ARG(r->name)));
    }
    if (created > 0 && p->failure == NULL && p->memo->batch < BATCH_MAX) p->memo->batch *= 2;
}

/* ---- the parts -------------------------------------------------------------------------------------------- */

static void services(struct pass *p, const struct service_search *found) {
    if (!rv_val_present(p->head_service)) {
        pass_explain(p, "creating the head service");
        create(p, "services", rc_head_service(p->arena, p->c), TAG_SERVICE);
    }
    if (!rv_str_is(rc_annotation(p->c, RC_ANNOTATION_SERVE_SERVICE), "true") || found->serve_found) return;
    struct rv_error err = {0};
    struct rv_node *serve = rc_serve_service(p->arena, p->c, &err);
    if (serve != NULL) {
        create(p, "services", serve, TAG_SERVICE);
        return;
    }
    pass_event(p, true, "FailedToCreateService", "Create", rv_str(err.text));
    pass_explain(p, "no serve service: %s", err.text);
}

/* The reference stamps pods of another operator version instead of recreating them. True: everything is being deleted.
 */
static bool recreate(struct pass *p) {
    if (!rv_str_is(rv_path_str(p->c->spec, "upgradeStrategy.type"), "Recreate")) return false;
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct pass_pod *pod = &p->pods[i];
        if (!pod->head) continue;
        struct rv_val notes = rv_val_path(pod->value, "metadata.annotations");
        struct rv_str have = rv_val_str(rv_val_get(notes, RC_ANNOTATION_SPEC_HASH)),
                      version = rv_val_str(rv_val_get(notes, RC_ANNOTATION_VERSION)), want = spec_hash(p);
        if (have.n == 0 || rv_str_eq(have, want)) return false;
        if (version.n != 0 && !rv_str_is(version, "v" RV_VERSION)) {
            struct rv_node *body = rv_node_map(p->arena),
                           *set = rv_node_ensure_map(p->arena, rv_node_ensure_map(p->arena, body, "metadata"),
                                                     "annotations");
            rv_node_set_str(p->arena, set, RC_ANNOTATION_SPEC_HASH, want);
            rv_node_set_cstr(p->arena, set, RC_ANNOTATION_VERSION, "v" RV_VERSION);
            struct rv_val v = rv_node_freeze(p->arena, body);
            struct rv_action a = {.size = sizeof a,
                                  .verb = RV_VERB_MERGE_PATCH,
                                  .tag = TAG_OTHER,
                                  .api_version = RV_STR("v1"),
                                  .resource = RV_STR("pods"),
                                  .ns = p->c->ns,
                                  .name = pod->name,
                                  .pre_uid = pod->uid,
                                  .body = {v.p, v.n}};
            (void)p->api->act(p->host, &a, NULL);
            return false;
        }
        pass_explain(p, "spec changed with upgradeStrategy Recreate: deleting all pods");
        if (delete_all(p, (struct rv_str){NULL, 0}) > 0)
            pass_event(p, false, "DeletedPod", "Delete",
                       rv_arena_fmt(p->arena,
                                    "Deleted all Pods for RayCluster " RV_STR_FMT "/" RV_STR_FMT
                                    " due to spec change with Recreate upgradeStrategy",
                                    RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name)));
        return true;
    }
    return false;
}

/* At most one head. One that ended is deleted and replaced when it is really gone: two heads behind one service never
 * exist. */
static bool head(struct pass *p) {
    struct pass_pod *keep = NULL;
    size_t present = 0;
    for (size_t i = 0; i < p->pod_n; i++) {
        struct pass_pod *pod = &p->pods[i];
        if (!pod->head) continue;
        present++;
        if (pod->deleting) continue;
        if (ended(pod)) {
            pass_explain(p, "the head pod " RV_STR_FMT " has ended: deleting it", RV_STR_ARG(pod->name));
            delete_pod(p, pod, TAG_DELETE_HEAD);
        } else if (keep == NULL || rv_str_cmp(pod->created, keep->created) < 0) {
            if (keep != NULL) delete_pod(p, keep, TAG_DELETE_HEAD);
            keep = pod;
        } else {
            delete_pod(p, pod, TAG_DELETE_HEAD);
        }
    }
    if (present > 0) {
        if (keep == NULL) pass_explain(p, "waiting for the old head pod to be gone");
        return true;
    }
    bool provisioned = rv_condition_is(rv_val_get(p->c->status, "conditions"), RC_CONDITION_PROVISIONED, "True");
    if (provisioned && rv_str_is(rc_annotation(p->c, RC_ANNOTATION_KEEP_HEAD_DOWN), "true")) {
        pass_explain(p, "the head is gone and " RC_ANNOTATION_KEEP_HEAD_DOWN " keeps it so");
        return false;
    }
    char five[6];
    suffix(p, five);
    pass_explain(p, "creating the head pod");
    create(p, "pods", rc_head_pod(p->arena, p->c, p->c->settings->deterministic_head_name ? NULL : five, spec_hash(p)),
           TAG_HEAD_POD);
    return true;
}

/* Who goes first on scale-down: not running, then not ready, then the newest. */
static int victim_order(const void *a, const void *b) {
    const struct pass_pod *x = *(struct pass_pod *const *)a, *y = *(struct pass_pod *const *)b;
    if (x->running != y->running) return x->running - y->running;
    if (x->ready != y->ready) return x->ready - y->ready;
    int newest = rv_str_cmp(y->created, x->created);
    return newest != 0 ? newest : rv_str_cmp(x->name, y->name);
}

static int index_order(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void grow(struct pass *p, struct rv_val group, struct pass_pod **live, size_t live_n, int64_t want) {
    int64_t *used = rv_arena_alloc(p->arena, (live_n + 1) * sizeof *used), next = 0;
    size_t u = 0;
    bool indexed = rc_gate(p->c->settings, "RayMultiHostIndexing", true);
    for (size_t i = 0; i < live_n; i++) used[i] = live[i]->index;
    qsort(used, live_n, sizeof *used, index_order);
    for (int64_t n = 0; n < want && p->creates < p->memo->batch; n++, next++) {
        char five[6];
        while (u < live_n && used[u] <= next) {
            if (used[u] == next) next++;
            u++;
        }
        suffix(p, five);
        create(p, "pods", rc_worker_pod(p->arena, p->c, group, indexed ? next : -1, five), TAG_WORKER_POD);
    }
}

static bool named_for_deletion(struct rv_val group, struct rv_str name) {
    for (struct rv_iter it = rv_iter(rv_val_path(group, "scaleStrategy.workersToDelete")); rv_iter_next(&it);)
        if (rv_str_eq(rv_val_str(it.val), name)) return true;
    return false;
}

static void worker_group(struct pass *p, struct rv_val group) {
    struct rv_str name = rv_path_str(group, "groupName");
    struct pass_pod **live = rv_arena_alloc(p->arena, (p->pod_n + 1) * sizeof *live);
    size_t n = 0;
    if (rv_path_bool(group, "suspend", false)) {
        if (delete_all(p, name) > 0)
            pass_event(p, false, "DeletedWorkerPod", "Delete",
                       rv_arena_fmt(p->arena,
                                    "Deleted all pods for suspended worker group " RV_STR_FMT
                                    " in RayCluster " RV_STR_FMT "/" RV_STR_FMT,
                                    RV_STR_ARG(name), RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name)));
        return;
    }
    for (size_t i = 0; i < p->pod_n; i++) {
        struct pass_pod *pod = &p->pods[i];
        if (pod->head || pod->deleting || !rv_str_eq(pod->group, name)) continue;
        if (ended(pod) || named_for_deletion(group, pod->name))
            delete_pod(p, pod, TAG_DELETE_WORKER);
        else
            live[n++] = pod;
    }
    int64_t desired = rc_group_desired(group), have = (int64_t)n;
    if (desired > have) {
        pass_explain(p, "group " RV_STR_FMT ": creating %lld of %lld workers", RV_STR_ARG(name),
                     (long long)(desired - have), (long long)desired);
        grow(p, group, live, n, desired - have);
    } else if (desired < have) {
        bool autoscaled = rv_path_bool(p->c->spec, "enableInTreeAutoscaling", false);
        if (autoscaled && !p->c->settings->random_pod_delete) return; /* the autoscaler names its victims */
        pass_explain(p, "group " RV_STR_FMT ": %lld workers too many, deleting the least useful", RV_STR_ARG(name),
                     (long long)(have - desired));
        qsort(live, n, sizeof(struct pass_pod *), victim_order);
        for (int64_t i = 0; i < have - desired; i++) delete_pod(p, live[i], TAG_DELETE_WORKER);
    }
}

/* ---- the pass --------------------------------------------------------------------------------------------- */

static void stall(struct pass *p, const char *reason, struct rv_str text) {
    p->stalled_reason = rv_str(reason);
    p->stalled_text = text;
}

struct unsupported {
    struct pass *p;
    struct rv_buf harmful, ignored;
};

static void on_unsupported(void *arg, const char *path, bool harmful) {
    struct unsupported *u = arg;
    struct rv_buf *b = harmful ? &u->harmful : &u->ignored;
    rv_buf_addf(b, "%s%s", b->n != 0 ? ", " : "", path);
}

/* False: the cluster cannot go on as it is; said in an event and a condition. */
static bool acceptable(struct pass *p) {
    rv_autobuf struct rv_buf text = {0};
    const char *reason = rc_validate(p->c, &text);
    bool news = p->memo->said != p->c->generation;
    p->memo->said = p->c->generation;
    if (reason != NULL) {
        struct rv_str said = rv_arena_str(p->arena, rv_buf_str(&text));
        struct rv_str old =
            rv_path_str(rv_condition_find(rv_val_get(p->c->status, "conditions"), "Stalled"), "message");
        if (news && !rv_str_eq(old, said)) pass_event(p, true, reason, "Validate", said);
        pass_explain(p, "not valid: " RV_STR_FMT, RV_STR_ARG(said));
        stall(p, reason, said);
        return false;
    }
    struct unsupported u = {.p = p};
    rc_unsupported(p->c, on_unsupported, &u);
    bool ok = u.harmful.n == 0;
    if (!ok) {
        struct rv_str said = rv_arena_fmt(p->arena,
                                          "this version of Rayvisor cannot act on %s; going on without would make "
                                          "another cluster than the one asked for: remove it, or use a later version",
                                          rv_buf_cstr(&u.harmful));
        if (news) pass_event(p, true, "UnsupportedFeature", "Validate", said);
        pass_explain(p, RV_STR_FMT, RV_STR_ARG(said));
        stall(p, "UnsupportedFeature", said);
    } else if (u.ignored.n != 0 && news) {
        pass_event(p, true, "UnsupportedFeature", "Validate",
                   rv_arena_fmt(p->arena, "this version of Rayvisor does not act on %s; the cluster is made without",
                                rv_buf_cstr(&u.ignored)));
    }
    rv_buf_free(&u.harmful);
    rv_buf_free(&u.ignored);
    return ok;
}

/* True: pods are not to be made now. */
static bool suspended(struct pass *p) {
    struct rv_val conditions = rv_val_get(p->c->status, "conditions");
    if (rv_condition_is(conditions, RC_CONDITION_SUSPENDING, "True")) {
        pass_explain(p, "suspending: waiting for %zu pods to be gone", p->pod_n);
        if (delete_all(p, (struct rv_str){NULL, 0}) > 0)
            pass_event(p, false, "DeletedPod", "Delete",
                       rv_arena_fmt(p->arena,
                                    "Deleted Pods for RayCluster " RV_STR_FMT "/" RV_STR_FMT " due to suspension",
                                    RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name)));
        return true;
    }
    if (rv_condition_is(conditions, RC_CONDITION_SUSPENDED, "True")) {
        pass_explain(p, "suspended: set spec.suspend to false to resume");
        return true;
    }
    return rv_path_bool(p->c->spec, "suspend", false);
}

static void say_state(struct pass *p) {
    if (p->failure_text.n != 0) pass_explain(p, "failed: " RV_STR_FMT, RV_STR_ARG(p->failure_text));
    struct rv_str blocker = pass_blocker(p);
    if (blocker.n != 0)
        pass_explain(p, "waiting for " RV_STR_FMT, RV_STR_ARG(blocker));
    else if (p->creates == 0 && p->deletes == 0)
        pass_explain(p, "all pods are as wanted");
}

static void log_work(struct pass *p) {
    char creates[16], deletes[16];
    if (p->creates == 0 && p->deletes == 0) return;
    snprintf(creates, sizeof creates, "%u", p->creates);
    snprintf(deletes, sizeof deletes, "%u", p->deletes);
    const struct rv_field fields[] = {{RV_STR("creates"), rv_str(creates)}, {RV_STR("deletes"), rv_str(deletes)}};
    p->api->log(p->host, RV_LOG_INFO, RV_STR("changing the cluster's objects"), fields, RV_ARRAY_LEN(fields));
}

void rc_reconcile(struct pass *p, struct rv_outcome *out) {
    struct service_search found = {.p = p};
    take_results(p);
    see(p, &found);
    if (acceptable(p)) {
        services(p, &found);
        if (!p->retry && !suspended(p) && !recreate(p) && head(p))
            for (struct rv_iter g = rv_iter(rc_groups(p->c)); rv_iter_next(&g);) worker_group(p, g.val);
        say_state(p);
    }
    pass_status(p);
    log_work(p);
    out->code = p->retry ? RV_RETRY : RV_AFTER;
    out->message = p->failure_text.n != 0 ? p->api->keep(p->host, p->failure_text) : (struct rv_str){NULL, 0};
    out->after_ms = p->status_delayed ? 100 : p->c->settings->requeue_seconds * 1000;
}
