/* shape.c - requests as numbers: equal ones get the same. */
#include "plugins/autoscaler/face.h"

#include <stdlib.h>

void face_names_init(struct face_names *t, struct rv_arena *a) {
    *t = (struct face_names){
        .resources = intern_new(a), .keys = intern_new(a), .values = intern_new(a), .shape_ids = intern_new(a)};
    t->gpu = intern_put(&t->resources, intern_text(RV_STR("GPU")), NULL);
}

static void add_number(struct rv_buf *b, uint32_t v) { rv_buf_add(b, &v, sizeof v); }

static int need_cmp(const void *a, const void *b, void *names) {
    const struct face_need *x = a, *y = b;
    return rv_str_cmp(intern_name(names, x->name), intern_name(names, y->name));
}

static void read_needs(struct face_names *t, const struct as_request *r, struct shape *s, struct rv_buf *id) {
    struct rv_arena *a = t->resources.arena;
    struct face_need *needs = rv_arena_alloc(a, r->resources.n * sizeof *needs);
    for (size_t i = 0; i < r->resources.n; i++) {
        const struct as_resource *x = &r->resources.items[i];
        needs[i] = (struct face_need){intern_put(&t->resources, intern_text(x->name), NULL), x->amount};
        s->sum += (double)x->amount / AS_UNIT;
        if (needs[i].name == t->gpu) s->gpu = true;
    }
    s->n_needs = (uint32_t)r->resources.n;
    qsort_r(needs, s->n_needs, sizeof *needs, need_cmp, &t->resources);
    s->needs = needs;
    add_number(id, s->n_needs);
    for (uint32_t i = 0; i < s->n_needs; i++) {
        add_number(id, needs[i].name);
        rv_buf_add(id, &needs[i].amount, sizeof needs[i].amount);
    }
}

static struct face_match read_match(struct face_names *t, const struct as_match *m, struct rv_buf *id) {
    struct rv_arena *a = t->resources.arena;
    uint32_t *values = rv_arena_alloc(a, m->n_values * sizeof *values);
    struct face_match out = {.key = intern_put(&t->keys, intern_text(m->key), NULL), .op = m->op, .values = values};
    out.n = (uint32_t)m->n_values;
    add_number(id, out.key);
    add_number(id, (uint32_t)out.op);
    add_number(id, out.n);
    for (uint32_t i = 0; i < out.n; i++) {
        values[i] = intern_put(&t->values, intern_text(m->values[i]), NULL);
        add_number(id, values[i]);
    }
    return out;
}

static void read_selectors(struct face_names *t, const struct as_request *r, struct shape *s, struct rv_buf *id) {
    struct rv_arena *a = t->resources.arena;
    struct face_selector *selectors = rv_arena_alloc(a, r->n_selectors * sizeof *selectors);
    s->n_selectors = (uint32_t)r->n_selectors;
    s->selectors = selectors;
    add_number(id, s->n_selectors);
    for (size_t i = 0; i < r->n_selectors; i++) {
        struct face_match *matches = rv_arena_alloc(a, r->selectors[i].n * sizeof *matches);
        selectors[i] = (struct face_selector){matches, (uint32_t)r->selectors[i].n};
        add_number(id, selectors[i].n);
        for (size_t j = 0; j < r->selectors[i].n; j++) matches[j] = read_match(t, &r->selectors[i].matches[j], id);
    }
}

static void read_apart(struct face_names *t, const struct as_request *r, struct shape *s, struct rv_buf *id) {
    struct face_tag *apart = rv_arena_alloc(t->resources.arena, r->apart.n * sizeof *apart);
    s->apart = apart;
    s->n_apart = (uint32_t)r->apart.n;
    s->n_constraints = (uint32_t)(r->apart.n + r->together.n);
    add_number(id, s->n_apart);
    add_number(id, s->n_constraints);
    for (uint32_t i = 0; i < s->n_apart; i++) {
        apart[i] = (struct face_tag){intern_put(&t->keys, intern_text(r->apart.items[i].key), NULL),
                                     intern_put(&t->values, intern_text(r->apart.items[i].value), NULL)};
        rv_buf_add(id, &apart[i], sizeof apart[i]);
    }
}

uint32_t face_shape(struct face_names *t, const struct as_request *request) {
    struct shape s = {.unit_price = -1};
    rv_buf_clear(&t->scratch);
    read_needs(t, request, &s, &t->scratch);
    read_selectors(t, request, &s, &t->scratch);
    read_apart(t, request, &s, &t->scratch);
    bool is_new = false;
    uint32_t id = intern_put(&t->shape_ids, rv_buf_bytes(&t->scratch), &is_new);
    if (!is_new) return id;
    t->shapes = intern_grow(t->resources.arena, t->shapes, id, &t->cap, sizeof *t->shapes);
    t->shapes[id] = s;
    return id;
}

static int cmp_count(size_t a, size_t b) { return a < b ? 1 : a > b ? -1 : 0; } /* the larger first */

static int cmp_needs(const struct face_names *t, const struct shape *a, const struct shape *b) {
    for (uint32_t i = 0; i < a->n_needs && i < b->n_needs; i++) {
        int c = -rv_str_cmp(intern_name(&t->resources, a->needs[i].name), intern_name(&t->resources, b->needs[i].name));
        if (c != 0) return c;
        if (a->needs[i].amount != b->needs[i].amount) return a->needs[i].amount < b->needs[i].amount ? 1 : -1;
    }
    return 0;
}

int face_shape_cmp(const struct face_names *t, const struct shape *a, const struct shape *b) {
    int c = cmp_count(a->n_constraints, b->n_constraints);
    if (c == 0) c = cmp_count(a->n_selectors != 0 ? a->selectors[0].n : 0, b->n_selectors != 0 ? b->selectors[0].n : 0);
    if (c == 0) c = cmp_count(a->n_needs, b->n_needs);
    if (c == 0 && a->sum != b->sum) c = a->sum < b->sum ? 1 : -1;
    return c != 0 ? c : cmp_needs(t, a, b);
}
