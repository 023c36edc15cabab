/* states.c - cluster states and decisions as JSON. */
#include "tests/unit/autoscaler/states.h"

#include <stdio.h>
#include <stdlib.h>

static struct as_resources resources(struct rv_arena *a, struct rv_val v) {
    struct as_resource *items = rv_arena_alloc(a, (rv_val_len(v) + 1) * sizeof *items);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        items[n++] = (struct as_resource){rv_arena_str(a, it.key), as_amount(rv_val_float(it.val, 0))};
    return (struct as_resources){items, n};
}

static struct as_labels labels(struct rv_arena *a, struct rv_val v) {
    struct as_label *items = rv_arena_alloc(a, (rv_val_len(v) + 1) * sizeof *items);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        items[n++] = (struct as_label){rv_arena_str(a, it.key), rv_arena_str(a, rv_val_str(it.val))};
    return (struct as_labels){items, n};
}

static struct as_match match(struct rv_arena *a, struct rv_val v) {
    struct rv_val list = rv_val_get(v, "values");
    struct rv_str *values = rv_arena_alloc(a, (rv_val_len(list) + 1) * sizeof *values);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) values[n++] = rv_arena_str(a, rv_val_str(it.val));
    return (struct as_match){rv_arena_str(a, rv_path_str(v, "key")), (enum as_operator)rv_path_int(v, "op", 0), values,
                             n};
}

static struct as_selector selector(struct rv_arena *a, struct rv_val v) {
    struct as_match *matches = rv_arena_alloc(a, (rv_val_len(v) + 1) * sizeof *matches);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) matches[n++] = match(a, it.val);
    return (struct as_selector){matches, n};
}

static struct as_request request(struct rv_arena *a, struct rv_val v) {
    struct rv_val list = rv_val_get(v, "selectors");
    struct as_selector *selectors = rv_arena_alloc(a, (rv_val_len(list) + 1) * sizeof *selectors);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) selectors[n++] = selector(a, it.val);
    return (struct as_request){resources(a, rv_val_get(v, "resources")), selectors, n,
                               labels(a, rv_val_get(v, "apart")), labels(a, rv_val_get(v, "together"))};
}

static const struct as_demand *demands(struct rv_arena *a, struct rv_val v, size_t *ret_n) {
    struct as_demand *out = rv_arena_alloc(a, (rv_val_len(v) + 1) * sizeof *out);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        out[n++] = (struct as_demand){request(a, it.val), rv_path_int(it.val, "count", 1)};
    *ret_n = n;
    return out;
}

static void read_groups(struct rv_arena *a, struct rv_val v, struct as_state *s) {
    struct as_group *out = rv_arena_alloc(a, (rv_val_len(v) + 1) * sizeof *out);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        out[s->n_groups++] = (struct as_group){.name = rv_arena_str(a, rv_path_str(it.val, "name")),
                                               .min = rv_path_int(it.val, "min", 0),
                                               .max = rv_path_int(it.val, "max", 10),
                                               .hosts = rv_path_int(it.val, "hosts", 1),
                                               .resources = resources(a, rv_val_get(it.val, "resources")),
                                               .labels = labels(a, rv_val_get(it.val, "labels")),
                                               .idle_ms = rv_path_int(it.val, "idle_ms", 60000),
                                               .priority = (int32_t)rv_path_int(it.val, "priority", 0),
                                               .price = rv_val_float(rv_val_get(it.val, "price"), 0),
                                               .availability = rv_val_float(rv_val_get(it.val, "availability"), 1),
                                               .stuck = rv_path_bool(it.val, "stuck", false)};
    s->groups = out;
}

static int32_t group_index(const struct as_state *s, struct rv_str name) {
    if (rv_str_is(name, "head")) return AS_HEAD;
    for (size_t g = 0; g < s->n_groups; g++)
        if (rv_str_eq(s->groups[g].name, name)) return (int32_t)g;
    return AS_NO_GROUP;
}

