/* replicas.c - worker groups whose replicas are several hosts, all or nothing (spec section 8.5).
 *
 * A replica is the set of pods with one replica name. When one of its hosts ends, is named for deletion or is missing
 * while others run, the whole replica is deleted, and another whole one takes its place.
 *
 * A replica may also be incomplete because it is still being made, or because creations failed. It is then completed.
 * Deleting it would make and delete replicas for ever where a quota is full. The host indices tell what is missing. */
#include <stdlib.h>

#include "plugins/ray/fields.h"
#include "pod_actions.h"
#include "workers.h"

struct replica {
    struct rv_str name, created;
    struct pod_range pods; /* sorted by host */
    int64_t index;
    bool doomed;
    enum delete_reason why;
    size_t ready, running;
};

/* One group in this pass. */
struct table {
    struct rv_val group;
    struct rv_str name;
    struct creation_pace *pace;
    int64_t hosts;
    struct replica *list;
    size_t n;
};

static void read_pod(struct table *t, struct replica *r, const struct observed_pod *pod) {
    r->index = pod->index;
    r->created = pod->created;
    bool named = workers_named_for_deletion(t->group, pod->name);
    r->doomed |= pod->ended || pod->deleting || named;
    if (pod->ended)
        r->why = DELETE_REPLICA_ENDED;
    else if (named && r->why != DELETE_REPLICA_ENDED)
        r->why = DELETE_REPLICA_NAMED;
    r->ready += pod->ready;
    r->running += pod->running;
}

static void read_replicas(struct cluster_pass *p, struct table *t) {
    struct pod_range all = observed_group(p, t->name);
    t->list = rv_arena_alloc(p->arena, all.n * sizeof *t->list);
    for (size_t i = 0; i < all.n; i++) {
        struct observed_pod *pod = all.list[i];
        if (pod->ended && !pod->deleting) pace_pod_ended(p, t->pace, pod);
        if (pod->replica.n == 0) { /* a pod without a replica: it is older than the group's numOfHosts */
            pod_delete_worker(p, pod, DELETE_REPLICA_INCOMPLETE);
            continue;
        }
        struct replica *r = t->n > 0 ? &t->list[t->n - 1] : NULL;
        if (r == NULL || !rv_str_eq(r->name, pod->replica)) {
            r = &t->list[t->n++];
            *r = (struct replica){.name = pod->replica, .pods = {&all.list[i], 0}, .why = DELETE_REPLICA_INCOMPLETE};
        }
        r->pods.n++;
        read_pod(t, r, pod);
    }
}

static void delete_replica(struct cluster_pass *p, struct replica *r, enum delete_reason why) {
    r->doomed = true;
    for (size_t i = 0; i < r->pods.n; i++) pod_delete_worker(p, r->pods.list[i], why);
}

/* ---- unfinished ones --------------------------------------------------------------------------------------------- */

static const struct replica *named(const struct table *t, const char *name) {
    for (size_t i = 0; i < t->n; i++)
        if (rv_str_is(t->list[i].name, name)) return &t->list[i];
    return NULL;
}

/* A replica that is complete, or gone, is no longer being created. */
static void forget_finished(struct table *t) {
    for (struct unfinished_replica *u = t->pace->unfinished, *next; u != NULL; u = next) {
        const struct replica *r = named(t, u->replica);
        next = u->next;
        if (r == NULL || (int64_t)r->pods.n >= t->hosts) pace_finished(t->pace, rv_str(u->replica));
    }
}

/* Creates the hosts that the replica lacks, within the budget. A new replica lacks all of them. */
static void create_missing_hosts(struct cluster_pass *p, struct table *t, const struct replica *r, int64_t budget) {
    size_t at = 0;
    for (int64_t h = 0; h < t->hosts && budget > 0; h++) {
        while (at < r->pods.n && r->pods.list[at]->host < h) at++;
        if (at < r->pods.n && r->pods.list[at]->host == h) continue;
        const char *five = ctx_suffix(&p->ctx).p;
        struct rc_place place = {.index = r->index, .replica = r->name, .host = h};
        pod_create(p, t->name, rc_worker_pod(p->arena, &p->runs, t->group, &place, five, cluster_worker_hash(p)),
                   TAG_WORKER_POD);
        budget--;
    }
    pace_unfinished(t->pace, r->name);
}

/* ---- places that are still taken */

static bool holds_place(struct cluster_pass *p, const struct replica *r) {
    for (size_t i = 0; i < r->pods.n; i++)
        if (r->doomed && workers_hold_place(p, r->pods.list[i])) return true;
    return false;
}

/* ---- growing ----------------------------------------------------------------------------------------------------- */

