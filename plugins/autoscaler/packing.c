/* packing.c - the plan: its nodes, and the greedy loop over classes of equal nodes. */
#include "plugins/autoscaler/packing.h"

#include "plugins/autoscaler/face.h"

#include <stdlib.h>

struct place { /* in a trial: so many of a run */
    uint32_t run;
    int64_t count;
};

/* A class of equal nodes while requests are placed. */
struct candidate {
    uint32_t face;
    uint32_t first, last; /* its nodes in order, chained by next */
    bool tried;
    struct face_score score;
    double worth; /* PACK_CHEAP: of what is placed, for each unit of price */
    struct place *places;
    uint32_t n_places, cap_places;
};

struct run { /* equal requests next to each other */
    uint32_t shape;
    int64_t count;
    uint32_t first, n; /* of the sorted order */
};

struct pick {
    uint32_t node; /* of the plan, or of what is new: from n_nodes on */
    uint32_t face; /* what it becomes */
};

struct pack {
    struct rv_arena *arena;
    const struct as_state *state;
    enum pack_taste taste;
    struct face_names names;
    struct intern faces;
    struct pack_node *nodes, *other, *fresh; /* other: where the next order is written; fresh: one of each group */
    uint32_t n_nodes, cap_nodes, cap_other;
    int64_t launches_left;
    struct rv_arena *scratch; /* of one placing */
    struct face_trial trial;
    struct rv_buf blob;
};

static const struct face *face_at(const struct pack *p, uint32_t id) {
    return (const struct face *)(const void *)p->faces.keys[id].p;
}

/* ---- the plan ----------------------------------------------------------------------------------------- */

static void look_at_demands(struct pack *p) {
    const struct as_state *s = p->state;
    for (size_t i = 0; i < s->n_demands; i++) (void)face_shape(&p->names, &s->demands[i].request);
    for (size_t i = 0; i < s->n_held; i++) (void)face_shape(&p->names, &s->held[i].request);
    for (size_t i = 0; i < s->n_gangs; i++)
        for (size_t j = 0; j < s->gangs[i].n; j++) (void)face_shape(&p->names, &s->gangs[i].requests[j]);
}

static uint32_t build(struct pack *p, struct pack_node *n, struct as_resources total, const struct as_resources *left,
                      struct as_labels labels) {
    face_build(&p->names, &p->blob, n->group, n->running, total, left, labels, &n->rest_use, &n->rest_n);
    return intern_put(&p->faces, rv_buf_bytes(&p->blob), NULL);
}

static void make_faces(struct pack *p, struct pack_node *n, const struct as_node *node) {
    bool reported = node != NULL && (node->phase == AS_RUNNING || node->phase == AS_UNMANAGED);
    if (!reported && n->group < 0) { /* what such a pod will have is not known */
        n->face[PACK_HELD] = n->face[PACK_DEMAND] = build(p, n, (struct as_resources){0}, NULL, (struct as_labels){0});
        return;
    }
    const struct as_group *g = n->group >= 0 ? &p->state->groups[n->group] : NULL;
    struct as_resources total = reported ? node->total : g->resources;
    struct as_labels labels = reported ? node->labels : g->labels;
    n->face[PACK_HELD] = build(p, n, total, NULL, labels);
    n->face[PACK_DEMAND] = build(p, n, total, reported ? &node->available : NULL, labels);
}

static void add_node(struct pack *p, struct pack_node n) {
    p->nodes = intern_grow(p->arena, p->nodes, p->n_nodes, &p->cap_nodes, sizeof *p->nodes);
    p->nodes[p->n_nodes++] = n;
}

struct pack *pack_new(struct rv_arena *a, const struct as_state *state, enum pack_taste taste) {
    struct pack *p = rv_arena_alloc(a, sizeof *p);
    *p = (struct pack){.launches_left = state->max_launches,
                       .arena = a,
                       .state = state,
                       .taste = taste,
                       .faces = intern_new(a),
                       .trial = {.arena = a},
                       .scratch = rv_arena_new()};
    face_names_init(&p->names, a);
    look_at_demands(p);
    p->fresh = rv_arena_alloc(a, state->n_groups * sizeof *p->fresh);
    for (uint32_t g = 0; g < state->n_groups; g++) {
        p->fresh[g] = (struct pack_node){.group = (int32_t)g, .source = -1};
        make_faces(p, &p->fresh[g], NULL);
    }
    for (uint32_t i = 0; i < state->n_nodes; i++) {
        const struct as_node *node = &state->nodes[i];
        if (node->phase == AS_LEAVING) continue;
        struct pack_node n = {.group = node->group,
                              .source = (int32_t)i,
                              .running = node->phase == AS_RUNNING || node->phase == AS_UNMANAGED,
                              .blocked = node->phase == AS_BLOCKED,
                              .idle_ms = node->idle_ms};
        make_faces(p, &n, node);
        add_node(p, n);
    }
    return p;
}

