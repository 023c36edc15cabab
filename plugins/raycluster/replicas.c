/* replicas.c - worker groups whose replicas are several hosts, all or nothing (spec section 8.5).
 *
 * A replica is the set of pods with one replica name. It lives and dies as a whole: if one of its hosts ends, is named
 * for deletion or went missing while others run, all of it goes, and another whole one takes its place. A replica that
 * is incomplete because creations failed is completed rather than thrown away, or a quota would have it made and
 * deleted for ever: its host indices tell what is missing. */
#include <stdlib.h>

#include "fields.h"
#include "pass.h"

struct replica {
    struct rv_str name, created;
    struct pass_pod **pods;
    size_t n;
    int64_t index;
    bool doomed, deleting; /* deleting: some host is on its way out already */
    size_t ready, running;
};

struct table {
    struct replica *list;
    size_t n;
};

static struct replica *find(struct pass *p, struct table *t, struct rv_str name) {
    for (size_t i = 0; i < t->n; i++)
        if (rv_str_eq(t->list[i].name, name)) return &t->list[i];
    struct replica *r = &t->list[t->n++];
    *r = (struct replica){.name = name, .index = -1};
    r->pods = rv_arena_alloc(p->arena, (p->pod_n + 1) * sizeof(struct pass_pod *));
    return r;
}

static struct table read_replicas(struct pass *p, struct rv_val group) {
    struct table t = {rv_arena_alloc(p->arena, (p->pod_n + 1) * sizeof(struct replica)), 0};
    struct rv_str name = rv_path_str(group, "groupName");
    for (size_t i = 0; i < p->pod_n; i++) {
        struct pass_pod *pod = &p->pods[i];
        if (pod->head || !rv_str_eq(pod->group, name)) continue;
        if (pod->replica.n == 0) { /* from before the group had several hosts: of no replica */
            if (!pod->deleting) pass_delete_pod(p, pod, TAG_DELETE_WORKER);
            continue;
        }
        struct replica *r = find(p, &t, pod->replica);
        r->pods[r->n++] = pod;
        r->index = pod->index;
        r->created = pod->created;
        r->deleting |= pod->deleting;
        r->doomed |= pod->ended || pod->deleting || workers_named_for_deletion(group, pod->name);
        r->ready += pod->ready;
        r->running += pod->running;
    }
    return t;
}

static void delete_replica(struct pass *p, struct replica *r) {
    r->doomed = true;
    for (size_t i = 0; i < r->n; i++) pass_delete_pod(p, r->pods[i], TAG_DELETE_WORKER);
}

static int64_t host_of(const struct pass_pod *pod) {
    int64_t host;
    struct rv_val labels = rv_val_path(pod->value, "metadata.labels");
    return rv_str_to_int(rv_val_str(rv_val_get(labels, RC_LABEL_HOST_INDEX)), 0, INT32_MAX, &host) == 0 ? host : -1;
}

static bool has_host(const struct replica *r, int64_t host) {
    for (size_t i = 0; i < r->n; i++)
        if (host_of(r->pods[i]) == host) return true;
    return false;
}

static bool host_twice(const struct replica *r, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (host_of(r->pods[i]) == host_of(r->pods[at])) return true;
    return false;
}

/* Creates the hosts that the replica lacks; a whole new one lacks them all. */
static void complete(struct pass *p, struct rv_val group, const struct replica *r, int64_t hosts) {
    for (int64_t h = 0; h < hosts; h++) {
        char five[6];
        if (has_host(r, h)) continue;
        pass_suffix(p, five);
        struct rc_place place = {.index = r->index, .replica = r->name, .host = h};
        pass_create(p, "v1", "pods", rc_worker_pod(p->arena, p->c, group, &place, five, pass_worker_hash(p)),
                    TAG_WORKER_POD);
    }
}

static int64_t free_index(const struct table *t) {
    for (int64_t index = 0;; index++) {
        bool used = false;
        for (size_t i = 0; i < t->n && !used; i++) used = t->list[i].index == index && !t->list[i].doomed;
        if (!used) return index;
    }
}

