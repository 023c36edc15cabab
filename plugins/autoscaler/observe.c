/* observe.c - joining pods and Ray nodes. */
#include "plugins/autoscaler/observe.h"

#include "plugins/autoscaler/intern.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/obstacle.h"

/* ---- the RayCluster and its pods ------------------------------------------------------------------------ */

void observe_cluster(struct rv_arena *a, const struct rc_cluster *c, struct seen *ret) {
    *ret = (struct seen){0};
    ret->groups = groups_read(a, c, &ret->info, &ret->n_groups);
}

static struct rv_str label(struct rv_val pod, const char *key) {
    return rv_val_str(rv_val_get(rv_val_path(pod, "metadata.labels"), key));
}

static bool has_container(struct rv_val pod, const char *name) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "spec.containers")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), name)) return true;
    return false;
}

/* Its phase says so, or its Ray container ended and will not be started again. */
static bool has_ended(struct rv_val pod) {
    struct rv_str phase = rv_path_str(pod, "status.phase");
    if (rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed")) return true;
    if (!rv_str_is(rv_path_str(pod, "spec.restartPolicy"), "Never")) return false;
    struct rv_str ray = rv_path_str(pod, "spec.containers[0].name");
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "status.containerStatuses")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), ray)) return rv_val_set(rv_val_path(it.val, "state.terminated"));
    return false;
}

static int64_t moment(struct rv_val v, const char *path) {
    int64_t ns;
    return rv_time_parse(rv_path_str(v, path), &ns) == 0 ? ns : 0;
}

static int64_t grace_of(struct rv_val pod) {
    enum { MOST_S = 31536000 }; /* more than a year is as good as unknown */
    int64_t s = rv_path_int(pod, "spec.terminationGracePeriodSeconds", -1);
    return s < 0 || s > MOST_S ? -1 : s * INT64_C(1000000000);
}

static bool named_for_deletion(struct rv_val group, struct rv_str pod) {
    for (struct rv_iter it = rv_iter(rv_val_path(group, "scaleStrategy.workersToDelete")); rv_iter_next(&it);)
        if (rv_str_eq(rv_val_str(it.val), pod)) return true;
    return false;
}

/* A pod that is deleted at this moment ends so much later. */
static int64_t after_grace(const struct seen_pod *p, int64_t deleted) {
    int64_t end;
    if (deleted <= 0 || p->grace < 0 || __builtin_add_overflow(deleted, p->grace, &end)) return 0;
    return end;
}

static void observe_conditions(struct rv_val pod, struct seen_pod *p) {
    struct rv_val list = rv_val_path(pod, "status.conditions"), scheduled = rv_condition_find(list, "PodScheduled"),
                  ready = rv_condition_find(list, "Ready");
    p->ready = rv_str_is(rv_path_str(ready, "status"), "True");
    p->unschedulable = rv_str_is(rv_path_str(scheduled, "status"), "False") &&
                       rv_str_is(rv_path_str(scheduled, "reason"), "Unschedulable");
    p->unschedulable_at = moment(scheduled, "lastTransitionTime");
    if (p->unschedulable_at == 0) p->unschedulable_at = p->made;
    if (p->unschedulable) p->problem = rv_path_str(scheduled, "message");
    /* An eviction, a preemption by the scheduler, a taint that does not tolerate it, a machine that shuts down. */
    struct rv_val disrupted = rv_condition_find(list, "DisruptionTarget");
    if (!rv_str_is(rv_path_str(disrupted, "status"), "True")) return;
    p->reclaimed = rv_path_str(disrupted, "message");
    if (p->reclaimed.n == 0) p->reclaimed = rv_path_str(disrupted, "reason");
    if (p->reclaimed.n == 0) p->reclaimed = RV_STR("the pod is a target of a disruption");
    p->reclaimed_at = after_grace(p, moment(disrupted, "lastTransitionTime"));
}

static bool announces_removal(struct rv_val taint, struct rv_val keys) {
    for (struct rv_iter it = rv_iter(keys); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(taint, "key"), rv_val_str(it.val))) return true;
    return false;
}

static struct rv_val removal_taint(struct rv_val machine, struct rv_val keys) {
    for (struct rv_iter it = rv_iter(rv_val_path(machine, "spec.taints")); rv_iter_next(&it);)
        if (announces_removal(it.val, keys)) return it.val;
    return RV_VAL_ABSENT;
}

struct rv_str observe_removal_taint(struct rv_val machine, struct rv_val taints) {
    return rv_path_str(removal_taint(machine, taints), "key");
}

/* A taint that evicts (NoExecute) has the time from which it does; others only keep new pods away, and when the pods
 * that are there are deleted is not said. */
