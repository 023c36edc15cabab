/* plan_merge.c - a file's object in the place of the live one (see plan.h). */
#include "plan.h"

#include "plugins/ray/reject.h"
#include "rayvisor/json.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
enum { DEEPEST = 100 };

/* ---- kubectl apply ---------------------------------------------------------------------------------------------- */

/* What was in the earlier file and is not in this one goes; what this one has comes; lists are replaced whole, as of
 * all custom resources. */
static void merge(struct rv_arena *a, struct rv_node *to, struct rv_val earlier, struct rv_val file, int depth) {
    for (struct rv_iter it = rv_iter(earlier); rv_iter_next(&it);)
        if (!rv_val_present(rv_val_getn(file, it.key))) rv_node_setn(a, to, it.key, NULL);
    for (struct rv_iter it = rv_iter(file); rv_iter_next(&it) && depth < DEEPEST;) {
        struct rv_node *have = rv_node_getn(to, it.key);
        if (rv_val_type(it.val) == RV_NULL)
            rv_node_setn(a, to, it.key, NULL);
        else if (rv_val_type(it.val) == RV_MAP && rv_node_type(have) == RV_MAP)
            merge(a, have, rv_val_getn(earlier, it.key), it.val, depth + 1);
        else
            rv_node_setn(a, to, it.key, rv_node_from(a, it.val));
    }
}

static struct rv_val earlier_file(struct rv_arena *a, struct rv_val live) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str text = rv_val_str(rv_val_get(rv_val_path(live, "metadata.annotations"), LAST_APPLIED));
    if (text.n == 0 || rv_json_to_mp(text, NULL, &b, NULL) != 0) return RV_VAL_ABSENT;
    struct rv_str kept = rv_arena_str(a, rv_buf_str(&b));
    return (struct rv_val){(const uint8_t *)kept.p, kept.n};
}

struct rv_node *plan_merge(struct rv_arena *a, struct rv_val live, struct rv_node *file) {
    struct rv_val wanted = rv_node_freeze(a, file);
    struct rv_node *n = rv_val_present(live) ? rv_node_from(a, live) : rv_node_map(a);
    static const char *const parts[] = {"spec"}, *const notes[] = {"labels", "annotations"};
    struct rv_val earlier = earlier_file(a, live);
    struct rv_node *meta = rv_node_ensure_map(a, n, "metadata");
    for (size_t i = 0; i < RV_ARRAY_LEN(notes); i++) {
        struct rv_val of_file = rv_val_get(rv_val_get(wanted, "metadata"), notes[i]),
                      of_earlier = rv_val_get(rv_val_get(earlier, "metadata"), notes[i]);
        if (rv_val_len(of_file) + rv_val_len(of_earlier) > 0)
            merge(a, rv_node_ensure_map(a, meta, notes[i]), of_earlier, of_file, 0);
    }
    (void)rv_node_remove(rv_node_get(meta, "annotations"), LAST_APPLIED);
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++)
        merge(a, rv_node_ensure_map(a, n, parts[i]), rv_val_get(earlier, parts[i]), rv_val_get(wanted, parts[i]), 0);
    rv_node_set_str(a, n, "apiVersion", rv_path_str(wanted, "apiVersion"));
    rv_node_set_str(a, n, "kind", rv_path_str(wanted, "kind"));
    rv_node_set_str(a, meta, "name", rv_path_str(wanted, "metadata.name"));
    return n;
}

/* ---- the schema -------------------------------------------------------------------------------------------------- */

static void defaults(struct rv_arena *a, struct rv_node *n, struct rv_val schema, int depth) {
    if (depth > DEEPEST) return;
    if (rv_node_type(n) == RV_ARRAY) {
        struct rv_val items = rv_val_get(schema, "items");
        for (size_t i = 0; rv_val_present(items) && i < rv_node_len(n); i++)
            defaults(a, rv_node_at(n, i), items, depth + 1);
        return;
    }
    if (rv_node_type(n) != RV_MAP) return;
    for (struct rv_iter it = rv_iter(rv_val_get(schema, "properties")); rv_iter_next(&it);) {
        struct rv_val fallback = rv_val_get(it.val, "default");
        struct rv_node *have = rv_node_getn(n, it.key);
        bool absent = have == NULL || (rv_node_type(have) == RV_NULL && !rv_path_bool(it.val, "nullable", false));
        if (absent) rv_node_setn(a, n, it.key, rv_val_present(fallback) ? rv_node_from(a, fallback) : NULL);
        have = rv_node_getn(n, it.key);
        if (have != NULL) defaults(a, have, it.val, depth + 1);
    }
    struct rv_val others = rv_val_get(schema, "additionalProperties");
    struct rv_str key;
    struct rv_node *v;
    for (size_t i = 0; rv_val_type(others) == RV_MAP && rv_node_entry(n, i, &key, &v); i++)
        defaults(a, v, others, depth + 1);
}

