/* tree.c - makes and reads nodes (see rayvisor/tree.h). tree_write.c writes them.
 *
 * A node is a scalar, a container of nodes, or a view of unchanged msgpack. Reading a child of a view turns that one
 * level into nodes, whose children are views again. A view that is never read stays as bytes, and rv_node_encode()
 * copies the bytes. */
#include "tree.h"

struct rv_node *tree_new(struct rv_arena *a, enum rv_type type) {
    struct rv_node *n = rv_arena_alloc(a, sizeof *n);
    n->arena = a;
    n->type = type;
    return n;
}

struct rv_node *rv_node_map(struct rv_arena *a) {
    return tree_new(a, RV_MAP);
}
struct rv_node *rv_node_array(struct rv_arena *a) {
    return tree_new(a, RV_ARRAY);
}
struct rv_node *rv_node_null(struct rv_arena *a) {
    return tree_new(a, RV_NULL);
}

struct rv_node *rv_node_bool(struct rv_arena *a, bool v) {
    struct rv_node *n = tree_new(a, RV_BOOL);
    n->b = v;
    return n;
}

struct rv_node *rv_node_int(struct rv_arena *a, int64_t v) {
    struct rv_node *n = tree_new(a, RV_INT);
    n->i = v;
    return n;
}

struct rv_node *rv_node_float(struct rv_arena *a, double v) {
    struct rv_node *n = tree_new(a, RV_FLOAT);
    n->f = v;
    return n;
}

struct rv_node *rv_node_str(struct rv_arena *a, struct rv_str s) {
    struct rv_node *n = tree_new(a, RV_STRING);
    n->s = rv_arena_str(a, s);
    return n;
}

RV_PRINTF(2, 0)
static struct rv_str arena_vfmt(struct rv_arena *a, const char *fmt, va_list ap) {
    rv_autobuf struct rv_buf text = {0};
    rv_buf_vaddf(&text, fmt, ap);
    return rv_arena_str(a, rv_buf_str(&text));
}

struct rv_node *rv_node_fmt(struct rv_arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct rv_node *n = tree_new(a, RV_STRING);
    n->s = arena_vfmt(a, fmt, ap);
    va_end(ap);
    return n;
}

void rv_node_set_fmt(struct rv_arena *a, struct rv_node *map, const char *key, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct rv_node *n = tree_new(a, RV_STRING);
    n->s = arena_vfmt(a, fmt, ap);
    va_end(ap);
    rv_node_set(a, map, key, n);
}

struct rv_node *rv_node_from(struct rv_arena *a, struct rv_val v) {
    if (!rv_val_present(v)) return NULL;
    struct rv_node *n = tree_new(a, rv_val_type(v));
    n->lazy = true;
    n->view = v;
    return n;
}

struct rv_node *rv_node_copy(struct rv_arena *a, const struct rv_node *n) {
    return n != NULL ? rv_node_from(a, tree_freeze(a, n)) : NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Turns one level of a view into nodes. */
void tree_open(struct rv_node *n) {
    if (!n->lazy || (n->type != RV_MAP && n->type != RV_ARRAY)) return;
    struct rv_val v = n->view;
    size_t count = rv_val_len(v), i = 0;
    n->lazy = false;
    n->n = n->cap = count;
    n->entries = rv_arena_alloc(n->arena, (count != 0 ? count : 1) * sizeof *n->entries);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it); i++)
        n->entries[i] = (struct tree_entry){it.key, rv_node_from(n->arena, it.val)};
    n->n = i;
}

enum rv_type rv_node_type(const struct rv_node *n) { return n != NULL ? n->type : RV_ABSENT; }

size_t rv_node_len(struct rv_node *n) {
    if (n == NULL) return 0;
    if (n->lazy) return rv_val_len(n->view);
    return n->type == RV_MAP || n->type == RV_ARRAY ? n->n : 0;
}

