/* tree.c - building and changing an object (see rayvisor/tree.h).
 *
 * A node is either still a view of somebody's msgpack (`lazy`) or its own: a scalar, or an array of entries that grows
 * in the arena by doubling. Looking inside a lazy container opens one level: its children become lazy nodes. Reading a
 * lazy scalar never opens anything. Encoding a lazy node copies its bytes. */
#include "rayvisor/tree.h"

#include <stdio.h>

struct entry {
    struct rv_str key; /* maps only */
    struct rv_node *value;
};

struct rv_node {
    enum rv_type type;
    bool lazy;
    struct rv_arena *arena;
    union {
        struct rv_val view; /* lazy, and scalars taken from a view */
        struct rv_str text;
        int64_t i;
        uint64_t u;
        double f;
        bool b;
        struct {
            struct entry *entries;
            size_t n, cap;
        } kids;
    };
};

static struct rv_node *node_new(struct rv_arena *a, enum rv_type type) {
    struct rv_node *n = rv_arena_alloc(a, sizeof *n);
    n->type = type;
    n->arena = a;
    return n;
}

struct rv_node *rv_node_map(struct rv_arena *a) {
    return node_new(a, RV_MAP);
}
struct rv_node *rv_node_array(struct rv_arena *a) {
    return node_new(a, RV_ARRAY);
}
struct rv_node *rv_node_null(struct rv_arena *a) {
    return node_new(a, RV_NULL);
}

struct rv_node *rv_node_bool(struct rv_arena *a, bool v) {
    struct rv_node *n = node_new(a, RV_BOOL);
    n->b = v;
    return n;
}

struct rv_node *rv_node_int(struct rv_arena *a, int64_t v) {
    struct rv_node *n = node_new(a, RV_INT);
    n->i = v;
    return n;
}

struct rv_node *rv_node_float(struct rv_arena *a, double v) {
    struct rv_node *n = node_new(a, RV_FLOAT);
    n->f = v;
    return n;
}

struct rv_node *rv_node_str(struct rv_arena *a, struct rv_str s) {
    struct rv_node *n = node_new(a, RV_STRING);
    n->text = rv_arena_str(a, s);
    return n;
}

struct rv_node *rv_node_fmt(struct rv_arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rv_autobuf struct rv_buf b = {0};
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    return rv_node_str(a, rv_buf_str(&b));
}

struct rv_node *rv_node_from(struct rv_arena *a, struct rv_val v) {
    if (!rv_val_present(v)) return NULL;
    struct rv_node *n = node_new(a, rv_val_type(v));
    n->lazy = true;
    n->view = v;
    return n;
}

/* ---- opening and growing -------------------------------------------------------------------------------- */

static void kids_reserve(struct rv_node *n, size_t want) {
    if (want <= n->kids.cap) return;
    size_t cap = n->kids.cap < 4 ? 4 : n->kids.cap * 2;
    if (cap < want) cap = want;
    size_t bytes;
    if (__builtin_mul_overflow(cap, sizeof(struct entry), &bytes)) rv_oom();
    struct entry *grown = rv_arena_alloc(n->arena, bytes);
    if (n->kids.n != 0) memcpy(grown, n->kids.entries, n->kids.n * sizeof *grown);
    n->kids.entries = grown;
    n->kids.cap = cap;
}

/* Makes a container's children real nodes. */
static struct rv_node *node_open(struct rv_node *n) {
    if (n == NULL || !n->lazy || (n->type != RV_MAP && n->type != RV_ARRAY)) return n;
    struct rv_val view = n->view;
    n->lazy = false;
    n->kids.entries = NULL;
    n->kids.n = n->kids.cap = 0;
    kids_reserve(n, rv_val_len(view));
    for (struct rv_iter it = rv_iter(view); rv_iter_next(&it);)
        n->kids.entries[n->kids.n++] = (struct entry){it.key, rv_node_from(n->arena, it.val)};
    return n;
}

static bool is_container(const struct rv_node *n, enum rv_type type) { return n != NULL && n->type == type; }

static struct rv_node *copy_deep(struct rv_arena *a, const struct rv_node *n, unsigned depth) {
    if (n == NULL || depth > RV_MP_MAX_DEPTH) return NULL;
    if (n->lazy) {
        uint8_t *bytes = rv_arena_alloc(a, n->view.n);
        memcpy(bytes, n->view.p, n->view.n);
        return rv_node_from(a, (struct rv_val){bytes, n->view.n});
    }
    if (n->type == RV_STRING || n->type == RV_BIN) {
        struct rv_node *s = rv_node_str(a, n->text);
        s->type = n->type;
        return s;
    }
    struct rv_node *c = node_new(a, n->type);
    if (n->type != RV_MAP && n->type != RV_ARRAY) {
        c->u = n->u;
        if (n->type == RV_FLOAT) c->f = n->f;
        if (n->type == RV_BOOL) c->b = n->b;
        return c;
    }
    kids_reserve(c, n->kids.n);
    for (size_t i = 0; i < n->kids.n; i++) {
        struct rv_str key = n->type == RV_MAP ? rv_arena_str(a, n->kids.entries[i].key) : (struct rv_str){NULL, 0};
        c->kids.entries[c->kids.n++] = (struct entry){key, copy_deep(a, n->kids.entries[i].value, depth + 1)};
    }
    return c;
}

