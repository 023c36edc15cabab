/* schema.c - structural schemas. They are compiled once for each CustomResourceDefinition, because a lookup in the
 * packed schema of a pod template would scan hundreds of kilobytes for each field. A CRD with a schema that is not
 * understood is refused. */
#include "schema.h"
#include "cel.h"
#include "internal.h"
#include "rayvisor/json.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>

enum { DEPTH_MAX = 64 };

struct schema_node {
    struct rv_str type, format;
    struct rv_val required, choices, fallback; /* enum, default */
    struct rv_val rules;                       /* x-kubernetes-validations */
    struct rv_val min, max, min_len, max_len, min_items, max_items, min_props, max_props, multiple;
    struct rv_val list_keys;
    struct schema_node **props, *items, *additional, *not ;
    struct group {
        struct schema_node **v;
        size_t n;
    } all, any, one;
    /* `above_min` and `below_max`: the bounds are exclusive. */
    bool list_map, list_set, above_min, below_max;
    struct rv_str *names;
    size_t n_props;
    bool nullable, int_or_string, preserve, embedded, has_pattern;
    regex_t pattern;
};
struct schema {
    uint8_t *bytes; /* the packed definition of the version, into which the views above point */
    struct rv_val columns, raw;
    struct schema_node *root;
    struct rv_arena *arena;
    const struct sb_type *type;
};

static void node_free(struct schema_node *n);

static void group_free(struct group *g) {
    for (size_t i = 0; i < g->n; i++) node_free(g->v[i]);
    free(g->v);
}

static void node_free(struct schema_node *n) {
    if (n == NULL) return;
    for (size_t i = 0; i < n->n_props; i++) node_free(n->props[i]);
    node_free(n->items);
    node_free(n->additional);
    node_free(n->not );
    group_free(&n->all);
    group_free(&n->any);
    group_free(&n->one);
    if (n->has_pattern) regfree(&n->pattern);
    free(n->props);
    free(n->names);
    free(n);
}

static int compile(struct rv_val v, unsigned depth, struct schema_node **ret, struct rv_error *err);

static int compile_children(struct rv_val v, unsigned depth, struct schema_node *n, struct rv_error *err) {
    struct rv_val props = rv_val_get(v, "properties"), items = rv_val_get(v, "items");
    struct rv_val additional = rv_val_get(v, "additionalProperties");
    n->props = rv_alloc_array(rv_val_len(props) + 1, sizeof(struct schema_node *));
    n->names = rv_alloc_array(rv_val_len(props) + 1, sizeof *n->names);
    for (struct rv_iter it = rv_iter(props); rv_iter_next(&it);) {
        int e = compile(it.val, depth + 1, &n->props[n->n_props], err);
        if (e != 0) return rv_error_wrap(err, e, RV_STR_FMT, RV_STR_ARG(it.key));
        n->names[n->n_props++] = it.key;
    }
    if (rv_val_type(items) == RV_MAP) {
        int e = compile(items, depth + 1, &n->items, err);
        if (e != 0) return rv_error_wrap(err, e, "items");
    }
    if (rv_val_type(additional) == RV_MAP) {
        int e = compile(additional, depth + 1, &n->additional, err);
        if (e != 0) return rv_error_wrap(err, e, "additionalProperties");
    } else if (rv_val_bool(additional, false)) {
        n->preserve = true;
    }
    return 0;
}

static int compile_group(struct rv_val v, const char *key, unsigned depth, struct group *g, struct rv_error *err) {
    struct rv_val list = rv_val_get(v, key);
    g->v = rv_alloc_array(rv_val_len(list) + 1, sizeof(struct schema_node *));
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it); g->n++) {
        int e = compile(it.val, depth + 1, &g->v[g->n], err);
        if (e != 0) return rv_error_wrap(err, e, "%s[%zu]", key, g->n);
    }
    return 0;
}

