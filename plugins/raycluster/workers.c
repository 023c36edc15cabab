/* workers.c - groups of workers whose replicas are single pods (spec sections 8.3 and 8.4).
 *
 * Each group is handled by itself, so a group that is stuck, full or failing never delays another. */
#include <stdlib.h>

#include "plugins/ray/fields.h"
#include "plugins/ray/scheduler.h"
#include "pod_actions.h"
#include "workers.h"

/* The order in which pods are deleted on scale-down: those that do not run, then those that are not ready, then the
 * newest. */
static int victim_order(const void *a, const void *b) {
    const struct observed_pod *x = *(struct observed_pod *const *)a, *y = *(struct observed_pod *const *)b;
    if (x->running != y->running) return x->running - y->running;
    if (x->ready != y->ready) return x->ready - y->ready;
    int newest = rv_str_cmp(y->created, x->created);
    return newest != 0 ? newest : rv_str_cmp(x->name, y->name);
}

static int index_order(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* A scheduler takes one pod after the other. That of Kubernetes binds 50 a second by default. If a thousand pods were
 * created at once, the pods of all other users would wait behind them. So only a limited number of pods (the window)
 * waits for the scheduler at a time.
 *
 * The size of the window is adapted. If no pod waits at some of the checks, the scheduler had nothing to do, and the
 * window grows. If some pods wait at all of the checks, it shrinks. A gang must exist as a whole, so it has no window.
 * A scheduler that does not run must not stop the cluster, so a pod that is older than some seconds no longer
 * counts. */
enum { WINDOW_FIRST = 8, WINDOW_LEAST = 2, WINDOW_MOST = 64, WINDOW_LOOKS = 8, QUEUE_PATIENCE_S = 5, PASS_MAX = 512 };

/* `all` pods wait; `waiting` of them have not waited longer than usual. */
static void adjust_window(struct window *w, uint32_t all, uint32_t waiting) {
    if (w->size == 0) *w = (struct window){.size = WINDOW_FIRST, .least = WINDOW_MOST};
    if (!w->full) return; /* the window did not limit the number of pods */
    w->full = false;
    if (waiting < w->least) w->least = (uint8_t)waiting;
    if (all == 0) w->idle++;
    if (++w->looks < WINDOW_LOOKS) return;
    int size = w->least > 1 ? w->size - w->least + 1 : w->size + w->idle / 2;
    w->size = (uint8_t)(size < WINDOW_LEAST ? WINDOW_LEAST : size > WINDOW_MOST ? WINDOW_MOST : size);
    w->looks = w->idle = 0;
    w->least = WINDOW_MOST;
}

static uint32_t queued(struct cluster_pass *p) {
    if (p->windowed) return p->queued;
    uint32_t all = 0;
    int64_t now = ctx_now(&p->ctx), oldest = INT64_MAX, patience = QUEUE_PATIENCE_S * RC_SECOND;
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct observed_pod *pod = &p->pods[i];
        if (!pod->queued || pod->deleting || pod->made == 0) continue;
        all++;
        if (pod->made > now + patience || pod->made < now - patience) continue;
        if (pod->made < oldest) oldest = pod->made;
        p->queued++;
    }
    p->windowed = true;
    adjust_window(&p->memo->window, all, p->queued);
    if (p->queued >= p->memo->window.size) ctx_wake(&p->ctx, oldest + patience + RC_SECOND);
    return p->queued;
}

static bool one_by_one(const struct cluster_pass *p, struct rv_val group) {
    struct rv_str scheduler = rv_path_str(group, "template.spec.schedulerName");
    return rc_scheduler_of(p->c) == NULL && (scheduler.n == 0 || rv_str_is(scheduler, "default-scheduler"));
}