static int number_order(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The batch is a whole number of replicas, at least one, because a part of a replica is of no use. A replica with more
 * than AT_ONCE hosts is created in several passes. */
enum { AT_ONCE = 16 };

static void grow_replicas(struct cluster_pass *p, struct table *t, int64_t missing) {
    int64_t *used = rv_arena_alloc(p->arena, t->n * sizeof *used), index = 0, budget = creation_budget(p, t->group);
    size_t used_n = 0, u = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!t->list[i].doomed || holds_place(p, &t->list[i])) used[used_n++] = t->list[i].index;
    qsort(used, used_n, sizeof *used, number_order);
    for (int64_t i = 0; i < missing && budget > 0 && (i == 0 || budget >= t->hosts); i++, budget -= t->hosts, index++) {
        for (; u < used_n && used[u] <= index; u++)
            if (used[u] == index) index++;
        struct rv_str five = ctx_suffix(&p->ctx);
        struct replica fresh = {
            .index = index,
            .name = rv_arena_fmt(p->arena, RV_STR_FMT "-" RV_STR_FMT, RV_STR_ARG(t->name), RV_STR_ARG(five))};
        int64_t least = t->hosts < AT_ONCE ? t->hosts : AT_ONCE;
        create_missing_hosts(p, t, &fresh, budget > least ? budget : least);
    }
}

/* ---- shrinking --------------------------------------------------------------------------------------------------- */

/* The least useful replica comes first: fewest running hosts, fewest ready ones, newest. */
static int victim_order(const void *a, const void *b) {
    const struct replica *x = *(struct replica *const *)a, *y = *(struct replica *const *)b;
    if (x->running != y->running) return x->running < y->running ? -1 : 1;
    if (x->ready != y->ready) return x->ready < y->ready ? -1 : 1;
    int newest = rv_str_cmp(y->created, x->created);
    return newest != 0 ? newest : rv_str_cmp(x->name, y->name);
}

static int index_order(const void *a, const void *b) {
    const struct replica *x = *(struct replica *const *)a, *y = *(struct replica *const *)b;
    return x->index != y->index ? (x->index < y->index ? -1 : 1) : victim_order(a, b);
}

/* True if the replica is broken. This is so if a host is missing although the replica was complete, or although others
 * of its hosts run and nobody is creating it. It is also so if there are too many hosts, because numOfHosts was reduced
 * or an answer was lost. */
static bool broken(const struct table *t, const struct replica *r) {
    for (size_t i = 0; i < r->pods.n; i++) {
        const struct observed_pod *pod = r->pods.list[i];
        if (pod->host < 0 || pod->host >= t->hosts || (i > 0 && pod->host == r->pods.list[i - 1]->host)) return true;
    }
    return (int64_t)r->pods.n < t->hosts && r->running > 0 && !pace_is_unfinished(t->pace, r->name);
}

/* Returns the replicas that stay. Two replicas have the same index if an answer was lost, or if hosts that had ended
 * run again after they were replaced. The more useful one stays, because others count replicas by their index. */
static size_t fit(struct cluster_pass *p, struct table *t, struct replica **live) {
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct replica *r = &t->list[i];
        if (!r->doomed && !broken(t, r)) {
            live[n++] = r;
            continue;
        }
        ctx_explain(&p->ctx, "replica " RV_STR_FMT ": one of its hosts is lost, deleting all of them",
                    RV_STR_ARG(r->name));
        delete_replica(p, r, r->why);
    }
    qsort(live, n, sizeof *live, index_order);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 == n || live[i]->index < 0 || live[i]->index != live[i + 1]->index) {
            live[kept++] = live[i];
            continue;
        }
        ctx_explain(&p->ctx, "replica " RV_STR_FMT ": another one has its index, deleting it",
                    RV_STR_ARG(live[i]->name));
        delete_replica(p, live[i], DELETE_REPLICA_SURPLUS);
    }
    return kept;
}

static int64_t held_places(struct cluster_pass *p, const struct table *t) {
    int64_t n = 0;
    for (size_t i = 0; i < t->n; i++) n += holds_place(p, &t->list[i]);
    return n;
}

void replicas_reconcile(struct cluster_pass *p, struct rv_val group) {
    struct table t = {.group = group, .name = rv_path_str(group, "groupName"), .hosts = rc_group_hosts(group)};
    t.pace = pace_of(p, t.name);
    read_replicas(p, &t);
    forget_finished(&t);
    struct replica **live = rv_arena_alloc(p->arena, t.n * sizeof *live);
    int64_t desired = rc_group_desired(group) / t.hosts, have = (int64_t)fit(p, &t, live), whole = 0;
    for (int64_t i = 0; i < have; i++) whole += (int64_t)live[i]->pods.n >= t.hosts;
    if (whole >= desired) pace_content(t.pace);
    if (have > desired && workers_may_shrink(p)) {
        ctx_explain(&p->ctx, "group " RV_STR_FMT ": %lld replicas too many, deleting the least useful",
                    RV_STR_ARG(t.name), (long long)(have - desired));
        qsort(live, (size_t)have, sizeof *live, victim_order);
        for (int64_t i = 0; i < have - desired; i++) delete_replica(p, live[i], DELETE_REPLICA_SURPLUS);
        return;
    }
    if (whole == have && have >= desired) return;
    if (p->hold.n != 0 || pace_waits(p, t.pace)) return;
    for (int64_t i = 0; i < have; i++)
        if ((int64_t)live[i]->pods.n < t.hosts) create_missing_hosts(p, &t, live[i], creation_budget(p, t.group));
    int64_t missing = desired - have - held_places(p, &t);
    if (missing <= 0) return;
    ctx_explain(&p->ctx, "group " RV_STR_FMT ": creating %lld of %lld replicas", RV_STR_ARG(t.name), (long long)missing,
                (long long)desired);
    grow_replicas(p, &t, missing);
}
