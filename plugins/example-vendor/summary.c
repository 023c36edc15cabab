/* summary.c - an example controller: for every RayCluster a ConfigMap "<name>-summary" that says how many workers it
 * wants and has. It shows the whole shape of a plugin: read the mirror, compare, ask for one change, say what is going
 * on. The ConfigMap is owned by its cluster, so Kubernetes removes it with the cluster. */
#include <rayvisor/k8s.h>
#include <rayvisor/plugin.h>

#include <inttypes.h>
#include <stdlib.h>

enum { KIND_RAYCLUSTER, KIND_CONFIGMAP }; /* the manifest's primary, then its reads */

struct summary {
    const struct rv_host_api *api;
    struct rv_host *host;
};

static int32_t summary_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    if (!RV_HAS(api, keep)) return rv_error_set(err, RV_E_ABI, "this plugin needs the host service keep()");
    struct summary *s = rv_alloc(sizeof *s);
    *s = (struct summary){api, h};
    *ret_state = s;
    return 0;
}

static void summary_fini(void *state) { free(state); }

/* Workers the spec asks for: absent counts are 1 host and 0 replicas, as the CRD defaults them. */
static int64_t workers_wanted(struct rv_val cluster) {
    int64_t total = 0;
    for (struct rv_iter it = rv_iter(rv_val_path(cluster, "spec.workerGroupSpecs")); rv_iter_next(&it);) {
        int64_t pods;
        bool silly =
            __builtin_mul_overflow(rv_path_int(it.val, "replicas", 0), rv_path_int(it.val, "numOfHosts", 1), &pods);
        if (!silly && pods > 0 && __builtin_add_overflow(total, pods, &total)) return INT64_MAX;
    }
    return total;
}

static struct rv_node *make_data(struct rv_arena *a, struct rv_val cluster) {
    struct rv_node *data = rv_node_map(a);
    rv_node_set_fmt(a, data, "workersWanted", "%" PRId64, workers_wanted(cluster));
    rv_node_set_fmt(a, data, "workersAvailable", "%" PRId64, rv_path_int(cluster, "status.availableWorkerReplicas", 0));
    struct rv_str phase = rv_path_str(cluster, "status.state");
    rv_node_set_str(a, data, "state", phase.n != 0 ? phase : RV_STR("unknown"));
    return data;
}

static struct rv_node *make_configmap(struct rv_arena *a, const struct rv_object *cluster, struct rv_str name,
                                      struct rv_node *data) {
    struct rv_node *map = rv_node_map(a);
    rv_node_set_cstr(a, map, "apiVersion", "v1");
    rv_node_set_cstr(a, map, "kind", "ConfigMap");
    struct rv_node *meta = rv_node_ensure_map(a, map, "metadata");
    rv_node_set_str(a, meta, "name", name);
    rv_node_set_str(a, meta, "namespace", cluster->ns);
    rv_node_set_cstr(a, rv_node_ensure_map(a, meta, "labels"), "example.com/ray-summary", "true");
    rv_meta_set_controller(a, map, RV_STR("ray.io/v1"), RV_STR("RayCluster"), cluster->name, cluster->uid);
    rv_node_set(a, map, "data", data);
    return map;
}

static void apply(struct summary *s, struct rv_arena *a, const struct rv_object *cluster, struct rv_str name,
                  struct rv_node *data) {
    struct rv_val body = rv_node_freeze(a, make_configmap(a, cluster, name, data));
    struct rv_action action = {
        .size = sizeof action,
        .verb = RV_VERB_APPLY,
        .api_version = RV_STR("v1"),
        .resource = RV_STR("configmaps"),
        .ns = cluster->ns,
        .name = name,
        .body = {body.p, body.n},
        .grace_seconds = -1,
    };
    uint64_t id;
    if (s->api->act(s->host, &action, &id) == 0) s->api->explain(s->host, RV_STR("writing the summary"));
}

/* The first failure of the previous pass over this key, or NULL. */
static const struct rv_result *failure(struct summary *s) {
    const struct rv_result *results;
    uint64_t n = s->api->results(s->host, &results);
    for (uint64_t i = 0; i < n; i++)
        if (results[i].code != 0) return &results[i];
    return NULL;
}

static void summary_reconcile(void *state, const struct rv_key *key, struct rv_outcome *ret) {
    struct summary *s = state;
    struct rv_object cluster = {.size = sizeof cluster}, map = {.size = sizeof map};
    if (s->api->get(s->host, KIND_RAYCLUSTER, key->ns, key->name, &cluster) != 0) return; /* gone: nothing to do */
    if (rv_meta_deleting(cluster.value)) return;
    const struct rv_result *bad = failure(s);
    if (bad != NULL) { /* the host waits and comes back, longer each time */
        ret->code = RV_RETRY;
        ret->message = s->api->keep(s->host, bad->message);
        return;
    }
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str suffix = rv_val_str_or(rv_val_get(s->api->settings(s->host), "suffix"), "-summary");
    struct rv_str name = rv_arena_fmt(a, RV_STR_FMT RV_STR_FMT, RV_STR_ARG(cluster.name), RV_STR_ARG(suffix));
    if (rv_name_dns1123_subdomain(name) != NULL) {
        ret->code = RV_TERMINAL;
        ret->message = RV_STR("the cluster's name with the suffix is no valid name: shorten it or set another suffix");
        return;
    }
    struct rv_node *data = make_data(a, cluster.value);
    bool there = s->api->get(s->host, KIND_CONFIGMAP, cluster.ns, name, &map) == 0;
    if (there && rv_node_equal(rv_node_from(a, rv_val_get(map.value, "data")), data)) {
        s->api->explain(s->host, RV_STR("the summary is up to date"));
        return; /* a converged object costs no write */
    }
    apply(s, a, &cluster, name, data);
}

static const struct rv_plugin summary_plugin = {
    .size = sizeof summary_plugin,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "cluster-summary",
    .version = "1.0.0",
    .init = summary_init,
    .reconcile = summary_reconcile,
    .fini = summary_fini,
};
RV_PLUGIN(summary_plugin)
