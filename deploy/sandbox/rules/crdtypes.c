/* crdtypes.c - types of custom resources, from the structural schema of their definition. */
#include "internal.h"
#include "types.h"

enum { DEPTH_MAX = 64 };

static struct rv_str text(struct rv_val v, const char *key) { return rv_val_str(rv_val_get(v, key)); }
static bool flag(struct rv_val v, const char *key) { return rv_val_bool(rv_val_get(v, key), false); }

static const struct sb_type *convert(struct rv_arena *a, struct rv_val v, const struct sb_type *meta, bool root,
                                     unsigned depth);

static enum sb_type_kind scalar_kind(struct rv_val v) {
    static const struct {
        const char *type, *format;
        enum sb_type_kind kind;
    } kinds[] = {{"string", "date-time", SB_TIME}, {"string", "byte", SB_BYTES},   {"string", NULL, SB_STRING},
                 {"boolean", NULL, SB_BOOL},       {"integer", "int32", SB_INT32}, {"integer", NULL, SB_INT64},
                 {"number", NULL, SB_NUMBER}};
    if (flag(v, "x-kubernetes-int-or-string")) return SB_INT_OR_STRING;
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++)
        if (rv_str_is(text(v, "type"), kinds[i].type) &&
            (kinds[i].format == NULL || rv_str_is(text(v, "format"), kinds[i].format)))
            return kinds[i].kind;
    return SB_ANY;
}

static void list_type(struct rv_arena *a, struct rv_val v, const struct sb_type *meta, struct sb_type *t,
                      unsigned depth) {
    struct rv_str how = text(v, "x-kubernetes-list-type");
    t->kind = SB_LIST;
    t->items = convert(a, rv_val_get(v, "items"), meta, false, depth + 1);
    if (rv_str_is(how, "set")) t->list = SB_LIST_SET;
    if (!rv_str_is(how, "map")) return;
    t->list = SB_LIST_KEYED;
    for (struct rv_iter it = rv_iter(rv_val_get(v, "x-kubernetes-list-map-keys")); rv_iter_next(&it);)
        if (t->n_keys < RV_ARRAY_LEN(t->keys)) t->keys[t->n_keys++] = rv_val_str(it.val);
}

static bool is_required(struct rv_val v, struct rv_str name) {
    for (struct rv_iter it = rv_iter(rv_val_get(v, "required")); rv_iter_next(&it);)
        if (rv_str_eq(rv_val_str(it.val), name)) return true;
    return false;
}

static struct sb_prop *add_prop(struct sb_type *t, struct rv_str name, const struct sb_type *type) {
    struct sb_prop *p = (struct sb_prop *)(uintptr_t)sb_type_prop(t, name);
    if (p == NULL) p = &t->props[t->n_props++];
    *p = (struct sb_prop){.name = name, .type = type};
    return p;
}

static void struct_type(struct rv_arena *a, struct rv_val v, const struct sb_type *meta, struct sb_type *t, bool root,
                        unsigned depth) {
    struct rv_val props = rv_val_get(v, "properties"), more = rv_val_get(v, "additionalProperties");
    bool embedded = flag(v, "x-kubernetes-embedded-resource");
    t->kind = SB_STRUCT;
    t->props = rv_arena_alloc(a, (rv_val_len(props) + 4) * sizeof *t->props);
    for (struct rv_iter it = rv_iter(props); rv_iter_next(&it);) {
        struct sb_prop *p = add_prop(t, it.key, convert(a, it.val, meta, false, depth + 1));
        p->required = is_required(v, it.key);
        p->fallback = text(it.val, "default");
        p->description = text(it.val, "description");
    }
    if (root || embedded) {
        struct sb_type *plain = rv_arena_alloc(a, sizeof *plain);
        plain->kind = SB_STRING;
        add_prop(t, RV_STR("apiVersion"), plain);
        add_prop(t, RV_STR("kind"), plain);
        add_prop(t, RV_STR("metadata"), meta);
    }
    if (rv_val_type(more) == RV_MAP) {
        t->items = convert(a, more, meta, false, depth + 1);
        if (t->n_props == 0) t->kind = SB_MAP;
    }
    t->open = flag(v, "x-kubernetes-preserve-unknown-fields") || rv_val_bool(more, false);
    t->atomic = rv_str_is(text(v, "x-kubernetes-map-type"), "atomic");
}

static const struct sb_type *convert(struct rv_arena *a, struct rv_val v, const struct sb_type *meta, bool root,
                                     unsigned depth) {
    struct sb_type *t = rv_arena_alloc(a, sizeof *t);
    bool map = rv_val_present(rv_val_get(v, "properties")) || rv_str_is(text(v, "type"), "object");
    if (depth > DEPTH_MAX) return t;
    if (map)
        struct_type(a, v, meta, t, root, depth);
    else if (rv_str_is(text(v, "type"), "array"))
        list_type(a, v, meta, t, depth);
    else
        t->kind = scalar_kind(v);
    return t;
}

const struct sb_type *sb_type_from_schema(struct rv_arena *a, struct rv_val schema, const struct sb_type *meta) {
    return convert(a, schema, meta, true, 0);
}
