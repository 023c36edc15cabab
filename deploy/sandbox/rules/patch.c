#include "patch.h"

#include <errno.h>

enum { DEPTH_MAX = 100 };

/* ---- merge and strategic merge: one walk; a strategic one follows the types ---- */

static struct rv_node *merge(struct rv_arena *a, const struct sb_type *t, struct rv_node *target, struct rv_node *patch,
                             bool strategic, unsigned depth);

static bool merges(const struct sb_type *t) { return t != NULL && t->kind == SB_LIST && t->merge; }

static size_t find_by_key(struct rv_node *list, struct rv_str key, struct rv_node *want) {
    size_t n = rv_node_len(list), i = 0;
    while (i < n && !rv_node_equal(rv_node_getn(rv_node_at(list, i), key), want)) i++;
    return i;
}

static struct rv_node *merge_maps(struct rv_arena *a, const struct sb_type *t, struct rv_node *target,
                                  struct rv_node *patch, unsigned depth) {
    for (size_t i = 0; i < rv_node_len(patch); i++) {
        struct rv_node *p = rv_node_at(patch, i), *id = rv_node_getn(p, t->merge_key);
        struct rv_str directive = rv_node_text(rv_node_get(p, "$patch"));
        if (rv_str_is(directive, "replace")) {
            struct rv_node *whole = rv_node_copy(a, patch);
            rv_node_remove_at(whole, i);
            return whole;
        }
        size_t at = id != NULL ? find_by_key(target, t->merge_key, id) : rv_node_len(target);
        bool found = at < rv_node_len(target);
        if (rv_str_is(directive, "delete")) {
            if (found) rv_node_remove_at(target, at);
        } else if (found) {
            rv_node_put_at(a, target, at, merge(a, t->items, rv_node_at(target, at), p, true, depth + 1));
        } else {
            rv_node_append(a, target, merge(a, t->items, rv_node_map(a), p, true, depth + 1));
        }
    }
    return target;
}

static size_t find_value(struct rv_node *list, struct rv_node *want) {
    size_t n = rv_node_len(list), i = 0;
    while (i < n && !rv_node_equal(rv_node_at(list, i), want)) i++;
    return i;
}

static struct rv_node *merge_values(struct rv_arena *a, struct rv_node *target, struct rv_node *patch) {
    for (size_t i = 0; i < rv_node_len(patch); i++)
        if (find_value(target, rv_node_at(patch, i)) == rv_node_len(target))
            rv_node_append(a, target, rv_node_copy(a, rv_node_at(patch, i)));
    return target;
}

static struct rv_node *merge_list(struct rv_arena *a, const struct sb_type *t, struct rv_node *have,
                                  struct rv_node *patch, unsigned depth) {
    struct rv_node *target = rv_node_type(have) == RV_ARRAY ? have : rv_node_array(a);
    return t->merge_key.n != 0 ? merge_maps(a, t, target, patch, depth) : merge_values(a, target, patch);
}

/* ---- directives: keys of a patch that are no fields ---- */

static void delete_values(struct rv_node *list, struct rv_node *values) {
    for (size_t i = 0; i < rv_node_len(values); i++)
        for (size_t j = rv_node_len(list); j-- > 0;)
            if (rv_node_equal(rv_node_at(list, j), rv_node_at(values, i))) rv_node_remove_at(list, j);
}

/* In a union (the source of a volume), only these keys stay. */
static void retain(struct rv_arena *a, struct rv_node *target, struct rv_node *keys) {
    struct rv_str key;
    struct rv_node *v = NULL;
    for (size_t i = 0; rv_node_entry(target, i, &key, &v);) {
        bool kept = false;
        for (size_t j = 0; j < rv_node_len(keys); j++) kept = kept || rv_str_eq(rv_node_text(rv_node_at(keys, j)), key);
        if (!kept)
            rv_node_setn(a, target, rv_arena_str(a, key), NULL);
        else
            i++;
    }
}

