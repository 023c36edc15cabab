/* see.c - see see.h. */
#include "see.h"

#include <stdlib.h>

#include "pass.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/obstacle.h"

#define SECOND INT64_C(1000000000)

/* A pod that has ended for good, whatever its restart policy; or whose Ray container has and may not come back. */
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

static bool see_pod(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    struct rv_val v = o->value, labels = rv_val_path(v, "metadata.labels");
    struct pass_pod *pod = &p->pods[p->pod_n++];
    *pod = (struct pass_pod){.value = v,
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
    pod->ended = has_ended(v, pod->running);
    pod->queued = !pod->running && !pod->ended &&
                  !rv_val_present(rv_condition_find(rv_val_path(v, "status.conditions"), "PodScheduled"));
    return true;
}

/* Where there are two, its name was changed: the new one counts. */
static bool see_service(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    if (!rv_str_is(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE)), "head"))
        return true;
    if (!rv_val_present(p->head_service) || rv_str_eq(o->name, rc_head_service_name(p->arena, p->c)))
        p->head_service = o->value;
    return true;
}

static int worker_order(const void *a, const void *b) {
    const struct pass_pod *x = *(struct pass_pod *const *)a, *y = *(struct pass_pod *const *)b;
    int r = rv_str_cmp(x->group, y->group);
    if (r == 0) r = rv_str_cmp(x->replica, y->replica);
    if (r == 0) r = (x->host > y->host) - (x->host < y->host);
    return r != 0 ? r : rv_str_cmp(x->name, y->name);
}

static void sort_workers(struct pass *p) {
    struct pod_range *w = &p->workers;
    w->list = rv_arena_alloc(p->arena, (p->pod_n + 1) * sizeof(struct pass_pod *));
    for (size_t i = 0; i < p->pod_n; i++)
        if (!p->pods[i].head) w->list[w->n++] = &p->pods[i];
    qsort(w->list, w->n, sizeof(struct pass_pod *), worker_order);
}

/* The first worker whose group is not before this one, or with past set: is after it. */
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

struct pod_range see_group(const struct pass *p, struct rv_str group) {
    size_t first = bound(&p->workers, group, false);
    return (struct pod_range){p->workers.list + first, bound(&p->workers, group, true) - first};
}

void see(struct pass *p) {
    struct rv_query q = {.size = sizeof q, .kind = KIND_POD, .owner_uid = p->c->uid};
    int64_t n = p->api->list(p->host, &q, NULL, NULL);
    p->pods = rv_arena_alloc(p->arena, (size_t)(n > 0 ? n + 1 : 1) * sizeof *p->pods);
    p->api->list(p->host, &q, see_pod, p);
    sort_workers(p);
    q.kind = KIND_SERVICE;
    p->api->list(p->host, &q, see_service, p);
}

/* Who is seen first: what is being deleted last, then the older. */
static bool before(const struct pass_pod *a, const struct pass_pod *b) {
    if (a->deleting != b->deleting) return b->deleting;
    int older = rv_str_cmp(a->created, b->created);
    return older != 0 ? older < 0 : rv_str_cmp(a->name, b->name) < 0;
}

const struct pass_pod *see_head(const struct pass *p) {
    const struct pass_pod *found = NULL;
    for (size_t i = 0; i < p->pod_n; i++)
        if (p->pods[i].head && (found == NULL || before(&p->pods[i], found))) found = &p->pods[i];
    return found;
}

/* ---- what blocks ------------------------------------------------------------------------------------------------ */

static struct rv_str shortened(struct rv_str s) { return rc_clipped(s, RC_OBSTACLE_TEXT_MAX); }

/* Failed (Evicted: the node was low on memory) */
static struct rv_str phase_and_why(struct pass *p, struct rv_val v) {
    struct rv_str phase = rv_path_str(v, "status.phase"), reason = rv_path_str(v, "status.reason"),
                  message = shortened(rv_path_str(v, "status.message"));
    if (reason.n == 0) return phase;
    return rv_arena_fmt(p->arena, RV_STR_FMT " (" RV_STR_FMT "%s" RV_STR_FMT ")", RV_STR_ARG(phase), RV_STR_ARG(reason),
                        message.n != 0 ? ": " : "", RV_STR_ARG(message));
}

struct rv_str see_end(struct pass *p, const struct pass_pod *pod) {
    struct rv_str ray = rv_path_str(pod->value, "spec.containers[0].name"), how = RV_STR("not known");
    for (struct rv_iter it = rv_iter(rv_val_path(pod->value, "status.containerStatuses")); rv_iter_next(&it);) {
        struct rv_val t = rv_val_path(it.val, "state.terminated");
        if (rv_str_eq(rv_path_str(it.val, "name"), ray) && rv_val_set(t)) how = rc_terminated(p->arena, t);
    }
    return rv_arena_fmt(
        p->arena,
        "Pod status: " RV_STR_FMT "; Pod restart policy: " RV_STR_FMT "; Ray container terminated status: " RV_STR_FMT,
        RV_STR_ARG(phase_and_why(p, pod->value)),
        RV_STR_ARG(rv_val_str_or(rv_val_path(pod->value, "spec.restartPolicy"), "Always")), RV_STR_ARG(how));
}

