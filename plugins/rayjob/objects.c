/* objects.c - what a RayJob creates beside its submitter: the RayCluster, the head service under the job's own name,
 * and for Volcano the gang that covers both. Spec sections 3.7, 3.8 and 9. */
#include "plugins/ray/objects.h"

#include "builders.h"
#include "fields.h"
#include "plugins/ray/names.h"
#include "plugins/ray/scheduler.h"

/* ---- the cluster ---------------------------------------------------------------------------------------------- */

/* What the batch scheduler wants to find on the cluster, taken from what it would put on a pod of it. */
static void schedule(struct rv_arena *a, const struct rj_job *j, struct rv_node *meta) {
    static const char *const parts[] = {"labels", "annotations"};
    struct rv_node *pod = rv_node_map(a), *value;
    struct rc_cluster gang;
    struct rv_str key;
    rj_as_cluster(a, j, j->name, &gang);
    if (rv_str_is(gang.settings->scheduler, "scheduler-plugins") ||
        rv_str_is(gang.settings->scheduler, "kubernetes-was"))
        return; /* their gang is the cluster's own */
    if (rv_str_is(gang.settings->scheduler, "yunikorn")) gang.submitter = rv_node_freeze(a, rj_submitter_shape(a, j));
    rv_node_ensure_map(a, pod, "metadata");
    rv_node_ensure_map(a, pod, "spec");
    rc_schedule_pod(a, &gang, pod, RV_STR(""));
    for (size_t p = 0; p < RV_ARRAY_LEN(parts); p++) {
        struct rv_node *from = rv_node_path(pod, p == 0 ? "metadata.labels" : "metadata.annotations");
        for (size_t i = 0; rv_node_entry(from, i, &key, &value); i++)
            rv_node_setn(a, rv_node_ensure_map(a, meta, parts[p]), key, rv_node_copy(a, value));
    }
}

static void add_sidecar(struct rv_arena *a, const struct rj_job *j, const struct rj_state *s, struct rv_node *spec) {
    struct rc_cluster own;
    rj_as_cluster(a, j, s->cluster, &own);
    struct rj_target t = {.job_id = s->job_id, .cluster = &own};
    struct rv_node *pod = rv_node_path(spec, "headGroupSpec.template.spec");
    rv_node_append(a, rv_node_ensure_array(a, pod, "containers"), rj_sidecar(a, j, &t));
    rv_node_set_cstr(a, pod, "restartPolicy", "Never");
}

struct rv_node *rj_cluster(struct rv_arena *a, const struct rj_job *j, const struct rj_state *s) {
    static const char *const parts[] = {"labels", "annotations"};
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata"),
                   *spec = rv_node_from(a, j->cluster_spec);
    rv_node_set_cstr(a, n, "apiVersion", "ray.io/v1");
    rv_node_set_cstr(a, n, "kind", "RayCluster");
    rv_node_set_str(a, meta, "name", s->cluster);
    rv_node_set_str(a, meta, "namespace", j->ns);
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++)
        if (rv_val_len(rv_val_get(j->meta, parts[i])) > 0)
            rv_node_set(a, meta, parts[i], rv_node_from(a, rv_val_get(j->meta, parts[i])));
    struct rv_node *labels = rv_node_ensure_map(a, meta, "labels");
    rv_node_set_str(a, labels, RC_LABEL_ORIGIN_NAME, j->name);
    rv_node_set_cstr(a, labels, RC_LABEL_ORIGIN_KIND, "RayJob");
    rv_node_set_str(a, labels, RC_LABEL_SUBMISSION_MODE, rj_mode_name(j->mode));
    if (j->mode == RJ_SIDECAR) {
        rv_node_set_cstr(a, rv_node_ensure_map(a, meta, "annotations"), RC_ANNOTATION_KEEP_HEAD_DOWN, "true");
        add_sidecar(a, j, s, spec);
    }
    if (j->mode == RJ_K8S) schedule(a, j, meta);
    rv_node_set(a, n, "spec", spec);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayJob"), j->name, j->uid);
    return n;
}

/* ---- services -------------------------------------------------------------------------------------------------- */

struct rv_str rj_head_service_name(struct rv_arena *a, const struct rj_job *j) {
    return rv_arena_fmt(a, RV_STR_FMT "-head-svc", RV_STR_ARG(j->name));
}