void pack_free(struct pack *p) {
    rv_buf_free(&p->blob);
    rv_buf_free(&p->names.scratch);
    rv_arena_free(p->scratch);
}

struct pack_node *pack_nodes(struct pack *p, size_t *ret_n) {
    *ret_n = p->n_nodes;
    return p->nodes;
}

/* The other array, large enough; swap() makes it the plan. */
static struct pack_node *other_array(struct pack *p, uint32_t n) {
    if (p->cap_other < n) {
        p->cap_other = n + n / 2 + 16;
        p->other = rv_arena_alloc(p->arena, p->cap_other * sizeof *p->other);
    }
    return p->other;
}

static void swap(struct pack *p, uint32_t n) {
    struct pack_node *was = p->nodes;
    uint32_t cap = p->cap_nodes;
    p->nodes = p->other;
    p->cap_nodes = p->cap_other;
    p->other = was;
    p->cap_other = cap;
    p->n_nodes = n;
}

void pack_reorder(struct pack *p, const uint32_t *order) {
    struct pack_node *nodes = other_array(p, p->n_nodes);
    for (uint32_t i = 0; i < p->n_nodes; i++) nodes[i] = p->nodes[order[i]];
    swap(p, p->n_nodes);
}

void pack_add_front(struct pack *p, int32_t group, int64_t count, enum as_cause because) {
    int64_t hosts = p->state->groups[group].hosts;
    if (count > p->launches_left) count = p->launches_left / hosts * hosts;
    p->launches_left -= count;
    uint32_t n = (uint32_t)count, have = p->n_nodes;
    struct pack_node one = p->fresh[group];
    one.because = because;
    for (uint32_t i = 0; i < n; i++) add_node(p, one);
    memmove(p->nodes + n, p->nodes, have * sizeof *p->nodes);
    for (uint32_t i = 0; i < n; i++) p->nodes[i] = one;
}

bool pack_needed(const struct pack *p, const struct pack_node *n, enum pack_face face) {
    return (face_at(p, n->face[face])->flags & FACE_USED) != 0;
}

double pack_use(const struct pack *p, const struct pack_node *n) {
    return face_use(face_at(p, n->face[PACK_DEMAND]), n->rest_use, n->rest_n);
}

bool pack_fits_group(struct pack *p, const struct as_request *request, size_t group) {
    const struct shape *s = &p->names.shapes[face_shape(&p->names, request)];
    face_trial_begin(&p->trial, face_at(p, p->fresh[group].face[PACK_DEMAND]));
    return face_place(&p->trial, s, 1, &p->names) == 1;
}

struct pool {
    int64_t left;  /* nodes that the group may still get */
    int64_t spare; /* hosts of a replica that was begun */
    uint32_t turn; /* among equals, the one that waits longest */
};

/* ---- one placing -------------------------------------------------------------------------------------- */

struct placing {
    struct pack *p;
    enum pack_face face;
    enum as_cause because;
    struct run *runs;
    uint32_t n_runs, live; /* live: runs with a count left */
    uint32_t *order;       /* of the demands, hardest first */
    struct candidate *candidates;
    uint32_t n_candidates;
    uint32_t *next;    /* of each node in its candidate */
    uint32_t *of_face; /* candidate + 1 of a face */
    struct pick *picks;
    uint32_t n_picks, cap_picks;
    struct pool *pools; /* of each group */
    int64_t in_cluster, begun;
    uint32_t turn;
    struct pack_node *made;
    uint32_t n_made, cap_made;
};

struct sort_context {
    const struct face_names *names;
    const uint32_t *shapes;
};

static int demand_cmp(const void *a, const void *b, void *context) {
    const struct sort_context *c = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (c->shapes[x] != c->shapes[y]) {
        int order = face_shape_cmp(c->names, &c->names->shapes[c->shapes[x]], &c->names->shapes[c->shapes[y]]);
        if (order != 0) return order;
    }
    return x < y ? -1 : x > y;
}

