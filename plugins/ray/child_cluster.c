/* child_cluster.c - see child_cluster.h. */
#include "child_cluster.h"

#include "fields.h"
#include "names.h"
#include "objects.h"

static void copy_maps(struct rv_arena *a, struct rv_node *to, struct rv_val from) {
    static const char *const copied[] = {"labels", "annotations"};
    for (size_t i = 0; i < RV_ARRAY_LEN(copied); i++)
        if (rv_val_len(rv_val_get(from, copied[i])) > 0)
            rv_node_set(a, to, copied[i], rv_node_from(a, rv_val_get(from, copied[i])));
}

void rc_set_origin_labels(struct rv_arena *a, struct rv_node *labels, const char *kind, struct rv_str name) {
    rv_node_set_str(a, labels, RC_LABEL_ORIGIN_NAME, name);
    rv_node_set_cstr(a, labels, RC_LABEL_ORIGIN_KIND, kind);
}

struct rv_str rc_child_cluster_name(struct rc_context *x) {
    return rv_arena_fmt(x->arena, RV_STR_FMT "-" RV_STR_FMT, RV_STR_ARG(x->name), RV_STR_ARG(ctx_suffix(x)));
}

struct rv_node *rc_child_cluster(struct rv_arena *a, const struct rc_cluster_owner *o, struct rv_str name,
                                 struct rv_node *spec_take) {
    struct rv_node *n = rc_bare_object(a, o->ns, "ray.io/v1", "RayCluster", name), *meta = rv_node_get(n, "metadata");
    copy_maps(a, meta, o->meta);
    rc_set_origin_labels(a, rv_node_ensure_map(a, meta, "labels"), o->kind, o->name);
    rv_node_set(a, n, "spec", spec_take);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), rv_str(o->kind), o->name, o->uid);
    return n;
}

void rc_child_cluster_read(struct rv_arena *a, const struct rc_cluster_owner *o, struct rv_str name, struct rv_val spec,
                           const struct rc_settings *s, struct rc_cluster *ret) {
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata");
    rv_node_set_str(a, meta, "name", name);
    rv_node_set_str(a, meta, "namespace", o->ns);
    rv_node_set_str(a, meta, "uid", o->uid);
    copy_maps(a, meta, o->meta);
    if (rv_val_present(spec)) rv_node_set(a, n, "spec", rv_node_from(a, spec));
    rc_cluster_read(ret, rv_node_freeze(a, n), s);
}

struct rv_str rc_child_head_service_name(struct rv_arena *a, struct rv_str owner) {
    return rv_arena_fmt(a, RV_STR_FMT "-head-svc", RV_STR_ARG(owner));
}

struct rv_node *rc_child_head_service(struct rv_arena *a, const struct rc_cluster_owner *o,
                                      const struct rc_cluster *cluster) {
    struct rv_node *n = rc_head_service(a, cluster), *meta = rv_node_get(n, "metadata"), *labels = rv_node_map(a);
    rv_node_remove(meta, "ownerReferences");
    rv_node_set_str(a, meta, "name", rc_child_head_service_name(a, o->name));
    rc_set_origin_labels(a, labels, o->kind, o->name);
    rv_node_set_cstr(a, labels, RC_LABEL_NODE_TYPE, "head");
    rv_node_set_str(a, labels, RC_LABEL_IDENTIFIER,
                    rv_name_to_label_value(a, rv_arena_fmt(a, RV_STR_FMT "-head", RV_STR_ARG(o->name))));
    rv_node_set(a, meta, "labels", labels);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), rv_str(o->kind), o->name, o->uid);
    return n;
}