uint32_t creation_budget(struct cluster_pass *p, struct rv_val group) {
    const struct creation_pace *pace = pace_of(p, rv_path_str(group, "groupName"));
    uint32_t budget = pace->batch > pace->requested ? pace->batch - pace->requested : 0,
             others = p->creates < PASS_MAX ? PASS_MAX - p->creates : 0;
    if (others < budget) budget = others;
    if (one_by_one(p, group)) {
        struct window *w = &p->memo->window;
        uint32_t wait = queued(p) + p->creates, left = wait < w->size ? w->size - wait : 0;
        if (left == 0)
            ctx_explain(&p->ctx, "%u pods wait for the scheduler; more follow when it has looked at them", wait);
        if (left < budget) {
            budget = left;
            w->full = true;
        }
    }
    return budget;
}

static void grow_group(struct cluster_pass *p, struct rv_val group, struct observed_pod **live, size_t live_n,
                       int64_t want) {
    int64_t *used = rv_arena_alloc(p->arena, live_n * sizeof *used), next = 0, budget = creation_budget(p, group);
    size_t u = 0;
    bool indexed = rc_gate(p->c->settings, RC_GATE_MULTI_HOST, true);
    for (size_t i = 0; i < live_n; i++) used[i] = live[i]->index;
    qsort(used, live_n, sizeof *used, index_order);
    for (int64_t n = 0; n < want && n < budget; n++, next++) {
        while (u < live_n && used[u] <= next) {
            if (used[u] == next) next++;
            u++;
        }
        const char *five = ctx_suffix(&p->ctx).p;
        struct rc_place place = {.index = indexed ? next : -1};
        pod_create(p, rv_path_str(group, "groupName"),
                   rc_worker_pod(p->arena, &p->runs, group, &place, five, cluster_worker_hash(p)), TAG_WORKER_POD);
    }
}

bool workers_named_for_deletion(struct rv_val group, struct rv_str name) {
    for (struct rv_iter it = rv_iter(rv_val_path(group, "scaleStrategy.workersToDelete")); rv_iter_next(&it);)
        if (rv_str_eq(rv_val_str(it.val), name)) return true;
    return false;
}

bool workers_may_shrink(const struct cluster_pass *p) {
    /* The plugin autoscaler drains pods first, so nobody else chooses them. */
    bool random = p->c->settings->random_pod_delete && p->c->f.mode != RC_AUTOSCALER_OPERATOR;
    return !p->c->f.autoscaling || random;
}

static void shrink_group(struct cluster_pass *p, struct observed_pod **live, size_t n, size_t surplus) {
    qsort(live, n, sizeof(struct observed_pod *), victim_order);
    for (size_t i = 0; i < surplus; i++) pod_delete(p, live[i], TAG_DELETE_WORKER);
}

bool workers_hold_place(struct cluster_pass *p, const struct observed_pod *pod) {
    int64_t gone;
    if (pod->ended) return false;
    if (!pod->deleting) return pod->chosen;
    if (rv_time_parse(rv_path_str(pod->value, "metadata.deletionTimestamp"), &gone) != 0 || gone <= ctx_now(&p->ctx))
        return false;
    ctx_wake(&p->ctx, gone);
    return true;
}

/* Adds, after the pods that stay, those that still hold a place. Returns how many. */
static size_t add_holders(struct cluster_pass *p, struct rv_str name, struct observed_pod **live, size_t n) {
    struct pod_range all = observed_group(p, name);
    size_t held = 0;
    for (size_t i = 0; i < all.n; i++)
        if ((all.list[i]->deleting || all.list[i]->chosen) && workers_hold_place(p, all.list[i]))
            live[n + held++] = all.list[i];
    return held;
}

/* Collects the pods that stay. Deletes the others: those that have ended, those that are named for deletion, and those
 * from a time when the group had several hosts. */
static size_t keep_workers(struct cluster_pass *p, struct rv_val group, struct creation_pace *pace,
                           struct observed_pod **live) {
    bool indexed = rc_gate(p->c->settings, RC_GATE_MULTI_HOST, true);
    struct pod_range all = observed_group(p, rv_path_str(group, "groupName"));
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++) {
        struct observed_pod *pod = all.list[i];
        bool of_many = indexed && pod->replica.n != 0;
        if (pod->deleting) continue;
        if (pod->ended) pace_pod_ended(p, pace, pod);
        bool named = workers_named_for_deletion(group, pod->name);
        if (pod->ended || of_many || named)
            pod_delete_worker(p, pod, named && !pod->ended ? DELETE_NAMED : DELETE_UNSAID);
        else
            live[n++] = pod;
    }
    return n;
}

