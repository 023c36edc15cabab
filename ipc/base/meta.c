/* meta.c - owner references and conditions (see rayvisor/k8s.h). */
#include "rayvisor/k8s.h"

struct rv_str rv_meta_controller_uid(struct rv_val object) {
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false)) return rv_path_str(it.val, "uid");
    return (struct rv_str){NULL, 0};
}

void rv_meta_set_controller(struct rv_arena *a, struct rv_node *object, struct rv_str api_version, struct rv_str kind,
                            struct rv_str name, struct rv_str uid) {
    struct rv_node *refs = rv_node_ensure_array(a, rv_node_ensure_map(a, object, "metadata"), "ownerReferences");
    struct rv_node *ref = rv_node_find(refs, "uid", uid); /* an owner is in the list only once */
    if (ref == NULL) {
        ref = rv_node_map(a);
        rv_node_append(a, refs, ref);
    }
    rv_node_set_str(a, ref, "apiVersion", api_version);
    rv_node_set_str(a, ref, "kind", kind);
    rv_node_set_str(a, ref, "name", name);
    rv_node_set_str(a, ref, "uid", uid);
    rv_node_set_bool(a, ref, "controller", true);
    rv_node_set_bool(a, ref, "blockOwnerDeletion", true);
}

bool rv_meta_deleting(struct rv_val object) { return rv_val_set(rv_val_path(object, "metadata.deletionTimestamp")); }

bool rv_meta_has_finalizer(struct rv_val meta, const char *name) {
    for (struct rv_iter it = rv_iter(rv_val_get(meta, "finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), name)) return true;
    return false;
}

struct rv_node *rv_meta_finalizers_without(struct rv_arena *a, struct rv_val meta, const char *name) {
    struct rv_node *list = rv_node_array(a);
    for (struct rv_iter it = rv_iter(rv_val_get(meta, "finalizers")); rv_iter_next(&it);)
        if (!rv_str_is(rv_val_str(it.val), name)) rv_node_append(a, list, rv_node_from(a, it.val));
    return list;
}

struct rv_node *rv_meta_finalizer_patch(struct rv_arena *a, struct rv_val meta, struct rv_str resource_version,
                                        const char *name, bool present) {
    struct rv_node *patch = rv_node_map(a), *fresh = rv_node_ensure_map(a, patch, "metadata"),
                   *list = rv_meta_finalizers_without(a, meta, name);
    if (present) rv_node_append(a, list, rv_node_str(a, rv_str(name)));
    rv_node_set(a, fresh, "finalizers", list);
    rv_node_set_str(a, fresh, "resourceVersion", resource_version);
    return patch;
}

struct rv_val rv_condition_find(struct rv_val conditions, const char *type) {
    for (struct rv_iter it = rv_iter(conditions); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "type"), type)) return it.val;
    return RV_VAL_ABSENT;
}

bool rv_condition_is(struct rv_val conditions, const char *type, const char *status) {
    return rv_str_is(rv_path_str(rv_condition_find(conditions, type), "status"), status);
}

static bool set_text(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_str value) {
    struct rv_node *old = rv_node_get(map, key);
    if (rv_node_type(old) == RV_STRING && rv_str_eq(rv_node_text(old), value)) return false;
    rv_node_set_str(a, map, key, value);
    return true;
}

bool rv_condition_set(struct rv_arena *a, struct rv_node *conditions, const char *type, const char *status,
                      struct rv_str reason, struct rv_str message, int64_t now_ns) {
    struct rv_node *c = rv_node_find(conditions, "type", rv_str(type));
    if (c == NULL) {
        c = rv_node_map(a);
        rv_node_set_cstr(a, c, "type", type);
        rv_node_append(a, conditions, c);
    }
    bool flipped = set_text(a, c, "status", rv_str(status));
    if (flipped) {
        char now[32];
        rv_time_format(now_ns, now);
        rv_node_set_cstr(a, c, "lastTransitionTime", now);
    }
    bool reworded = set_text(a, c, "reason", reason);
    return set_text(a, c, "message", message) || reworded || flipped;
}

bool rv_condition_remove(struct rv_node *conditions, const char *type) {
    for (size_t i = 0; i < rv_node_len(conditions); i++)
        if (rv_str_is(rv_node_text(rv_node_get(rv_node_at(conditions, i), "type")), type))
            return rv_node_remove_at(conditions, i);
    return false;
}

/* ---- status --------------------------------------------------------------------------------------------- */

struct rv_action rv_status_patch(struct rv_arena *a, struct rv_str api_version, struct rv_str resource,
                                 const struct rv_key *key, struct rv_str uid, struct rv_node *patch) {
    struct rv_node *body = rv_node_map(a);
    rv_node_set(a, body, "status", patch);
    struct rv_val v = rv_node_freeze(a, body);
    return (struct rv_action){.size = sizeof(struct rv_action),
                              .verb = RV_VERB_MERGE_PATCH,
                              .api_version = api_version,
                              .resource = resource,
                              .subresource = RV_STR("status"),
                              .ns = key->ns,
                              .name = key->name,
                              .pre_uid = uid,
                              .body = {v.p, v.n}};
}
