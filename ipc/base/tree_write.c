/* tree_write.c - changes and encodes trees (see rayvisor/tree.h, tree.h). */
#include "tree.h"

/* No peer would accept a deeper value. The limit also ends the encoding of a tree that was inserted into itself. */
enum { ENCODE_MAX_DEPTH = RV_MP_MAX_DEPTH };

static void entries_insert(struct rv_node *n, size_t at, struct rv_str key, struct rv_node *value) {
    if (n->n == n->cap) {
        size_t cap = n->cap != 0 ? n->cap * 2 : 4;
        struct tree_entry *bigger = rv_arena_alloc(n->arena, cap * sizeof *bigger);
        if (n->n != 0) memcpy(bigger, n->entries, n->n * sizeof *bigger);
        n->entries = bigger;
        n->cap = cap;
    }
    memmove(n->entries + at + 1, n->entries + at, (n->n - at) * sizeof *n->entries);
    n->entries[at] = (struct tree_entry){key, value};
    n->n++;
}

static void entries_remove(struct rv_node *n, size_t at) {
    n->n--;
    memmove(n->entries + at, n->entries + at + 1, (n->n - at) * sizeof *n->entries);
}

static bool map_remove(struct rv_node *map, struct rv_str key) {
    if (rv_node_getn(map, key) == NULL) return false; /* if there is nothing to remove, the view stays a view */
    entries_remove(map, tree_index(map, key));
    return true;
}

bool rv_node_remove(struct rv_node *map, const char *key) { return map_remove(map, rv_str(key)); }

void rv_node_setn(struct rv_arena *a, struct rv_node *map, struct rv_str key, struct rv_node *value) {
    if (rv_node_type(map) != RV_MAP) return;
    if (value == NULL) {
        (void)map_remove(map, key);
        return;
    }
    size_t i = tree_index(map, key);
    if (i != TREE_NONE)
        map->entries[i].node = value;
    else
        entries_insert(map, map->n, rv_arena_str(a, key), value);
}

void rv_node_set(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_node *value) {
    rv_node_setn(a, map, rv_str(key), value);
}

void rv_node_set_str(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_str value) {
    rv_node_set(a, map, key, rv_node_str(a, value));
}

void rv_node_set_cstr(struct rv_arena *a, struct rv_node *map, const char *key, const char *value) {
    rv_node_set(a, map, key, rv_node_str(a, rv_str(value)));
}

void rv_node_set_int(struct rv_arena *a, struct rv_node *map, const char *key, int64_t value) {
    rv_node_set(a, map, key, rv_node_int(a, value));
}

void rv_node_set_bool(struct rv_arena *a, struct rv_node *map, const char *key, bool value) {
    rv_node_set(a, map, key, rv_node_bool(a, value));
}

void rv_node_insert(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value) {
    (void)a;
    if (rv_node_type(array) != RV_ARRAY || value == NULL) return;
    tree_open(array);
    entries_insert(array, index < array->n ? index : array->n, (struct rv_str){NULL, 0}, value);
}

void rv_node_append(struct rv_arena *a, struct rv_node *array, struct rv_node *value) {
    rv_node_insert(a, array, SIZE_MAX, value);
}

bool rv_node_remove_at(struct rv_node *array, size_t index) {
    if (rv_node_at(array, index) == NULL) return false;
    entries_remove(array, index);
    return true;
}

void rv_node_put_at(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value) {
    (void)a;
    if (value == NULL || rv_node_at(array, index) == NULL) return;
    array->entries[index].node = value;
}

static struct rv_node *ensure(struct rv_arena *a, struct rv_node *map, const char *key, enum rv_type type) {
    struct rv_node *child = rv_node_get(map, key);
    if (rv_node_type(child) == type) return child;
    if (rv_node_type(map) != RV_MAP) return NULL;
    child = tree_new(a, type);
    rv_node_set(a, map, key, child);
    return child;
}

struct rv_node *rv_node_ensure_map(struct rv_arena *a, struct rv_node *map, const char *key) {
    return ensure(a, map, key, RV_MAP);
}

struct rv_node *rv_node_ensure_array(struct rv_arena *a, struct rv_node *map, const char *key) {
    return ensure(a, map, key, RV_ARRAY);
}

/* ---- encoding ------------------------------------------------------------------------------------------ */

static void encode_scalar(const struct rv_node *n, struct rv_buf *b) {
    switch (n->type) {
    case RV_BOOL:
        rv_mp_bool(b, n->b);
        break;
    case RV_INT:
        rv_mp_int(b, n->i);
        break;
    case RV_FLOAT:
        rv_mp_float(b, n->f);
        break;
    case RV_STRING:
        rv_mp_str(b, n->s);
        break;
    default:
        rv_mp_nil(b);
    }
}

static void encode(const struct rv_node *n, struct rv_buf *b, unsigned depth) {
    if (n == NULL || depth > ENCODE_MAX_DEPTH) {
        rv_mp_nil(b);
    } else if (n->lazy) {
        rv_mp_val(b, n->view);
    } else if (n->type == RV_MAP || n->type == RV_ARRAY) {
        bool map = n->type == RV_MAP;
        if (map)
            rv_mp_map(b, n->n);
        else
            rv_mp_array(b, n->n);
        for (size_t i = 0; i < n->n; i++) {
            if (map) rv_mp_str(b, n->entries[i].key);
            encode(n->entries[i].node, b, depth + 1);
        }
    } else {
        encode_scalar(n, b);
    }
}

void rv_node_encode(struct rv_node *n, struct rv_buf *b) { encode(n, b, 0); }

struct rv_val tree_freeze(struct rv_arena *a, const struct rv_node *n) {
    rv_autobuf struct rv_buf b = {0};
    encode(n, &b, 0);
    struct rv_str copy = rv_arena_str(a, rv_buf_str(&b));
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}

struct rv_val rv_node_freeze(struct rv_arena *a, struct rv_node *n) {
    return tree_freeze(a, n);
}

bool rv_node_equal(struct rv_node *a, struct rv_node *b) {
    if (a == NULL || b == NULL) return a == b;
    if (a->lazy && b->lazy) return rv_val_equal(a->view, b->view);
    rv_autobuf struct rv_buf x = {0};
    rv_autobuf struct rv_buf y = {0};
    rv_node_encode(a, &x);
    rv_node_encode(b, &y);
    return rv_val_equal((struct rv_val){x.p, x.n}, (struct rv_val){y.p, y.n});
}