void observe_machine(struct rv_arena *a, struct seen_pod *pod, struct rv_val machine, struct rv_val taints) {
    struct rv_val taint = removal_taint(machine, taints);
    if (!rv_val_present(taint) || pod->reclaimed.n != 0) return;
    pod->reclaimed = rv_arena_fmt(a, "node " RV_STR_FMT " has the taint " RV_STR_FMT, RV_STR_ARG(pod->machine),
                                  RV_STR_ARG(rv_path_str(taint, "key")));
    if (rv_str_is(rv_path_str(taint, "effect"), "NoExecute"))
        pod->reclaimed_at = after_grace(pod, moment(taint, "timeAdded"));
}

/* ---- replicas of several hosts -------------------------------------------------------------------------- */

/* The first pod of each replica that is taken away, or whose end dooms the others. */
struct loss {
    const struct seen_pod *of;
    bool at_once;
    bool known;
};

static bool goes_by_itself(const struct seen_pod *p) {
    return (p->deleting || p->ended || p->reclaimed.n != 0) && !p->to_delete;
}

static uint32_t replica_of(struct intern *names, struct rv_buf *key, const struct seen_pod *p) {
    rv_buf_clear(key);
    rv_buf_add_str(key, p->group);
    rv_buf_addc(key, 0);
    rv_buf_add_str(key, p->replica);
    return intern_put(names, rv_buf_bytes(key), NULL);
}

static bool of_several(const struct seen *s, const struct seen_pod *p) {
    if (p->head || p->replica.n == 0) return false;
    for (size_t g = 0; g < s->n_groups; g++)
        if (rv_str_eq(s->groups[g].name, p->group)) return s->groups[g].hosts > 1;
    return false;
}

static void note_loss(struct loss *l, const struct seen_pod *p) {
    bool at_once = p->deleting || p->ended;
    if (l->known && (l->at_once || !at_once)) return;
    *l = (struct loss){p, at_once, true};
}

static bool has_several(const struct seen *s) {
    for (size_t g = 0; g < s->n_groups; g++)
        if (s->groups[g].hosts > 1) return true;
    return false;
}

void observe_replicas(struct rv_arena *a, struct seen *s) {
    if (!has_several(s)) return;
    struct intern names = intern_new(a);
    rv_autobuf struct rv_buf key = {0};
    struct loss *losses = rv_arena_alloc(a, (s->n_pods + 1) * sizeof *losses);
    uint32_t *replica = rv_arena_alloc(a, (s->n_pods + 1) * sizeof *replica);
    for (size_t i = 0; i < s->n_pods; i++) {
        replica[i] = of_several(s, &s->pods[i]) ? replica_of(&names, &key, &s->pods[i]) : INTERN_NONE;
        if (replica[i] != INTERN_NONE && goes_by_itself(&s->pods[i])) note_loss(&losses[replica[i]], &s->pods[i]);
    }
    for (size_t i = 0; i < s->n_pods; i++) {
        struct seen_pod *p = &s->pods[i];
        const struct loss *l = replica[i] != INTERN_NONE ? &losses[replica[i]] : NULL;
        if (l == NULL || !l->known || p == l->of || p->deleting || p->ended) continue;
        p->broken = l->at_once;
        if (p->reclaimed.n != 0) continue;
        p->reclaimed = rv_arena_fmt(a, "pod " RV_STR_FMT " of its replica is taken away", RV_STR_ARG(l->of->name));
        p->reclaimed_at = l->of->deleting ? l->of->gone_at : l->of->reclaimed_at;
    }
}

void observe_add_pod(struct rv_arena *a, struct seen *s, struct rv_str name, struct rv_str uid, struct rv_val pod,
                     size_t room) {
    if (s->pods == NULL) s->pods = rv_arena_alloc(a, room * sizeof *s->pods);
    if (s->n_pods >= room) return;
    struct seen_pod *p = &s->pods[s->n_pods++];
    *p = (struct seen_pod){.name = name,
                           .uid = uid,
                           .group = label(pod, RC_LABEL_GROUP),
                           .replica = label(pod, RC_LABEL_REPLICA_NAME),
                           .head = rv_str_is(label(pod, RC_LABEL_NODE_TYPE), "head"),
                           .deleting = rv_meta_deleting(pod),
                           .ended = has_ended(pod),
                           .started = rv_str_is(rv_path_str(pod, "status.phase"), "Running"),
                           .sidecar = has_container(pod, RC_CONTAINER_AUTOSCALER),
                           .made = moment(pod, "metadata.creationTimestamp"),
                           .gone_at = moment(pod, "metadata.deletionTimestamp"),
                           .grace = grace_of(pod),
                           .machine = rv_path_str(pod, "spec.nodeName"),
                           .node = -1,
                           .ray = -1};
    observe_conditions(pod, p);
    for (size_t g = 0; g < s->n_groups; g++)
        if (rv_str_eq(s->groups[g].name, p->group)) p->to_delete = named_for_deletion(s->info[g].spec, name);
}