struct rv_node *rv_node_copy(struct rv_arena *a, const struct rv_node *n) {
    return copy_deep(a, n, 0);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

enum rv_type rv_node_type(const struct rv_node *n) { return n != NULL ? n->type : RV_ABSENT; }

size_t rv_node_len(struct rv_node *n) {
    if (!is_container(n, RV_MAP) && !is_container(n, RV_ARRAY)) return 0;
    return n->lazy ? rv_val_len(n->view) : n->kids.n;
}

static struct entry *find_entry(struct rv_node *map, struct rv_str key) {
    if (!is_container(map, RV_MAP)) return NULL;
    node_open(map);
    for (size_t i = 0; i < map->kids.n; i++)
        if (rv_str_eq(map->kids.entries[i].key, key)) return &map->kids.entries[i];
    return NULL;
}

struct rv_node *rv_node_getn(struct rv_node *map, struct rv_str key) {
    struct entry *e = find_entry(map, key);
    return e != NULL ? e->value : NULL;
}

struct rv_node *rv_node_get(struct rv_node *map, const char *key) {
    return rv_node_getn(map, rv_str(key));
}

struct rv_node *rv_node_at(struct rv_node *array, size_t index) {
    if (!is_container(array, RV_ARRAY)) return NULL;
    node_open(array);
    return index < array->kids.n ? array->kids.entries[index].value : NULL;
}

struct rv_node *rv_node_path(struct rv_node *n, const char *path) {
    const char *p = path;
    while (*p != 0 && n != NULL) {
        if (*p == '.') {
            p++;
        } else if (*p == '[') {
            const char *close = strchr(p, ']');
            if (close == NULL) return NULL;
            struct rv_str inside = {p + 1, (size_t)(close - p - 1)};
            int64_t index;
            bool numbered = n->type == RV_ARRAY && rv_str_to_int(inside, 0, INT32_MAX, &index) == 0;
            n = numbered ? rv_node_at(n, (size_t)index) : rv_node_getn(n, inside);
            p = close + 1;
        } else {
            size_t len = strcspn(p, ".[");
            n = rv_node_getn(n, (struct rv_str){p, len});
            p += len;
        }
    }
    return n;
}

struct rv_str rv_node_text(const struct rv_node *n) {
    if (n == NULL || n->type != RV_STRING) return (struct rv_str){NULL, 0};
    return n->lazy ? rv_val_str(n->view) : n->text;
}

int64_t rv_node_to_int(const struct rv_node *n, int64_t fallback) {
    if (n == NULL) return fallback;
    if (n->lazy) return rv_val_int(n->view, fallback);
    if (n->type == RV_INT) return n->i;
    if (n->type == RV_FLOAT && n->f >= -9e18 && n->f <= 9e18 && (double)(int64_t)n->f == n->f) return (int64_t)n->f;
    return fallback;
}

double rv_node_to_float(const struct rv_node *n, double fallback) {
    if (n == NULL) return fallback;
    if (n->lazy) return rv_val_float(n->view, fallback);
    return n->type == RV_FLOAT ? n->f : n->type == RV_INT ? (double)n->i : fallback;
}

bool rv_node_to_bool(const struct rv_node *n, bool fallback) {
    if (n == NULL || n->type != RV_BOOL) return fallback;
    return n->lazy ? rv_val_bool(n->view, fallback) : n->b;
}

bool rv_node_entry(struct rv_node *map, size_t i, struct rv_str *ret_key, struct rv_node **ret_val) {
    if (!is_container(map, RV_MAP)) return false;
    node_open(map);
    if (i >= map->kids.n) return false;
    *ret_key = map->kids.entries[i].key;
    *ret_val = map->kids.entries[i].value;
    return true;
}

struct rv_node *rv_node_find(struct rv_node *array, const char *field, struct rv_str want) {
    for (size_t i = 0; i < rv_node_len(array); i++) {
        struct rv_node *n = rv_node_at(array, i), *f = rv_node_get(n, field);
        if (rv_node_type(f) == RV_STRING && rv_str_eq(rv_node_text(f), want)) return n;
    }
    return NULL;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static bool remove_key(struct rv_node *map, struct rv_str key) {
    struct entry *e = find_entry(map, key);
    if (e == NULL) return false;
    size_t i = (size_t)(e - map->kids.entries);
    memmove(e, e + 1, (map->kids.n - i - 1) * sizeof *e);
    map->kids.n--;
    return true;
}

bool rv_node_remove(struct rv_node *map, const char *key) { return remove_key(map, rv_str(key)); }

void rv_node_setn(struct rv_arena *a, struct rv_node *map, struct rv_str key, struct rv_node *value) {
    if (!is_container(map, RV_MAP)) return;
    if (value == NULL) {
        remove_key(map, key);
        return;
    }
    struct entry *e = find_entry(map, key);
    if (e != NULL) {
        e->value = value;
        return;
    }
    kids_reserve(map, map->kids.n + 1);
    map->kids.entries[map->kids.n++] = (struct entry){rv_arena_str(a, key), value};
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

void rv_node_set_fmt(struct rv_arena *a, struct rv_node *map, const char *key, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rv_autobuf struct rv_buf b = {0};
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    rv_node_set_str(a, map, key, rv_buf_str(&b));
}

void rv_node_set_int(struct rv_arena *a, struct rv_node *map, const char *key, int64_t value) {
    rv_node_set(a, map, key, rv_node_int(a, value));
}

void rv_node_set_bool(struct rv_arena *a, struct rv_node *map, const char *key, bool value) {
    rv_node_set(a, map, key, rv_node_bool(a, value));
}

void rv_node_insert(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value) {
    (void)a;
    if (!is_container(array, RV_ARRAY) || value == NULL) return;
    node_open(array);
    if (index > array->kids.n) index = array->kids.n;
    kids_reserve(array, array->kids.n + 1);
    struct entry *at = array->kids.entries + index;
    memmove(at + 1, at, (array->kids.n - index) * sizeof *at);
    *at = (struct entry){{NULL, 0}, value};
    array->kids.n++;
}

void rv_node_append(struct rv_arena *a, struct rv_node *array, struct rv_node *value) {
    rv_node_insert(a, array, SIZE_MAX, value);
}

bool rv_node_remove_at(struct rv_node *array, size_t index) {
    if (!is_container(array, RV_ARRAY) || index >= rv_node_len(array)) return false;
    node_open(array);
    struct entry *at = array->kids.entries + index;
    memmove(at, at + 1, (array->kids.n - index - 1) * sizeof *at);
    array->kids.n--;
    return true;
}

void rv_node_put_at(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value) {
    (void)a;
    if (!is_container(array, RV_ARRAY) || value == NULL || index >= rv_node_len(array)) return;
    node_open(array);
    array->kids.entries[index].value = value;
}

static struct rv_node *ensure(struct rv_arena *a, struct rv_node *map, const char *key, enum rv_type type) {
    struct rv_node *n = rv_node_get(map, key);
    if (is_container(n, type)) return n;
    n = node_new(a, type);
    rv_node_set(a, map, key, n);
    return n;
}

struct rv_node *rv_node_ensure_map(struct rv_arena *a, struct rv_node *map, const char *key) {
    return ensure(a, map, key, RV_MAP);
}

struct rv_node *rv_node_ensure_array(struct rv_arena *a, struct rv_node *map, const char *key) {
    return ensure(a, map, key, RV_ARRAY);
}

/* ---- out ------------------------------------------------------------------------------------------------ */

static void encode(struct rv_node *n, struct rv_buf *b, unsigned depth) {
    if (n == NULL || depth > RV_MP_MAX_DEPTH) {
        rv_mp_nil(b);
        return;
    }
    if (n->lazy) {
        rv_mp_val(b, n->view);
        return;
    }
    switch (n->type) {
    case RV_BOOL:
        rv_mp_bool(b, n->b);
        return;
    case RV_INT:
        rv_mp_int(b, n->i);
        return;
    case RV_UINT:
        rv_mp_uint(b, n->u);
        return;
    case RV_FLOAT:
        rv_mp_float(b, n->f);
        return;
    case RV_STRING:
        rv_mp_str(b, n->text);
        return;
    case RV_BIN:
        rv_mp_bin(b, (struct rv_bytes){(const uint8_t *)n->text.p, n->text.n});
        return;
    case RV_ARRAY:
        rv_mp_array(b, n->kids.n);
        break;
    case RV_MAP:
        rv_mp_map(b, n->kids.n);
        break;
    case RV_NULL:
    case RV_ABSENT:
        rv_mp_nil(b);
        return;
    }
    for (size_t i = 0; i < n->kids.n; i++) {
        if (n->type == RV_MAP) rv_mp_str(b, n->kids.entries[i].key);
        encode(n->kids.entries[i].value, b, depth + 1);
    }
}

void rv_node_encode(struct rv_node *n, struct rv_buf *b) { encode(n, b, 0); }

struct rv_val rv_node_freeze(struct rv_arena *a, struct rv_node *n) {
    rv_autobuf struct rv_buf b = {0};
    rv_node_encode(n, &b);
    uint8_t *bytes = rv_arena_alloc(a, b.n);
    memcpy(bytes, b.p, b.n);
    return (struct rv_val){bytes, b.n};
}

bool rv_node_equal(struct rv_node *a, struct rv_node *b) {
    if (a == NULL || b == NULL) return a == b;
    rv_autobuf struct rv_buf x = {0}, y = {0};
    rv_node_encode(a, &x);
    rv_node_encode(b, &y);
    return rv_val_equal((struct rv_val){x.p, x.n}, (struct rv_val){y.p, y.n});
}