static enum as_phase phase(struct rv_str text) {
    static const char *const names[] = {[AS_STARTING] = "starting",
                                        [AS_RUNNING] = "running",
                                        [AS_LEAVING] = "leaving",
                                        [AS_BLOCKED] = "blocked",
                                        [AS_UNMANAGED] = "unmanaged"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        if (rv_str_is(text, names[i])) return (enum as_phase)i;
    return AS_RUNNING;
}

static void read_nodes(struct rv_arena *a, struct rv_val v, struct as_state *s) {
    struct as_node *out = rv_arena_alloc(a, (rv_val_len(v) + 1) * sizeof *out);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        out[s->n_nodes++] = (struct as_node){.name = rv_arena_str(a, rv_path_str(it.val, "name")),
                                             .group = group_index(s, rv_path_str(it.val, "group")),
                                             .phase = phase(rv_path_str(it.val, "phase")),
                                             .total = resources(a, rv_val_get(it.val, "total")),
                                             .available = resources(a, rv_val_get(it.val, "available")),
                                             .labels = labels(a, rv_val_get(it.val, "labels")),
                                             .idle_ms = rv_path_int(it.val, "idle_ms", 0),
                                             .replica = rv_arena_str(a, rv_path_str(it.val, "replica"))};
    s->nodes = out;
}

static void read_gangs(struct rv_arena *a, struct rv_val v, struct as_state *s) {
    struct as_gang *out = rv_arena_alloc(a, (rv_val_len(v) + 1) * sizeof *out);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        struct rv_val list = rv_val_get(it.val, "requests");
        struct as_request *requests = rv_arena_alloc(a, (rv_val_len(list) + 1) * sizeof *requests);
        size_t n = 0;
        for (struct rv_iter r = rv_iter(list); rv_iter_next(&r);) requests[n++] = request(a, r.val);
        out[s->n_gangs++] = (struct as_gang){requests, n, rv_arena_str(a, rv_path_str(it.val, "details"))};
    }
    s->gangs = out;
}

struct as_state state_from_json(struct rv_arena *a, struct rv_str json) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_error err = {0};
    struct as_state s = {0};
    if (rv_json_to_mp(json, NULL, &b, &err) != 0) {
        fprintf(stderr, "the state is no JSON: %s\n", err.text);
        abort();
    }
    struct rv_val v = {b.p, b.n};
    read_groups(a, rv_val_get(v, "groups"), &s);
    read_nodes(a, rv_val_get(v, "nodes"), &s);
    s.demands = demands(a, rv_val_get(v, "demands"), &s.n_demands);
    s.held = demands(a, rv_val_get(v, "held"), &s.n_held);
    read_gangs(a, rv_val_get(v, "gangs"), &s);
    s.max_nodes = rv_path_int(v, "max_nodes", INT32_MAX);
    s.max_launches = rv_path_int(v, "max_launches", 100000);
    return s;
}

static const char *removal(enum as_verdict v) {
    static const char *const words[] = {[AS_REMOVE_IDLE] = "idle",
                                        [AS_REMOVE_GROUP_MAX] = "group max",
                                        [AS_REMOVE_MAX] = "max",
                                        [AS_REMOVE_BLOCKED] = "blocked",
                                        [AS_REMOVE_NO_GROUP] = "no group"};
    return words[v];
}

static void write_nodes(const struct as_state *s, const struct as_decision *d, struct rv_buf *out) {
    const char *comma = "";
    rv_buf_adds(out, ",\"remove\":{");
    for (size_t i = 0; i < s->n_nodes; i++) {
        if (!as_removes(d->verdicts[i])) continue;
        rv_buf_adds(out, comma);
        rv_json_quote(s->nodes[i].name, out);
        rv_buf_addf(out, ":\"%s\"", removal(d->verdicts[i]));
        comma = ",";
    }
    rv_buf_adds(out, "},\"keep\":{");
    comma = "";
    for (size_t i = 0; i < s->n_nodes; i++) {
        if (as_removes(d->verdicts[i])) continue;
        rv_buf_adds(out, comma);
        rv_json_quote(s->nodes[i].name, out);
        rv_buf_addf(out, ":\"%s\"", as_verdict_text(d->verdicts[i]));
        comma = ",";
    }
    rv_buf_adds(out, "}");
}

void decision_to_json(const struct as_state *s, const struct as_decision *d, struct rv_buf *out) {
    const char *comma = "";
    rv_buf_adds(out, "{\"launch\":{");
    for (size_t g = 0; g < s->n_groups; g++) {
        if (d->launches[g].count == 0) continue;
        rv_buf_adds(out, comma);
        rv_json_quote(s->groups[g].name, out);
        rv_buf_addf(out, ":%lld", (long long)d->launches[g].count);
        comma = ",";
    }
    rv_buf_adds(out, "}");
    write_nodes(s, d, out);
    rv_buf_adds(out, ",\"unmet\":[");
    for (size_t i = 0; i < d->n_unmet; i++) {
        const char *at = (const char *)d->unmet[i].request - offsetof(struct as_demand, request);
        rv_buf_addf(out, "%s[%ld,%lld,%s]", i != 0 ? "," : "",
                    (long)((const struct as_demand *)(const void *)at - s->demands), (long long)d->unmet[i].count,
                    d->unmet[i].capped ? "true" : "false");
    }
    rv_buf_adds(out, "],\"gangs\":[");
    for (size_t i = 0; i < d->n_unmet_gangs; i++)
        rv_buf_addf(out, "%s[%ld,%s]", i != 0 ? "," : "", (long)(d->unmet_gangs[i].gang - s->gangs),
                    d->unmet_gangs[i].capped ? "true" : "false");
    rv_buf_addf(out, "],\"held\":\"%s\",\"price\":%g}",
                !d->held_unmet   ? "ok"
                : d->held_capped ? "capped"
                                 : "infeasible",
                d->price);
}
