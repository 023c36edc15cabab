/* plan.c - drains, and the patch of the RayCluster. */
#include "plugins/autoscaler/plan.h"

enum { DRAINS_MAX = 64 }; /* in one round; the others come in the next */

/* ---- what may go now ------------------------------------------------------------------------------------ */

static void take_victim(const struct seen *s, size_t node, const bool *drained, struct plan *p) {
    int32_t at = s->pod_of[node];
    if (at < 0) return;
    const struct seen_pod *pod = &s->pods[at];
    if (pod->deleting || pod->to_delete) return;
    bool running = s->state.nodes[node].phase == AS_RUNNING;
    if (!running && pod->started && !drained[at])
        return; /* Ray may have joined since, and have work: it is drained then */
    if (!running || drained[at])
        p->removes[p->n_removes++] = (size_t)at;
    else if (p->n_drains < DRAINS_MAX)
        p->drains[p->n_drains++] = (struct plan_drain){(size_t)at, node};
}

/* What Ray agreed to drain in an earlier pass is lost to it already: it goes whatever the newest decision says. */
static void take_drained(const struct seen *s, const bool *drained, struct plan *p) {
    for (size_t i = 0; i < s->n_pods; i++) {
        const struct seen_pod *pod = &s->pods[i];
        if (!drained[i] || pod->to_delete || pod->head)
            continue; /* one that is going already is named too: it counts */
        bool have = false;
        for (size_t j = 0; j < p->n_removes; j++) have |= p->removes[j] == i;
        if (!have) p->removes[p->n_removes++] = i;
    }
}

/* Conservative: a group grows by no more than it has. Replicas stay whole. */
static int64_t limited(const struct seen *s, size_t g, int64_t wanted) {
    if (!s->info[g].conservative || wanted == 0) return wanted;
    int64_t running = 0, starting = 0;
    for (size_t i = 0; i < s->state.n_nodes; i++) {
        if (s->state.nodes[i].group != (int32_t)g) continue;
        running += s->state.nodes[i].phase == AS_RUNNING;
        starting += s->state.nodes[i].phase == AS_STARTING;
    }
    int64_t hosts = s->groups[g].hosts > 1 ? s->groups[g].hosts : 1;
    int64_t most = (running > hosts ? running : hosts) - starting;
    if (most < 0) most = 0;
    return wanted < most ? wanted : most / hosts * hosts;
}

static bool stands(const struct seen_pod *p) {
    return !p->head && !p->deleting && !p->to_delete && !p->ended && !p->broken;
}

static int64_t live_of(const struct seen *s, size_t g) {
    int64_t live = 0;
    for (size_t i = 0; i < s->n_pods; i++)
        live += stands(&s->pods[i]) && rv_str_eq(s->pods[i].group, s->groups[g].name);
    return live;
}

static int64_t removed_of(const struct seen *s, const struct plan *p, size_t g) {
    int64_t n = 0;
    for (size_t i = 0; i < p->n_removes; i++) n += rv_str_eq(s->pods[p->removes[i]].group, s->groups[g].name);
    return n;
}

/* A replica of several hosts goes as a whole: a part of one is none. */
static int64_t outgoing_of(const struct seen *s, const struct plan *p, size_t g) {
    int64_t n = 0, hosts = s->groups[g].hosts > 1 ? s->groups[g].hosts : 1;
    if (p->launches[g] != 0 || removed_of(s, p, g) != 0) return 0;
    if (live_of(s, g) < s->info[g].replicas) return 0;
    for (size_t i = 0; i < s->n_pods; i++)
        n += stands(&s->pods[i]) && s->pods[i].reclaimed.n != 0 && rv_str_eq(s->pods[i].group, s->groups[g].name);
    return n / hosts * hosts;
}

static bool has_group(const struct seen *s, const struct seen_pod *pod) {
    for (size_t g = 0; g < s->n_groups; g++)
        if (rv_str_eq(s->groups[g].name, pod->group)) return true;
    return false;
}

void plan_make(struct rv_arena *a, const struct seen *s, const struct as_decision *d, bool shrink, const bool *drained,
               struct plan *ret) {
    *ret = (struct plan){.drains = rv_arena_alloc(a, DRAINS_MAX * sizeof *ret->drains),
                         .removes = rv_arena_alloc(a, s->n_pods * sizeof *ret->removes),
                         .orphans = rv_arena_alloc(a, s->n_pods * sizeof *ret->orphans),
                         .launches = rv_arena_alloc(a, s->n_groups * sizeof *ret->launches),
                         .outgoing = rv_arena_alloc(a, s->n_groups * sizeof *ret->outgoing)};
    for (size_t g = 0; d != NULL && g < s->n_groups; g++) ret->launches[g] = limited(s, g, d->launches[g].count);
    for (size_t i = 0; d != NULL && shrink && i < s->state.n_nodes; i++)
        if (as_removes(d->verdicts[i])) take_victim(s, i, drained, ret);
    take_drained(s, drained, ret);
    for (size_t i = 0; i < ret->n_removes; i++)
        if (!has_group(s, &s->pods[ret->removes[i]]) && !s->pods[ret->removes[i]].deleting)
            ret->orphans[ret->n_orphans++] = ret->removes[i];
    for (size_t g = 0; d != NULL && g < s->n_groups; g++) ret->outgoing[g] = outgoing_of(s, ret, g);
}

