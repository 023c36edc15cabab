/* decision.c - the steps of a decision in their order. */
#include "plugins/autoscaler/decision.h"

#include "plugins/autoscaler/gang.h"
#include "plugins/autoscaler/intern.h"
#include "plugins/autoscaler/packing.h"

#include <stdlib.h>

struct round {
    struct rv_arena *arena;
    const struct as_state *state;
    struct pack *pack;
    struct as_decision *out;
    uint32_t *replica; /* of each node of a multi-host group, by index; INTERN_NONE for others */
    uint32_t n_replicas;
    bool settled; /* all that waits has a node that runs: pods that cannot be placed are of no use */
    struct rv_arena *scratch;
};

/* ---- nodes and replicas ------------------------------------------------------------------------------- */

static void find_replicas(struct round *r) {
    const struct as_state *s = r->state;
    struct intern names = intern_new(r->arena);
    rv_autobuf struct rv_buf key = {0};
    r->replica = rv_arena_alloc(r->arena, s->n_nodes * sizeof *r->replica);
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct as_node *n = &s->nodes[i];
        r->replica[i] = INTERN_NONE;
        if (n->group < 0 || s->groups[n->group].hosts <= 1 || n->replica.n == 0) continue;
        rv_buf_clear(&key);
        rv_buf_add(&key, &n->group, sizeof n->group);
        rv_buf_add_str(&key, n->replica);
        r->replica[i] = intern_put(&names, rv_buf_bytes(&key), NULL);
    }
    r->n_replicas = names.n;
}

static bool same_replica(const struct round *r, const struct pack_node *a, const struct pack_node *b) {
    return a->source >= 0 && b->source >= 0 && r->replica[a->source] != INTERN_NONE &&
           r->replica[a->source] == r->replica[b->source];
}

static void remove_node(struct round *r, struct pack_node *n, enum as_verdict why) {
    n->removed = true;
    if (n->source >= 0) r->out->verdicts[n->source] = why;
}

static bool ours(const struct round *r, const struct pack_node *n) {
    return !n->removed && (n->source < 0 || r->state->nodes[n->source].phase != AS_UNMANAGED);
}