/* Whether something takes longer than it should. If not yet, it is looked at again when it does. */
static bool lasts(struct pass *p, int64_t since) {
    int64_t until = since + RC_OBSTACLE_LONG_S * SECOND;
    if (since == 0 || p->api->now(p->host) >= until) return true;
    pass_wake(p, until);
    return false;
}

static struct blocker blocker_of(struct rc_obstacle o, bool stuck) { return (struct blocker){o.reason, o.text, stuck}; }

/* Empty: it is just starting. If that takes longer than it should, it is looked at again. */
static struct blocker stuck_pod(struct pass *p, const struct pass_pod *pod) {
    int64_t again;
    struct rc_obstacle o = rc_pod_obstacle(p->arena, pod->value, p->api->now(p->host), &again);
    if (again != 0) pass_wake(p, again);
    return blocker_of(o, true);
}

static struct blocker with_name(struct pass *p, const struct pass_pod *pod, struct blocker b) {
    b.text = rv_arena_fmt(p->arena, "%s pod " RV_STR_FMT ": " RV_STR_FMT, pod->head ? "head" : "worker",
                          RV_STR_ARG(pod->name), RV_STR_ARG(b.text));
    return b;
}

/* Deleted, and still there after its grace: a finalizer holds it, or its node does not answer. */
static struct blocker lingering(struct pass *p, const struct pass_pod *pod) {
    int64_t gone;
    struct rv_val held = rv_val_path(pod->value, "metadata.finalizers");
    if (rv_time_parse(rv_path_str(pod->value, "metadata.deletionTimestamp"), &gone) != 0 || !lasts(p, gone))
        return (struct blocker){0};
    struct rv_str text = rv_val_len(held) > 0
                             ? rv_arena_fmt(p->arena, "the finalizer " RV_STR_FMT " holds it",
                                            RV_STR_ARG(rv_val_str(rv_val_at(held, 0))))
                             : RV_STR("its node has not stopped it; if the node is gone, delete the pod with --force");
    return (struct blocker){RV_STR("PodTerminating"),
                            rv_arena_fmt(p->arena, "%s pod " RV_STR_FMT " was deleted and does not go: " RV_STR_FMT,
                                         pod->head ? "head" : "worker", RV_STR_ARG(pod->name), RV_STR_ARG(text)),
                            true};
}

/* The head is told rather than a worker, the older rather than the younger. */
static bool rather(const struct pass_pod *a, const struct pass_pod *b) {
    if (b == NULL || a->head != b->head) return b == NULL || a->head;
    return before(a, b);
}

struct blocker see_lingering(struct pass *p) {
    struct blocker first = {0};
    const struct pass_pod *of = NULL;
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct pass_pod *pod = &p->pods[i];
        if (!pod->deleting || !rather(pod, of)) continue;
        struct blocker b = lingering(p, pod);
        if (b.reason.n == 0) continue;
        first = b;
        of = pod;
    }
    return first;
}

static struct blocker of_failure(struct pass *p) {
    bool quota = memmem(p->failure_text.p, p->failure_text.n, "exceeded quota", 14) != NULL;
    return (struct blocker){quota ? RV_STR("QuotaExceeded") : rv_str(p->failure), p->failure_text, true};
}

static struct blocker find_blocker(struct pass *p) {
    const struct pass_pod *stuck = NULL, *slow = NULL, *head = see_head(p);
    if (p->failure_text.n != 0) return of_failure(p);
    struct blocker first = pace_blocker(p);
    if (first.reason.n != 0) return first;
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct pass_pod *pod = &p->pods[i];
        bool old_head = head != NULL && pod == head && head->deleting; /* the next one waits for it to be gone */
        if (pod->chosen || (!old_head && (pod->ready || pod->deleting)) || !rather(pod, stuck)) continue;
        struct blocker b = old_head ? lingering(p, pod) : stuck_pod(p, pod);
        if (b.reason.n != 0) {
            first = old_head ? b : with_name(p, pod, b);
            stuck = pod;
        } else if (!old_head && rather(pod, slow)) {
            slow = pod;
        }
    }
    const struct memo_trouble *t = &p->memo->trouble; /* beside the pods */
    if (stuck == NULL && t->reason != NULL) return (struct blocker){rv_str(t->reason), rv_str(t->text), true};
    return stuck != NULL || slow == NULL
               ? first
               : with_name(p, slow, blocker_of(rc_pod_not_ready(p->arena, slow->value, false), false));
}

struct blocker see_blocker(struct pass *p) {
    if (!p->blocker_known) p->blocker = find_blocker(p);
    p->blocker_known = true;
    return p->blocker;
}
