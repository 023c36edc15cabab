/* plan_fields.c - in which fields two states of an object differ, for people (see plan_parts.h). Entries of lists are
 * matched by what names them, where each has a name of its own. */
#include "plan_parts.h"

#include "ipc/base/yaml.h"
#include "mask.h"
#include "rayvisor/json.h"

enum { DEEPEST = 100, SHOWN_MAX = 60 };

struct differ {
    struct rv_arena *arena;
    struct plan_differences *to;
    struct rv_buf path;
};

/* A value, and what may be shown of it. */
struct side {
    struct rv_val v, shown;
};

static struct side part(struct side s, struct rv_str key) {
    return (struct side){rv_val_getn(s.v, key), rv_val_getn(s.shown, key)};
}

static struct rv_str show(struct differ *d, struct side s) {
    rv_autobuf struct rv_buf b = {0};
    enum rv_type type = rv_val_type(s.shown);
    if (!rv_val_set(s.v)) return RV_STR("");
    if (type == RV_MAP || type == RV_ARRAY) return RV_STR("(set)");
    if (type == RV_STRING)
        rv_buf_add_str(&b, rv_val_str(s.shown));
    else
        rv_json_write(s.shown, &b);
    bool cut = b.n > SHOWN_MAX;
    return rv_arena_fmt(d->arena, "%.*s%s", cut ? SHOWN_MAX : (int)b.n, b.n != 0 ? (const char *)b.p : "",
                        cut ? "..." : "");
}

static void report(struct differ *d, struct side a, struct side b) {
    struct plan_differences *to = d->to;
    to->all++;
    if (to->n == PLAN_FIELDS_MAX) return;
    to->fields[to->n++] = (struct plan_field){rv_arena_str(d->arena, rv_buf_str(&d->path)), show(d, a), show(d, b)};
}

static void compare(struct differ *d, struct side a, struct side b, int depth);

static void compare_maps(struct differ *d, struct side a, struct side b, int depth) {
    const struct side sides[] = {a, b};
    for (size_t i = 0; i < RV_ARRAY_LEN(sides); i++)
        for (struct rv_iter it = rv_iter(sides[i].v); rv_iter_next(&it);) {
            size_t at = d->path.n;
            if (i == 1 && rv_val_present(rv_val_getn(a.v, it.key))) continue;
            bool plain = memchr(it.key.p, '.', it.key.n) == NULL && memchr(it.key.p, '/', it.key.n) == NULL;
            rv_buf_addf(&d->path, plain ? ".%.*s" : "[%.*s]", (int)it.key.n, it.key.p);
            compare(d, part(a, it.key), part(b, it.key), depth + 1);
            d->path.n = at;
        }
}

static struct rv_val find_named(struct rv_val list, struct rv_val shown, const char *key, struct rv_str name,
                                struct rv_val *ret_shown) {
    size_t i = 0;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it); i++)
        if (rv_str_eq(rv_path_str(it.val, key), name)) {
            *ret_shown = rv_val_at(shown, i);
            return it.val;
        }
    *ret_shown = RV_VAL_ABSENT;
    return RV_VAL_ABSENT;
}

static bool names_all(struct rv_val list, const char *key) {
    size_t i = 0;
    struct rv_val scratch;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it); i++) {
        struct rv_str name = rv_path_str(it.val, key);
        if (name.n == 0 || find_named(list, list, key, name, &scratch).p != it.val.p) return false;
    }
    return true;
}

static const char *key_of(struct rv_val a, struct rv_val b) {
    static const char *const keys[] = {"groupName", "name", "import_path", "mountPath", "key", "type"};
    for (size_t i = 0; i < RV_ARRAY_LEN(keys); i++)
        if (names_all(a, keys[i]) && names_all(b, keys[i])) return keys[i];
    return NULL;
}

static void compare_named(struct differ *d, struct side a, struct side b, const char *key, int depth) {
    const struct side sides[] = {a, b};
    for (size_t i = 0; i < RV_ARRAY_LEN(sides); i++)
        for (struct rv_iter it = rv_iter(sides[i].v); rv_iter_next(&it);) {
            size_t at = d->path.n;
            struct side x, y;
            struct rv_str name = rv_path_str(it.val, key);
            x.v = find_named(a.v, a.shown, key, name, &x.shown);
            y.v = find_named(b.v, b.shown, key, name, &y.shown);
            if (i == 1 && rv_val_present(x.v)) continue;
            rv_buf_addf(&d->path, "[" RV_STR_FMT "]", RV_STR_ARG(name));
            compare(d, x, y, depth + 1);
            d->path.n = at;
        }
}