static int64_t *group_counts(const struct round *r) {
    size_t n;
    const struct pack_node *nodes = pack_nodes(r->pack, &n);
    int64_t *counts = rv_arena_alloc(r->arena, r->state->n_groups * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        if (ours(r, &nodes[i]) && nodes[i].group >= 0) counts[nodes[i].group]++;
    return counts;
}

/* ---- the order in which nodes are given up ------------------------------------------------------------- */

struct victim {
    uint32_t at; /* in the plan */
    bool running;
    int64_t idle_ms;
    double use;
};

static int victim_cmp(const void *a, const void *b) {
    const struct victim *x = a, *y = b;
    if (x->running != y->running) return x->running ? 1 : -1;
    if (x->idle_ms != y->idle_ms) return x->idle_ms > y->idle_ms ? -1 : 1;
    if (x->use < y->use || x->use > y->use) return x->use < y->use ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The nodes of a group (or of all, group INT32_MAX), those first that cost least to lose. */
static struct victim *victims(const struct round *r, int32_t group, size_t *ret_n) {
    size_t n, k = 0;
    const struct pack_node *nodes = pack_nodes(r->pack, &n);
    struct victim *out = rv_arena_alloc(r->arena, n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        if (!ours(r, &nodes[i]) || (group != INT32_MAX && nodes[i].group != group)) continue;
        out[k++] = (struct victim){(uint32_t)i, nodes[i].running, nodes[i].idle_ms, pack_use(r->pack, &nodes[i])};
    }
    if (k > 1) qsort(out, k, sizeof *out, victim_cmp);
    *ret_n = k;
    return out;
}

/* ---- 1 and 2: what the RayCluster says ------------------------------------------------------------------ */

static void drop_lost_groups(struct round *r) {
    size_t n;
    struct pack_node *nodes = pack_nodes(r->pack, &n);
    for (size_t i = 0; i < n; i++)
        if (nodes[i].group == AS_NO_GROUP && ours(r, &nodes[i])) remove_node(r, &nodes[i], AS_REMOVE_NO_GROUP);
}

static void fill_to_min(struct round *r) {
    int64_t *have = group_counts(r);
    for (size_t g = r->state->n_groups; g-- > 0;) {
        const struct as_group *group = &r->state->groups[g];
        int64_t want = group->min < group->max ? group->min : group->max, more = want - have[g];
        if (more <= 0) continue;
        more = (more + group->hosts - 1) / group->hosts * group->hosts;
        pack_add_front(r->pack, (int32_t)g, more, AS_FOR_MIN);
    }
}

/* Removes so many of the list, whole replicas at a time. */
static void give_up(struct round *r, const struct victim *list, size_t n, int64_t extra, enum as_verdict why) {
    size_t n_nodes;
    struct pack_node *nodes = pack_nodes(r->pack, &n_nodes);
    for (size_t i = 0; i < n && extra > 0; i++) {
        struct pack_node *one = &nodes[list[i].at];
        if (one->removed || one->group == AS_HEAD) continue;
        remove_node(r, one, why);
        extra--;
        if (one->group < 0 || r->state->groups[one->group].hosts <= 1) continue;
        for (size_t j = i + 1; j < n; j++) {
            struct pack_node *other = &nodes[list[j].at];
            if (other->removed || !same_replica(r, one, other)) continue;
            remove_node(r, other, why);
            extra--;
        }
    }
}

/* Brings the plan into the order of these nodes; all others follow. */
static void reorder(struct round *r, const uint32_t *front, size_t n_front) {
    size_t n, k = n_front;
    (void)pack_nodes(r->pack, &n);
    uint32_t *order = rv_arena_alloc(r->arena, n * sizeof *order);
    bool *seen = rv_arena_alloc(r->arena, n);
    for (size_t i = 0; i < n_front; i++) {
        order[i] = front[i];
        seen[front[i]] = true;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!seen[i]) order[k++] = i;
    pack_reorder(r->pack, order);
}

/* Groups in the order in which the plan first shows them; in a group that lost nodes, in the order of loss, the head
 * last. */
static void trim_groups(struct round *r) {
    size_t n, k = 0, n_victims;
    struct pack_node *nodes = pack_nodes(r->pack, &n);
    uint32_t *order = rv_arena_alloc(r->arena, n * sizeof *order);
    bool *done = rv_arena_alloc(r->arena, n);
    int64_t *have = group_counts(r);
    for (size_t i = 0; i < n; i++) {
        if (done[i] || !ours(r, &nodes[i])) continue;
        int32_t g = nodes[i].group;
        int64_t extra = g >= 0 ? have[g] - r->state->groups[g].max : 0;
        const struct victim *list = extra > 0 ? victims(r, g, &n_victims) : NULL;
        if (list != NULL) give_up(r, list, n_victims, extra, AS_REMOVE_GROUP_MAX);
        for (size_t j = 0; list != NULL && j < n_victims; j++) {
            order[k++] = list[j].at;
            done[list[j].at] = true;
        }
        for (size_t j = i; list == NULL && j < n; j++) {
            if (nodes[j].group != g || done[j] || !ours(r, &nodes[j])) continue;
            order[k++] = (uint32_t)j;
            done[j] = true;
        }
    }
    reorder(r, order, k);
}

static void trim_cluster(struct round *r) {
    size_t n, k = 0;
    struct victim *list = victims(r, INT32_MAX, &n);
    int64_t extra = (int64_t)n - r->state->max_nodes;
    if (extra <= 0) return;
    give_up(r, list, n, extra, AS_REMOVE_MAX);
    uint32_t *order = rv_arena_alloc(r->arena, n * sizeof *order);
    size_t n_nodes;
    const struct pack_node *nodes = pack_nodes(r->pack, &n_nodes);
    for (int head = 0; head < 2; head++)
        for (size_t i = 0; i < n; i++)
            if ((nodes[list[i].at].group == AS_HEAD) == (head == 1)) order[k++] = list[i].at;
    reorder(r, order, k);
}

/* ---- 3 to 5: demand ------------------------------------------------------------------------------------- */

static bool fits_any_group(struct round *r, const struct as_request *request) {
    for (size_t g = 0; g < r->state->n_groups; g++)
        if (r->state->groups[g].max > 0 && pack_fits_group(r->pack, request, g)) return true;
    return false;
}

static bool all_fit(struct round *r, const struct as_demand *demands, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!fits_any_group(r, &demands[i].request)) return false;
    return true;
}

static int64_t *counts_of(struct rv_arena *a, const struct as_demand *demands, size_t n) {
    int64_t *counts = rv_arena_alloc(a, n * sizeof *counts);
    for (size_t i = 0; i < n; i++) counts[i] = demands[i].count > 0 ? demands[i].count : 0;
    return counts;
}

static void hold(struct round *r) {
    const struct as_state *s = r->state;
    int64_t *counts = counts_of(r->arena, s->held, s->n_held);
    if (pack_place(r->pack, PACK_HELD, s->held, counts, s->n_held, true, AS_FOR_HELD)) return;
    r->out->held_unmet = true;
    r->out->held_capped = all_fit(r, s->held, s->n_held);
}

static void place_gangs(struct round *r) {
    const struct as_state *s = r->state;
    const struct as_gang **sorted = gang_sort(r->arena, s->gangs, s->n_gangs);
    r->out->unmet_gangs = rv_arena_alloc(r->arena, s->n_gangs * sizeof *r->out->unmet_gangs);
    for (size_t i = 0; i < s->n_gangs; i++) {
        size_t n;
        rv_arena_reset(r->scratch);
        const struct as_demand *demands = gang_demands(r->scratch, sorted[i], &n);
        int64_t *counts = counts_of(r->scratch, demands, n);
        if (pack_place(r->pack, PACK_DEMAND, demands, counts, n, true, AS_FOR_GANG)) continue;
        r->out->unmet_gangs[r->out->n_unmet_gangs++] = (struct as_unmet_gang){sorted[i], all_fit(r, demands, n)};
    }
}

static void place_demands(struct round *r) {
    const struct as_state *s = r->state;
    int64_t *counts = counts_of(r->arena, s->demands, s->n_demands);
    r->out->unmet = rv_arena_alloc(r->arena, s->n_demands * sizeof *r->out->unmet);
    if (pack_place(r->pack, PACK_DEMAND, s->demands, counts, s->n_demands, false, AS_FOR_DEMAND)) return;
    for (size_t i = 0; i < s->n_demands; i++) {
        if (counts[i] == 0) continue;
        const struct as_request *request = &s->demands[i].request;
        r->out->unmet[r->out->n_unmet++] = (struct as_unmet){request, counts[i], fits_any_group(r, request)};
    }
}

/* ---- 6: what is idle ------------------------------------------------------------------------------------ */

/* Why this node must stay for reasons of its own; AS_REMOVE_IDLE when there are none. */
static enum as_verdict idle_verdict(const struct round *r, const struct pack_node *n) {
    const struct as_node *node = &r->state->nodes[n->source];
    if (n->group == AS_HEAD) return AS_KEEP_HEAD;
    if (node->phase == AS_UNMANAGED) return AS_KEEP_UNMANAGED;
    if (node->phase == AS_STARTING) return AS_KEEP_STARTING;
    if (node->phase == AS_BLOCKED) {
        bool needed = pack_needed(r->pack, n, PACK_DEMAND) || pack_needed(r->pack, n, PACK_HELD);
        return r->settled && !needed ? AS_REMOVE_BLOCKED : AS_KEEP_BLOCKED;
    }
    if (n->idle_ms <= 0) return AS_KEEP_BUSY;
    int64_t limit = r->state->groups[n->group].idle_ms;
    if (limit < 0 || n->idle_ms <= limit) return AS_KEEP_NOT_LONG;
    if (pack_needed(r->pack, n, PACK_DEMAND)) return AS_KEEP_DEMAND;
    if (pack_needed(r->pack, n, PACK_HELD)) return AS_KEEP_HELD;
    return AS_REMOVE_IDLE;
}

/* Of each replica, the number of hosts that may go. */
static int64_t *idle_hosts(const struct round *r) {
    size_t n;
    const struct pack_node *nodes = pack_nodes(r->pack, &n);
    int64_t *idle = rv_arena_alloc(r->arena, (size_t)r->n_replicas * sizeof *idle);
    for (size_t i = 0; i < n; i++) {
        if (nodes[i].removed || nodes[i].source < 0) continue;
        uint32_t replica = r->replica[nodes[i].source];
        if (replica == INTERN_NONE) continue;
        if (!as_removes(idle_verdict(r, &nodes[i]))) idle[replica] = -1;
        if (idle[replica] >= 0) idle[replica]++;
    }
    return idle;
}

/* A host goes when its whole replica may, and when that leaves the group at its minimum. */
static enum as_verdict replica_verdict(const struct round *r, const struct pack_node *n, const int64_t *idle,
                                       int64_t have, enum as_verdict why) {
    const struct as_group *g = &r->state->groups[n->group];
    uint32_t replica = r->replica[n->source];
    if (replica != INTERN_NONE && idle[replica] < 0) return AS_KEEP_REPLICA;
    int64_t hosts = replica != INTERN_NONE ? idle[replica] : 1;
    return have - hosts < g->min ? AS_KEEP_MIN : why;
}

/* Of each group, the nodes that have a pod. A minimum is made of these: a node that is yet to be made is none yet. */
static int64_t *pods_there(const struct round *r) {
    size_t n;
    const struct pack_node *nodes = pack_nodes(r->pack, &n);
    int64_t *counts = rv_arena_alloc(r->arena, r->state->n_groups * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        if (ours(r, &nodes[i]) && nodes[i].group >= 0 && nodes[i].source >= 0 &&
            r->state->nodes[nodes[i].source].name.n != 0)
            counts[nodes[i].group]++;
    return counts;
}

/* A pod that cannot be placed is given up when others do its work: they run, or there is no work. Until then it stands
 * in line, and its being there keeps its group from being chosen again. */
static bool is_settled(const struct round *r) {
    const struct as_decision *d = r->out;
    size_t n;
    const struct pack_node *nodes = pack_nodes(r->pack, &n);
    if (d->n_unmet != 0 || d->n_unmet_gangs != 0 || d->held_unmet) return false;
    for (size_t i = 0; i < n; i++)
        if (!nodes[i].removed && !nodes[i].blocked && !nodes[i].running) return false;
    return true;
}

static void remove_idle(struct round *r) {
    r->settled = is_settled(r);
    size_t n, n_nodes;
    const struct victim *list = victims(r, INT32_MAX, &n);
    struct pack_node *nodes = pack_nodes(r->pack, &n_nodes);
    int64_t *have = pods_there(r), *idle = idle_hosts(r);
    bool *going = rv_arena_alloc(r->arena, (size_t)r->n_replicas);
    for (size_t i = 0; i < n; i++) {
        struct pack_node *one = &nodes[list[i].at];
        if (one->source < 0) continue;
        uint32_t replica = r->replica[one->source];
        enum as_verdict v = idle_verdict(r, one);
        bool follows = replica != INTERN_NONE && going[replica];
        if (as_removes(v) && !follows) {
            v = replica_verdict(r, one, idle, have[one->group], v);
            if (as_removes(v)) have[one->group] -= replica != INTERN_NONE ? idle[replica] : 1;
            if (as_removes(v) && replica != INTERN_NONE) going[replica] = true;
        }
        if (as_removes(v)) remove_node(r, one, v);
        r->out->verdicts[one->source] = v;
    }
}

/* ---- all together --------------------------------------------------------------------------------------- */

static void count_launches(struct round *r) {
    size_t n;
    const struct pack_node *nodes = pack_nodes(r->pack, &n);
    for (size_t i = 0; i < n; i++) {
        if (nodes[i].source >= 0 || nodes[i].removed) continue;
        struct as_launch *l = &r->out->launches[nodes[i].group];
        l->count++;
        l->because[nodes[i].because]++;
        r->out->price += r->state->groups[nodes[i].group].price;
    }
}

static void decide_with(struct rv_arena *a, const struct as_state *s, enum pack_taste taste, struct as_decision *out) {
    *out = (struct as_decision){.launches = rv_arena_alloc(a, s->n_groups * sizeof *out->launches),
                                .verdicts = rv_arena_alloc(a, s->n_nodes * sizeof *out->verdicts)};
    struct round r = {.arena = a, .state = s, .pack = pack_new(a, s, taste), .out = out, .scratch = rv_arena_new()};
    for (size_t i = 0; i < s->n_nodes; i++)
        out->verdicts[i] = s->nodes[i].phase == AS_UNMANAGED ? AS_KEEP_UNMANAGED : AS_KEEP_LEAVING;
    find_replicas(&r);
    drop_lost_groups(&r);
    fill_to_min(&r);
    trim_groups(&r);
    trim_cluster(&r);
    hold(&r);
    place_gangs(&r);
    place_demands(&r);
    remove_idle(&r);
    count_launches(&r);
    pack_free(r.pack);
    rv_arena_free(r.scratch);
}

static int64_t unmet_of(const struct as_decision *d) {
    int64_t n = 0;
    for (size_t i = 0; i < d->n_unmet; i++) n += d->unmet[i].count;
    return n;
}

/* Is b at least as good for what waits, and does it cost less? */
static bool cheaper(const struct as_decision *a, const struct as_decision *b) {
    return b->price < a->price && unmet_of(b) <= unmet_of(a) && b->n_unmet_gangs <= a->n_unmet_gangs &&
           (!b->held_unmet || a->held_unmet);
}

void as_decide(struct rv_arena *a, const struct as_state *state, struct as_decision *ret_decision) {
    decide_with(a, state, PACK_AS_RAY, ret_decision);
    bool priced = false;
    for (size_t g = 0; g < state->n_groups; g++) priced |= state->groups[g].price > 0;
    if (!priced || !(ret_decision->price > 0)) return;
    struct as_decision other;
    decide_with(a, state, PACK_CHEAP, &other);
    if (cheaper(ret_decision, &other)) *ret_decision = other;
}