size_t tree_index(struct rv_node *map, struct rv_str key) {
    tree_open(map);
    for (size_t i = 0; i < map->n; i++)
        if (rv_str_eq(map->entries[i].key, key)) return i;
    return TREE_NONE;
}

struct rv_node *rv_node_getn(struct rv_node *map, struct rv_str key) {
    if (rv_node_type(map) != RV_MAP) return NULL;
    /* If the key is absent, the view stays a view. */
    if (map->lazy && !rv_val_present(rv_val_getn(map->view, key))) return NULL;
    size_t i = tree_index(map, key);
    return i != TREE_NONE ? map->entries[i].node : NULL;
}

struct rv_node *rv_node_get(struct rv_node *map, const char *key) {
    return rv_node_getn(map, rv_str(key));
}

struct rv_node *rv_node_at(struct rv_node *array, size_t index) {
    if (rv_node_type(array) != RV_ARRAY || index >= rv_node_len(array)) return NULL;
    tree_open(array);
    return array->entries[index].node;
}

bool rv_node_entry(struct rv_node *map, size_t i, struct rv_str *ret_key, struct rv_node **ret_val) {
    if (rv_node_type(map) != RV_MAP || i >= rv_node_len(map)) return false;
    tree_open(map);
    *ret_key = map->entries[i].key;
    *ret_val = map->entries[i].node;
    return true;
}

struct rv_node *rv_node_path(struct rv_node *n, const char *path) {
    struct path_step step;
    while (n != NULL && path_next(&path, &step)) {
        if (step.bad) return NULL;
        int64_t index;
        bool at = step.bracket && n->type == RV_ARRAY && rv_str_to_int(step.text, 0, INT32_MAX, &index) == 0;
        n = at ? rv_node_at(n, (size_t)index) : rv_node_getn(n, step.text);
    }
    return n;
}

struct rv_str rv_node_text(const struct rv_node *n) {
    if (rv_node_type(n) != RV_STRING) return (struct rv_str){NULL, 0};
    return n->lazy ? rv_val_str(n->view) : n->s;
}

int64_t rv_node_to_int(const struct rv_node *n, int64_t fallback) {
    if (n == NULL) return fallback;
    if (n->lazy) return rv_val_int(n->view, fallback);
    if (n->type == RV_FLOAT && n->f >= -9223372036854775808.0 && n->f < 9223372036854775808.0 &&
        (double)(int64_t)n->f == n->f)
        return (int64_t)n->f;
    return n->type == RV_INT ? n->i : fallback;
}

double rv_node_to_float(const struct rv_node *n, double fallback) {
    if (n == NULL) return fallback;
    if (n->lazy) return rv_val_float(n->view, fallback);
    if (n->type == RV_INT) return (double)n->i;
    return n->type == RV_FLOAT ? n->f : fallback;
}

bool rv_node_to_bool(const struct rv_node *n, bool fallback) {
    if (n == NULL) return fallback;
    if (n->lazy) return rv_val_bool(n->view, fallback);
    return n->type == RV_BOOL ? n->b : fallback;
}

static bool element_is(const struct rv_node *e, const char *field, struct rv_str want) {
    if (e->type != RV_MAP) return false;
    if (e->lazy) {
        struct rv_val v = rv_val_get(e->view, field);
        return rv_val_type(v) == RV_STRING && rv_str_eq(rv_val_str(v), want);
    }
    for (size_t i = 0; i < e->n; i++)
        if (rv_str_is(e->entries[i].key, field))
            return rv_node_type(e->entries[i].node) == RV_STRING && rv_str_eq(rv_node_text(e->entries[i].node), want);
    return false;
}

struct rv_node *rv_node_find(struct rv_node *array, const char *field, struct rv_str want) {
    if (rv_node_type(array) != RV_ARRAY) return NULL;
    tree_open(array);
    for (size_t i = 0; i < array->n; i++)
        if (element_is(array->entries[i].node, field, want)) return array->entries[i].node;
    return NULL;
}