/* Sorts the elements that the order names among themselves. The others keep their places. */
static void reorder(struct rv_arena *a, const struct sb_type *t, struct rv_node *list, struct rv_node *order) {
    struct rv_node *sorted = rv_node_array(a);
    size_t next = 0;
    for (size_t i = 0; i < rv_node_len(order); i++) {
        struct rv_node *o = rv_node_at(order, i);
        size_t at =
            t->merge_key.n != 0 ? find_by_key(list, t->merge_key, rv_node_getn(o, t->merge_key)) : find_value(list, o);
        if (at < rv_node_len(list)) rv_node_append(a, sorted, rv_node_copy(a, rv_node_at(list, at)));
    }
    for (size_t i = 0; i < rv_node_len(list) && next < rv_node_len(sorted); i++) {
        struct rv_node *e = rv_node_at(list, i);
        size_t named = t->merge_key.n != 0 ? find_by_key(order, t->merge_key, rv_node_getn(e, t->merge_key))
                                           : find_value(order, e);
        if (named < rv_node_len(order)) rv_node_put_at(a, list, i, rv_node_copy(a, rv_node_at(sorted, next++)));
    }
}

static bool after(struct rv_str key, const char *prefix, struct rv_str *ret) {
    size_t n = strlen(prefix);
    if (!rv_str_starts(key, prefix)) return false;
    *ret = (struct rv_str){key.p + n, key.n - n};
    return true;
}

static bool is_directive(struct rv_str key) {
    return rv_str_starts(key, "$setElementOrder/") || rv_str_starts(key, "$deleteFromPrimitiveList/") ||
           rv_str_is(key, "$retainKeys") || rv_str_is(key, "$patch");
}

static void follow(struct rv_arena *a, const struct sb_type *t, struct rv_node *target, struct rv_node *patch) {
    struct rv_str key, name;
    struct rv_node *v = NULL;
    for (size_t i = 0; rv_node_entry(patch, i, &key, &v); i++) {
        if (after(key, "$deleteFromPrimitiveList/", &name)) delete_values(rv_node_getn(target, name), v);
        if (rv_str_is(key, "$retainKeys")) retain(a, target, v);
    }
    for (size_t i = 0; rv_node_entry(patch, i, &key, &v); i++) {
        if (!after(key, "$setElementOrder/", &name)) continue;
        const struct sb_type *list = sb_type_child(t, name);
        if (merges(list) && rv_node_getn(target, name) != NULL) reorder(a, list, rv_node_getn(target, name), v);
    }
}

static struct rv_node *merge(struct rv_arena *a, const struct sb_type *t, struct rv_node *target, struct rv_node *patch,
                             bool strategic, unsigned depth) {
    if (rv_node_type(patch) != RV_MAP || depth > DEPTH_MAX) return rv_node_copy(a, patch);
    struct rv_str how = strategic ? rv_node_text(rv_node_get(patch, "$patch")) : RV_STR("");
    if (rv_node_type(target) != RV_MAP || rv_str_is(how, "replace")) target = rv_node_map(a);
    if (rv_str_is(how, "delete")) return rv_node_map(a);
    struct rv_str key;
    struct rv_node *v = NULL;
    for (size_t i = 0; rv_node_entry(patch, i, &key, &v); i++) {
        if (strategic && is_directive(key)) continue;
        struct rv_node *have = rv_node_getn(target, key), *next = NULL;
        const struct sb_type *child = strategic ? sb_type_child(t, key) : NULL;
        if (rv_node_type(v) == RV_NULL)
            next = NULL;
        else if (strategic && merges(child) && rv_node_type(v) == RV_ARRAY)
            next = merge_list(a, child, have, v, depth + 1);
        else
            next = merge(a, child, have, v, strategic, depth + 1);
        rv_node_setn(a, target, rv_arena_str(a, key), next);
    }
    if (strategic) follow(a, t, target, patch);
    return target;
}

struct rv_node *sb_patch_merge(struct rv_arena *a, struct rv_node *target, struct rv_node *patch) {
    return merge(a, NULL, target, patch, false, 0);
}
struct rv_node *sb_patch_strategic(struct rv_arena *a, const struct sb_type *t, struct rv_node *target,
                                   struct rv_node *patch) {
    return merge(a, t, target, patch, true, 0);
}

/* ---- json-patch ---- */

