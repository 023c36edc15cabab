#include "fields.h"
#include "internal.h"
#include "rayvisor/json.h"

enum { DEPTH_MAX = 100 };

/* ---- nodes of a set ---- */

static bool is_dot(struct rv_str key) { return rv_str_is(key, "."); }

static bool member(struct rv_node *x) { return x != NULL && (rv_node_len(x) == 0 || rv_node_get(x, ".") != NULL); }

/* children is a map without ".". Returns NULL if nothing is in it. */
static struct rv_node *node(struct rv_arena *a, bool is_member, struct rv_node *children) {
    if (rv_node_len(children) == 0) return is_member ? rv_node_map(a) : NULL;
    if (is_member) rv_node_set(a, children, ".", rv_node_map(a));
    return children;
}

bool sb_fields_empty(struct rv_node *x) { return rv_node_len(x) == 0; }

struct rv_node *sb_fields_union(struct rv_arena *a, struct rv_node *x, struct rv_node *y) {
    if (x == NULL || y == NULL) return x != NULL || y != NULL ? rv_node_copy(a, x != NULL ? x : y) : NULL;
    struct rv_node *out = rv_node_map(a), *v = NULL;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(x, i, &key, &v); i++)
        if (!is_dot(key)) rv_node_setn(a, out, key, sb_fields_union(a, v, rv_node_getn(y, key)));
    for (size_t i = 0; rv_node_entry(y, i, &key, &v); i++)
        if (!is_dot(key) && rv_node_getn(x, key) == NULL) rv_node_setn(a, out, key, rv_node_copy(a, v));
    return node(a, member(x) || member(y), out);
}

struct rv_node *sb_fields_minus(struct rv_arena *a, struct rv_node *x, struct rv_node *y) {
    if (x == NULL) return NULL;
    struct rv_node *out = rv_node_map(a), *v = NULL;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(x, i, &key, &v); i++) {
        struct rv_node *rest = is_dot(key) ? NULL : sb_fields_minus(a, v, rv_node_getn(y, key));
        if (rest != NULL) rv_node_setn(a, out, key, rest);
    }
    return node(a, member(x) && !member(y), out);
}

struct rv_node *sb_fields_part(struct rv_arena *a, struct rv_node *x, bool status) {
    struct rv_node *out = rv_node_map(a), *v = NULL;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(x, i, &key, &v); i++)
        if (rv_str_is(key, "f:status") == status) rv_node_setn(a, out, key, rv_node_copy(a, v));
    return out;
}

/* ---- what an object sets ---- */

static bool granular_map(const struct sb_type *t, struct rv_node *v) {
    if (rv_node_type(v) != RV_MAP) return false;
    return t == NULL || t->kind == SB_ANY || ((t->kind == SB_STRUCT || t->kind == SB_MAP) && !t->atomic);
}

static bool granular_list(const struct sb_type *t, struct rv_node *v) {
    return rv_node_type(v) == RV_ARRAY && t != NULL && t->kind == SB_LIST && t->list != SB_LIST_ATOMIC;
}

static struct rv_str field_key(struct rv_arena *a, struct rv_str name) {
    return rv_arena_fmt(a, "f:" RV_STR_FMT, RV_STR_ARG(name));
}

/* "k:{...}" or "v:...". Empty if a key field is missing. */
static struct rv_str element_key(struct rv_arena *a, const struct sb_type *t, struct rv_node *element) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_adds(&b, t->list == SB_LIST_SET ? "v:" : "k:");
    if (!sb_type_element_key(t, element, &b)) return RV_STR("");
    return rv_arena_str(a, rv_buf_str(&b));
}

static struct rv_node *fields(struct rv_arena *a, const struct sb_type *t, struct rv_node *v, unsigned depth) {
    bool map = granular_map(t, v), list = granular_list(t, v);
    if ((!map && !list) || rv_node_len(v) == 0 || depth > DEPTH_MAX) return rv_node_map(a);
    struct rv_node *out = rv_node_map(a), *child = NULL;
    struct rv_str key;
    for (size_t i = 0; map && rv_node_entry(v, i, &key, &child); i++)
        rv_node_setn(a, out, field_key(a, key), fields(a, sb_type_child(t, key), child, depth + 1));
    for (size_t i = 0; list && i < rv_node_len(v); i++) {
        child = rv_node_at(v, i);
        key = element_key(a, t, child);
        if (key.n == 0) continue;
        struct rv_node *inner = t->list == SB_LIST_SET ? rv_node_map(a) : fields(a, t->items, child, depth + 1);
        rv_node_setn(a, out, key, node(a, true, inner));
    }
    return out;
}