struct rv_node *rj_head_service(struct rv_arena *a, const struct rj_job *j, struct rv_str cluster) {
    struct rc_cluster c;
    rj_as_cluster(a, j, cluster, &c);
    struct rv_node *n = rc_head_service(a, &c), *meta = rv_node_get(n, "metadata"), *labels = rv_node_map(a);
    rv_node_remove(meta, "ownerReferences");
    rv_node_set_str(a, meta, "name", rj_head_service_name(a, j));
    rv_node_set_str(a, labels, RC_LABEL_ORIGIN_NAME, j->name);
    rv_node_set_cstr(a, labels, RC_LABEL_ORIGIN_KIND, "RayJob");
    rv_node_set_cstr(a, labels, RC_LABEL_NODE_TYPE, "head");
    rv_node_set_str(a, labels, RC_LABEL_IDENTIFIER,
                    rv_name_to_label_value(a, rv_arena_fmt(a, RV_STR_FMT "-head", RV_STR_ARG(j->name))));
    rv_node_set(a, meta, "labels", labels);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayJob"), j->name, j->uid);
    return n;
}

struct rv_str rj_dashboard(struct rv_arena *a, const struct rj_job *j, struct rv_val cluster) {
    struct rc_cluster c;
    rc_cluster_read(&c, cluster, j->settings);
    struct rv_val service = rv_node_freeze(a, rc_head_service(a, &c));
    for (struct rv_iter it = rv_iter(rv_val_path(service, "spec.ports")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), RJ_DASHBOARD_PORT_NAME))
            return rv_arena_fmt(
                a, RV_STR_FMT ":%lld",
                RV_STR_ARG(rc_name_fqdn(a, rc_head_service_name(a, &c), c.ns, j->settings->cluster_domain)),
                (long long)rv_path_int(it.val, "port", RC_PORT_DASHBOARD));
    return (struct rv_str){NULL, 0};
}

/* ---- the gang ---------------------------------------------------------------------------------------------------- */

/* The submitter as far as a scheduler counts it: what it asks for. NULL: this mode has none of its own. */
struct rv_node *rj_submitter_shape(struct rv_arena *a, const struct rj_job *j) {
    struct rc_cluster own;
    struct rv_node *n = rv_node_map(a);
    rj_as_cluster(a, j, j->name, &own);
    struct rj_target t = {.cluster = &own};
    if (j->mode == RJ_K8S)
        rv_node_set(a, n, "template", rj_submitter_template(a, j, &t));
    else if (j->mode == RJ_SIDECAR)
        rv_node_append(
            a,
            rv_node_ensure_array(a, rv_node_ensure_map(a, rv_node_ensure_map(a, n, "template"), "spec"), "containers"),
            rj_sidecar(a, j, &t));
    return n;
}

struct rv_str rj_pod_group_name(struct rv_arena *a, const struct rj_job *j) {
    return rv_arena_fmt(a, "ray-" RV_STR_FMT "-pg", RV_STR_ARG(j->name));
}

struct rv_node *rj_pod_group(struct rv_arena *a, const struct rj_job *j, bool released) {
    struct rc_cluster gang;
    if (!rv_str_is(j->settings->scheduler, "volcano") || j->selector) return NULL;
    rj_as_cluster(a, j, j->name, &gang);
    gang.submitter = rv_node_freeze(a, rj_submitter_shape(a, j));
    const struct rc_scheduler *s = rc_scheduler_of(&gang);
    struct rv_node *n = s->gangs[0].build(a, &gang), *meta = rv_node_get(n, "metadata"), *spec = rv_node_get(n, "spec");
    rv_node_remove(meta, "ownerReferences");
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayJob"), j->name, j->uid);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "labels"), RC_LABEL_ORIGIN_NAME, j->name);
    rv_node_set_cstr(a, rv_node_ensure_map(a, meta, "labels"), RC_LABEL_ORIGIN_KIND, "RayJob");
    if (released) { /* nothing is left to be scheduled together */
        rv_node_set_int(a, spec, "minMember", 0);
        rv_node_set(a, spec, "minResources", rv_node_map(a));
    }
    return n;
}
