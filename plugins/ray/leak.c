/* leak.c - see leak.h. */
#include "leak.h"

#include <stdlib.h>

#include "cluster.h"

static const char *const names[] = {"rayvisor_leaked_gpus", "rayvisor_leaked_cpus",
                                    "rayvisor_leaked_since_timestamp_seconds"};

static void add_resource(void *arg, struct rv_str resource, struct rv_quantity q) {
    struct leak *l = arg;
    if (rv_str_is(resource, "cpu"))
        l->cpus += rv_quantity_to_double(q);
    else if (rc_gpu_like(resource))
        l->gpus += rv_quantity_to_double(q);
}

void leak_add_group(struct leak *l, struct rv_val group, int64_t times) {
    rc_each_request(group, times, add_resource, l);
}

static void send(const struct rv_host_api *api, struct rv_host *host, const struct leak_memo *m, enum leak_reason why,
                 struct rv_str ns, uint32_t type) {
    static const char *const reasons[] = {"job-ended", "head-lost", "idle"};
    const struct rv_field labels[] = {
        {RV_STR("namespace"), ns}, {RV_STR("cluster"), rv_str(m->cluster)}, {RV_STR("reason"), rv_str(reasons[why])}};
    const int64_t since_s = m->told.since / INT64_C(1000000000);
    const double values[] = {m->told.gpus, m->told.cpus, (double)since_s};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        api->metric(host, rv_str(names[i]), type, values[i], labels, RV_ARRAY_LEN(labels));
}

void leak_memo_free(struct leak_memo *m) {
    free(m->cluster);
    *m = (struct leak_memo){0};
}

void leak_forget(const struct rv_host_api *api, struct rv_host *host, struct leak_memo *m, enum leak_reason why,
                 struct rv_str ns) {
    if (m->cluster != NULL) send(api, host, m, why, ns, RV_METRIC_REMOVED);
    leak_memo_free(m);
}

void leak_report(const struct rv_host_api *api, struct rv_host *host, struct leak_memo *m, enum leak_reason why,
                 struct rv_str ns, struct rv_str cluster, const struct leak *now) {
    bool is = now->since != 0 && (now->gpus > 0 || now->cpus > 0) && cluster.n != 0;
    if (m->cluster != NULL && (!is || !rv_str_is(cluster, m->cluster))) leak_forget(api, host, m, why, ns);
    if (!is) return;
    bool same = m->cluster != NULL && m->told.gpus <= now->gpus && m->told.gpus >= now->gpus &&
                m->told.cpus <= now->cpus && m->told.cpus >= now->cpus && m->told.since == now->since;
    if (same) return;
    if (m->cluster == NULL) m->cluster = rv_strdup(cluster);
    m->told = *now;
    send(api, host, m, why, ns, RV_METRIC_GAUGE);
}