static int compile_groups(struct rv_val v, unsigned depth, struct schema_node *n, struct rv_error *err) {
    int e = compile_group(v, "allOf", depth, &n->all, err);
    if (e == 0) e = compile_group(v, "anyOf", depth, &n->any, err);
    if (e == 0) e = compile_group(v, "oneOf", depth, &n->one, err);
    if (e != 0 || rv_val_type(rv_val_get(v, "not")) != RV_MAP) return e;
    e = compile(rv_val_get(v, "not"), depth + 1, &n->not, err);
    return e != 0 ? rv_error_wrap(err, e, "not") : 0;
}

static int compile(struct rv_val v, unsigned depth, struct schema_node **ret, struct rv_error *err) {
    if (depth > DEPTH_MAX) return rv_error_set(err, RV_E_TOO_BIG, "nested deeper than %d", DEPTH_MAX);
    if (rv_val_set(rv_val_get(v, "$ref"))) return rv_error_set(err, RV_E_INVALID, "$ref: Forbidden");
    if (rv_val_bool(rv_val_get(v, "uniqueItems"), false))
        return rv_error_set(err, RV_E_INVALID,
                            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    struct schema_node *n = rv_alloc(sizeof *n);
    n->type = rv_val_str(rv_val_get(v, "type"));
    n->format = rv_val_str(rv_val_get(v, "format"));
    n->required = rv_val_get(v, "required");
    n->choices = rv_val_get(v, "enum");
    n->fallback = rv_val_get(v, "default");
    n->rules = rv_val_get(v, "x-kubernetes-validations");
    n->min = rv_val_get(v, "minimum");
    n->max = rv_val_get(v, "maximum");
    n->min_len = rv_val_get(v, "minLength");
    n->max_len = rv_val_get(v, "maxLength");
    n->min_items = rv_val_get(v, "minItems");
    n->max_items = rv_val_get(v, "maxItems");
    n->min_props = rv_val_get(v, "minProperties");
    n->max_props = rv_val_get(v, "maxProperties");
    n->multiple = rv_val_get(v, "multipleOf");
    n->above_min = rv_val_bool(rv_val_get(v, "exclusiveMinimum"), false);
    n->below_max = rv_val_bool(rv_val_get(v, "exclusiveMaximum"), false);
    n->list_map = rv_str_is(rv_path_str(v, "x-kubernetes-list-type"), "map");
    n->list_set = rv_str_is(rv_path_str(v, "x-kubernetes-list-type"), "set");
    n->list_keys = rv_val_get(v, "x-kubernetes-list-map-keys");
    n->nullable = rv_val_bool(rv_val_get(v, "nullable"), false);
    n->int_or_string = rv_val_bool(rv_val_get(v, "x-kubernetes-int-or-string"), false);
    n->preserve = rv_val_bool(rv_val_get(v, "x-kubernetes-preserve-unknown-fields"), false);
    n->embedded = rv_val_bool(rv_val_get(v, "x-kubernetes-embedded-resource"), false);
    struct rv_str pattern = rv_val_str(rv_val_get(v, "pattern"));
    int e = 0;
    if (pattern.n != 0) {
        rv_autofree char *text = rv_strdup(pattern);
        n->has_pattern = regcomp(&n->pattern, text, REG_EXTENDED | REG_NOSUB) == 0;
        /* int-or-string quantities use Perl syntax; their type checks them. */
        if (!n->has_pattern && !n->int_or_string)
            e = rv_error_set(err, RV_E_INVALID, "pattern %s is not a POSIX extended expression", text);
    }
    for (struct rv_iter it = rv_iter(n->rules); e == 0 && rv_iter_next(&it);) {
        bool transition;
        e = cel_check(rv_path_str(it.val, "rule"), &transition, err);
    }
    if (e == 0) e = compile_children(v, depth, n, err);
    if (e == 0) e = compile_groups(v, depth, n, err);
    if (e != 0) {
        node_free(n);
        return e;
    }
    *ret = n;
    return 0;
}

int sb_schema_compile(const struct sb_types *types, struct rv_val crd_version, void **ret, struct rv_error *err) {
    struct schema *s = rv_alloc(sizeof *s);
    s->bytes = rv_alloc(crd_version.n);
    memcpy(s->bytes, crd_version.p, crd_version.n);
    struct rv_val v = {s->bytes, crd_version.n};
    s->columns = rv_val_get(v, "additionalPrinterColumns");
    struct rv_val root = rv_val_path(v, "schema.openAPIV3Schema");
    int e = rv_val_type(root) == RV_MAP ? compile(root, 0, &s->root, err)
                                        : rv_error_set(err, RV_E_INVALID, "openAPIV3Schema: Required value");
    if (e != 0) {
        sb_schema_free(s);
        return e;
    }
    s->raw = root;
    s->arena = rv_arena_new();
    s->type = sb_type_from_schema(s->arena, root, sb_types_find(types, "ObjectMeta"));
    *ret = s;
    return 0;
}

const struct sb_type *sb_schema_type(const void *schema) {
    return schema != NULL ? ((const struct schema *)schema)->type : NULL;
}

void sb_schema_free(void *schema) {
    struct schema *s = schema;
    if (s == NULL) return;
    node_free(s->root);
    rv_arena_free(s->arena);
    free(s->bytes);
    free(s);
}

struct rv_val sb_schema_raw(const void *schema) {
    return ((const struct schema *)schema)->raw;
}

struct rv_val sb_schema_columns(const void *schema) {
    return schema != NULL ? ((const struct schema *)schema)->columns : RV_VAL_ABSENT;
}

static struct schema_node *prop(const struct schema_node *n, struct rv_str key) {
    for (size_t i = 0; i < n->n_props; i++)
        if (rv_str_eq(n->names[i], key)) return n->props[i];
    return n->additional;
}

static bool envelope(struct rv_str key) {
    return rv_str_is(key, "apiVersion") || rv_str_is(key, "kind") || rv_str_is(key, "metadata");
}

/* Removes what the schema does not have, and fills in its defaults. */
static void shape(struct rv_arena *a, const struct schema_node *n, struct rv_node *v, bool root, unsigned depth) {
    if (n == NULL || depth > DEPTH_MAX) return;
    if (rv_node_type(v) == RV_ARRAY) {
        for (size_t i = 0; i < rv_node_len(v); i++) shape(a, n->items, rv_node_at(v, i), false, depth + 1);
        return;
    }
    if (rv_node_type(v) != RV_MAP) return;
    struct rv_str key;
    struct rv_node *child = NULL;
    for (size_t i = 0; rv_node_entry(v, i, &key, &child);) {
        const struct schema_node *p = prop(n, key);
        bool kept = (root || n->embedded) && envelope(key);
        if (p == NULL && !kept && !n->preserve && !rv_str_is(n->type, "")) {
            rv_node_setn(a, v, rv_arena_str(a, key), NULL);
            continue;
        }
        if (p != NULL && rv_node_type(child) == RV_NULL && !p->nullable) { /* as if the field had been absent */
            rv_node_setn(a, v, rv_arena_str(a, key), NULL);
            continue;
        }
        if (!kept || !root) shape(a, p, child, false, depth + 1);
        i++;
    }
    for (size_t i = 0; i < n->n_props; i++) {
        if (!rv_val_present(n->props[i]->fallback) || rv_node_getn(v, n->names[i]) != NULL) continue;
        struct rv_node *d = rv_node_copy(a, rv_node_from(a, n->props[i]->fallback));
        shape(a, n->props[i], d, false, depth + 1);
        rv_node_setn(a, v, n->names[i], d);
    }
}

static const struct schema *schema_of(struct sb_storage *s, struct rv_node *object) {
    const struct sb_resource *r = sb_resource_by_kind(s, rv_node_text(rv_node_get(object, "apiVersion")),
                                                      rv_node_text(rv_node_get(object, "kind")));
    return r != NULL ? r->schema : NULL;
}

void sb_schema_defaults(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)old;
    const struct schema *schema = schema_of(s, object);
    if (schema != NULL) shape(a, schema->root, object, true, 0);
}

