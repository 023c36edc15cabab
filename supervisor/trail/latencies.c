/* latencies.c - see latencies.h. */
#include "latencies.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"

const double latency_bounds[LATENCY_BOUNDS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                               0.25,  0.5,    1,     2.5,  5,     10,   30};

struct series {
    struct hash_table_link link;
    struct series *next; /* in the order in which they came */
    struct latency_series s;
    char text[];
};

struct latencies {
    struct of {
        struct hash_table table;
        struct series *first, **last;
    } of[LATENCY_COUNT];
};

struct latencies *latencies_new(void) {
    struct latencies *l = rv_alloc(sizeof *l);
    for (size_t i = 0; i < LATENCY_COUNT; i++) l->of[i].last = &l->of[i].first;
    return l;
}

static struct series *series_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct series, link); }

static struct series *find(struct of *of, struct rv_str a, struct rv_str b) {
    for (struct hash_table_link *l = hash_table_find(&of->table, hash_key(a, b)); l != NULL;
         l = hash_table_find_next(l))
        if (rv_str_eq(series_at(l)->s.a, a) && rv_str_eq(series_at(l)->s.b, b)) return series_at(l);
    return NULL;
}

static struct series *ensure(struct of *of, struct rv_str a, struct rv_str b) {
    struct series *s = find(of, a, b);
    if (s != NULL) return s;
    if (of->table.n + 1 >= LATENCY_SERIES_MAX) { /* the last one */
        a = b = RV_STR("other");
        s = find(of, a, b);
        if (s != NULL) return s;
    }
    s = rv_alloc(sizeof *s + a.n + b.n);
    if (a.n != 0) memcpy(s->text, a.p, a.n);
    if (b.n != 0) memcpy(s->text + a.n, b.p, b.n);
    s->s.a = (struct rv_str){s->text, a.n};
    s->s.b = (struct rv_str){s->text + a.n, b.n};
    hash_table_add(&of->table, &s->link, hash_key(a, b));
    *of->last = s;
    of->last = &s->next;
    return s;
}

void latencies_add(struct latencies *l, enum latency_of of, struct rv_str a, struct rv_str b, uint64_t us) {
    struct latency_series *s = &ensure(&l->of[of], a, b)->s;
    size_t i = 0;
    while (i < LATENCY_BOUNDS && (double)us > latency_bounds[i] * 1e6) i++;
    s->counts[i]++;
    s->n++;
    s->us += us;
}

void latencies_each(const struct latencies *l, enum latency_of of,
                    void (*fn)(void *arg, const struct latency_series *s), void *arg) {
    for (const struct series *s = l->of[of].first; s != NULL; s = s->next) fn(arg, &s->s);
}

struct latencies *latencies_free(struct latencies *l) {
    if (l == NULL) return NULL;
    for (size_t i = 0; i < LATENCY_COUNT; i++) {
        for (struct series *s = l->of[i].first, *next; s != NULL; s = next) {
            next = s->next;
            free(s);
        }
        hash_table_free(&l->of[i].table);
    }
    free(l);
    return NULL;
}
