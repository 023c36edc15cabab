/* request_body.c - the bodies and paths of requests about objects (see request_body.h). */
#include "request_body.h"

#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"
#include "supervisor/kube/kube.h"

static struct rv_node *json_patch_op(struct rv_arena *arena, const char *path, struct rv_str value) {
    struct rv_node *op = rv_node_map(arena);
    rv_node_set_cstr(arena, op, "op", "add");
    rv_node_set_cstr(arena, op, "path", path);
    rv_node_set_str(arena, op, "value", value);
    return op;
}

void request_body_patch(const struct rv_action *a, struct rv_buf *json) {
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct rv_node *n = rv_node_from(arena, (struct rv_val){a->body.p, a->body.n});
    if (a->verb == RV_VERB_JSON_PATCH) {
        if (a->pre_version.n != 0)
            rv_node_insert(arena, n, 0, json_patch_op(arena, "/metadata/resourceVersion", a->pre_version));
        if (a->pre_uid.n != 0) rv_node_insert(arena, n, 0, json_patch_op(arena, "/metadata/uid", a->pre_uid));
    } else if (a->pre_uid.n != 0 || a->pre_version.n != 0) {
        struct rv_node *meta = rv_node_ensure_map(arena, n, "metadata");
        if (a->pre_uid.n != 0) rv_node_set_str(arena, meta, "uid", a->pre_uid);
        if (a->pre_version.n != 0) rv_node_set_str(arena, meta, "resourceVersion", a->pre_version);
    }
    rv_json_write(rv_node_freeze(arena, n), json);
}

void request_body_delete(const struct rv_action *a, struct rv_buf *json) {
    struct jsonw w = {.out = json};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "kind", "DeleteOptions");
    jsonw_text(&w, "apiVersion", "v1");
    jsonw_str(&w, "propagationPolicy", a->propagation.n != 0 ? a->propagation : RV_STR("Background"));
    if (a->grace_seconds > 0) jsonw_int(&w, "gracePeriodSeconds", a->grace_seconds);
    if (a->pre_uid.n != 0 || a->pre_version.n != 0) {
        jsonw_begin_object(&w, "preconditions");
        if (a->pre_uid.n != 0) jsonw_str(&w, "uid", a->pre_uid);
        if (a->pre_version.n != 0) jsonw_str(&w, "resourceVersion", a->pre_version);
        jsonw_end_object(&w);
    }
    jsonw_end_object(&w);
}

char *request_path(const struct rv_action *a, const char *plugin) {
    bool nameless = a->verb == RV_VERB_CREATE || a->verb == RV_VERB_DELETE_COLLECTION;
    struct rv_str name = nameless ? RV_STR("") : a->name;
    if (a->verb == RV_VERB_DELETE_COLLECTION) {
        rv_autofree char *selector = rv_strdup(a->selector);
        return kube_path(a->api_version, a->ns, a->resource, name, a->subresource, "labelSelector", selector, NULL);
    }
    if (a->verb != RV_VERB_APPLY) return kube_path(a->api_version, a->ns, a->resource, name, a->subresource, NULL);
    rv_autobuf struct rv_buf manager = {0};
    rv_buf_addf(&manager, "rayvisor-%s", plugin);
    return kube_path(a->api_version, a->ns, a->resource, name, a->subresource, "fieldManager", rv_buf_cstr(&manager),
                     "force", "true", NULL);
}
