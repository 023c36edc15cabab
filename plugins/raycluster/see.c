/* see.c - see see.h. */
#include "see.h"

#include "fields.h"
#include "pass.h"

/* A pod that has ended for good, whatever its restart policy; or whose Ray container has and may not come back. */
static bool has_ended(struct rv_val v, bool running) {
    struct rv_str phase = rv_path_str(v, "status.phase"), ray = rv_path_str(v, "spec.containers[0].name");
    if (rv_str_is(phase, "Failed") || rv_str_is(phase, "Succeeded")) return true;
    if (!running || !rv_str_is(rv_path_str(v, "spec.restartPolicy"), "Never")) return false;
    for (struct rv_iter it = rv_iter(rv_val_path(v, "status.containerStatuses")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), ray)) return rv_val_set(rv_val_path(it.val, "state.terminated"));
    return false;
}

static void see_pod(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    struct rv_val v = o->value, labels = rv_val_path(v, "metadata.labels");
    struct pass_pod *pod = &p->pods[p->pod_n++];
    int64_t index;
    bool indexed = rv_str_to_int(rv_val_str(rv_val_get(labels, RC_LABEL_REPLICA_INDEX)), 0, INT32_MAX, &index) == 0;
    *pod = (struct pass_pod){.value = v,
                             .name = o->name,
                             .uid = o->uid,
                             .group = rv_val_str(rv_val_get(labels, RC_LABEL_GROUP)),
                             .replica = rv_val_str(rv_val_get(labels, RC_LABEL_REPLICA_NAME)),
                             .created = rv_path_str(v, "metadata.creationTimestamp"),
                             .index = indexed ? index : -1,
                             .head = rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_NODE_TYPE)), "head"),
                             .deleting = rv_meta_deleting(v),
                             .running = rv_str_is(rv_path_str(v, "status.phase"), "Running"),
                             .ready = rv_condition_is(rv_val_path(v, "status.conditions"), "Ready", "True")};
    pod->ended = has_ended(v, pod->running);
    pod->queued = !pod->running && !pod->ended &&
                  !rv_val_present(rv_condition_find(rv_val_path(v, "status.conditions"), "PodScheduled"));
}

static void see_service(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    if (rv_str_is(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE)), "head"))
        p->head_service = o->value;
}

void see(struct pass *p) {
    struct rv_query q = {.size = sizeof q, .kind = KIND_POD, .owner_uid = p->c->uid};
    uint64_t n = p->api->list(p->host, &q, NULL, NULL);
    p->pods = rv_arena_alloc(p->arena, (size_t)(n + 1) * sizeof *p->pods);
    p->api->list(p->host, &q, see_pod, p);
    q.kind = KIND_SERVICE;
    p->api->list(p->host, &q, see_service, p);
}

const struct pass_pod *see_head(const struct pass *p) {
    const struct pass_pod *found = NULL;
    for (size_t i = 0; i < p->pod_n; i++)
        if (p->pods[i].head && (found == NULL || !p->pods[i].deleting)) found = &p->pods[i];
    return found;
}

/* ---- what blocks ------------------------------------------------------------------------------------------------ */

static struct rv_str shortened(struct rv_str s) { return s.n > 200 ? (struct rv_str){s.p, 200} : s; }

/* How the container ended the last time, for one that is started again and again. */
static struct rv_str last_end(struct pass *p, struct rv_val container) {
    struct rv_val last = rv_val_path(container, "lastState.terminated");
    if (!rv_val_set(last)) return (struct rv_str){NULL, 0};
    return rv_arena_fmt(p->arena, " (it ended with " RV_STR_FMT ", exit code %lld)",
                        RV_STR_ARG(rv_val_str_or(rv_val_get(last, "reason"), "an error")),
                        (long long)rv_path_int(last, "exitCode", 0));
}

static struct blocker waiting(struct pass *p, const struct pass_pod *pod, const char *list) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod->value, list)); rv_iter_next(&it);) {
        struct rv_val w = rv_val_path(it.val, "state.waiting");
        struct rv_str reason = rv_path_str(w, "reason"), message = shortened(rv_path_str(w, "message"));
        if (reason.n == 0 || rv_str_is(reason, "ContainerCreating") || rv_str_is(reason, "PodInitializing")) continue;
        struct rv_str text =
            rv_arena_fmt(p->arena, "container " RV_STR_FMT " waits: " RV_STR_FMT "%s" RV_STR_FMT RV_STR_FMT,
                         RV_STR_ARG(rv_path_str(it.val, "name")), RV_STR_ARG(reason), message.n != 0 ? ": " : "",
                         RV_STR_ARG(message), RV_STR_ARG(last_end(p, it.val)));
        return (struct blocker){reason, text, true};
    }
    return (struct blocker){0};
}

static struct blocker not_scheduled(struct pass *p, const struct pass_pod *pod) {
    struct rv_val c = rv_condition_find(rv_val_path(pod->value, "status.conditions"), "PodScheduled");
    if (!rv_str_is(rv_path_str(c, "status"), "False")) return (struct blocker){0};
    struct rv_str text =
        rv_arena_fmt(p->arena, "not scheduled: " RV_STR_FMT, RV_STR_ARG(shortened(rv_path_str(c, "message"))));
    return (struct blocker){rv_val_str_or(rv_val_get(c, "reason"), "Unschedulable"), text, true};
}

static struct blocker of_pod(struct pass *p, const struct pass_pod *pod) {
    struct blocker b = waiting(p, pod, "status.initContainerStatuses");
    if (b.reason.n == 0) b = waiting(p, pod, "status.containerStatuses");
    if (b.reason.n == 0) b = not_scheduled(p, pod);
    if (b.reason.n == 0) {
        struct rv_str phase = rv_val_str_or(rv_val_path(pod->value, "status.phase"), "Pending");
        b = (struct blocker){RV_STR("PodsNotReady"),
                             rv_arena_fmt(p->arena, "phase " RV_STR_FMT ", not ready yet", RV_STR_ARG(phase)), false};
    }
    b.text = rv_arena_fmt(p->arena, "%s pod " RV_STR_FMT ": " RV_STR_FMT, pod->head ? "head" : "worker",
                          RV_STR_ARG(pod->name), RV_STR_ARG(b.text));
    return b;
}

struct blocker see_blocker(struct pass *p) {
    struct blocker first = {0};
    if (p->failure_text.n != 0) {
        bool quota = memmem(p->failure_text.p, p->failure_text.n, "exceeded quota", 14) != NULL;
        return (struct blocker){quota ? RV_STR("QuotaExceeded") : rv_str(p->failure), p->failure_text, true};
    }
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct pass_pod *pod = &p->pods[i];
        if (pod->ready || pod->deleting || pod->chosen) continue;
        struct blocker b = of_pod(p, pod);
        if (b.stuck) return b;
        if (first.reason.n == 0) first = b;
    }
    return first;
}
