/* start_params.c - `ray start` and its flags (see start_params.h). */
#include "start_params.h"

#include <stdlib.h>

#include "fields.h"
#include "rayvisor/json.h"

static bool has(struct rv_node *params, const char *key) { return rv_node_get(params, key) != NULL; }

static void set_default(struct rv_arena *a, struct rv_node *params, const char *key, const char *value) {
    if (!has(params, key)) rv_node_set_cstr(a, params, key, value);
}

struct rv_str rc_gcs_port(const struct rc_cluster *c) {
    struct rv_str port = rv_path_str(c->spec, "headGroupSpec.rayStartParams.port");
    return port.n != 0 ? port : RV_STR("6379");
}

/* ---- custom resources as JSON -------------------------------------------------------------------------------- */

static int key_order(const void *x, const void *y) {
    return rv_str_cmp(*(const struct rv_str *)x, *(const struct rv_str *)y);
}

/* Sorted by name, so that equal clusters get equal commands. */
static void set_custom(struct rv_arena *a, struct rv_node *params, struct rv_node *custom) {
    size_t n = rv_node_len(custom);
    struct rv_str *keys = rv_arena_alloc(a, n * sizeof *keys);
    struct rv_node *ordered = rv_node_map(a), *value;
    for (size_t i = 0; i < n; i++) rv_node_entry(custom, i, &keys[i], &value);
    qsort(keys, n, sizeof *keys, key_order);
    for (size_t i = 0; i < n; i++) rv_node_setn(a, ordered, keys[i], rv_node_getn(custom, keys[i]));
    rv_autobuf struct rv_buf json = {0};
    rv_json_write(rv_node_freeze(a, ordered), &json);
    rv_node_set_fmt(a, params, "resources", "'%s'", rv_buf_cstr(&json));
}

/* The user's `resources` parameter, freed of the quotes that shells want; NULL when it is not a JSON object. */
static struct rv_node *read_custom(struct rv_arena *a, struct rv_node *params) {
    struct rv_node *given = rv_node_get(params, "resources");
    if (given == NULL) return rv_node_map(a);
    struct rv_str s = rv_node_text(given);
    while (s.n > 0 && strchr("'\"` ", s.p[0]) != NULL) s = (struct rv_str){s.p + 1, s.n - 1};
    while (s.n > 0 && strchr("'\"` ", s.p[s.n - 1]) != NULL) s.n--;
    rv_autobuf struct rv_buf mp = {0};
    if (rv_json_to_mp(s, NULL, &mp, NULL) != 0) return NULL;
    struct rv_str kept = rv_arena_str(a, rv_buf_str(&mp));
    struct rv_node *n = rv_node_from(a, (struct rv_val){(const uint8_t *)kept.p, kept.n});
    return rv_node_type(n) == RV_MAP ? n : NULL;
}

static struct rv_node *number(struct rv_arena *a, struct rv_quantity q) {
    double v = rv_quantity_to_double(q);
    bool whole = v > -1e15 && v < 1e15 && (double)(int64_t)v == v;
    return whole ? rv_node_int(a, (int64_t)v) : rv_node_float(a, v);
}

/* ---- from the group's `resources` and `labels` ------------------------------------------------------------------ */

static void from_resources(struct rv_arena *a, struct rv_node *params, struct rv_val resources) {
    struct rv_node *custom = rv_node_map(a);
    for (struct rv_iter it = rv_iter(resources); rv_iter_next(&it);) {
        struct rv_quantity q;
        if (rv_quantity_from_val(it.val, &q) != 0) continue;
        rv_autofree char *lower = rv_strdup(it.key);
        for (char *p = lower; *p != 0; p++)
            if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
        if (strcmp(lower, "cpu") == 0)
            rv_node_set_fmt(a, params, "num-cpus", "%lld", (long long)rv_quantity_ceil(q));
        else if (strcmp(lower, "memory") == 0)
            rv_node_set_fmt(a, params, "memory", "%lld", (long long)rv_quantity_ceil(q));
        else if (rc_gpu_like(rv_str(lower)))
            rv_node_set_fmt(a, params, "num-gpus", "%lld", (long long)rv_quantity_ceil(q));
        else
            rv_node_setn(a, custom, it.key, number(a, q));
    }
    if (rv_node_len(custom) > 0) set_custom(a, params, custom);
}

struct pair {
    struct rv_str key, value;
};

static int pair_order(const void *x, const void *y) {
    return rv_str_cmp(((const struct pair *)x)->key, ((const struct pair *)y)->key);
}

static struct pair *sorted(struct rv_arena *a, struct rv_val map, size_t *ret_n) {
    struct pair *p = rv_arena_alloc(a, rv_val_len(map) * sizeof *p);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(map); rv_iter_next(&it);) p[n++] = (struct pair){it.key, rv_val_str(it.val)};
    qsort(p, n, sizeof *p, pair_order);
    *ret_n = n;
    return p;
}

static void from_labels(struct rv_arena *a, struct rv_node *params, struct rv_val labels) {
    size_t n;
    struct pair *p = sorted(a, labels, &n);
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 0; i < n; i++)
        rv_buf_addf(&b, "%s" RV_STR_FMT "=" RV_STR_FMT, i > 0 ? "," : "", RV_STR_ARG(p[i].key), RV_STR_ARG(p[i].value));
    if (n > 0) rv_node_set_str(a, params, "labels", rv_buf_str(&b));
}

