/* volumes.c - volume claims: each gets a volume of its own at once; the volume goes with the claim. */
#include "deploy/sandbox/sim/internal.h"

#include <stdlib.h>

static struct rv_str volume_name(struct rv_arena *a, const struct sb_object *claim) {
    struct rv_str named = rv_path_str(claim->value, "spec.volumeName");
    return named.n != 0 ? named : rv_arena_fmt(a, "pvc-" RV_STR_FMT, RV_STR_ARG(claim->uid));
}

static void take_over(struct rv_arena *a, struct rv_node *to, const char *key, struct rv_val v) {
    if (rv_val_set(v)) rv_node_set(a, to, key, rv_node_from(a, v));
}

static void make_volume(struct sim *m, const struct sb_object *claim, struct rv_str name) {
    if (sb_get(m->storage, m->r.volumes, RV_STR(""), name) != NULL) return;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *o = sim_object(a, m->r.volumes, RV_STR(""), name), *spec = rv_node_ensure_map(a, o, "spec");
    take_over(a, spec, "capacity", rv_val_path(claim->value, "spec.resources.requests"));
    take_over(a, spec, "accessModes", rv_val_path(claim->value, "spec.accessModes"));
    take_over(a, spec, "storageClassName", rv_val_path(claim->value, "spec.storageClassName"));
    rv_node_set_cstr(a, spec, "persistentVolumeReclaimPolicy", "Delete");
    rv_node_set_fmt(a, rv_node_ensure_map(a, spec, "hostPath"), "path", "/simulated/" RV_STR_FMT, RV_STR_ARG(name));
    struct rv_node *ref = rv_node_ensure_map(a, spec, "claimRef");
    rv_node_set_cstr(a, ref, "apiVersion", "v1");
    rv_node_set_cstr(a, ref, "kind", "PersistentVolumeClaim");
    rv_node_set_str(a, ref, "namespace", claim->ns);
    rv_node_set_str(a, ref, "name", claim->name);
    rv_node_set_str(a, ref, "uid", claim->uid);
    rv_node_set_cstr(a, rv_node_ensure_map(a, o, "status"), "phase", "Bound");
    sim_create(m, m->r.volumes, RV_STR(""), a, o, NULL);
}

static void bind(struct sim *m, struct sb_object *claim) {
    struct sim_ref ref = {m->r.claims, claim->ns, claim->name};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str name = volume_name(a, claim);
    make_volume(m, claim, name);
    struct rv_node *tree = rv_node_from(a, claim->value);
    rv_node_set_str(a, rv_node_ensure_map(a, tree, "spec"), "volumeName", name);
    if (sim_write(m, ref, a, tree, false) != 0) return;
    struct sb_object *now = sim_fresh(m, ref, claim->uid);
    if (now == NULL) return;
    sb_object_ref(now);
    tree = rv_node_from(a, now->value);
    struct rv_node *status = rv_node_ensure_map(a, tree, "status");
    rv_node_set_cstr(a, status, "phase", "Bound");
    take_over(a, status, "accessModes", rv_val_path(now->value, "spec.accessModes"));
    take_over(a, status, "capacity", rv_val_path(now->value, "spec.resources.requests"));
    sim_write(m, ref, a, tree, true);
    sb_object_unref(now);
}

/* Only a volume that was made here goes with its claim. */
static void release(struct sim *m, const struct sb_object *claim) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str name = volume_name(a, claim);
    struct sb_object *v = sb_get(m->storage, m->r.volumes, RV_STR(""), name);
    if (v == NULL || !rv_str_eq(rv_path_str(v->value, "spec.claimRef.uid"), claim->uid)) return;
    if (!sim_is(v->value, "spec.persistentVolumeReclaimPolicy", "Delete")) return;
    sim_delete(m, (struct sim_ref){m->r.volumes, RV_STR(""), name}, v->uid, -1, NULL);
}

static void volumes_change(struct sim *m, const struct sim_change *c) {
    if (c->o->resource != m->r.claims) return;
    if (c->type == SB_DELETED) {
        release(m, c->o);
        return;
    }
    struct sb_object *o = sim_fresh(m, (struct sim_ref){m->r.claims, c->o->ns, c->o->name}, c->o->uid);
    if (o == NULL || rv_meta_deleting(o->value) || sim_is(o->value, "status.phase", "Bound")) return;
    sb_object_ref(o);
    bind(m, o);
    sb_object_unref(o);
}

static void *volumes_make(struct sim *m, struct rv_error *err) {
    (void)m;
    (void)err;
    return rv_alloc(1); /* keeps nothing */
}

static void volumes_free(struct sim *m, void *module) {
    (void)m;
    free(module);
}

const struct sim_module sim_volumes_module = {volumes_make, volumes_free, volumes_change, NULL};