static void make_runs(struct placing *w, const struct as_demand *demands, const int64_t *counts, uint32_t n) {
    struct rv_arena *a = w->p->scratch;
    uint32_t *shapes = rv_arena_alloc(a, n * sizeof *shapes);
    w->order = rv_arena_alloc(a, n * sizeof *w->order);
    for (uint32_t i = 0; i < n; i++) {
        shapes[i] = face_shape(&w->p->names, &demands[i].request);
        w->order[i] = i;
    }
    struct sort_context context = {&w->p->names, shapes};
    if (n > 1) qsort_r(w->order, n, sizeof *w->order, demand_cmp, &context);
    w->runs = rv_arena_alloc(a, n * sizeof *w->runs);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t d = w->order[i];
        struct run *r = w->n_runs != 0 ? &w->runs[w->n_runs - 1] : NULL;
        if (r == NULL || r->shape != shapes[d]) {
            r = &w->runs[w->n_runs++];
            *r = (struct run){.shape = shapes[d], .first = i};
        }
        r->count += counts[d];
        r->n++;
    }
    for (uint32_t i = 0; i < w->n_runs; i++) w->live += w->runs[i].count > 0;
}

static bool may_fit(const struct placing *w, const struct face *f) {
    for (uint32_t i = 0; i < w->n_runs; i++)
        if (face_fits_amounts(f, &w->p->names.shapes[w->runs[i].shape], &w->p->names)) return true;
    return false;
}

/* Does the trial still say what another one would say? */
static bool still_true(const struct placing *w, const struct candidate *c) {
    for (uint32_t i = 0; i < c->n_places; i++)
        if (w->runs[c->places[i].run].count < c->places[i].count) return false;
    return c->tried;
}

static double unit_price(struct pack *p, uint32_t id) {
    struct shape *s = &p->names.shapes[id];
    if (s->unit_price >= 0) return s->unit_price;
    s->unit_price = 0;
    for (uint32_t g = 0; g < p->state->n_groups; g++) {
        double share = face_share(face_at(p, p->fresh[g].face[PACK_HELD]), s);
        double price = share * p->state->groups[g].price;
        if (share > 0 && share <= 1 && price > 0 && (s->unit_price <= 0 || price < s->unit_price))
            s->unit_price = price;
    }
    return s->unit_price;
}

static void try_candidate(struct placing *w, struct candidate *c) {
    struct pack *p = w->p;
    const struct face *f = face_at(p, c->face);
    face_trial_begin(&p->trial, f);
    c->n_places = 0;
    c->worth = 0;
    for (uint32_t i = 0; i < w->n_runs; i++) {
        if (w->runs[i].count <= 0) continue;
        int64_t k = face_place(&p->trial, &p->names.shapes[w->runs[i].shape], w->runs[i].count, &p->names);
        if (k == 0) continue;
        c->places = intern_grow(p->scratch, c->places, c->n_places, &c->cap_places, sizeof *c->places);
        c->places[c->n_places++] = (struct place){i, k};
        if (p->taste == PACK_CHEAP) c->worth += (double)k * unit_price(p, w->runs[i].shape);
    }
    c->score = face_score(&p->trial);
    if (p->taste == PACK_CHEAP && f->group >= 0 && p->state->groups[f->group].price > 0)
        c->worth /= p->state->groups[f->group].price;
    c->tried = true;
}

static int by_number(double a, double b) { return a < b ? -1 : a > b ? 1 : 0; }

/* > 0: a is better. */
static int better(const struct placing *w, const struct candidate *a, const struct candidate *b) {
    const struct face_score *x = &a->score, *y = &b->score;
    const struct face *f = face_at(w->p, a->face), *g = face_at(w->p, b->face);
    int c = 0;
    if (w->p->taste == PACK_CHEAP) c = by_number(a->worth, b->worth);
    if (c == 0 && x->label != y->label) c = x->label > y->label ? 1 : -1;
    if (c == 0 && x->gpu_ok != y->gpu_ok) c = x->gpu_ok ? 1 : -1;
    if (c == 0 && x->matching != y->matching) c = x->matching > y->matching ? 1 : -1;
    if (c == 0) c = by_number(x->least, y->least);
    if (c == 0) c = by_number(x->mean, y->mean);
    if (c != 0 || f->group == g->group) return c;
    static const struct as_group none = {.availability = 1};
    const struct as_group *p = f->group >= 0 ? &w->p->state->groups[f->group] : &none;
    const struct as_group *q = g->group >= 0 ? &w->p->state->groups[g->group] : &none;
    c = by_number(p->availability, q->availability);
    return c != 0 ? c : by_number(p->priority, q->priority);
}