/* ---- the patch ------------------------------------------------------------------------------------------ */

/* What the group has or will have: the spec's number, or more pods when somebody lowered that by hand. */
static int64_t base_of(const struct seen *s, size_t g) {
    int64_t live = live_of(s, g);
    return live > s->info[g].replicas ? live : s->info[g].replicas;
}

int64_t plan_target(const struct seen *s, const struct plan *p, size_t g) {
    const struct as_group *group = &s->groups[g];
    int64_t target = base_of(s, g) + p->launches[g] - removed_of(s, p, g) - p->outgoing[g];
    if (target > group->max) target = group->max;
    if (target < group->min) target = group->min;
    return target < 0 ? 0 : target;
}

static struct rv_node *operation(struct rv_arena *a, struct rv_node *list, const char *op, struct rv_str path,
                                 struct rv_node *value) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_cstr(a, n, "op", op);
    rv_node_set_str(a, n, "path", path);
    rv_node_set(a, n, "value", value);
    rv_node_append(a, list, n);
    return n;
}

static bool pod_exists(const struct seen *s, struct rv_str name) {
    for (size_t i = 0; i < s->n_pods; i++)
        if (rv_str_eq(s->pods[i].name, name)) return true;
    return false;
}

/* Names that are still there and those that are new; *ret_changed: is that another list than the spec's? A list is
 * rewritten when it grows or when all of it is done: not for each pod that goes. */
static struct rv_node *names_to_delete(struct rv_arena *a, const struct seen *s, const struct plan *p, size_t g,
                                       bool *ret_changed) {
    struct rv_node *list = rv_node_array(a);
    struct rv_val have = rv_val_path(s->info[g].spec, "scaleStrategy.workersToDelete");
    size_t kept = 0, fresh = 0;
    for (struct rv_iter it = rv_iter(have); rv_iter_next(&it);) {
        if (!pod_exists(s, rv_val_str(it.val))) continue;
        rv_node_append(a, list, rv_node_str(a, rv_val_str(it.val)));
        kept++;
    }
    for (size_t i = 0; i < p->n_removes; i++) {
        const struct seen_pod *pod = &s->pods[p->removes[i]];
        if (!rv_str_eq(pod->group, s->groups[g].name)) continue;
        rv_node_append(a, list, rv_node_str(a, pod->name));
        fresh++;
    }
    *ret_changed = fresh > 0 || (kept == 0 && rv_val_len(have) > 0);
    return list;
}

static void patch_group(struct rv_arena *a, const struct seen *s, const struct plan *p, size_t g, struct rv_node *ops) {
    bool names;
    struct rv_node *list = names_to_delete(a, s, p, g, &names);
    int64_t hosts = s->groups[g].hosts > 1 ? s->groups[g].hosts : 1, target = plan_target(s, p, g) / hosts;
    bool number =
        (p->launches[g] != 0 || removed_of(s, p, g) != 0 || p->outgoing[g] != 0) && target != s->info[g].raw_replicas;
    if (!names && !number) return;
    operation(a, ops, "test", rv_arena_fmt(a, "/spec/workerGroupSpecs/%zu/groupName", g),
              rv_node_str(a, s->groups[g].name));
    if (number)
        operation(a, ops, "add", rv_arena_fmt(a, "/spec/workerGroupSpecs/%zu/replicas", g), rv_node_int(a, target));
    if (!names) return;
    struct rv_node *strategy = rv_node_map(a);
    rv_node_set(a, strategy, "workersToDelete", list);
    operation(a, ops, "add", rv_arena_fmt(a, "/spec/workerGroupSpecs/%zu/scaleStrategy", g), strategy);
}

struct rv_node *plan_patch(struct rv_arena *a, const struct seen *s, const struct plan *p, int64_t generation) {
    struct rv_node *ops = rv_node_array(a);
    operation(a, ops, "test", RV_STR("/metadata/generation"), rv_node_int(a, generation));
    for (size_t g = 0; g < s->n_groups; g++) patch_group(a, s, p, g, ops);
    return rv_node_len(ops) > 1 ? ops : NULL;
}
