/* face.c - what is left on a node, and how well requests fill it. */
#include "plugins/autoscaler/face.h"

#include <math.h>
#include <stdlib.h>

_Static_assert(sizeof(struct face) == 40, "no padding: its bytes are compared");
_Static_assert(sizeof(struct face_entry) == 24, "no padding: its bytes are compared");

/* ---- making ------------------------------------------------------------------------------------------- */

static struct face_entry *entry_of(struct face_entry *entries, uint32_t n, uint32_t name) {
    for (uint32_t i = 0; i < n; i++)
        if (entries[i].name == name) return &entries[i];
    return NULL;
}

static int64_t amount_of(const struct as_resources *list, struct rv_str name, bool *ret_known) {
    for (size_t i = list->n; i-- > 0;) {
        if (!rv_str_eq(list->items[i].name, name)) continue;
        *ret_known = true;
        return list->items[i].amount;
    }
    *ret_known = false;
    return 0;
}

static double filling(int64_t total, int64_t left) { /* as Ray scores one resource */
    double v = (double)total / AS_UNIT;
    return v * pow((v - (double)left / AS_UNIT) / v, 3);
}

static void fold(struct face *f, int64_t total, int64_t left, bool known, double *use, uint32_t *use_n) {
    if (total == 0) return;
    (*use_n)++;
    *use += 1 - (double)left / (double)total;
    if (!known) return;
    double x = filling(total, left);
    f->rest_min = f->rest_n == 0 || x < f->rest_min ? x : f->rest_min;
    f->rest_sum += x;
    f->rest_n++;
}

static int entry_cmp(const void *a, const void *b) {
    const struct face_entry *x = a, *y = b;
    return x->name < y->name ? -1 : x->name > y->name;
}