/* The best candidate, or n_candidates. Those that can take nothing leave the list; ties go to the earlier node. */
static uint32_t best_candidate(struct placing *w) {
    uint32_t best = UINT32_MAX, kept = 0;
    for (uint32_t i = 0; i < w->n_candidates; i++) {
        struct candidate *c = &w->candidates[i];
        if (c->first == UINT32_MAX) continue;
        if (!still_true(w, c)) try_candidate(w, c);
        if (c->n_places == 0) continue;
        if (kept != i) w->candidates[kept] = *c;
        c = &w->candidates[kept];
        int order = best == UINT32_MAX ? 1 : better(w, c, &w->candidates[best]);
        if (order > 0 || (order == 0 && c->first < w->candidates[best].first)) best = kept;
        kept++;
    }
    w->n_candidates = kept;
    return best == UINT32_MAX ? kept : best;
}

/* What the face becomes with these requests on it; the runs are lowered. */
static uint32_t fill(struct placing *w, const struct candidate *c) {
    struct pack *p = w->p;
    face_trial_begin(&p->trial, face_at(p, c->face));
    for (uint32_t i = 0; i < c->n_places; i++) {
        struct run *r = &w->runs[c->places[i].run];
        (void)face_place(&p->trial, &p->names.shapes[r->shape], c->places[i].count, &p->names);
        r->count -= c->places[i].count;
        if (r->count == 0) w->live--;
    }
    face_trial_store(&p->trial, &p->blob);
    return intern_put(&p->faces, rv_buf_bytes(&p->blob), NULL);
}

static void add_pick(struct placing *w, uint32_t node, uint32_t face) {
    w->picks = intern_grow(w->p->scratch, w->picks, w->n_picks, &w->cap_picks, sizeof *w->picks);
    w->picks[w->n_picks++] = (struct pick){node, face};
}

/* ---- on nodes that exist ------------------------------------------------------------------------------ */

/* The candidates of nodes that are blocked, or of those that are not. */
static void gather(struct placing *w, bool blocked) {
    struct pack *p = w->p;
    w->next = rv_arena_alloc(p->scratch, p->n_nodes * sizeof *w->next);
    w->of_face = rv_arena_alloc(p->scratch, (size_t)p->faces.n * sizeof *w->of_face);
    w->candidates = rv_arena_alloc(p->scratch, (p->n_nodes + p->state->n_groups) * sizeof *w->candidates);
    w->n_candidates = 0;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        if (p->nodes[i].removed || p->nodes[i].blocked != blocked) continue;
        uint32_t face = p->nodes[i].face[w->face], *at = &w->of_face[face];
        w->next[i] = UINT32_MAX;
        if (*at == 0) {
            struct candidate *c = &w->candidates[w->n_candidates++];
            *c = (struct candidate){.face = face, .first = i, .last = i};
            *at = w->n_candidates;
            continue;
        }
        struct candidate *c = &w->candidates[*at - 1];
        w->next[c->last] = i;
        c->last = i;
    }
}

static void place_on_existing(struct placing *w) {
    while (w->live != 0 && w->n_candidates != 0) {
        uint32_t best = best_candidate(w);
        if (best == w->n_candidates) break;
        struct candidate *c = &w->candidates[best];
        add_pick(w, c->first, fill(w, c));
        c->first = w->next[c->first];
    }
}

/* ---- on nodes that would have to be made ------------------------------------------------------------- */

static void count_nodes(struct placing *w) {
    const struct as_state *s = w->p->state;
    w->pools = rv_arena_alloc(w->p->scratch, s->n_groups * sizeof *w->pools);
    for (size_t g = 0; g < s->n_groups; g++) w->pools[g] = (struct pool){s->groups[g].max, 0, (uint32_t)g};
    w->turn = (uint32_t)s->n_groups;
    for (uint32_t i = 0; i < w->p->n_nodes; i++) {
        const struct pack_node *n = &w->p->nodes[i];
        if (n->removed) continue;
        if (n->source >= 0 && s->nodes[n->source].phase == AS_UNMANAGED) continue;
        w->in_cluster++;
        if (n->group >= 0) w->pools[n->group].left--;
    }
}

static bool may_begin(const struct placing *w, int32_t g) {
    int64_t room = w->p->state->max_nodes - w->in_cluster, launches = w->p->launches_left;
    if (launches < room) room = launches;
    int64_t hosts = w->p->state->groups[g].hosts;
    return w->pools[g].left >= hosts && room - w->begun >= hosts;
}

/* One candidate for each group that may get a node; its "first node" is its turn. */
static void offer_groups(struct placing *w) {
    for (uint32_t i = 0; i < w->n_candidates; i++) {
        int32_t g = face_at(w->p, w->candidates[i].face)->group;
        bool may = w->pools[g].spare > 0 || may_begin(w, g);
        w->candidates[i].first = may ? w->pools[g].turn : UINT32_MAX;
    }
}