/* ---- joining -------------------------------------------------------------------------------------------- */

static bool lives(const struct gcs_node *n) { return n->status == GCS_RUNNING || n->status == GCS_IDLE; }

static void match_nodes(struct rv_arena *a, struct seen *s, const struct gcs_state *g, bool *taken) {
    struct intern names = intern_new(a);
    for (size_t i = 0; i < s->n_pods; i++) (void)intern_put(&names, intern_text(s->pods[i].name), NULL);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct gcs_node *n = &g->nodes[i];
        uint32_t at = n->pod.n != 0 ? intern_find(&names, intern_text(n->pod)) : INTERN_NONE;
        if (at == INTERN_NONE) continue;
        taken[i] = true;
        if (lives(n) || (n->status == GCS_DRAINING && s->pods[at].ray < 0)) s->pods[at].ray = (int32_t)i;
        if (lives(n))
            s->pods[at].node = (int32_t)i;
        else
            s->pods[at].was_node = true;
    }
}

static void find_head(struct seen *s, const struct gcs_state *g) {
    for (size_t i = 0; i < s->n_pods; i++)
        if (s->pods[i].head && !s->pods[i].deleting && !s->pods[i].ended) s->head = &s->pods[i];
    if (s->head == NULL)
        s->doubt = "the head pod is not there";
    else if (s->head->node < 0)
        s->doubt = "the control store does not know the head's node yet";
    else if (!g->nodes[s->head->node].head)
        s->doubt = "the node of the head pod does not call itself the head";
}

struct build {
    struct rv_arena *arena;
    struct seen *seen;
    const struct gcs_state *gcs;
    const struct observe_policy *policy;
    struct as_node *nodes;
    size_t n, room;
    int64_t *pods_of_group; /* that live or will: not leaving */
};

static void add(struct build *b, struct as_node n, int32_t pod, int32_t gcs) {
    if (b->n >= b->room) return;
    b->seen->pod_of[b->n] = pod;
    b->seen->gcs_of[b->n] = gcs;
    b->nodes[b->n++] = n;
}

static int32_t group_of(const struct seen *s, const struct seen_pod *p) {
    if (p->head) return AS_HEAD;
    for (size_t g = 0; g < s->n_groups; g++)
        if (rv_str_eq(s->groups[g].name, p->group)) return (int32_t)g;
    return AS_NO_GROUP;
}

static bool is_blocked(const struct build *b, const struct seen_pod *p) {
    return p->unschedulable && b->policy->release_ns > 0 &&
           b->policy->now - p->unschedulable_at >= b->policy->release_ns;
}

static enum as_phase phase_of(const struct build *b, const struct seen_pod *p) {
    if (p->deleting || p->ended || p->to_delete || (p->reclaimed.n != 0 && !p->head)) return AS_LEAVING;
    if (p->node >= 0) return AS_RUNNING;
    if (p->was_node) return AS_LEAVING; /* its Ray was drained or died: the pod has no use any more */
    return is_blocked(b, p) ? AS_BLOCKED : AS_STARTING;
}

static void add_pod(struct build *b, size_t i) {
    struct seen *s = b->seen;
    const struct seen_pod *p = &s->pods[i];
    struct as_node n = {.name = p->name, .group = group_of(s, p), .phase = phase_of(b, p), .replica = p->replica};
    if (n.phase == AS_RUNNING) {
        const struct gcs_node *ray = &b->gcs->nodes[p->node];
        n.total = ray->total;
        n.available = ray->available;
        n.labels = ray->labels;
        n.idle_ms = ray->status == GCS_IDLE ? ray->idle_ms : 0;
        s->joined += !p->head;
    }
    s->blocked += n.phase == AS_BLOCKED;
    bool replaced = /* by the one who makes pods */
        p->deleting || p->ended || p->to_delete || p->broken || p->reclaimed.n == 0;
    if (n.group >= 0 && (n.phase != AS_LEAVING || !replaced)) b->pods_of_group[n.group]++;
    if (n.group >= 0 && n.phase == AS_BLOCKED) s->groups[n.group].stuck = true;
    add(b, n, (int32_t)i, p->node);
}

/* Pods that the spec asks for and that are not there yet: they will be. */
static void add_expected(struct build *b) {
    struct seen *s = b->seen;
    for (size_t g = 0; g < s->n_groups; g++)
        for (int64_t k = b->pods_of_group[g]; k < s->info[g].replicas && b->n < b->room; k++)
            add(b, (struct as_node){.group = (int32_t)g, .phase = AS_STARTING}, -1, -1);
}