/* ---- from the Ray container's resources ------------------------------------------------------------------------- */

struct limit {
    struct rv_str name;
    struct rv_quantity q;
};

static int limit_order(const void *x, const void *y) {
    return rv_str_cmp(((const struct limit *)x)->name, ((const struct limit *)y)->name);
}

static void accelerators(struct rv_arena *a, struct rv_node *params, struct rv_val limits) {
    static const struct {
        const char *limit, *ray;
    } known[] = {{"aws.amazon.com/neuroncore", "neuron_cores"}, {"google.com/tpu", "TPU"}};
    struct limit *list = rv_arena_alloc(a, rv_val_len(limits) * sizeof *list);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(limits); rv_iter_next(&it);) {
        list[n].name = it.key;
        if (rv_quantity_from_val(it.val, &list[n].q) == 0 && !rv_quantity_is_zero(list[n].q)) n++;
    }
    qsort(list, n, sizeof *list, limit_order);
    struct rv_node *custom = read_custom(a, params);
    if (custom == NULL) return; /* unreadable: leave the user's words alone */
    bool done = rv_node_get(custom, "neuron_cores") != NULL || rv_node_get(custom, "TPU") != NULL;
    for (size_t i = 0; i < n; i++) {
        if (rc_gpu_like(list[i].name)) {
            if (!has(params, "num-gpus"))
                rv_node_set_fmt(a, params, "num-gpus", "%lld", (long long)rv_quantity_ceil(list[i].q));
            continue;
        }
        for (size_t k = 0; k < RV_ARRAY_LEN(known) && !done; k++) {
            if (!rv_str_is(list[i].name, known[k].limit)) continue;
            rv_node_set(a, custom, known[k].ray, number(a, list[i].q));
            set_custom(a, params, custom);
            done = true;
        }
    }
}

static void from_container(struct rv_arena *a, struct rv_node *params, struct rv_val container) {
    struct rv_val limits = rv_val_path(container, "resources.limits"), cpu = rv_val_get(limits, "cpu");
    struct rv_quantity q;
    if (!rv_val_present(cpu)) cpu = rv_val_path(container, "resources.requests.cpu");
    if (!has(params, "num-cpus") && rv_quantity_from_val(cpu, &q) == 0 && !rv_quantity_is_zero(q))
        rv_node_set_fmt(a, params, "num-cpus", "%lld", (long long)rv_quantity_ceil(q));
    if (!has(params, "memory") && rv_quantity_from_val(rv_val_get(limits, "memory"), &q) == 0 &&
        !rv_quantity_is_zero(q))
        rv_node_set_fmt(a, params, "memory", "%lld", (long long)rv_quantity_ceil(q));
    accelerators(a, params, limits);
}

struct rv_node *rc_start_params(struct rv_arena *a, struct rv_val group, bool head, struct rv_str address) {
    struct rv_val given = rv_val_get(group, "rayStartParams");
    struct rv_node *params = rv_node_map(a);
    for (struct rv_iter it = rv_iter(given); rv_iter_next(&it);)
        rv_node_setn(a, params, it.key, rv_node_str(a, rv_val_str(it.val)));
    if (rv_val_len(rv_val_get(group, "resources")) > 0) from_resources(a, params, rv_val_get(group, "resources"));
    from_labels(a, params, rv_val_get(group, "labels"));
    if (head)
        set_default(a, params, "dashboard-host", "0.0.0.0");
    else if (!has(params, "address"))
        rv_node_set_str(a, params, "address", address);
    set_default(a, params, "metrics-export-port", "8080");
    set_default(a, params, "dashboard-agent-listen-port", "52365");
    rv_node_set_cstr(a, params, "block", "true");
    from_container(a, params, rv_val_path(group, "template.spec.containers[0]"));
    return params;
}

/* ---- text --------------------------------------------------------------------------------------------------- */

/* These take true and false as values; for all others true is the bare flag and false no flag at all. */
static bool takes_value(struct rv_str key) {
    return rv_str_is(key, "log-color") || rv_str_is(key, "include-dashboard") || rv_str_is(key, "include-log-monitor");
}

struct rv_str rc_start_command(struct rv_arena *a, struct rv_node *params, bool head) {
    size_t n;
    struct pair *p = sorted(a, rv_node_freeze(a, params), &n);
    rv_autobuf struct rv_buf b = {0};
    rv_buf_adds(&b, head ? "ray start --head " : "ray start ");
    for (size_t i = 0; i < n; i++) {
        bool on = rv_str_ieq(p[i].value, "true"), off = rv_str_ieq(p[i].value, "false");
        if ((on || off) && !takes_value(p[i].key)) {
            if (on) rv_buf_addf(&b, " --" RV_STR_FMT " ", RV_STR_ARG(p[i].key));
            continue;
        }
        rv_buf_addf(&b, " --" RV_STR_FMT "=" RV_STR_FMT " ", RV_STR_ARG(p[i].key), RV_STR_ARG(p[i].value));
    }
    return rv_arena_str(a, rv_buf_str(&b));
}