static void make_one(struct placing *w, int32_t group, uint32_t face) {
    struct pack_node n = w->p->fresh[group];
    n.because = w->because;
    n.face[w->face] = face;
    w->made = intern_grow(w->p->scratch, w->made, w->n_made, &w->cap_made, sizeof *w->made);
    w->made[w->n_made++] = n;
}

/* On nodes of groups that are stuck, or of those that are not. */
static void place_on_new(struct placing *w, bool stuck) {
    const struct as_state *s = w->p->state;
    w->n_candidates = 0;
    for (uint32_t g = 0; g < s->n_groups; g++)
        if (s->groups[g].stuck == stuck)
            w->candidates[w->n_candidates++] = (struct candidate){.face = w->p->fresh[g].face[w->face]};
    while (w->live != 0) {
        offer_groups(w);
        uint32_t best = best_candidate(w);
        if (best == w->n_candidates) break;
        int32_t g = face_at(w->p, w->candidates[best].face)->group;
        struct pool *pool = &w->pools[g];
        if (pool->spare > 0) {
            pool->spare--;
        } else {
            pool->left -= s->groups[g].hosts;
            pool->spare = s->groups[g].hosts - 1;
            w->begun += s->groups[g].hosts;
        }
        if (pool->spare == 0) pool->turn = w->turn++;
        make_one(w, g, fill(w, &w->candidates[best]));
    }
}

/* Hosts come with their replica, used or not. */
static void finish_replicas(struct placing *w) {
    for (uint32_t g = 0; g < w->p->state->n_groups; g++)
        for (; w->pools[g].spare > 0; w->pools[g].spare--) make_one(w, (int32_t)g, w->p->fresh[g].face[w->face]);
}

/* ---- keeping what was placed -------------------------------------------------------------------------- */

/* The order that Ray's scheduler leaves: what was chosen, what was not, what could take nothing, what is new. */
static void keep(struct placing *w) {
    struct pack *p = w->p;
    uint32_t n = 0;
    struct pack_node *nodes = other_array(p, p->n_nodes + w->n_made);
    bool *moved = rv_arena_alloc(p->scratch, p->n_nodes);
    char *full = rv_arena_alloc(p->scratch, (size_t)p->faces.n); /* by face: 1 can take some, 2 none */
    for (uint32_t i = 0; i < w->n_picks; i++) {
        nodes[n] = p->nodes[w->picks[i].node];
        nodes[n++].face[w->face] = w->picks[i].face;
        moved[w->picks[i].node] = true;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < p->n_nodes; i++) {
            if (moved[i]) continue;
            char *f = &full[p->nodes[i].face[w->face]];
            if (*f == 0) *f = !p->nodes[i].running || may_fit(w, face_at(p, p->nodes[i].face[w->face])) ? 1 : 2;
            if (*f == (pass == 0 ? 1 : 2)) nodes[n++] = p->nodes[i];
        }
    }
    for (uint32_t i = 0; i < w->n_made; i++) nodes[n++] = w->made[i];
    swap(p, n);
}

static void write_counts(const struct placing *w, int64_t *counts) {
    for (uint32_t i = 0; i < w->n_runs; i++) {
        int64_t left = w->runs[i].count; /* those that come last are those that remain */
        for (uint32_t j = w->runs[i].n; j-- > 0;) {
            int64_t *c = &counts[w->order[w->runs[i].first + j]];
            if (*c > left) *c = left;
            left -= *c;
        }
    }
}

bool pack_place(struct pack *p, enum pack_face face, const struct as_demand *demands, int64_t *counts, size_t n,
                bool all_or_nothing, enum as_cause because) {
    struct placing w = {.p = p, .face = face, .because = because};
    rv_arena_reset(p->scratch);
    make_runs(&w, demands, counts, (uint32_t)n);
    if (w.live == 0) return true;
    gather(&w, false);
    place_on_existing(&w);
    count_nodes(&w);
    if (w.live != 0) place_on_new(&w, false);
    if (w.live != 0) { /* what is left stands in line: on pods that are there before new ones join them */
        gather(&w, true);
        place_on_existing(&w);
        place_on_new(&w, true);
    }
    finish_replicas(&w);
    bool all = w.live == 0;
    if (!all && all_or_nothing) return false;
    write_counts(&w, counts);
    p->launches_left -= w.n_made;
    keep(&w);
    return all;
}
