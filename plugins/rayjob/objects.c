/* objects.c - what a RayJob creates besides its submitter: the RayCluster, the head service under the job's own name,
 * and for Volcano the gang of both. Spec sections 3.7, 3.8 and 9. */
#include "plugins/ray/objects.h"

#include "builders.h"
#include "fields.h"
#include "plugins/ray/child_cluster.h"
#include "plugins/ray/live_head.h"
#include "plugins/ray/scheduler.h"

/* ---- the cluster ---------------------------------------------------------------------------------------------- */

/* What the batch scheduler needs on the cluster, taken from what it needs on a pod of it. */
static void schedule(struct rv_arena *a, const struct rj_job *j, struct rv_node *meta) {
    static const char *const parts[] = {"labels", "annotations"};
    struct rv_node *pod = rv_node_map(a), *value;
    struct rc_cluster gang;
    struct rv_str key;
    rj_as_cluster(a, j, j->name, &gang);
    if (rv_str_is(gang.settings->scheduler, "scheduler-plugins") ||
        rv_str_is(gang.settings->scheduler, "kubernetes-was"))
        return; /* their gang belongs to the cluster */
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
    struct rc_cluster_owner owner = rj_cluster_owner(j);
    struct rv_node *spec = rv_node_from(a, j->cluster_spec), *n = rc_child_cluster(a, &owner, s->cluster, spec),
                   *meta = rv_node_get(n, "metadata");
    rv_node_set_str(a, rv_node_get(meta, "labels"), RC_LABEL_SUBMISSION_MODE, rj_mode_name(j->mode));
    if (j->mode == RJ_SIDECAR) {
        rv_node_set_cstr(a, rv_node_ensure_map(a, meta, "annotations"), RC_ANNOTATION_KEEP_HEAD_DOWN, "true");
        add_sidecar(a, j, s, spec);
    }
    if (j->mode == RJ_K8S) schedule(a, j, meta);
    return n;
}

struct rv_node *rj_head_service(struct rv_arena *a, const struct rj_job *j, struct rv_str cluster, struct rv_val head) {
    struct rc_cluster_owner owner = rj_cluster_owner(j);
    struct rc_cluster c, runs;
    rj_as_cluster(a, j, cluster, &c);
    rc_as_head_runs(a, &c, head, false, &runs);
    struct rv_node *n = rc_child_head_service(a, &owner, &runs);
    if (j->mode == RJ_SIDECAR) /* the submitter may have ended, and then the pod is not ready */
        rv_node_set_bool(a, rv_node_get(n, "spec"), "publishNotReadyAddresses", true);
    return n;
}

/* ---- the gang ---------------------------------------------------------------------------------------------------- */

/* The submitter as a scheduler counts it: only its resource requests. NULL if the mode has no submitter pod. */
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
    rc_set_origin_labels(a, rv_node_ensure_map(a, meta, "labels"), "RayJob", j->name);
    if (released) { /* nothing is left that must be scheduled together */
        rv_node_set_int(a, spec, "minMember", 0);
        rv_node_set(a, spec, "minResources", rv_node_map(a));
    }
    return n;
}
