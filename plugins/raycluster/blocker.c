/* blocker.c - see blocker.h. */
#include "blocker.h"

#include "ipc/base/utf8.h"
#include "pass.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/obstacle.h"

static struct rv_str shortened(struct rv_str s) { return utf8_clip(s, RC_OBSTACLE_TEXT_MAX); }

/* For example "Failed (Evicted: the node was low on memory)". */
static struct rv_str phase_and_why(struct cluster_pass *p, struct rv_val v) {
    struct rv_str phase = rv_path_str(v, "status.phase"), reason = rv_path_str(v, "status.reason"),
                  message = shortened(rv_path_str(v, "status.message"));
    if (reason.n == 0) return phase;
    return rv_arena_fmt(p->arena, RV_STR_FMT " (" RV_STR_FMT "%s" RV_STR_FMT ")", RV_STR_ARG(phase), RV_STR_ARG(reason),
                        message.n != 0 ? ": " : "", RV_STR_ARG(message));
}

struct rv_str pod_end_text(struct cluster_pass *p, const struct observed_pod *pod) {
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

/* Returns true if something takes longer than usual. If not yet, plans a pass for the time when it will. */
static bool lasts(struct cluster_pass *p, int64_t since) {
    int64_t until = since + RC_OBSTACLE_LONG_S * RC_SECOND;
    if (since == 0 || ctx_now(&p->ctx) >= until) return true;
    ctx_wake(&p->ctx, until);
    return false;
}

static struct blocker blocker_of(struct rc_obstacle o, bool stuck) { return (struct blocker){o.reason, o.text, stuck}; }

/* Finds out why a pod is stuck. An empty reason means that the pod is just starting; a pass is planned for the time
 * when that takes too long. */
static struct blocker stuck_pod(struct cluster_pass *p, const struct observed_pod *pod) {
    int64_t again;
    struct rc_obstacle o = rc_pod_obstacle(p->arena, pod->value, ctx_now(&p->ctx), &again);
    if (again != 0) ctx_wake(&p->ctx, again);
    return blocker_of(o, true);
}

static struct blocker with_name(struct cluster_pass *p, const struct observed_pod *pod, struct blocker b) {
    b.text = rv_arena_fmt(p->arena, "%s pod " RV_STR_FMT ": " RV_STR_FMT, pod->head ? "head" : "worker",
                          RV_STR_ARG(pod->name), RV_STR_ARG(b.text));
    return b;
}

/* The pod was deleted and still exists after its grace period: a finalizer holds it, or its node does not answer. */
static struct blocker lingering(struct cluster_pass *p, const struct observed_pod *pod) {
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

/* True if the first pod should be reported rather than the second. The head comes before workers, and older pods before
 * younger ones. */
static bool rather(const struct observed_pod *a, const struct observed_pod *b) {
    if (b == NULL || a->head != b->head) return b == NULL || a->head;
    return observed_before(a, b);
}

struct blocker cluster_lingering_pod(struct cluster_pass *p) {
    struct blocker first = {0};
    const struct observed_pod *of = NULL;
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct observed_pod *pod = &p->pods[i];
        if (!pod->deleting || !rather(pod, of)) continue;
        struct blocker b = lingering(p, pod);
        if (b.reason.n == 0) continue;
        first = b;
        of = pod;
    }
    return first;
}

static struct blocker of_failure(struct cluster_pass *p) {
    bool quota = memmem(p->failure_text.p, p->failure_text.n, "exceeded quota", 14) != NULL;
    return (struct blocker){quota ? RV_STR("QuotaExceeded") : rv_str(p->failure), p->failure_text, true};
}

static struct blocker find_blocker(struct cluster_pass *p) {
    const struct observed_pod *stuck = NULL, *slow = NULL, *head = observed_head(p);
    if (p->failure_text.n != 0) return of_failure(p);
    struct blocker first = pace_blocker(p);
    if (first.reason.n != 0) return first;
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct observed_pod *pod = &p->pods[i];
        /* The next head can be created only when it is gone. */
        bool old_head = head != NULL && pod == head && head->deleting;
        if (pod->chosen || (!old_head && (pod->ready || pod->deleting)) || !rather(pod, stuck)) continue;
        struct blocker b = old_head ? lingering(p, pod) : stuck_pod(p, pod);
        if (b.reason.n != 0) {
            first = old_head ? b : with_name(p, pod, b);
            stuck = pod;
        } else if (!old_head && rather(pod, slow)) {
            slow = pod;
        }
    }
    const struct memo_problem *t = &p->memo->problem; /* a failure of another object than a pod */
    if (stuck == NULL && t->reason != NULL) return (struct blocker){rv_str(t->reason), rv_str(t->text), true};
    return stuck != NULL || slow == NULL
               ? first
               : with_name(p, slow, blocker_of(rc_pod_not_ready(p->arena, slow->value, false), false));
}

struct blocker cluster_blocker(struct cluster_pass *p) {
    if (!p->blocker_known) p->blocker = find_blocker(p);
    p->blocker_known = true;
    return p->blocker;
}