/* ---- validation ---- */

struct check {
    struct rv_arena *a;
    struct rv_node *causes;
};

static bool type_fits(const struct schema_node *n, struct rv_val v) {
    enum rv_type t = rv_val_type(v);
    bool integer = t == RV_INT || t == RV_UINT;
    if (t == RV_NULL && n->nullable) return true;
    if (n->int_or_string) return integer || t == RV_STRING;
    if (n->type.n == 0) return true;
    if (rv_str_is(n->type, "object")) return t == RV_MAP;
    if (rv_str_is(n->type, "array")) return t == RV_ARRAY;
    if (rv_str_is(n->type, "string")) return t == RV_STRING;
    if (rv_str_is(n->type, "boolean")) return t == RV_BOOL;
    if (rv_str_is(n->type, "number")) return integer || t == RV_FLOAT;
    return integer || (t == RV_FLOAT && rv_val_float(v, 0) == (double)rv_val_int(v, 0));
}

static void check_choices(struct check *c, const struct schema_node *n, struct rv_val v, struct rv_str path) {
    rv_autobuf struct rv_buf list = {0};
    rv_autobuf struct rv_buf have = {0};
    for (struct rv_iter it = rv_iter(n->choices); rv_iter_next(&it);) {
        if (rv_val_equal(it.val, v)) return;
        if (list.n != 0) rv_buf_adds(&list, ", ");
        rv_json_write(it.val, &list);
    }
    rv_json_write(v, &have);
    sb_cause(c->a, c->causes, RV_STR_FMT ": Unsupported value: " RV_STR_FMT ": supported values: " RV_STR_FMT,
             RV_STR_ARG(path), RV_STR_ARG(rv_buf_str(&have)), RV_STR_ARG(rv_buf_str(&list)));
}

