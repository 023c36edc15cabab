/* mask.c - secrets within objects (mask.h). */
#include "mask.h"

#include "ipc/base/yaml.h"

static struct rv_node *mask_any(struct rv_arena *a, struct rv_str key, struct rv_val v);

static struct rv_node *masked(struct rv_arena *a) { return rv_node_str(a, RV_STR(MASKED)); }

static bool is_one_of(struct rv_str key, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (rv_str_is(key, words[i])) return true;
    return false;
}
#define IS_ONE_OF(key, words) is_one_of(key, words, RV_ARRAY_LEN(words))

/* Maps with values that a user chose freely; only their names stay. */
static bool is_free_map(struct rv_str key) {
    static const char *const words[] = {"env_vars", "volumeAttributes", "stringData", "data", "headers"};
    return IS_ONE_OF(key, words);
}

/* Lists of {name, value} whose values a user chose freely. */
static bool is_free_list(struct rv_str key) {
    static const char *const words[] = {"env", "httpHeaders"};
    return IS_ONE_OF(key, words);
}

/* Annotations of the contract say what support must know; of others only the names stay. */
static bool is_known_annotation(struct rv_str key) {
    static const char *const prefixes[] = {"ray.io/", "rayvisor.io/", "kubernetes.io/", "sandbox.rayvisor.io/"};
    for (size_t i = 0; i < RV_ARRAY_LEN(prefixes); i++)
        if (rv_str_starts(key, prefixes[i])) return !mask_is_secret(key);
    return false;
}

static struct rv_node *mask_annotations(struct rv_arena *a, struct rv_val v) {
    struct rv_node *m = rv_node_map(a);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        rv_node_setn(a, m, it.key, is_known_annotation(it.key) ? mask_any(a, it.key, it.val) : masked(a));
    return m;
}

static struct rv_node *mask_free_map(struct rv_arena *a, struct rv_val v) {
    struct rv_node *m = rv_node_map(a);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) rv_node_setn(a, m, it.key, masked(a));
    return m;
}

/* A variable's name and where its value comes from stay. */
static struct rv_node *mask_pair(struct rv_arena *a, struct rv_val v) {
    struct rv_node *m = rv_node_map(a);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        rv_node_setn(a, m, it.key, rv_str_is(it.key, "value") ? masked(a) : mask_any(a, it.key, it.val));
    return m;
}

/* A value in a difference of a twin: any part of any object, as text. Words for what is missing, numbers and what a
 * status says stay. */
static struct rv_node *mask_side(struct rv_arena *a, struct rv_str field, struct rv_str text) {
    static const char *const words[] = {"-", "made", "not there", "there", "true", "false", "null"};
    bool number = text.n != 0 && text.n <= 20;
    for (size_t i = 0; i < text.n; i++)
        number &= (text.p[i] >= '0' && text.p[i] <= '9') || (i == 0 && text.p[i] == '-');
    if (IS_ONE_OF(text, words) || (number && !mask_is_secret(field))) return rv_node_str(a, text);
    if (rv_str_starts(field, "status.") && !mask_is_secret(field)) return rv_node_str(a, mask_text(a, text));
    return masked(a);
}

static struct rv_node *mask_difference(struct rv_arena *a, struct rv_val v) {
    struct rv_str field = rv_path_str(v, "field");
    struct rv_node *m = rv_node_map(a);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        bool side = rv_str_is(it.key, "ours") || rv_str_is(it.key, "theirs");
        rv_node_setn(a, m, it.key, side ? mask_side(a, field, rv_val_str(it.val)) : mask_any(a, it.key, it.val));
    }
    return m;
}

static struct rv_node *mask_map(struct rv_arena *a, struct rv_val v) {
    struct rv_node *m = rv_node_map(a);
    if (rv_path_str(v, "field").n != 0 && rv_val_present(rv_val_get(v, "theirs"))) return mask_difference(a, v);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) rv_node_setn(a, m, it.key, mask_any(a, it.key, it.val));
    return m;
}

/* In a command line the value may be the element behind its name. */
static struct rv_node *mask_list(struct rv_arena *a, struct rv_str key, struct rv_val v) {
    struct rv_node *list = rv_node_array(a);
    bool hide = false;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        struct rv_str s = rv_val_str(it.val);
        bool option = s.n != 0 && s.p[0] == '-' && memchr(s.p, '=', s.n) == NULL && mask_is_secret(s);
        struct rv_node *e = hide && s.n != 0                                     ? masked(a)
                            : is_free_list(key) && rv_val_type(it.val) == RV_MAP ? mask_pair(a, it.val)
                                                                                 : mask_any(a, RV_STR(""), it.val);
        rv_node_append(a, list, e);
        hide = option && !hide;
    }
    return list;
}

struct rv_node *mask_yaml(struct rv_arena *a, struct rv_str text) {
    const struct yaml_opts o = {.repeats = true, .max_nodes = 100000};
    struct rv_node *n = yaml_tree(a, text, &o, NULL);
    enum rv_type t = rv_node_type(n);
    if (n == NULL || (t != RV_MAP && t != RV_ARRAY)) return masked(a);
    return mask_any(a, RV_STR(""), rv_node_freeze(a, n));
}

static bool is_yaml(struct rv_str key) {
    static const char *const words[] = {"runtimeEnvYAML", "serveConfigV2", "acceptedServeConfig"};
    return IS_ONE_OF(key, words);
}

/* What Serve had accepted last: its hash, and its text. */
static struct rv_node *mask_accepted(struct rv_arena *a, struct rv_val v) {
    struct rv_node *m = rv_node_map(a);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        rv_node_setn(a, m, it.key,
                     mask_any(a, rv_str_is(it.key, "text") ? RV_STR("acceptedServeConfig") : it.key, it.val));
    return m;
}

/* The recursion is as deep as the value, which rv_mp_check() or the YAML reader bounds. */
static struct rv_node *mask_any(struct rv_arena *a, struct rv_str key, struct rv_val v) {
    bool secret = mask_is_secret(key);
    switch (rv_val_type(v)) {
    case RV_MAP:
        if (rv_str_is(key, "annotations")) return mask_annotations(a, v);
        if (is_free_map(key)) return mask_free_map(a, v);
        if (rv_str_is(key, "acceptedServeConfig")) return mask_accepted(a, v);
        return secret ? mask_pair(a, v) : mask_map(a, v); /* such as redisPassword: {value: ...} */
    case RV_ARRAY:
        return mask_list(a, key, v);
    case RV_STRING:
        if (secret) return masked(a);
        return is_yaml(key) && memchr(rv_val_str(v).p, ':', rv_val_str(v).n) != NULL
                   ? mask_yaml(a, rv_val_str(v))
                   : rv_node_str(a, mask_text(a, rv_val_str(v)));
    case RV_INT:
    case RV_UINT:
    case RV_FLOAT:
        return secret ? masked(a) : rv_node_from(a, v);
    default:
        return rv_node_from(a, v);
    }
}

struct rv_node *mask_value(struct rv_arena *a, struct rv_val v) {
    return mask_any(a, RV_STR(""), v);
}
