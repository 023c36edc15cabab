/* gang.c - placement groups as requests. */
#include "plugins/autoscaler/gang.h"

#include <stdlib.h>

static size_t constraints_of(const struct as_gang *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) n += g->requests[i].apart.n + g->requests[i].together.n;
    return n;
}

struct rank {
    const struct as_gang *gang;
    size_t constraints, at;
};

static int rank_cmp(const void *a, const void *b) {
    const struct rank *x = a, *y = b;
    if (x->constraints != y->constraints) return x->constraints > y->constraints ? -1 : 1;
    if (x->gang->n != y->gang->n) return x->gang->n > y->gang->n ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

const struct as_gang **gang_sort(struct rv_arena *a, const struct as_gang *gangs, size_t n) {
    struct rank *ranks = rv_arena_alloc(a, n * sizeof *ranks);
    const struct as_gang **out = rv_arena_alloc(a, n * sizeof *out);
    for (size_t i = 0; i < n; i++) ranks[i] = (struct rank){&gangs[i], constraints_of(&gangs[i]), i};
    if (n > 1) qsort(ranks, n, sizeof *ranks, rank_cmp);
    for (size_t i = 0; i < n; i++) out[i] = ranks[i].gang;
    return out;
}

static bool same_match(const struct as_match *a, const struct as_match *b) {
    if (!rv_str_eq(a->key, b->key) || a->op != b->op || a->n_values != b->n_values) return false;
    for (size_t i = 0; i < a->n_values; i++)
        if (!rv_str_eq(a->values[i], b->values[i])) return false;
    return true;
}

static bool same_selectors(const struct as_request *a, const struct as_request *b) {
    if (a->n_selectors != b->n_selectors) return false;
    for (size_t i = 0; i < a->n_selectors; i++) {
        if (a->selectors[i].n != b->selectors[i].n) return false;
        for (size_t j = 0; j < a->selectors[i].n; j++)
            if (!same_match(&a->selectors[i].matches[j], &b->selectors[i].matches[j])) return false;
    }
    return true;
}

static bool belong_together(const struct as_request *a, const struct as_request *b) {
    const struct as_label *x = a->together.items, *y = b->together.items;
    return rv_str_eq(x->key, y->key) && rv_str_eq(x->value, y->value) && same_selectors(a, b);
}

static int64_t add_amounts(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* into has room for all names of both. */
static void add_resources(struct as_resource *into, size_t *n, struct as_resources more) {
    for (size_t i = 0; i < more.n; i++) {
        size_t j = 0;
        while (j < *n && !rv_str_eq(into[j].name, more.items[i].name)) j++;
        if (j == *n) into[(*n)++] = (struct as_resource){more.items[i].name, 0};
        into[j].amount = add_amounts(into[j].amount, more.items[i].amount);
    }
}

/* All that belong to the first of them, as one request; they are marked as done. */
static struct as_request merged(struct rv_arena *a, const struct as_gang *g, size_t first, bool *done) {
    struct as_request out = g->requests[first];
    size_t room = 0, n = 0;
    for (size_t i = first; i < g->n; i++) room += g->requests[i].resources.n;
    struct as_resource *sum = rv_arena_alloc(a, room * sizeof *sum);
    for (size_t i = first; i < g->n; i++) {
        const struct as_request *r = &g->requests[i];
        if (done[i] || r->together.n == 0 || !belong_together(&out, r)) continue;
        done[i] = true;
        add_resources(sum, &n, r->resources);
    }
    out.resources = (struct as_resources){sum, n};
    return out;
}

const struct as_demand *gang_demands(struct rv_arena *a, const struct as_gang *gang, size_t *ret_n) {
    struct as_demand *out = rv_arena_alloc(a, gang->n * sizeof *out);
    bool *done = rv_arena_alloc(a, gang->n);
    size_t n = 0;
    for (size_t i = 0; i < gang->n; i++)
        if (gang->requests[i].together.n == 0) out[n++] = (struct as_demand){gang->requests[i], 1};
    for (size_t i = 0; i < gang->n; i++) {
        if (gang->requests[i].together.n == 0 || done[i]) continue;
        out[n++] = (struct as_demand){merged(a, gang, i, done), 1};
    }
    *ret_n = n;
    return out;
}
