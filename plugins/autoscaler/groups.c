/* groups.c - worker groups: limits, and what Ray will register of a new node. */
#include "plugins/autoscaler/groups.h"

#include "plugins/ray/start_params.h"
#include "rayvisor/json.h"

#include <stdlib.h>

enum { IDLE_DEFAULT_S = 60 };

/* ---- resources ------------------------------------------------------------------------------------------ */

struct list {
    struct as_resource *items;
    size_t n, room;
};

static void put(struct list *l, struct rv_str name, double value) {
    if (l->n < l->room && value > 0) l->items[l->n++] = (struct as_resource){name, as_amount(value)};
}

static double number(struct rv_str text) {
    struct rv_quantity q;
    return rv_quantity_parse(text, &q) == 0 ? rv_quantity_to_double(q) : 0;
}

/* A JSON object in the quotes that shells want: '{"accel": 2}' */
static struct rv_val custom_resources(struct rv_arena *a, struct rv_str s) {
    while (s.n > 0 && strchr("'\"` ", s.p[0]) != NULL) s = (struct rv_str){s.p + 1, s.n - 1};
    while (s.n > 0 && strchr("'\"` ", s.p[s.n - 1]) != NULL) s.n--;
    rv_autobuf struct rv_buf plain = {0}, mp = {0};
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\\') rv_buf_addc(&plain, (uint8_t)s.p[i]);
    if (s.n == 0 || rv_json_to_mp(rv_buf_str(&plain), NULL, &mp, NULL) != 0) return RV_VAL_ABSENT;
    struct rv_str kept = rv_arena_str(a, rv_buf_str(&mp));
    return (struct rv_val){(const uint8_t *)kept.p, kept.n};
}

/* GKE's words for TPU slices, and Ray's for the same. */
static const struct {
    const char *accelerator, *generation;
    int cores; /* of a chip */
} tpus[] = {{"tpu-v4-podslice", "v4", 2},
            {"tpu-v5-lite-device", "v5litepod", 1},
            {"tpu-v5-lite-podslice", "v5litepod", 1},
            {"tpu-v5p-slice", "v5p", 2},
            {"tpu-v6e-slice", "v6e", 1}};

static int64_t chips_of(struct rv_str topology) { /* "2x2x4" */
    int64_t chips = 1, one = 0;
    for (size_t i = 0; i <= topology.n; i++) {
        char ch = i < topology.n ? topology.p[i] : 'x';
        if (ch >= '0' && ch <= '9' && one < 100000) {
            one = one * 10 + (ch - '0');
        } else {
            if (ch != 'x' || one == 0 || chips > 1000000) return 0;
            chips *= one;
            one = 0;
        }
    }
    return chips;
}

/* The first host of a slice also has one of "TPU-<type>-head", by which a whole slice is asked for. */
static void put_tpu_head(struct rv_arena *a, struct list *l, struct rv_val group) {
    struct rv_val selector = rv_val_path(group, "template.spec.nodeSelector");
    struct rv_str kind = rv_val_str(rv_val_get(selector, "cloud.google.com/gke-tpu-accelerator"));
    int64_t chips = chips_of(rv_val_str(rv_val_get(selector, "cloud.google.com/gke-tpu-topology")));
    for (size_t i = 0; i < RV_ARRAY_LEN(tpus) && chips > 0; i++)
        if (rv_str_is(kind, tpus[i].accelerator))
            put(l, rv_arena_fmt(a, "TPU-%s-%lld-head", tpus[i].generation, (long long)chips * tpus[i].cores), 1);
}

static void put_tpu(struct rv_arena *a, struct list *l, struct rv_val group) {
    static const char *const places[] = {"template.spec.containers[0].resources.limits",
                                         "template.spec.containers[0].resources.requests"};
    for (size_t i = 0; i < l->n; i++)
        if (rv_str_is(l->items[i].name, "TPU")) {
            put_tpu_head(a, l, group);
            return;
        }
    for (size_t i = 0; i < RV_ARRAY_LEN(places); i++) {
        struct rv_quantity q;
        struct rv_val v = rv_val_get(rv_val_path(group, places[i]), "google.com/tpu");
        if (rv_quantity_from_val(v, &q) != 0 || rv_quantity_is_zero(q)) continue;
        put(l, RV_STR("TPU"), (double)rv_quantity_ceil(q));
        put_tpu_head(a, l, group);
        return;
    }
}