static void compare_by_place(struct differ *d, struct side a, struct side b, int depth) {
    for (size_t i = 0; i < rv_val_len(a.v); i++) {
        size_t at = d->path.n;
        rv_buf_addf(&d->path, "[%zu]", i);
        compare(d, (struct side){rv_val_at(a.v, i), rv_val_at(a.shown, i)},
                (struct side){rv_val_at(b.v, i), rv_val_at(b.shown, i)}, depth + 1);
        d->path.n = at;
    }
}

static void compare(struct differ *d, struct side a, struct side b, int depth) {
    enum rv_type x = rv_val_type(a.v), y = rv_val_type(b.v);
    if (depth > DEEPEST || (!rv_val_set(a.v) && !rv_val_set(b.v)) ||
        (rv_val_present(a.v) && rv_val_present(b.v) && rv_val_equal(a.v, b.v)))
        return;
    const char *key = x == RV_ARRAY && y == RV_ARRAY ? key_of(a.v, b.v) : NULL;
    if (x == RV_MAP && y == RV_MAP)
        compare_maps(d, a, b, depth);
    else if (key != NULL)
        compare_named(d, a, b, key, depth);
    else if (x == RV_ARRAY && y == RV_ARRAY && rv_val_len(a.v) == rv_val_len(b.v))
        compare_by_place(d, a, b, depth);
    else
        report(d, a, b);
}

/* YAML in a text is compared as what it says. */
static struct rv_node *opened(struct rv_arena *a, struct rv_val v, int depth) {
    static const char *const texts[] = {"serveConfigV2", "runtimeEnvYAML"};
    static const struct yaml_opts how = {.repeats = true, .max_nodes = 100000};
    if (rv_val_type(v) != RV_MAP || depth > DEEPEST) return rv_node_from(a, v);
    struct rv_node *n = rv_node_map(a);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        struct rv_node *said = NULL;
        for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++)
            if (rv_str_is(it.key, texts[i])) said = yaml_tree(a, rv_val_str(it.val), &how, NULL);
        bool yaml = rv_node_type(said) == RV_MAP || rv_node_type(said) == RV_ARRAY;
        rv_node_setn(a, n, it.key, yaml ? said : opened(a, it.val, depth + 1));
    }
    return n;
}

/* What people write of an object, and what controllers decide; not what the API server counts. */
static struct rv_val written(struct rv_arena *a, struct rv_val v) {
    static const char *const of_meta[] = {"labels", "annotations", "finalizers", "ownerReferences"};
    struct rv_node *n = opened(a, v, 0), *meta = rv_node_map(a);
    struct rv_val have = rv_val_get(v, "metadata");
    if (!rv_val_present(v)) return RV_VAL_ABSENT;
    for (size_t i = 0; i < RV_ARRAY_LEN(of_meta); i++) {
        struct rv_val part_of = rv_val_get(have, of_meta[i]);
        if (rv_val_len(part_of) > 0) rv_node_set(a, meta, of_meta[i], rv_node_from(a, part_of));
    }
    (void)rv_node_remove(rv_node_get(meta, "annotations"), "kubectl.kubernetes.io/last-applied-configuration");
    (void)rv_node_remove(n, "status");
    (void)rv_node_remove(n, "apiVersion");
    (void)rv_node_remove(n, "kind");
    rv_node_set(a, n, "metadata", meta);
    return rv_node_freeze(a, n);
}

static struct side side_of(struct rv_arena *a, struct rv_val v) {
    struct rv_val w = written(a, v);
    return (struct side){w, rv_val_present(w) ? rv_node_freeze(a, mask_value(a, w)) : RV_VAL_ABSENT};
}

void plan_differences(struct rv_arena *a, struct rv_val before, struct rv_val after, struct plan_differences *ret) {
    struct differ d = {.arena = a, .to = ret};
    *ret = (struct plan_differences){0};
    struct side x = side_of(a, before), y = side_of(a, after);
    const struct side sides[] = {x, y};
    for (size_t i = 0; i < RV_ARRAY_LEN(sides); i++)
        for (struct rv_iter it = rv_iter(sides[i].v); rv_iter_next(&it);) {
            if (i == 1 && rv_val_present(rv_val_getn(x.v, it.key))) continue;
            rv_buf_clear(&d.path);
            rv_buf_add_str(&d.path, it.key);
            compare(&d, part(x, it.key), part(y, it.key), 0);
        }
    rv_buf_free(&d.path);
}