static void check_bound(struct check *c, struct rv_str path, bool bad, struct rv_val bound, const char *what) {
    if (!rv_val_present(bound) || !bad) return;
    rv_autobuf struct rv_buf text = {0};
    rv_json_write(bound, &text);
    sb_cause(c->a, c->causes, RV_STR_FMT ": Invalid value: %s " RV_STR_FMT, RV_STR_ARG(path), what,
             RV_STR_ARG(rv_buf_str(&text)));
}

static void check_scalar(struct check *c, const struct schema_node *n, struct rv_val v, struct rv_str path) {
    enum rv_type t = rv_val_type(v);
    if (rv_val_present(n->choices)) check_choices(c, n, v, path);
    if (t == RV_INT || t == RV_UINT || t == RV_FLOAT) {
        double d = rv_val_float(v, 0);
        double min = rv_val_float(n->min, -INFINITY), max = rv_val_float(n->max, INFINITY);
        double step = rv_val_float(n->multiple, 0);
        check_bound(c, path, n->above_min ? d <= min : d < min, n->min,
                    n->above_min ? "should be greater than" : "should be greater than or equal to");
        check_bound(c, path, n->below_max ? d >= max : d > max, n->max,
                    n->below_max ? "should be less than" : "should be less than or equal to");
        check_bound(c, path, step > 0 && fmod(d, step) != 0, n->multiple, "should be a multiple of");
        int64_t i = rv_val_int(v, 0);
        if (rv_str_is(n->format, "int32") && (i > INT32_MAX || i < INT32_MIN))
            sb_cause(c->a, c->causes, RV_STR_FMT ": Invalid value: must fit 32 bits", RV_STR_ARG(path));
    }
    if (t == RV_ARRAY) {
        int64_t len = (int64_t)rv_val_len(v);
        check_bound(c, path, len < rv_val_int(n->min_items, len), n->min_items, "should have at least items:");
        check_bound(c, path, len > rv_val_int(n->max_items, len), n->max_items, "should have at most items:");
    }
    if (t == RV_MAP) {
        int64_t len = (int64_t)rv_val_len(v);
        check_bound(c, path, len < rv_val_int(n->min_props, len), n->min_props, "should have at least properties:");
        check_bound(c, path, len > rv_val_int(n->max_props, len), n->max_props, "must have at most properties:");
    }
    if (t != RV_STRING) return;
    struct rv_str text = rv_val_str(v);
    int64_t len = 0, when = 0;
    for (size_t i = 0; i < text.n; i++) len += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    check_bound(c, path, len < rv_val_int(n->min_len, len), n->min_len, "should be at least characters long:");
    check_bound(c, path, len > rv_val_int(n->max_len, len), n->max_len, "may not be longer than");
    if (rv_str_is(n->format, "date-time") && rv_time_parse(text, &when) != 0)
        sb_cause(c->a, c->causes, RV_STR_FMT ": Invalid value: must be a date-time", RV_STR_ARG(path));
    rv_autofree char *z = rv_strdup(text);
    if (n->has_pattern && regexec(&n->pattern, z, 0, NULL, 0) != 0)
        sb_cause(c->a, c->causes, RV_STR_FMT ": Invalid value: \"%s\": does not match the pattern", RV_STR_ARG(path),
                 z);
}