/* Nobody owns the identity of an object and the fields that only the server writes. */
static struct rv_node *without_identity(struct rv_node *set) {
    static const char *const roots[] = {"f:apiVersion", "f:kind"};
    static const char *const names[] = {"f:name",
                                        "f:namespace",
                                        "f:creationTimestamp",
                                        "f:selfLink",
                                        "f:uid",
                                        "f:generation",
                                        "f:managedFields",
                                        "f:resourceVersion",
                                        "f:deletionTimestamp",
                                        "f:deletionGracePeriodSeconds"};
    struct rv_node *meta = rv_node_get(set, "f:metadata");
    for (size_t i = 0; i < RV_ARRAY_LEN(roots); i++) rv_node_remove(set, roots[i]);
    for (size_t i = 0; meta != NULL && i < RV_ARRAY_LEN(names); i++) rv_node_remove(meta, names[i]);
    if (meta != NULL && rv_node_len(meta) == 0) rv_node_remove(set, "f:metadata");
    return set;
}

struct rv_node *sb_fields_of(struct rv_arena *a, const struct sb_type *t, struct rv_node *object) {
    return without_identity(fields(a, t, object, 0));
}

static struct rv_node *changed(struct rv_arena *a, const struct sb_type *t, struct rv_node *old, struct rv_node *now,
                               unsigned depth) {
    bool map = granular_map(t, now) && granular_map(t, old), list = granular_list(t, now) && granular_list(t, old);
    if ((!map && !list) || depth > DEPTH_MAX) return rv_node_equal(old, now) ? NULL : fields(a, t, now, depth);
    struct rv_node *out = rv_node_map(a), *child = NULL;
    struct rv_str key;
    for (size_t i = 0; map && rv_node_entry(now, i, &key, &child); i++) {
        struct rv_node *before = rv_node_getn(old, key);
        const struct sb_type *ct = sb_type_child(t, key);
        struct rv_node *c = before != NULL ? changed(a, ct, before, child, depth + 1) : fields(a, ct, child, depth + 1);
        if (c != NULL) rv_node_setn(a, out, field_key(a, key), c);
    }
    for (size_t i = 0; list && i < rv_node_len(now); i++) {
        child = rv_node_at(now, i);
        key = element_key(a, t, child);
        size_t at = sb_type_find(t, old, child);
        bool fresh = at == rv_node_len(old), set = t->list == SB_LIST_SET;
        if (key.n == 0 || (set && !fresh)) continue;
        struct rv_node *c = set     ? rv_node_map(a)
                            : fresh ? fields(a, t->items, child, depth + 1)
                                    : changed(a, t->items, rv_node_at(old, at), child, depth + 1);
        c = node(a, fresh, c);
        if (c != NULL) rv_node_setn(a, out, key, c);
    }
    return node(a, false, out);
}

struct rv_node *sb_fields_changed(struct rv_arena *a, const struct sb_type *t, struct rv_node *old,
                                  struct rv_node *now) {
    struct rv_node *c = changed(a, t, old, now, 0);
    return c != NULL ? without_identity(c) : NULL;
}

/* ---- merging ---- */

static struct rv_node *merge(struct rv_arena *a, const struct sb_type *t, struct rv_node *live, struct rv_node *config,
                             unsigned depth) {
    bool map = granular_map(t, config) && rv_node_type(live) == RV_MAP;
    bool list = granular_list(t, config) && rv_node_type(live) == RV_ARRAY;
    if ((!map && !list) || depth > DEPTH_MAX) return rv_node_copy(a, config);
    struct rv_node *child = NULL;
    struct rv_str key;
    for (size_t i = 0; map && rv_node_entry(config, i, &key, &child); i++) {
        struct rv_node *have = rv_node_getn(live, key);
        struct rv_node *next =
            rv_node_type(child) == RV_NULL ? NULL : merge(a, sb_type_child(t, key), have, child, depth + 1);
        rv_node_setn(a, live, rv_arena_str(a, key), next);
    }
    for (size_t i = 0; list && i < rv_node_len(config); i++) {
        child = rv_node_at(config, i);
        size_t at = sb_type_find(t, live, child);
        if (at == rv_node_len(live))
            rv_node_append(a, live, rv_node_copy(a, child));
        else if (t->list == SB_LIST_KEYED)
            rv_node_put_at(a, live, at, merge(a, t->items, rv_node_at(live, at), child, depth + 1));
    }
    return live;
}

struct rv_node *sb_fields_merge(struct rv_arena *a, const struct sb_type *t, struct rv_node *live,
                                struct rv_node *config) {
    return merge(a, t, live, config, 0);
}