static void single_host(struct cluster_pass *p, struct rv_val group, struct rv_str name) {
    struct creation_pace *pace = pace_of(p, name);
    struct observed_pod **live = rv_arena_alloc(p->arena, observed_group(p, name).n * sizeof *live);
    size_t n = keep_workers(p, group, pace, live), held = add_holders(p, name, live, n);
    int64_t desired = rc_group_desired(group), have = (int64_t)n, missing = desired - have - (int64_t)held;
    if (desired <= have) pace_content(pace);
    if (desired > have && held > 0)
        ctx_explain(&p->ctx, "group " RV_STR_FMT ": %zu workers that are being deleted still hold a place",
                    RV_STR_ARG(name), held);
    if (missing > 0 && p->hold.n == 0 && !pace_waits(p, pace)) {
        ctx_explain(&p->ctx, "group " RV_STR_FMT ": creating %lld of %lld workers", RV_STR_ARG(name),
                    (long long)missing, (long long)desired);
        grow_group(p, group, live, n + held, missing);
    } else if (desired < have && workers_may_shrink(p)) {
        ctx_explain(&p->ctx, "group " RV_STR_FMT ": %lld workers too many, deleting the least useful", RV_STR_ARG(name),
                    (long long)(have - desired));
        shrink_group(p, live, n, (size_t)(have - desired));
    }
}

static size_t delete_group(struct cluster_pass *p, struct pod_range r) {
    size_t n = 0;
    for (size_t i = 0; i < r.n; i++) {
        n += !r.list[i]->deleting;
        pod_delete(p, r.list[i], TAG_DELETE_GROUP);
    }
    return n;
}

static void suspended_group(struct cluster_pass *p, struct rv_str name) {
    pace_content(pace_of(p, name));
    if (delete_group(p, observed_group(p, name)) > 0)
        ctx_event(&p->ctx, false, "DeletedWorkerPod", "Delete",
                  rv_arena_fmt(p->arena,
                               "Deleted all pods for suspended worker group " RV_STR_FMT " in RayCluster " RV_STR_FMT
                               "/" RV_STR_FMT,
                               RV_STR_ARG(name), RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name)));
}

/* Deletes the pods of groups that the spec no longer has. If the plugin autoscaler scales the cluster, it drains these
 * pods and deletes them itself. */
static void delete_orphans(struct cluster_pass *p) {
    if (p->c->f.mode == RC_AUTOSCALER_OPERATOR) return;
    size_t n = 0;
    struct rv_str group = {NULL, 0};
    for (size_t i = 0; i < p->workers.n;) {
        struct pod_range r = observed_group(p, p->workers.list[i]->group);
        i += r.n;
        if (rv_val_present(cluster_group(p, r.list[0]->group))) continue;
        size_t gone = delete_group(p, r);
        if (gone > 0) group = r.list[0]->group;
        n += gone;
    }
    if (n == 0) return;
    ctx_explain(&p->ctx, "deleting %zu workers of groups that are no longer in the spec", n);
    ctx_event(&p->ctx, false, "DeletedWorkerPod", "Delete",
              rv_arena_fmt(p->arena,
                           "Deleted %zu worker Pods of groups that are no longer in spec.workerGroupSpecs (" RV_STR_FMT
                           ")",
                           n, RV_STR_ARG(group)));
}

void workers_reconcile(struct cluster_pass *p) {
    bool replicas = rc_gate(p->c->settings, RC_GATE_MULTI_HOST, true);
    for (struct rv_iter g = rv_iter(rc_groups(p->c)); rv_iter_next(&g);) {
        struct rv_str name = rv_path_str(g.val, "groupName");
        if (rv_path_bool(g.val, "suspend", false))
            suspended_group(p, name);
        else if (replicas && rc_group_hosts(g.val) > 1)
            replicas_reconcile(p, g.val);
        else
            single_host(p, g.val, name);
    }
    delete_orphans(p);
}