/* Rules with oldSelf are evaluated only if there was a value before. */
static void check_rules(struct check *c, const struct schema_node *n, struct rv_val v, struct rv_val old,
                        struct rv_str path) {
    for (struct rv_iter it = rv_iter(n->rules); rv_iter_next(&it);) {
        struct rv_str rule = rv_path_str(it.val, "rule"), message = rv_path_str(it.val, "message");
        bool transition = false;
        if (cel_check(rule, &transition, NULL) != 0 || (transition && !rv_val_present(old)) || cel_holds(rule, v, old))
            continue;
        rv_autobuf struct rv_buf have = {0};
        rv_json_write(v, &have);
        sb_cause(c->a, c->causes, RV_STR_FMT ": Invalid value: %.*s: " RV_STR_FMT, RV_STR_ARG(path),
                 (int)(have.n < 100 ? have.n : 100), (const char *)have.p, RV_STR_ARG(message.n != 0 ? message : rule));
    }
}

static void check(struct check *c, const struct schema_node *n, struct rv_val v, struct rv_val old, struct rv_str path,
                  unsigned depth);

/* True if the value passes a part of a combination. The causes of the part are dropped, because the combination reports
 * the error. */
static bool passes(struct check *c, const struct schema_node *n, struct rv_val v, struct rv_str path, unsigned depth) {
    struct check own = {c->a, rv_node_array(c->a)};
    check(&own, n, v, RV_VAL_ABSENT, path, depth + 1);
    return rv_node_len(own.causes) == 0;
}

static size_t count_passes(struct check *c, const struct group *g, struct rv_val v, struct rv_str path,
                           unsigned depth) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) n += passes(c, g->v[i], v, path, depth);
    return n;
}

static void check_groups(struct check *c, const struct schema_node *n, struct rv_val v, struct rv_str path,
                         unsigned depth) {
    for (size_t i = 0; i < n->all.n; i++) check(c, n->all.v[i], v, RV_VAL_ABSENT, path, depth + 1);
    const char *what = NULL;
    if (n->any.n != 0 && count_passes(c, &n->any, v, path, depth) == 0)
        what = "must validate at least one schema (anyOf)";
    else if (n->one.n != 0 && count_passes(c, &n->one, v, path, depth) != 1)
        what = "must validate one and only one schema (oneOf)";
    else if (n->not != NULL && passes(c, n->not, v, path, depth))
        what = "must not validate the schema (not)";
    if (what != NULL)
        sb_cause(c->a, c->causes, RV_STR_FMT ": Invalid value: \"\": " RV_STR_FMT " %s", RV_STR_ARG(path),
                 RV_STR_ARG(path), what);
}

/* ---- lists whose elements have keys ---- */

struct element {
    struct rv_hash hash;
    size_t index;
};

