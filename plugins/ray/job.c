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

void rj_as_cluster(struct rv_arena *a, const struct rj_job *j, struct rv_str name, struct rc_cluster *ret) {
    static const char *const kept[] = {"labels", "annotations"};
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata");
    rv_node_set_str(a, meta, "name", name);
    rv_node_set_str(a, meta, "namespace", j->ns);
    rv_node_set_str(a, meta, "uid", j->uid);
    for (size_t i = 0; i < RV_ARRAY_LEN(kept); i++)
        if (rv_val_len(rv_val_get(j->meta, kept[i])) > 0)
            rv_node_set(a, meta, kept[i], rv_node_from(a, rv_val_get(j->meta, kept[i])));
    if (rv_val_present(j->cluster_spec)) rv_node_set(a, n, "spec", rv_node_from(a, j->cluster_spec));
    rc_cluster_read(ret, rv_node_freeze(a, n), j->settings);
}
