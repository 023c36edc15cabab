/* fuzz_gcs.c - any bytes as an answer of the control store, and a decision on what they say. */
#include "plugins/autoscaler/decision.h"
#include "plugins/autoscaler/gcs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_bytes body = {data, size};
    struct gcs_state g;
    bool accepted;
    struct rv_str why;
    (void)gcs_read_drain(a, body, &accepted, &why, NULL);
    if (gcs_read_state(a, body, &g, NULL) != 0) return 0;
    const struct as_resource cpu = {RV_STR("CPU"), 4 * AS_UNIT};
    const struct as_group group = {
        .name = RV_STR("w"), .max = 100, .hosts = 1, .resources = {&cpu, 1}, .idle_ms = 60000, .availability = 1};
    struct as_node *nodes = rv_arena_alloc(a, (g.n_nodes + 1) * sizeof *nodes);
    for (size_t i = 0; i < g.n_nodes; i++)
        nodes[i] = (struct as_node){.name = g.nodes[i].pod,
                                    .group = g.nodes[i].head               ? AS_HEAD
                                             : g.nodes[i].group.n % 2 == 0 ? 0
                                                                           : AS_NO_GROUP,
                                    .phase = g.nodes[i].status == GCS_DEAD ? AS_LEAVING : AS_RUNNING,
                                    .total = g.nodes[i].total,
                                    .available = g.nodes[i].available,
                                    .labels = g.nodes[i].labels,
                                    .idle_ms = g.nodes[i].idle_ms};
    const struct as_state s = {&group,  1,         nodes,  g.n_nodes, g.demands, g.n_demands,
                               g.gangs, g.n_gangs, g.held, g.n_held,  200,       150};
    struct as_decision d;
    as_decide(a, &s, &d);
    if (d.launches[0].count < 0 || d.launches[0].count > 100) __builtin_trap();
    rv_autobuf struct rv_buf out = {0};
    const struct gcs_report report = {.seen = g.version, .infeasible_held = g.held, .n_infeasible_held = g.n_held};
    gcs_write_report(&out, a, &report);
    return 0;
}