static struct as_resources resources(struct rv_arena *a, struct rv_val group, struct rv_node *params) {
    static const struct {
        const char *flag, *name;
    } plain[] = {{"num-cpus", "CPU"}, {"num-gpus", "GPU"}, {"memory", "memory"}};
    struct rv_val custom = custom_resources(a, rv_node_text(rv_node_get(params, "resources")));
    struct list l = {.room = rv_val_len(custom) + 6};
    l.items = rv_arena_alloc(a, l.room * sizeof *l.items);
    for (size_t i = 0; i < RV_ARRAY_LEN(plain); i++)
        put(&l, rv_str(plain[i].name), number(rv_node_text(rv_node_get(params, plain[i].flag))));
    for (struct rv_iter it = rv_iter(custom); rv_iter_next(&it);)
        put(&l, rv_arena_str(a, it.key), rv_val_float(it.val, 0));
    put_tpu(a, &l, group);
    return (struct as_resources){l.items, l.n};
}

/* ---- labels: "a=b,c=d" ---------------------------------------------------------------------------------- */

static struct as_labels labels(struct rv_arena *a, struct rv_str text, struct rv_str group) {
    size_t room = 2;
    for (size_t i = 0; i < text.n; i++) room += text.p[i] == ',';
    struct as_label *out = rv_arena_alloc(a, room * sizeof *out);
    size_t n = 0;
    out[n++] = (struct as_label){RV_STR(AS_RAY_LABEL_GROUP), group};
    while (text.n != 0) {
        const char *comma = memchr(text.p, ',', text.n);
        struct rv_str one = {text.p, comma != NULL ? (size_t)(comma - text.p) : text.n};
        const char *equals = one.n != 0 ? memchr(one.p, '=', one.n) : NULL;
        if (equals != NULL)
            out[n++] = (struct as_label){{one.p, (size_t)(equals - one.p)},
                                         {equals + 1, (size_t)(one.p + one.n - equals) - 1}};
        size_t used = one.n + (comma != NULL);
        text = (struct rv_str){text.p + used, text.n - used};
    }
    return (struct as_labels){out, n};
}

/* ---- limits --------------------------------------------------------------------------------------------- */

static int64_t idle_ms(const struct rc_cluster *c, struct rv_val group) {
    int64_t all = rv_path_int(c->f.autoscaler_options, "idleTimeoutSeconds", IDLE_DEFAULT_S);
    int64_t s = rv_path_int(group, "idleTimeoutSeconds", all);
    return s < 0 ? -1 : s < INT64_C(10000000000) ? s * 1000 : INT64_C(10000000000000);
}

static double price(struct rv_val group) {
    struct rv_val notes = rv_val_path(group, "template.metadata.annotations");
    return number(rv_val_str(rv_val_get(notes, AS_ANNOTATION_PRICE)));
}

static int64_t clamp32(int64_t v) { return v < 0 ? 0 : v < INT32_MAX ? v : INT32_MAX; }

struct as_group *groups_read(struct rv_arena *a, const struct rc_cluster *c, struct group_info **ret_info,
                             size_t *ret_n) {
    struct rv_val list = rc_groups(c);
    size_t n = 0, room = rv_val_len(list) + 1;
    struct as_group *out = rv_arena_alloc(a, room * sizeof *out);
    struct group_info *info = rv_arena_alloc(a, room * sizeof *info);
    struct rv_str mode = rv_path_str(c->f.autoscaler_options, "upscalingMode");
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it); n++) {
        int64_t hosts = rc_group_hosts(it.val), least = clamp32(rv_path_int(it.val, "minReplicas", 0));
        int64_t most = clamp32(rv_path_int(it.val, "maxReplicas", INT32_MAX));
        bool suspended = rv_path_bool(it.val, "suspend", false);
        struct rv_node *params = rc_start_params(a, it.val, false, RV_STR("head:6379"));
        out[n] = (struct as_group){.name = rv_path_str(it.val, "groupName"),
                                   .min = suspended ? 0 : least * hosts,
                                   .max = suspended ? 0 : most * hosts,
                                   .hosts = hosts,
                                   .resources = resources(a, it.val, params),
                                   .idle_ms = idle_ms(c, it.val),
                                   .priority = (int32_t)clamp32(rv_path_int(it.val, "priority", 0)),
                                   .price = price(it.val),
                                   .availability = 1};
        out[n].labels = labels(a, rv_arena_str(a, rv_node_text(rv_node_get(params, "labels"))), out[n].name);
        info[n] = (struct group_info){.spec = it.val,
                                      .raw_replicas = rv_path_int(it.val, "replicas", -1),
                                      .conservative = rv_str_is(mode, "Conservative")};
        int64_t replicas = info[n].raw_replicas < least ? least : info[n].raw_replicas;
        info[n].replicas = suspended ? 0 : (replicas < most ? replicas : most) * hosts;
        if (rv_node_get(params, "num-cpus") == NULL)
            info[n].problem =
                RV_STR("its CPUs are not known: neither a limit or request of its first container, nor num-cpus");
    }
    *ret_info = info;
    *ret_n = n;
    return out;
}
