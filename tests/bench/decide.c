/* decide.c - how long one decision takes: the states that the figures name, and a few that are meant to be
 * hard. */
#include "plugins/autoscaler/decision.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct plan {
    const char *name;
    int nodes, busy_cpus; /* of 4; -1: another number on each node */
    int requests, shapes; /* requests in that many shapes */
    int gangs;
    int64_t idle_ms;
};

static struct as_resources cpus(struct rv_arena *a, const char *extra, double extra_n, double n) {
    struct as_resource *r = rv_arena_alloc(a, 3 * sizeof *r);
    r[0] = (struct as_resource){RV_STR("CPU"), as_amount(n)};
    r[1] = (struct as_resource){rv_arena_str(a, rv_str(extra)), as_amount(extra_n)};
    return (struct as_resources){n > 0 ? r : r + 1, n > 0 ? 2 : 1};
}

static const struct as_node *nodes(struct rv_arena *a, const struct plan *p) {
    struct as_node *out = rv_arena_alloc(a, ((size_t)p->nodes + 1) * sizeof *out);
    out[0] = (struct as_node){.name = RV_STR("head"), .group = AS_HEAD, .phase = AS_RUNNING};
    for (int i = 1; i <= p->nodes; i++) {
        char address[32];
        snprintf(address, sizeof address, "node:10.0.%d.%d", i / 250, i % 250);
        double busy = p->busy_cpus < 0 ? (i % 997) * 4.0 / 997 : p->busy_cpus;
        struct as_label *id = rv_arena_alloc(a, sizeof *id);
        *id = (struct as_label){RV_STR("ray.io/node-id"), rv_arena_str(a, rv_str(address))};
        out[i] = (struct as_node){.name = rv_arena_fmt(a, "worker-%d", i),
                                  .group = i % 3,
                                  .phase = AS_RUNNING,
                                  .total = cpus(a, address, 1, 4),
                                  .available = cpus(a, address, 1, 4 - busy),
                                  .labels = {id, 1},
                                  .idle_ms = p->idle_ms};
    }
    return out;
}

static const struct as_demand *demands(struct rv_arena *a, const struct plan *p) {
    struct as_demand *out = rv_arena_alloc(a, ((size_t)p->shapes + 1) * sizeof *out);
    for (int i = 0; i < p->shapes; i++) {
        struct as_resource *r = rv_arena_alloc(a, sizeof *r);
        *r = (struct as_resource){RV_STR("CPU"), as_amount(1 + i * 0.01)};
        out[i] = (struct as_demand){{.resources = {r, 1}}, p->requests / p->shapes};
    }
    return out;
}

static const struct as_gang *gangs(struct rv_arena *a, const struct plan *p) {
    struct as_gang *out = rv_arena_alloc(a, ((size_t)p->gangs + 1) * sizeof *out);
    for (int i = 0; i < p->gangs; i++) {
        struct as_request *r = rv_arena_alloc(a, 4 * sizeof *r);
        struct as_label *apart = rv_arena_alloc(a, sizeof *apart);
        *apart = (struct as_label){rv_arena_fmt(a, "_PG_%d", i), {NULL, 0}};
        for (int j = 0; j < 4; j++)
            r[j] = (struct as_request){.resources = cpus(a, "memory", 0, 1), .apart = {apart, 1}};
        out[i] = (struct as_gang){r, 4, {NULL, 0}};
    }
    return out;
}

static void run(const struct plan *p) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct as_group groups[3];
    for (int g = 0; g < 3; g++)
        groups[g] = (struct as_group){.name = rv_arena_fmt(a, "g%d", g),
                                      .max = 100000,
                                      .hosts = 1,
                                      .resources = cpus(a, "memory", 8, 4),
                                      .idle_ms = 60000,
                                      .availability = 1};
    struct as_state s = {.groups = groups,
                         .n_groups = 3,
                         .nodes = nodes(a, p),
                         .n_nodes = (size_t)p->nodes + 1,
                         .demands = demands(a, p),
                         .n_demands = (size_t)p->shapes,
                         .gangs = gangs(a, p),
                         .n_gangs = (size_t)p->gangs,
                         .max_nodes = 1000000,
                         .max_launches = 1000000};
    double best = 1e9;
    int64_t launched = 0, removed = 0;
    for (int round = 0; round < 5; round++) {
        rv_autoarena struct rv_arena *scratch = rv_arena_new();
        struct as_decision d;
        double begin = now_ms();
        as_decide(scratch, &s, &d);
        double ms = now_ms() - begin;
        if (ms < best) best = ms;
        launched = removed = 0;
        for (int g = 0; g < 3; g++) launched += d.launches[g].count;
        for (size_t i = 0; i < s.n_nodes; i++) removed += as_removes(d.verdicts[i]);
    }
    printf("%-70s %9.2f ms   %6lld launched %6lld removed\n", p->name, best, (long long)launched, (long long)removed);
}

int main(void) {
    static const struct plan plans[] = {
        {"1,000 nodes, 1 CPU free on each; 1,000 requests of 1 CPU", 1000, 3, 1000, 1, 0, 0},
        {"1,000 nodes, 1 CPU free on each; 1,000 requests in 20 shapes", 1000, 3, 1000, 20, 0, 0},
        {"1,000 nodes, all different; 1,000 requests of 1 CPU", 1000, -1, 1000, 1, 0, 0},
        {"1,000 nodes, all different; 1,000 requests in 20 shapes", 1000, -1, 1000, 20, 0, 0},
        {"1,000 busy nodes, no demand", 1000, 4, 0, 0, 0, 0},
        {"1,000 idle nodes, no demand", 1000, 0, 0, 0, 0, 70000},
        {"1,000 full nodes; 1,000 requests of 1 CPU", 1000, 4, 1000, 1, 0, 0},
        {"no worker; 4,000 requests of 4 CPU", 0, 0, 4000, 1, 0, 0},
        {"no worker; 4,000 requests in 200 shapes", 0, 0, 4000, 200, 0, 0},
        {"1,000 nodes, 1 CPU free on each; 200 placement groups of 4, apart", 1000, 3, 0, 0, 200, 0},
        {"no worker; 1,000 placement groups of 4, apart", 0, 0, 0, 0, 1000, 0},
        {"5,000 nodes, all different; 5,000 requests in 50 shapes", 5000, -1, 5000, 50, 0, 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(plans); i++) run(&plans[i]);
    return 0;
}