/* The container of what a pointer names, and the pointer's last token, unescaped. NULL if a step is missing. */
static struct rv_node *walk(struct rv_arena *a, struct rv_node *root, struct rv_str path, struct rv_str *ret_last) {
    struct rv_node *n = root;
    size_t i = 1;
    while (i <= path.n) {
        size_t end = i;
        while (end < path.n && path.p[end] != '/') end++;
        rv_autobuf struct rv_buf token = {0};
        for (size_t j = i; j < end; j++) {
            bool escape = path.p[j] == '~' && j + 1 < end && (path.p[j + 1] == '0' || path.p[j + 1] == '1');
            rv_buf_addc(&token, escape ? (path.p[j + 1] == '1' ? '/' : '~') : (uint8_t)path.p[j]);
            j += escape;
        }
        struct rv_str text = rv_arena_str(a, rv_buf_str(&token));
        if (end == path.n) {
            *ret_last = text;
            return n;
        }
        int64_t index = 0;
        if (rv_node_type(n) == RV_MAP)
            n = rv_node_getn(n, text);
        else if (rv_node_type(n) == RV_ARRAY && rv_str_to_int(text, 0, INT32_MAX, &index) == 0)
            n = rv_node_at(n, (size_t)index);
        else
            return NULL;
        i = end + 1;
    }
    return NULL;
}

static struct rv_node *take(struct rv_node *in, struct rv_str last, bool remove) {
    int64_t index = 0;
    if (rv_node_type(in) == RV_MAP) {
        struct rv_node *v = rv_node_getn(in, last);
        if (v != NULL && remove) rv_node_remove(in, last.p);
        return v;
    }
    if (rv_node_type(in) != RV_ARRAY || rv_str_to_int(last, 0, INT32_MAX, &index) != 0) return NULL;
    struct rv_node *v = rv_node_at(in, (size_t)index);
    if (v != NULL && remove) rv_node_remove_at(in, (size_t)index);
    return v;
}

static bool add(struct rv_arena *a, struct rv_node *in, struct rv_str last, struct rv_node *value, bool replace) {
    int64_t index = 0;
    if (rv_node_type(in) == RV_MAP) {
        if (replace && rv_node_getn(in, last) == NULL) return false;
        rv_node_setn(a, in, last, value);
        return true;
    }
    if (rv_node_type(in) != RV_ARRAY) return false;
    int64_t len = (int64_t)rv_node_len(in);
    if (rv_str_is(last, "-") && !replace)
        index = len;
    else if (rv_str_to_int(last, 0, replace ? len - 1 : len, &index) != 0)
        return false;
    if (replace)
        rv_node_put_at(a, in, (size_t)index, value);
    else
        rv_node_insert(a, in, (size_t)index, value);
    return true;
}

static bool apply_op(struct rv_arena *a, struct rv_node **root, struct rv_node *op) {
    struct rv_str what = rv_node_text(rv_node_get(op, "op")), path = rv_node_text(rv_node_get(op, "path"));
    struct rv_str from = rv_node_text(rv_node_get(op, "from")), last = {0}, from_last = {0};
    struct rv_node *value = rv_node_get(op, "value"), *in = NULL;
    bool move = rv_str_is(what, "move");
    if (move || rv_str_is(what, "copy")) {
        in = walk(a, *root, from, &from_last);
        value = take(in, from_last, move);
        if (value == NULL) return false;
        what = RV_STR("add");
    }
    if (path.n == 0) {
        if (rv_str_is(what, "test")) return rv_node_equal(*root, value);
        if (value == NULL || rv_str_is(what, "remove")) return false;
        *root = rv_node_copy(a, value);
        return true;
    }
    in = path.p[0] == '/' ? walk(a, *root, path, &last) : NULL;
    if (in == NULL) return false;
    if (rv_str_is(what, "remove")) return take(in, last, true) != NULL;
    if (rv_str_is(what, "test")) return value != NULL && rv_node_equal(take(in, last, false), value);
    if (value == NULL) return false;
    if (rv_str_is(what, "add")) return add(a, in, last, rv_node_copy(a, value), false);
    return rv_str_is(what, "replace") && add(a, in, last, rv_node_copy(a, value), true);
}

int sb_patch_json(struct rv_arena *a, struct rv_node **target, struct rv_node *ops, struct rv_error *err) {
    if (rv_node_type(ops) != RV_ARRAY) return rv_error_set(err, RV_E_INVALID, "a JSON patch is an array of operations");
    for (size_t i = 0; i < rv_node_len(ops); i++) {
        struct rv_node *op = rv_node_at(ops, i);
        if (!apply_op(a, target, op))
            return rv_error_set(
                err, RV_E_INVALID,
                "the server rejected our request due to an error in our request: operation %zu (" RV_STR_FMT
                " " RV_STR_FMT ") does not apply",
                i, RV_STR_ARG(rv_node_text(rv_node_get(op, "op"))), RV_STR_ARG(rv_node_text(rv_node_get(op, "path"))));
    }
    return 0;
}
