/* opts.c - the options as one table: key, place, bounds. */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>

struct option {
    const char *key;
    size_t offset;
    int64_t initial, min, max;
};
#define OPT(name, initial, min, max)                                                                                   \
    { #name, offsetof(struct sim_opts, name), initial, min, max }

static const struct option options[] = {
    OPT(nodes, 3, 0, 10000),
    OPT(node_cpu, 10000, 0, 1000000),
    OPT(node_gpu, 100, 0, 1000000),
    OPT(node_pods, 10000, 0, 1000000),
    OPT(schedule_ms, 5, 0, 3600000),
    OPT(start_ms, 20, 0, 3600000),
    OPT(init_ms, 10, 0, 3600000),
    OPT(ready_ms, 10, 0, 3600000),
    OPT(terminate_ms, 20, 0, 3600000),
    OPT(job_ms, 1000, 0, 3600000),
    OPT(backoff_ms, 1000, 1, 3600000),
    OPT(ray_port, 0, 0, 65535),
    OPT(ray_run_ms, 5000, 0, 3600000),
    OPT(ray_deploy_ms, 3000, 0, 3600000),
    OPT(ray_build_ms, 200, 0, 3600000),
    OPT(ray_stop_ms, 200, 0, 3600000),
    OPT(ray_drain_ms, 3000, 0, 3600000),
    OPT(ray_gauge_ms, 20000, 0, 3600000),
    OPT(gateway, 0, 0, 1),
    OPT(gateway_ms, 20, 0, 3600000),
    OPT(verbose, 0, 0, 1),
    OPT(node_storage, 100, 0, 1000000),
    OPT(volumes, 1, 0, 1),
    OPT(seed, 1, 0, INT64_MAX),
};

static int64_t *place(struct sim_opts *o, const struct option *d) { return (int64_t *)(void *)((char *)o + d->offset); }

void sim_opts_init(struct sim_opts *o) {
    *o = (struct sim_opts){.size = sizeof *o, .node_memory = rv_strdup(RV_STR("100Ti"))};
    for (size_t i = 0; i < RV_ARRAY_LEN(options); i++) *place(o, &options[i]) = options[i].initial;
}

void sim_opts_free(struct sim_opts *o) {
    free(o->node_memory);
    *o = (struct sim_opts){0};
}

static int set_memory(struct sim_opts *o, struct rv_str value, struct rv_error *err) {
    struct rv_quantity q;
    if (rv_quantity_parse(value, &q) != 0 || q.nano < 0)
        return rv_error_set(err, -EINVAL, "node_memory=" RV_STR_FMT " is not a quantity such as 256Gi",
                            RV_STR_ARG(value));
    free(o->node_memory);
    o->node_memory = rv_strdup(value);
    return 0;
}

static int unknown(struct rv_str key, struct rv_error *err) {
    rv_autobuf struct rv_buf known = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(options); i++) rv_buf_addf(&known, ", %s", options[i].key);
    return rv_error_set(err, -EINVAL, "unknown option \"" RV_STR_FMT "\"; known are node_memory%s", RV_STR_ARG(key),
                        rv_buf_cstr(&known));
}

static int set(struct sim_opts *o, struct rv_str key, struct rv_str value, struct rv_error *err) {
    if (rv_str_is(key, "node_memory")) return set_memory(o, value, err);
    for (size_t i = 0; i < RV_ARRAY_LEN(options); i++) {
        const struct option *d = &options[i];
        if (!rv_str_is(key, d->key)) continue;
        if (rv_str_to_int(value, d->min, d->max, place(o, d)) == 0) return 0;
        return rv_error_set(err, -EINVAL, "%s=" RV_STR_FMT " is not a whole number from %lld to %lld", d->key,
                            RV_STR_ARG(value), (long long)d->min, (long long)d->max);
    }
    return unknown(key, err);
}

int sim_opts_parse(struct sim_opts *o, struct rv_str text, struct rv_error *err) {
    while (text.n > 0) {
        const char *comma = memchr(text.p, ',', text.n);
        struct rv_str item = {text.p, comma != NULL ? (size_t)(comma - text.p) : text.n};
        text = (struct rv_str){text.p + item.n, text.n - item.n};
        if (comma != NULL) text = (struct rv_str){text.p + 1, text.n - 1};
        if (item.n == 0) continue;
        const char *equals = memchr(item.p, '=', item.n);
        if (equals == NULL)
            return rv_error_set(err, -EINVAL, "\"" RV_STR_FMT "\" has no value: write key=value", RV_STR_ARG(item));
        struct rv_str key = {item.p, (size_t)(equals - item.p)};
        struct rv_str value = {equals + 1, item.n - key.n - 1};
        int e = set(o, key, value, err);
        if (e != 0) return e;
    }
    return 0;
}
