#include "deploy/sandbox/api/patch.h"

#include <errno.h>

enum { DEPTH_MAX = 100 };

/* ---- merge and strategic merge: one walk ---- */

static const struct {
    const char *list, *key;
} merge_keys[] = {
    {"containers", "name"}, {"initContainers", "name"},    {"volumes", "name"},
    {"env", "name"},        {"volumeMounts", "mountPath"}, {"imagePullSecrets", "name"},
    {"conditions", "type"}, {"ownerReferences", "uid"},    {"containerPorts", "containerPort"},
    {"hostAliases", "ip"},  {"addresses", "type"},         {"secrets", "name"},
};

/* A service's ports merge by port, a container's by containerPort: told apart by what an element has. */
static const char *merge_key(struct rv_str list, struct rv_node *patch) {
    if (rv_str_is(list, "ports"))
        return rv_node_get(rv_node_at(patch, 0), "containerPort") != NULL ? "containerPort" : "port";
    for (size_t i = 0; i < RV_ARRAY_LEN(merge_keys); i++)
        if (rv_str_is(list, merge_keys[i].list)) return merge_keys[i].key;
    return NULL;
}

static struct rv_node *merge(struct rv_arena *a, struct rv_node *target, struct rv_node *patch, bool strategic,
                             unsigned depth);

static size_t find_by_key(struct rv_node *list, const char *key, struct rv_node *want) {
    size_t n = rv_node_len(list), i = 0;
    while (i < n && !rv_node_equal(rv_node_get(rv_node_at(list, i), key), want)) i++;
    return i;
}

static struct rv_node *merge_list(struct rv_arena *a, struct rv_node *target, struct rv_node *patch, const char *key,
                                  unsigned depth) {
    for (size_t i = 0; i < rv_node_len(patch); i++) {
        struct rv_node *p = rv_node_at(patch, i), *id = rv_node_get(p, key);
        struct rv_str directive = rv_node_text(rv_node_get(p, "$patch"));
        if (rv_str_is(directive, "replace")) {
            rv_node_remove_at(patch, i);
            return patch;
        }
        size_t at = id != NULL ? find_by_key(target, key, id) : rv_node_len(target);
        bool found = at < rv_node_len(target);
        if (rv_str_is(directive, "delete")) {
            if (found) rv_node_remove_at(target, at);
        } else if (found) {
            rv_node_put_at(a, target, at, merge(a, rv_node_at(target, at), p, true, depth + 1));
        } else {
            rv_node_append(a, target, merge(a, rv_node_map(a), p, true, depth + 1));
        }
    }
    return target;
}

static bool directive_key(struct rv_arena *a, struct rv_node *target, struct rv_str key, struct rv_node *v) {
    static const char PREFIX[] = "$deleteFromPrimitiveList/";
    if (rv_str_starts(key, "$setElementOrder/") || rv_str_is(key, "$retainKeys") || rv_str_is(key, "$patch"))
        return true;
    if (!rv_str_starts(key, PREFIX)) return false;
    struct rv_str name = {key.p + sizeof PREFIX - 1, key.n - (sizeof PREFIX - 1)};
    struct rv_node *list = rv_node_getn(target, name);
    (void)a;
    for (size_t i = 0; i < rv_node_len(v); i++)
        for (size_t j = rv_node_len(list); j-- > 0;)
            if (rv_node_equal(rv_node_at(list, j), rv_node_at(v, i))) rv_node_remove_at(list, j);
    return true;
}

static struct rv_node *merge(struct rv_arena *a, struct rv_node *target, struct rv_node *patch, bool strategic,
                             unsigned depth) {
    if (rv_node_type(patch) != RV_MAP || depth > DEPTH_MAX) return rv_node_copy(a, patch);
    if (rv_node_type(target) != RV_MAP) target = rv_node_map(a);
    if (strategic && rv_str_is(rv_node_text(rv_node_get(patch, "$patch")), "replace")) target = rv_node_map(a);
    if (strategic && rv_str_is(rv_node_text(rv_node_get(patch, "$patch")), "delete")) return rv_node_map(a);
    struct rv_str key;
    struct rv_node *v = NULL;
    for (size_t i = 0; rv_node_entry(patch, i, &key, &v); i++) {
        if (strategic && directive_key(a, target, key, v)) continue;
        struct rv_node *have = rv_node_getn(target, key);
        const char *by = strategic && rv_node_type(v) == RV_ARRAY ? merge_key(key, v) : NULL;
        struct rv_node *next = NULL;
        if (rv_node_type(v) == RV_NULL)
            next = NULL;
        else if (by != NULL && rv_node_type(rv_node_at(v, 0)) == RV_MAP)
            next = merge_list(a, rv_node_type(have) == RV_ARRAY ? have : rv_node_array(a), v, by, depth + 1);
        else if (strategic && rv_str_is(key, "finalizers") && rv_node_type(have) == RV_ARRAY) {
            next = rv_node_copy(a, have);
            for (size_t j = 0; j < rv_node_len(v); j++) {
                bool there = false;
                for (size_t k = 0; k < rv_node_len(next); k++)
                    there = there || rv_node_equal(rv_node_at(next, k), rv_node_at(v, j));
                if (!there) rv_node_append(a, next, rv_node_copy(a, rv_node_at(v, j)));
            }
        } else
            next = merge(a, have, v, strategic, depth + 1);
        rv_node_setn(a, target, rv_arena_str(a, key), next);
    }
    return target;
}

struct rv_node *sb_patch_merge(struct rv_arena *a, struct rv_node *target, struct rv_node *patch) {
    return merge(a, target, patch, false, 0);
}
struct rv_node *sb_patch_strategic(struct rv_arena *a, struct rv_node *target, struct rv_node *patch) {
    return merge(a, target, patch, true, 0);
}

/* ---- json-patch ---- */

/* The container of what a pointer names, and its last token unescaped; NULL when some step is missing. */
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