/* The index of the element that a set's key names, or the length of the list. */
static size_t element_at(struct rv_arena *a, const struct sb_type *t, struct rv_node *list, struct rv_str key) {
    size_t n = rv_node_len(list), i = 0;
    while (i < n && !rv_str_eq(element_key(a, t, rv_node_at(list, i)), key)) i++;
    return i;
}

static void prune(struct rv_arena *a, const struct sb_type *t, struct rv_node *object, struct rv_node *last,
                  struct rv_node *now, struct rv_node *others, unsigned depth) {
    struct rv_node *l = NULL;
    struct rv_str key;
    for (size_t i = 0; depth < DEPTH_MAX && rv_node_entry(last, i, &key, &l); i++) {
        if (is_dot(key)) continue;
        struct rv_node *n = rv_node_getn(now, key), *o = rv_node_getn(others, key), *child = NULL;
        bool map = rv_str_starts(key, "f:") && rv_node_type(object) == RV_MAP;
        bool list = !rv_str_starts(key, "f:") && granular_list(t, object);
        struct rv_str name = {key.p + 2, key.n - 2};
        size_t at = list ? element_at(a, t, object, key) : 0;
        if (map) child = rv_node_getn(object, name);
        if (list) child = rv_node_at(object, at);
        if (child == NULL) continue;
        if (n != NULL || o != NULL)
            prune(a, list ? t->items : sb_type_child(t, name), child, l, n, o, depth + 1);
        else if (map)
            rv_node_setn(a, object, name, NULL);
        else
            rv_node_remove_at(object, at);
    }
}

void sb_fields_prune(struct rv_arena *a, const struct sb_type *t, struct rv_node *object, struct rv_node *last,
                     struct rv_node *now, struct rv_node *others) {
    prune(a, t, object, last, now, others, 0);
}

/* ---- conflicts ---- */

struct conflicts {
    struct rv_arena *a;
    struct rv_node *paths;
};

/* Makes [name="x",port=1] from "k:{"name":"x","port":1}". */
static struct rv_str element_path(struct rv_arena *a, struct rv_str path, struct rv_str key) {
    rv_autobuf struct rv_buf mp = {0}, b = {0};
    struct rv_str json = {key.p + 2, key.n - 2};
    rv_buf_add_str(&b, path);
    if (rv_str_starts(key, "v:") || rv_json_to_mp(json, NULL, &mp, NULL) != 0) {
        rv_buf_addf(&b, "[=" RV_STR_FMT "]", RV_STR_ARG(json));
        return rv_arena_str(a, rv_buf_str(&b));
    }
    char before = '[';
    for (struct rv_iter it = rv_iter((struct rv_val){mp.p, mp.n}); rv_iter_next(&it); before = ',') {
        rv_buf_addf(&b, "%c" RV_STR_FMT "=", before, RV_STR_ARG(it.key));
        rv_json_write(it.val, &b);
    }
    rv_buf_addc(&b, ']');
    return rv_arena_str(a, rv_buf_str(&b));
}

static void conflicts(struct conflicts *c, const struct sb_type *t, struct rv_node *live, struct rv_node *config,
                      struct rv_node *other, struct rv_str path, unsigned depth) {
    if (live == NULL || config == NULL || other == NULL || depth > DEPTH_MAX) return;
    bool map = granular_map(t, config) && granular_map(t, live),
         list = granular_list(t, config) && granular_list(t, live);
    if (!map && !list) {
        if (!rv_node_equal(live, config)) rv_node_append(c->a, c->paths, rv_node_str(c->a, path));
        return;
    }
    struct rv_node *child = NULL;
    struct rv_str key;
    for (size_t i = 0; map && rv_node_entry(config, i, &key, &child); i++)
        conflicts(c, sb_type_child(t, key), rv_node_getn(live, key), child, rv_node_getn(other, field_key(c->a, key)),
                  rv_arena_fmt(c->a, RV_STR_FMT "." RV_STR_FMT, RV_STR_ARG(path), RV_STR_ARG(key)), depth + 1);
    for (size_t i = 0; list && t->list == SB_LIST_KEYED && i < rv_node_len(config); i++) {
        child = rv_node_at(config, i);
        key = element_key(c->a, t, child);
        if (key.n != 0)
            conflicts(c, t->items, rv_node_at(live, sb_type_find(t, live, child)), child, rv_node_getn(other, key),
                      element_path(c->a, path, key), depth + 1);
    }
}

void sb_fields_conflicts(struct rv_arena *a, const struct sb_type *t, struct rv_node *live, struct rv_node *config,
                         struct rv_node *other, struct rv_node *paths) {
    struct conflicts c = {a, paths};
    conflicts(&c, t, live, config, other, RV_STR(""), 0);
}
