/* observe.c - see observe.h. */
#include "observe.h"

#include <stdlib.h>

#include "outdated.h"
#include "pass.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/live_head.h"

/* The pod has ended for good, or its Ray container has and may not be started again. */
static bool has_ended(struct rv_val v, bool running) {
    struct rv_str phase = rv_path_str(v, "status.phase"), ray = rv_path_str(v, "spec.containers[0].name");
    if (rv_str_is(phase, "Failed") || rv_str_is(phase, "Succeeded")) return true;
    if (!running || !rv_str_is(rv_path_str(v, "spec.restartPolicy"), "Never")) return false;
    for (struct rv_iter it = rv_iter(rv_val_path(v, "status.containerStatuses")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), ray)) return rv_val_set(rv_val_path(it.val, "state.terminated"));
    return false;
}

static int64_t number(struct rv_val labels, const char *key) {
    int64_t n;
    return rv_str_to_int(rv_val_str(rv_val_get(labels, key)), 0, INT32_MAX, &n) == 0 ? n : -1;
}

/* The submitter of a RayJob has ended, as it should, and all other containers are ready. */
static bool all_but_submitter_ready(struct rv_val v) {
    struct rv_val ready = rv_condition_find(rv_val_path(v, "status.conditions"), "Ready");
    bool ended = false;
    if (!rv_str_is(rv_path_str(ready, "status"), "False") ||
        rv_str_is(rv_path_str(ready, "reason"), "ReadinessGatesNotReady"))
        return false;
    for (struct rv_iter it = rv_iter(rv_val_path(v, "status.containerStatuses")); rv_iter_next(&it);) {
        bool submitter = rv_str_is(rv_path_str(it.val, "name"), RC_CONTAINER_SUBMITTER);
        if (submitter && rv_val_set(rv_val_path(it.val, "state.terminated")))
            ended = true;
        else if (!rv_path_bool(it.val, "ready", false))
            return false;
    }
    return ended;
}

static bool observe_pod(void *arg, const struct rv_object *o) {
    struct cluster_pass *p = arg;
    struct rv_val v = o->value, labels = rv_val_path(v, "metadata.labels");
    struct observed_pod *pod = &p->pods[p->pod_n++];
    *pod = (struct observed_pod){.value = v,
                                 .name = o->name,
                                 .uid = o->uid,
                                 .group = rv_val_str(rv_val_get(labels, RC_LABEL_GROUP)),
                                 .replica = rv_val_str(rv_val_get(labels, RC_LABEL_REPLICA_NAME)),
                                 .created = rv_path_str(v, "metadata.creationTimestamp"),
                                 .index = number(labels, RC_LABEL_REPLICA_INDEX),
                                 .host = number(labels, RC_LABEL_HOST_INDEX),
                                 .head = rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_NODE_TYPE)), "head"),
                                 .deleting = rv_meta_deleting(v),
                                 .running = rv_str_is(rv_path_str(v, "status.phase"), "Running"),
                                 .ready = rv_condition_is(rv_val_path(v, "status.conditions"), "Ready", "True")};
    if (rv_time_parse(pod->created, &pod->made) != 0) pod->made = 0;
    pod->ready |= pod->head && pod->running && all_but_submitter_ready(v);
    pod->ended = has_ended(v, pod->running);
    pod->queued = !pod->running && !pod->ended &&
                  !rv_val_present(rv_condition_find(rv_val_path(v, "status.conditions"), "PodScheduled"));
    return true;
}

/* There are two if the service was renamed. The one with the new name is used. */
static bool observe_service(void *arg, const struct rv_object *o) {
    struct cluster_pass *p = arg;
    if (!rv_str_is(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE)), "head"))
        return true;
    if (!rv_val_present(p->head_service) || rv_str_eq(o->name, rc_head_service_name(p->arena, p->c)))
        p->head_service = o->value;
    return true;
}

static int worker_order(const void *a, const void *b) {
    const struct observed_pod *x = *(struct observed_pod *const *)a, *y = *(struct observed_pod *const *)b;
    int r = rv_str_cmp(x->group, y->group);
    if (r == 0) r = rv_str_cmp(x->replica, y->replica);
    if (r == 0) r = (x->host > y->host) - (x->host < y->host);
    return r != 0 ? r : rv_str_cmp(x->name, y->name);
}

static void sort_workers(struct cluster_pass *p) {
    struct pod_range *w = &p->workers;
    w->list = rv_arena_alloc(p->arena, p->pod_n * sizeof(struct observed_pod *));
    for (size_t i = 0; i < p->pod_n; i++)
        if (!p->pods[i].head) w->list[w->n++] = &p->pods[i];
    qsort(w->list, w->n, sizeof(struct observed_pod *), worker_order);
}

/* The first worker whose group does not come before this one or, with `past`, whose group comes after it. */
static size_t bound(const struct pod_range *w, struct rv_str group, bool past) {
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int r = rv_str_cmp(w->list[mid]->group, group);
        if (r < 0 || (past && r == 0))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct pod_range observed_group(const struct cluster_pass *p, struct rv_str group) {
    size_t first = bound(&p->workers, group, false);
    return (struct pod_range){p->workers.list + first, bound(&p->workers, group, true) - first};
}

/* The mirror has the head twice: among all pods, and with all its fields. */
static void observe_head(struct cluster_pass *p) {
    struct rv_object o = {.size = sizeof o};
    const struct observed_pod *head = observed_head(p);
    p->runs = *p->c;
    if (head == NULL) return;
    p->head_unseen = !ctx_get(&p->ctx, KIND_HEAD, head->name, &o) || !rv_str_eq(o.uid, head->uid);
    if (p->head_unseen) return;
    p->head_pod = o.value;
    rc_as_head_runs(p->arena, p->c, o.value, outdated_pod(p, head), &p->runs);
}

void observe(struct cluster_pass *p) {
    size_t n = ctx_list_owned(&p->ctx, KIND_POD, p->c->uid, NULL, NULL);
    p->pods = rv_arena_alloc(p->arena, n * sizeof *p->pods);
    ctx_list_owned(&p->ctx, KIND_POD, p->c->uid, observe_pod, p);
    sort_workers(p);
    ctx_list_owned(&p->ctx, KIND_SERVICE, p->c->uid, observe_service, p);
    observe_head(p);
}

bool observed_before(const struct observed_pod *a, const struct observed_pod *b) {
    if (a->deleting != b->deleting) return b->deleting;
    int older = rv_str_cmp(a->created, b->created);
    return older != 0 ? older < 0 : rv_str_cmp(a->name, b->name) < 0;
}

const struct observed_pod *observed_head(const struct cluster_pass *p) {
    const struct observed_pod *found = NULL;
    for (size_t i = 0; i < p->pod_n; i++)
        if (p->pods[i].head && (found == NULL || observed_before(&p->pods[i], found))) found = &p->pods[i];
    return found;
}

const struct observed_pod *observed_waited_for(const struct cluster_pass *p, bool gone) {
    const struct observed_pod *found = NULL;
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct observed_pod *pod = &p->pods[i];
        if (!gone && (pod->ready || pod->deleting)) continue;
        if (!gone && pod->head) return pod;
        if (found == NULL || observed_before(found, pod)) found = pod;
    }
    return found;
}