void plan_defaults(struct rv_arena *a, struct rv_node *object, struct rv_val schema) {
    struct rv_val spec = rv_val_path(schema, "properties.spec");
    defaults(a, rv_node_get(object, "spec"), spec, 0);
}

struct shape {
    struct rv_buf path;
    struct rv_buf *why;
};

static bool says_type(enum rv_type type, struct rv_str want) {
    if (rv_str_is(want, "object")) return type == RV_MAP;
    if (rv_str_is(want, "array")) return type == RV_ARRAY;
    if (rv_str_is(want, "string")) return type == RV_STRING;
    if (rv_str_is(want, "boolean")) return type == RV_BOOL;
    if (rv_str_is(want, "integer")) return type == RV_INT || type == RV_UINT;
    if (rv_str_is(want, "number")) return type == RV_INT || type == RV_UINT || type == RV_FLOAT;
    return true;
}

static bool in_list(struct rv_val list, struct rv_str text) {
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        if (rv_str_eq(rv_val_str(it.val), text)) return true;
    return false;
}

static bool misshapen(struct shape *s, struct rv_node *n, struct rv_val schema, int depth);

static bool bad_entries(struct shape *s, struct rv_node *n, struct rv_val schema, int depth) {
    struct rv_val known = rv_val_get(schema, "properties"), others = rv_val_get(schema, "additionalProperties");
    bool open = rv_val_set(others) || rv_path_bool(schema, "x-kubernetes-preserve-unknown-fields", false) ||
                rv_val_len(known) == 0;
    struct rv_str key;
    struct rv_node *v;
    for (size_t i = 0; rv_node_entry(n, i, &key, &v); i++) {
        size_t at = s->path.n;
        struct rv_val of = rv_val_getn(known, key);
        if (!rv_val_present(of) && rv_val_type(others) == RV_MAP) of = others;
        rv_buf_addf(&s->path, "." RV_STR_FMT, RV_STR_ARG(key));
        if (!rv_val_present(of) && !open)
            return rc_reject(s->why, RV_STR_FMT ": there is no such field", RV_STR_ARG(rv_buf_str(&s->path)));
        if (rv_val_present(of) && misshapen(s, v, of, depth + 1)) return true;
        s->path.n = at;
    }
    for (struct rv_iter it = rv_iter(rv_val_get(schema, "required")); rv_iter_next(&it);)
        if (rv_node_getn(n, rv_val_str(it.val)) == NULL)
            return rc_reject(s->why, RV_STR_FMT "." RV_STR_FMT ": is required", RV_STR_ARG(rv_buf_str(&s->path)),
                             RV_STR_ARG(rv_val_str(it.val)));
    return false;
}

static bool misshapen(struct shape *s, struct rv_node *n, struct rv_val schema, int depth) {
    struct rv_str want = rv_path_str(schema, "type");
    struct rv_val words = rv_val_get(schema, "enum");
    enum rv_type type = rv_node_type(n);
    if (depth > DEEPEST || type == RV_NULL || rv_path_bool(schema, "x-kubernetes-int-or-string", false)) return false;
    if (!says_type(type, want))
        return rc_reject(s->why, RV_STR_FMT ": is of type %s; accepted is " RV_STR_FMT,
                         RV_STR_ARG(rv_buf_str(&s->path)), rv_type_name(type), RV_STR_ARG(want));
    if (type == RV_STRING && rv_val_len(words) > 0 && !in_list(words, rv_node_text(n)))
        return rc_reject(s->why, RV_STR_FMT ": \"" RV_STR_FMT "\" is none of the accepted values",
                         RV_STR_ARG(rv_buf_str(&s->path)), RV_STR_ARG(rv_node_text(n)));
    if (type == RV_MAP) return bad_entries(s, n, schema, depth);
    for (size_t i = 0; type == RV_ARRAY && i < rv_node_len(n); i++) {
        size_t at = s->path.n;
        rv_buf_addf(&s->path, "[%zu]", i);
        if (misshapen(s, rv_node_at(n, i), rv_val_get(schema, "items"), depth + 1)) return true;
        s->path.n = at;
    }
    return false;
}

bool plan_misshapen(struct rv_node *object, struct rv_val schema, struct rv_buf *why) {
    struct shape s = {.why = why};
    rv_buf_adds(&s.path, "spec");
    bool bad = misshapen(&s, rv_node_get(object, "spec"), rv_val_path(schema, "properties.spec"), 0);
    rv_buf_free(&s.path);
    return bad;
}