static int by_hash(const void *x, const void *y) {
    const struct element *a = x, *b = y;
    if (a->hash.hi != b->hash.hi) return a->hash.hi < b->hash.hi ? -1 : 1;
    if (a->hash.lo != b->hash.lo) return a->hash.lo < b->hash.lo ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The key fields of an element with their defaults, as a value. */
static struct rv_val key_of(struct check *c, const struct schema_node *n, struct rv_val element) {
    struct rv_node *key = rv_node_array(c->a);
    if (n->list_set) return element;
    for (struct rv_iter it = rv_iter(n->list_keys); rv_iter_next(&it);) {
        struct rv_val v = rv_val_getn(element, rv_val_str(it.val));
        rv_node_append(c->a, key, rv_val_present(v) ? rv_node_from(c->a, v) : rv_node_null(c->a));
    }
    return rv_node_freeze(c->a, key);
}

static void check_unique(struct check *c, const struct schema_node *n, struct rv_val list, struct rv_str path) {
    size_t len = rv_val_len(list), i = 0;
    if ((!n->list_map && !n->list_set) || len < 2 || rv_val_type(list) != RV_ARRAY) return;
    struct element *v = rv_arena_alloc(c->a, len * sizeof *v);
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it); i++)
        v[i] = (struct element){rv_val_hash(key_of(c, n, it.val)), i};
    qsort(v, len, sizeof *v, by_hash);
    for (i = 1; i < len; i++) {
        if (v[i].hash.hi != v[i - 1].hash.hi || v[i].hash.lo != v[i - 1].hash.lo) continue;
        rv_autobuf struct rv_buf have = {0};
        rv_json_write(key_of(c, n, rv_val_at(list, v[i].index)), &have);
        sb_cause(c->a, c->causes, RV_STR_FMT "[%zu]: Duplicate value: " RV_STR_FMT, RV_STR_ARG(path), v[i].index,
                 RV_STR_ARG(rv_buf_str(&have)));
    }
}

static void check(struct check *c, const struct schema_node *n, struct rv_val v, struct rv_val old, struct rv_str path,
                  unsigned depth) {
    if (n == NULL || depth > DEPTH_MAX) return;
    if (!type_fits(n, v)) {
        rv_autobuf struct rv_buf have = {0};
        rv_json_write(v, &have);
        sb_cause(c->a, c->causes, RV_STR_FMT ": Invalid value: " RV_STR_FMT ": must be of type " RV_STR_FMT,
                 RV_STR_ARG(path), RV_STR_ARG(rv_buf_str(&have)),
                 RV_STR_ARG(n->int_or_string ? RV_STR("integer or string") : n->type));
        return;
    }
    check_scalar(c, n, v, path);
    check_unique(c, n, v, path);
    check_groups(c, n, v, path, depth);
    if (rv_val_present(n->rules)) check_rules(c, n, v, old, path);
    for (struct rv_iter it = rv_iter(n->required); rv_val_type(v) == RV_MAP && rv_iter_next(&it);)
        if (!rv_val_present(rv_val_getn(v, rv_val_str(it.val))))
            sb_cause(c->a, c->causes, RV_STR_FMT "%s" RV_STR_FMT ": Required value", RV_STR_ARG(path),
                     path.n != 0 ? "." : "", RV_STR_ARG(rv_val_str(it.val)));
    size_t i = 0;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it); i++) {
        bool map = rv_val_type(v) == RV_MAP;
        if (map && depth == 0 && envelope(it.key)) continue;
        struct rv_str sub = map ? rv_arena_fmt(c->a, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(path),
                                               path.n != 0 ? "." : "", RV_STR_ARG(it.key))
                                : rv_arena_fmt(c->a, RV_STR_FMT "[%zu]", RV_STR_ARG(path), i);
        /* Elements of a list have no old value, because lists are replaced as a whole. */
        check(c, map ? prop(n, it.key) : n->items, it.val, map ? rv_val_getn(old, it.key) : RV_VAL_ABSENT, sub,
              depth + 1);
    }
}

void sb_schema_validate(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                        struct rv_node *causes) {
    const struct schema *schema = schema_of(s, object);
    struct check c = {a, causes};
    if (schema != NULL) check(&c, schema->root, rv_node_freeze(a, object), old, RV_STR(""), 0);
}