static int tag_cmp(const void *a, const void *b) {
    const struct face_tag *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static void add_entries(struct face_names *t, struct face *f, struct rv_buf *out, struct as_resources total,
                        const struct as_resources *left, double *use, uint32_t *use_n) {
    for (size_t i = 0; i < total.n; i++) {
        const struct as_resource *r = &total.items[i];
        bool known = true;
        int64_t rest = left != NULL ? amount_of(left, r->name, &known) : r->amount;
        if (rest > r->amount) rest = r->amount;
        uint32_t name = intern_find(&t->resources, intern_text(r->name));
        if (name == t->gpu && r->amount > 0) f->flags |= FACE_GPU;
        if (name == INTERN_NONE) {
            fold(f, r->amount, rest, known, use, use_n);
            continue;
        }
        struct face_entry e = {name, FACE_IN_TOTAL | (known ? FACE_LEFT_KNOWN : 0u), r->amount, rest};
        rv_buf_add(out, &e, sizeof e);
        f->n_entries++;
    }
    for (size_t i = 0; left != NULL && i < left->n;
         i++) { /* available, but in no total: it can be taken all the same */
        bool known;
        uint32_t name = intern_find(&t->resources, intern_text(left->items[i].name));
        if (name == INTERN_NONE) continue;
        (void)amount_of(&total, left->items[i].name, &known);
        if (known) continue;
        struct face_entry e = {name, FACE_LEFT_KNOWN, 0, left->items[i].amount};
        rv_buf_add(out, &e, sizeof e);
        f->n_entries++;
    }
}

/* A key has one value: the last one given. */
static void add_tags(struct face_names *t, struct face *f, struct rv_buf *out, struct as_labels labels) {
    size_t first = out->n;
    for (size_t i = labels.n; i-- > 0;) {
        uint32_t key = intern_find(&t->keys, intern_text(labels.items[i].key));
        if (key == INTERN_NONE) continue;
        const struct face_tag *have = (const struct face_tag *)(void *)(out->p + first);
        uint32_t j = 0;
        while (j < f->n_tags && have[j].key != key) j++;
        if (j < f->n_tags) continue;
        struct face_tag tag = {key, intern_put(&t->values, intern_text(labels.items[i].value), NULL)};
        rv_buf_add(out, &tag, sizeof tag);
        f->n_tags++;
    }
    if (f->n_tags > 1) qsort(out->p + first, f->n_tags, sizeof(struct face_tag), tag_cmp);
}

void face_build(struct face_names *t, struct rv_buf *out, int32_t group, bool running, struct as_resources total,
                const struct as_resources *left, struct as_labels labels, double *ret_rest_use, uint32_t *ret_rest_n) {
    struct face f = {.group = group, .flags = running ? FACE_RUNNING : 0};
    *ret_rest_use = 0;
    *ret_rest_n = 0;
    rv_buf_clear(out);
    rv_buf_add(out, &f, sizeof f);
    add_entries(t, &f, out, total, left, ret_rest_use, ret_rest_n);
    if (f.n_entries > 1) qsort(out->p + sizeof f, f.n_entries, sizeof(struct face_entry), entry_cmp);
    add_tags(t, &f, out, labels);
    memcpy(out->p, &f, sizeof f);
}

/* ---- labels ------------------------------------------------------------------------------------------- */

static const struct face_tag *tag_of(const struct face_tag *tags, uint32_t n, uint32_t key) {
    for (uint32_t i = 0; i < n; i++)
        if (tags[i].key == key) return &tags[i];
    return NULL;
}

static bool among(const struct face_match *m, const struct face_tag *tag) {
    for (uint32_t i = 0; tag != NULL && i < m->n; i++)
        if (m->values[i] == tag->value) return true;
    return false;
}

static bool selects(const struct face_selector *s, const struct face_tag *tags, uint32_t n) {
    for (uint32_t i = 0; i < s->n; i++) {
        const struct face_match *m = &s->matches[i];
        bool in = among(m, tag_of(tags, n, m->key));
        if (m->op == AS_IN ? !in : m->op == AS_NOT_IN ? in : true) return false;
    }
    return true;
}

/* The earlier the selector that holds, the higher; 0: none holds, or there is none. */
static uint32_t label_score(const struct shape *s, const struct face_tag *tags, uint32_t n) {
    for (uint32_t i = 0; i < s->n_selectors; i++)
        if (selects(&s->selectors[i], tags, n)) return s->n_selectors - i;
    return 0;
}

static bool apart_refuses(const struct shape *s, const struct face_tag *tags, uint32_t n) {
    for (uint32_t i = 0; i < s->n_apart; i++)
        for (uint32_t j = 0; j < n; j++)
            if (tags[j].key == s->apart[i].key && tags[j].value == s->apart[i].value) return true;
    return false;
}

/* ---- trying ------------------------------------------------------------------------------------------- */

static bool is_implicit(const struct face_names *names, uint32_t name) {
    return rv_str_starts(intern_name(&names->resources, name), AS_IMPLICIT_PREFIX);
}

static int64_t left_of(const struct face_entry *entries, uint32_t n, uint32_t name, const struct face_names *names) {
    for (uint32_t i = 0; i < n; i++)
        if (entries[i].name == name) return (entries[i].flags & FACE_LEFT_KNOWN) != 0 ? entries[i].left : 0;
    return is_implicit(names, name) ? AS_UNIT : 0;
}

/* Of a request that asks for nothing, any number. */
static int64_t how_many(const struct face_entry *entries, uint32_t n, const struct shape *s, int64_t count,
                        const struct face_names *names) {
    for (uint32_t i = 0; i < s->n_needs && count > 0; i++) {
        if (s->needs[i].amount <= 0) continue;
        int64_t k = left_of(entries, n, s->needs[i].name, names) / s->needs[i].amount;
        if (k < count) count = k;
    }
    return count;
}

bool face_fits_amounts(const struct face *f, const struct shape *s, const struct face_names *names) {
    return how_many(face_entries(f), f->n_entries, s, 1, names) == 1;
}

void face_trial_begin(struct face_trial *t, const struct face *f) {
    t->head = *f;
    if (t->cap_entries < f->n_entries) {
        t->cap_entries = f->n_entries + 8;
        t->entries = rv_arena_alloc(t->arena, t->cap_entries * sizeof *t->entries);
    }
    if (t->cap_tags < f->n_tags) {
        t->cap_tags = f->n_tags + 8;
        t->tags = rv_arena_alloc(t->arena, t->cap_tags * sizeof *t->tags);
    }
    if (f->n_entries != 0) memcpy(t->entries, face_entries(f), f->n_entries * sizeof *t->entries);
    if (f->n_tags != 0) memcpy(t->tags, face_tags(f), f->n_tags * sizeof *t->tags);
}

static struct face_entry *take_entry(struct face_trial *t, uint32_t name) {
    struct face_entry *e = entry_of(t->entries, t->head.n_entries, name);
    if (e != NULL) return e;
    t->entries = intern_grow(t->arena, t->entries, t->head.n_entries, &t->cap_entries, sizeof *t->entries);
    e = &t->entries[t->head.n_entries++]; /* an implicit one */
    *e = (struct face_entry){name, FACE_LEFT_KNOWN, 0, AS_UNIT};
    return e;
}

static void take(struct face_trial *t, const struct shape *s, int64_t k) {
    for (uint32_t i = 0; i < s->n_needs; i++) {
        if (s->needs[i].amount <= 0) continue;
        struct face_entry *e = take_entry(t, s->needs[i].name);
        e->left -= k * s->needs[i].amount;
        e->flags |= FACE_ASKED;
    }
    for (uint32_t i = 0; i < s->n_apart; i++) {
        t->tags = intern_grow(t->arena, t->tags, t->head.n_tags, &t->cap_tags, sizeof *t->tags);
        t->tags[t->head.n_tags++] = s->apart[i];
    }
    t->head.flags |= FACE_USED | (s->gpu ? (uint32_t)FACE_GPU_ASKED : 0u);
}

int64_t face_place(struct face_trial *t, const struct shape *s, int64_t count, const struct face_names *names) {
    int64_t k = how_many(t->entries, t->head.n_entries, s, count, names);
    if (k <= 0) return 0;
    uint32_t score = label_score(s, t->tags, t->head.n_tags);
    if (s->n_selectors != 0 && score == 0) return 0;
    if (apart_refuses(s, t->tags, t->head.n_tags)) return 0;
    if (s->n_apart != 0 && k > 1) k = 1;
    take(t, s, k);
    if (t->head.label_score == 0) t->head.label_score = score;
    return k;
}

struct face_score face_score(const struct face_trial *t) {
    struct face_score out = {.label = t->head.label_score};
    out.gpu_ok = (t->head.flags & FACE_GPU) == 0 || (t->head.flags & FACE_GPU_ASKED) != 0;
    double least = t->head.rest_min, sum = t->head.rest_sum;
    uint32_t n = t->head.rest_n;
    for (uint32_t i = 0; i < t->head.n_entries; i++) {
        const struct face_entry *e = &t->entries[i];
        if ((e->flags & FACE_IN_TOTAL) == 0) continue;
        if ((e->flags & FACE_ASKED) != 0) out.matching++;
        if (e->total == 0 || (e->flags & FACE_LEFT_KNOWN) == 0) continue;
        double x = filling(e->total, e->left);
        if (n == 0 || x < least) least = x;
        sum += x;
        n++;
    }
    out.least = n != 0 ? least : 0;
    out.mean = n != 0 ? sum / n : 0;
    return out;
}

void face_trial_store(const struct face_trial *t, struct rv_buf *out) {
    rv_buf_clear(out);
    rv_buf_add(out, &t->head, sizeof t->head);
    rv_buf_add(out, t->entries, t->head.n_entries * sizeof *t->entries);
    rv_buf_add(out, t->tags, t->head.n_tags * sizeof *t->tags);
}

/* ---- sums --------------------------------------------------------------------------------------------- */

double face_use(const struct face *f, double rest_use, uint32_t rest_n) {
    double sum = rest_use;
    uint32_t n = rest_n;
    const struct face_entry *e = face_entries(f);
    for (uint32_t i = 0; i < f->n_entries; i++) {
        if ((e[i].flags & FACE_IN_TOTAL) == 0 || e[i].total == 0) continue;
        double left = (e[i].flags & FACE_LEFT_KNOWN) != 0 ? (double)e[i].left : 0;
        double v = (double)e[i].total / AS_UNIT;
        sum += (v - left / AS_UNIT) / v;
        n++;
    }
    return n != 0 ? sum / n : 0;
}

double face_share(const struct face *f, const struct shape *s) {
    double share = 0;
    const struct face_entry *e = face_entries(f);
    for (uint32_t i = 0; i < s->n_needs; i++)
        for (uint32_t j = 0; j < f->n_entries; j++) {
            if (e[j].name != s->needs[i].name || e[j].total <= 0) continue;
            double x = (double)s->needs[i].amount / (double)e[j].total;
            if (x > share) share = x;
        }
    return share;
}