/* The batch is a whole number of replicas, at least one: half a replica is of no use to anybody. */
static void grow(struct pass *p, struct rv_val group, struct table *t, int64_t missing, int64_t hosts) {
    struct table all = {rv_arena_alloc(p->arena, (t->n + (size_t)missing + 1) * sizeof(struct replica)), t->n};
    if (t->n > 0) memcpy(all.list, t->list, t->n * sizeof(struct replica));
    int64_t room = missing > 0 ? workers_room(p, group) : 0;
    for (int64_t i = 0; i < missing && room > 0 && (i == 0 || room >= hosts); i++, room -= hosts) {
        char five[6];
        pass_suffix(p, five);
        struct replica fresh = {
            .index = free_index(&all),
            .name = rv_arena_fmt(p->arena, RV_STR_FMT "-%s", RV_STR_ARG(rv_path_str(group, "groupName")), five)};
        complete(p, group, &fresh, hosts);
        all.list[all.n++] = fresh;
    }
}

/* Least useful first: fewest running hosts, fewest ready, newest. */
static int victim_order(const void *a, const void *b) {
    const struct replica *x = *(struct replica *const *)a, *y = *(struct replica *const *)b;
    if (x->running != y->running) return x->running < y->running ? -1 : 1;
    if (x->ready != y->ready) return x->ready < y->ready ? -1 : 1;
    int newest = rv_str_cmp(y->created, x->created);
    return newest != 0 ? newest : rv_str_cmp(x->name, y->name);
}

/* Some host is missing. Still being made: none runs yet, or the last creation failed. Otherwise it broke apart. More
 * than there should be: numOfHosts became smaller, or an answer got lost. */
static bool broken(const struct pass *p, const struct replica *r, int64_t hosts) {
    for (size_t i = 0; i < r->n; i++)
        if (host_of(r->pods[i]) >= hosts || host_twice(r, i)) return true;
    return (int64_t)r->n < hosts && r->running > 0 && p->memo->batch > 1;
}

/* Two of one index: an answer got lost, or hosts that had ended run again and were replaced already. Whoever counts
 * replicas by their index takes them for one; the more useful one stays. */
static bool index_taken(const struct table *t, const struct replica *r) {
    for (size_t i = 0; i < t->n; i++) {
        const struct replica *o = &t->list[i];
        if (o != r && !o->doomed && o->index == r->index && victim_order(&r, &o) < 0) return true;
    }
    return false;
}

static void delete_unfit(struct pass *p, struct table *t, int64_t hosts) {
    for (size_t i = 0; i < t->n; i++) {
        struct replica *r = &t->list[i];
        if (!r->doomed && !broken(p, r, hosts)) continue;
        pass_explain(p, "replica " RV_STR_FMT ": one of its hosts is lost, deleting all of them", RV_STR_ARG(r->name));
        delete_replica(p, r);
    }
    for (size_t i = 0; i < t->n; i++) {
        struct replica *r = &t->list[i];
        if (r->doomed || !index_taken(t, r)) continue;
        pass_explain(p, "replica " RV_STR_FMT ": another one has its index, deleting it", RV_STR_ARG(r->name));
        delete_replica(p, r);
    }
}

void replicas_reconcile(struct pass *p, struct rv_val group) {
    int64_t hosts = rv_path_int(group, "numOfHosts", 1), desired = rc_group_desired(group) / hosts, have = 0;
    struct rv_str name = rv_path_str(group, "groupName");
    struct table t = read_replicas(p, group);
    struct replica **live = rv_arena_alloc(p->arena, (t.n + 1) * sizeof *live);
    delete_unfit(p, &t, hosts);
    for (size_t i = 0; i < t.n; i++)
        if (!t.list[i].doomed) live[have++] = &t.list[i];
    if (have > desired && workers_may_shrink(p)) {
        pass_explain(p, "group " RV_STR_FMT ": %lld replicas too many, deleting the least useful", RV_STR_ARG(name),
                     (long long)(have - desired));
        qsort(live, (size_t)have, sizeof(struct replica *), victim_order);
        for (int64_t i = 0; i < have - desired; i++) delete_replica(p, live[i]);
        return;
    }
    if (p->hold.n != 0) return;
    for (int64_t i = 0; i < have; i++)
        if ((int64_t)live[i]->n < hosts) complete(p, group, live[i], hosts);
    if (have >= desired) return;
    pass_explain(p, "group " RV_STR_FMT ": creating %lld of %lld replicas", RV_STR_ARG(name),
                 (long long)(desired - have), (long long)desired);
    grow(p, group, &t, desired - have, hosts);
}
