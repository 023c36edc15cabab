#include "types.h"
#include "internal.h"
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"

#include <stdlib.h>

static const char *const lines[] = {
#include "kinds.inc"
};

struct sb_types {
    struct rv_arena *arena;
    struct sb_type *named; /* sorted by name, like the lines */
    struct sb_type scalars[SB_MICROTIME + 1];
};

/* ---- parsing kinds.inc ---- */

static struct rv_str until(struct rv_str *s, const char *stops) {
    size_t n = 0;
    while (n < s->n && strchr(stops, s->p[n]) == NULL) n++;
    struct rv_str head = {s->p, n};
    *s = (struct rv_str){s->p + n, s->n - n};
    return head;
}

static bool skip(struct rv_str *s, char c) {
    if (s->n == 0 || s->p[0] != c) return false;
    *s = (struct rv_str){s->p + 1, s->n - 1};
    return true;
}

static const struct sb_type *find(const struct sb_types *t, struct rv_str name) {
    size_t lo = 0, hi = RV_ARRAY_LEN(lines);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = rv_str_cmp(t->named[mid].name, name);
        if (c == 0) return &t->named[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static const struct sb_type *parse_type(struct sb_types *t, struct rv_str *s);

static const struct sb_type *parse_list(struct sb_types *t, struct rv_str *s) {
    struct sb_type *l = rv_arena_alloc(t->arena, sizeof *l);
    *l = (struct sb_type){.kind = SB_LIST, .items = parse_type(t, s)};
    skip(s, ']');
    if (skip(s, '=')) l->list = SB_LIST_SET;
    if (skip(s, '{')) {
        l->list = SB_LIST_KEYED;
        while (l->n_keys < RV_ARRAY_LEN(l->keys)) {
            l->keys[l->n_keys++] = until(s, ",}");
            if (!skip(s, ',')) break;
        }
        skip(s, '}');
    }
    l->merge = skip(s, '+');
    if (l->merge) l->merge_key = until(s, " =");
    return l;
}

static const struct sb_type *parse_type(struct sb_types *t, struct rv_str *s) {
    static const char letters[] = "xsbildyqotu"; /* in the order of enum sb_type_kind */
    if (skip(s, '[')) return parse_list(t, s);
    if (skip(s, '{')) {
        struct sb_type *m = rv_arena_alloc(t->arena, sizeof *m);
        *m = (struct sb_type){.kind = SB_MAP, .items = parse_type(t, s)};
        skip(s, '}');
        m->atomic = skip(s, '!');
        return m;
    }
    struct rv_str name = until(s, " =]}");
    const char *at = name.n == 1 ? strchr(letters, name.p[0]) : NULL;
    return at != NULL ? &t->scalars[at - letters] : find(t, name);
}

static void parse_line(struct sb_types *t, struct sb_type *y) {
    struct rv_str s = y->text;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += s.p[i] == ' ';
    y->props = rv_arena_alloc(t->arena, (n + 1) * sizeof *y->props);
    until(&s, " ");
    while (skip(&s, ' ')) {
        if (skip(&s, '@')) {
            y->api = until(&s, " ");
            skip(&y->api, '/'); /* the core group has no name */
            continue;
        }
        struct sb_prop *p = &y->props[y->n_props++];
        p->required = skip(&s, '*');
        p->keep_zero = skip(&s, '?');
        p->name = until(&s, "#:");
        if (skip(&s, '#')) p->tag = until(&s, ":");
        skip(&s, ':');
        p->type = parse_type(t, &s);
        if (skip(&s, '=')) p->fallback = until(&s, " ");
    }
}

struct sb_types *sb_types_new(void) {
    struct sb_types *t = rv_alloc(sizeof *t);
    t->arena = rv_arena_new();
    t->named = rv_arena_alloc(t->arena, RV_ARRAY_LEN(lines) * sizeof *t->named);
    for (size_t i = 0; i < RV_ARRAY_LEN(t->scalars); i++) t->scalars[i].kind = (enum sb_type_kind)i;
    for (size_t i = 0; i < RV_ARRAY_LEN(lines); i++) {
        struct rv_str text = rv_str(lines[i]), rest = text;
        t->named[i] = (struct sb_type){.kind = SB_STRUCT, .text = text, .name = until(&rest, " !")};
        t->named[i].atomic = skip(&rest, '!');
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(lines); i++) parse_line(t, &t->named[i]);
    return t;
}

struct sb_types *sb_types_free(struct sb_types *t) {
    if (t == NULL) return NULL;
    rv_arena_free(t->arena);
    free(t);
    return NULL;
}

const struct sb_type *sb_types_find(const struct sb_types *t, const char *name) { return find(t, rv_str(name)); }

const struct sb_type *sb_types_kind(const struct sb_types *t, struct rv_str api_version, struct rv_str kind) {
    for (size_t i = 0; i < RV_ARRAY_LEN(lines); i++) {
        struct rv_str api = t->named[i].api;
        if (api.n != api_version.n + 1 + kind.n || api.p[api_version.n] != '/') continue;
        if (memcmp(api.p, api_version.p, api_version.n) == 0 && memcmp(api.p + api_version.n + 1, kind.p, kind.n) == 0)
            return &t->named[i];
    }
    return NULL;
}

/* ---- using types ---- */

const struct sb_prop *sb_type_prop(const struct sb_type *t, struct rv_str name) {
    for (size_t i = 0; t != NULL && i < t->n_props; i++)
        if (rv_str_eq(t->props[i].name, name)) return &t->props[i];
    return NULL;
}

const struct sb_type *sb_type_child(const struct sb_type *t, struct rv_str name) {
    if (t == NULL) return NULL;
    if (t->kind == SB_MAP) return t->items;
    const struct sb_prop *p = sb_type_prop(t, name);
    return p != NULL ? p->type : t->items;
}

/* The value of a key field. If a text is absent, its default is used. */
static struct rv_node *key_value(struct rv_arena *a, const struct sb_type *list, struct rv_node *element, size_t i) {
    struct rv_node *v = rv_node_getn(element, list->keys[i]);
    if (v != NULL) return v;
    const struct sb_prop *p = sb_type_prop(list->items, list->keys[i]);
    return p != NULL && p->fallback.n != 0 ? rv_node_str(a, p->fallback) : NULL;
}

bool sb_type_element_key(const struct sb_type *list, struct rv_node *element, struct rv_buf *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    if (list->list == SB_LIST_SET) {
        rv_json_write(rv_node_freeze(a, element), out);
        return true;
    }
    size_t order[RV_ARRAY_LEN(list->keys)];
    for (size_t i = 0; i < list->n_keys; i++) { /* sorted by name */
        size_t j = i;
        for (; j > 0 && rv_str_cmp(list->keys[order[j - 1]], list->keys[i]) > 0; j--) order[j] = order[j - 1];
        order[j] = i;
    }
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    for (size_t i = 0; i < list->n_keys; i++) {
        struct rv_node *v = key_value(a, list, element, order[i]);
        if (v == NULL) return false;
        jsonw_key(&w, list->keys[order[i]]);
        jsonw_val(&w, NULL, rv_node_freeze(a, v));
    }
    jsonw_end_object(&w);
    return true;
}

size_t sb_type_find(const struct sb_type *list, struct rv_node *in, struct rv_node *like) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    size_t n = rv_node_len(in);
    for (size_t i = 0; i < n; i++) {
        struct rv_node *element = rv_node_at(in, i);
        bool same = list->list == SB_LIST_SET ? rv_node_equal(element, like) : true;
        for (size_t k = 0; same && list->list == SB_LIST_KEYED && k < list->n_keys; k++) {
            struct rv_node *have = key_value(a, list, element, k), *want = key_value(a, list, like, k);
            same = have != NULL && want != NULL && rv_node_equal(have, want);
        }
        if (same) return i;
    }
    return n;
}
