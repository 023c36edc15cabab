/* summary.c - an example controller. For every RayCluster it keeps a ConfigMap "<name>-summary", which says how many
 * workers the cluster wants and has. It shows the whole shape of a plugin: read, compare, request one change, and
 * report. The ConfigMap is owned by its cluster, so Kubernetes deletes it with the cluster. */
#include <inttypes.h>

#include <rayvisor/controller.h>

#include "cluster-summary_kinds.h"

/* The workers that the spec asks for. Absent counts are 1 host and 0 replicas, the defaults of the CRD. */
static int64_t workers_wanted(struct rv_val cluster) {
    int64_t total = 0;
    for (struct rv_iter it = rv_iter(rv_val_path(cluster, "spec.workerGroupSpecs")); rv_iter_next(&it);) {
        int64_t pods, replicas = rv_path_int(it.val, "replicas", 0), hosts = rv_path_int(it.val, "numOfHosts", 1);
        if (__builtin_mul_overflow(replicas, hosts, &pods) || pods <= 0) continue;
        if (__builtin_add_overflow(total, pods, &total)) return INT64_MAX;
    }
    return total;
}

static struct rv_node *make_data(struct rv_arena *a, struct rv_val cluster) {
    struct rv_node *data = rv_node_map(a);
    rv_node_set_fmt(a, data, "workersWanted", "%" PRId64, workers_wanted(cluster));
    rv_node_set_fmt(a, data, "workersAvailable", "%" PRId64, rv_path_int(cluster, "status.availableWorkerReplicas", 0));
    rv_node_set_str(a, data, "state", rv_val_str_or(rv_val_path(cluster, "status.state"), "unknown"));
    return data;
}

static void reconcile(struct rv_pass *p) {
    struct rv_object have;
    if (rv_meta_deleting(p->object.value)) return;
    const struct rv_result *failure = rv_pass_failure(p);
    if (failure != NULL) { /* the host tries again, after a growing pause */
        rv_pass_retry(p, "the summary was not written: " RV_STR_FMT, RV_STR_ARG(failure->message));
        return;
    }
    struct rv_str suffix = rv_path_str(p->settings, "suffix");
    struct rv_str name = rv_arena_fmt(p->arena, RV_STR_FMT RV_STR_FMT, RV_STR_ARG(p->key.name), RV_STR_ARG(suffix));
    const char *wrong = rv_name_dns1123_subdomain(name);
    if (wrong != NULL) {
        rv_pass_terminal(p, "\"" RV_STR_FMT "\" cannot be a ConfigMap's name: %s", RV_STR_ARG(name), wrong);
        return;
    }
    struct rv_node *data = make_data(p->arena, p->object.value);
    bool there = rv_pass_get(p, KIND_CONFIG_MAP, name, &have);
    if (there && rv_node_equal(rv_node_from(p->arena, rv_val_get(have.value, "data")), data)) {
        rv_pass_explain(p, "the summary is up to date");
        return; /* an object that is as wanted costs no write */
    }
    struct rv_node *map = rv_pass_new_object(p, KIND_CONFIG_MAP, name), *meta = rv_node_get(map, "metadata");
    rv_node_set_cstr(p->arena, rv_node_ensure_map(p->arena, meta, "labels"), "example.com/ray-summary", "true");
    rv_node_set(p->arena, map, "data", data);
    if (rv_pass_apply(p, KIND_CONFIG_MAP, 0, map)) rv_pass_explain(p, "writing the summary");
}

RV_CONTROLLER(.reconcile = reconcile)
