/* job.c - reading the spec of a RayJob (see job.h). */
#include "job.h"

static const char *const modes[] = {"K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"};

struct rv_str rj_mode_name(enum rj_mode m) {
    return m < RJ_MODE_UNKNOWN ? rv_str(modes[m]) : (struct rv_str){NULL, 0};
}

enum rj_mode rj_mode_of(struct rv_str text) {
    for (size_t i = 0; i < RV_ARRAY_LEN(modes); i++)
        if (rv_str_is(text, modes[i])) return (enum rj_mode)i;
    return RJ_MODE_UNKNOWN;
}

void rj_job_read(struct rj_job *j, struct rv_val value, const struct rc_settings *s) {
    struct rv_val meta = rv_val_get(value, "metadata"), spec = rv_val_get(value, "spec");
    struct rv_str mode = rv_path_str(spec, "submissionMode");
    *j = (struct rj_job){.value = value,
                         .meta = meta,
                         .spec = spec,
                         .status = rv_val_get(value, "status"),
                         .cluster_spec = rv_val_get(spec, "rayClusterSpec"),
                         .ns = rv_path_str(meta, "namespace"),
                         .name = rv_path_str(meta, "name"),
                         .uid = rv_path_str(meta, "uid"),
                         .generation = rv_path_int(meta, "generation", 0),
                         .settings = s,
                         .mode = mode.n != 0 ? rj_mode_of(mode) : RJ_K8S,
                         .mode_text = mode,
                         .selector = rv_val_len(rv_val_get(spec, "clusterSelector")) > 0,
                         .selected = rv_val_str(rv_val_get(rv_val_get(spec, "clusterSelector"), RJ_SELECTOR_KEY))};
}

struct rc_cluster_owner rj_cluster_owner(const struct rj_job *j) {
    return (struct rc_cluster_owner){.kind = "RayJob", .ns = j->ns, .name = j->name, .uid = j->uid, .meta = j->meta};
}

void rj_as_cluster(struct rv_arena *a, const struct rj_job *j, struct rv_str name, struct rc_cluster *ret) {
    struct rc_cluster_owner owner = rj_cluster_owner(j);
    rc_child_cluster_read(a, &owner, name, j->cluster_spec, j->settings, ret);
}