static size_t expected_room(const struct seen *s) {
    size_t room = 0;
    for (size_t g = 0; g < s->n_groups; g++) {
        size_t more = (size_t)s->info[g].replicas;
        room += more < GCS_NODES ? more : GCS_NODES; /* a typing error of nine digits must not cost the memory */
    }
    return room;
}

static void add_strangers(struct build *b, const bool *taken) {
    for (size_t i = 0; i < b->gcs->n_nodes; i++) {
        const struct gcs_node *n = &b->gcs->nodes[i];
        if (taken[i] || !lives(n)) continue;
        /* A node that names a pod which is gone is about to be found dead: it has no room. */
        if (n->pod.n != 0) continue;
        add(b,
            (struct as_node){.group = AS_NO_GROUP,
                             .phase = AS_UNMANAGED,
                             .total = n->total,
                             .available = n->available,
                             .labels = n->labels,
                             .idle_ms = n->idle_ms},
            -1, (int32_t)i);
    }
}

static int64_t amount_of(struct as_resources list, struct rv_str name) {
    for (size_t i = 0; i < list.n; i++)
        if (rv_str_eq(list.items[i].name, name)) return list.items[i].amount;
    return 0;
}

/* What is in use on a node that is being taken away, in the resources that a new node of its group has. */
static struct as_resources in_use(struct rv_arena *a, const struct gcs_node *ray, const struct as_group *group) {
    struct as_resource *items = rv_arena_alloc(a, group->resources.n * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < group->resources.n; i++) {
        struct rv_str name = group->resources.items[i].name;
        int64_t most = group->resources.items[i].amount,
                used = amount_of(ray->total, name) - amount_of(ray->available, name);
        if (used > 0) items[n++] = (struct as_resource){name, used < most ? used : most};
    }
    return (struct as_resources){items, n};
}

static void add_uprooted(struct rv_arena *a, struct seen *s, const struct gcs_state *g) {
    struct as_demand *all = rv_arena_alloc(a, (g->n_demands + s->n_pods) * sizeof *all);
    size_t n = g->n_demands;
    if (n != 0) memcpy(all, g->demands, n * sizeof *all);
    for (size_t i = 0; i < s->n_pods; i++) {
        const struct seen_pod *p = &s->pods[i];
        int32_t group = group_of(s, p);
        if (group < 0 || p->ray < 0 || p->to_delete || !(p->deleting || p->reclaimed.n != 0)) continue;
        struct as_resources use = in_use(a, &g->nodes[p->ray], &s->groups[group]);
        if (use.n != 0) all[n++] = (struct as_demand){.request = {.resources = use}, .count = 1};
    }
    s->state.demands = all;
    s->state.n_demands = n;
}

static int64_t cluster_max(const struct seen *s) {
    int64_t sum = 1; /* the head */
    for (size_t g = 0; g < s->n_groups; g++)
        if (__builtin_add_overflow(sum, s->groups[g].max, &sum)) return INT64_MAX;
    return sum;
}

void observe_join(struct rv_arena *a, struct seen *s, const struct gcs_state *g, const struct observe_policy *policy) {
    bool *taken = rv_arena_alloc(a, g->n_nodes);
    if (s->pods == NULL) s->pods = rv_arena_alloc(a, sizeof *s->pods);
    match_nodes(a, s, g, taken);
    find_head(s, g);
    struct build b = {.arena = a, .seen = s, .gcs = g, .policy = policy};
    b.room = s->n_pods + g->n_nodes + expected_room(s);
    b.nodes = rv_arena_alloc(a, b.room * sizeof *b.nodes);
    b.pods_of_group = rv_arena_alloc(a, s->n_groups * sizeof *b.pods_of_group);
    s->pod_of = rv_arena_alloc(a, b.room * sizeof *s->pod_of);
    s->gcs_of = rv_arena_alloc(a, b.room * sizeof *s->gcs_of);
    for (size_t i = 0; i < s->n_pods; i++) add_pod(&b, i);
    add_expected(&b);
    add_strangers(&b, taken);
    s->state = (struct as_state){.groups = s->groups,
                                 .n_groups = s->n_groups,
                                 .nodes = b.nodes,
                                 .n_nodes = b.n,
                                 .gangs = g->gangs,
                                 .n_gangs = g->n_gangs,
                                 .held = g->held,
                                 .n_held = g->n_held,
                                 .max_nodes = cluster_max(s),
                                 .max_launches = policy->max_launches};
    add_uprooted(a, s, g);
}
