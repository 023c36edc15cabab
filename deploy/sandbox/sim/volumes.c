/* volumes.c - volume claims. Each gets a volume of its own at once. The volume is deleted with the claim, and the claim
 * not before the last pod that uses it. */
#include "pods.h"

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

/* Only a volume that was created here is deleted with its claim. */
static void release(struct sim *m, const struct sb_object *claim) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str name = volume_name(a, claim);
    struct sb_object *v = sb_get(m->storage, m->r.volumes, RV_STR(""), name);
    if (v == NULL || !rv_str_eq(rv_path_str(v->value, "spec.claimRef.uid"), claim->uid)) return;
    if (!sim_is(v->value, "spec.persistentVolumeReclaimPolicy", "Delete")) return;
    sim_delete(m, (struct sim_ref){m->r.volumes, RV_STR(""), name}, v->uid, -1, NULL);
}

static bool uses(struct rv_val pod, struct rv_str claim) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "spec.volumes")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "persistentVolumeClaim.claimName"), claim)) return true;
    return false;
}

struct search {
    struct rv_str claim;
    bool found;
};

static bool pod_uses_claim(void *arg, struct sb_object *pod) {
    struct search *s = arg;
    bool over = sim_is(pod->value, "status.phase", "Succeeded") || sim_is(pod->value, "status.phase", "Failed");
    s->found = !over && uses(pod->value, s->claim);
    return !s->found;
}

/* Removes a claim that is being deleted and that no pod uses any more. */
static void let_go(struct sim *m, struct sb_object *claim) {
    struct search s = {claim->name, false};
    sb_each(m->storage, m->r.pods, claim->ns, pod_uses_claim, &s);
    if (s.found) return;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, claim->value), *list = rv_node_path(tree, "metadata.finalizers");
    for (size_t i = rv_node_len(list); i-- > 0;)
        if (rv_str_is(rv_node_text(rv_node_at(list, i)), "kubernetes.io/pvc-protection")) rv_node_remove_at(list, i);
    sim_write(m, (struct sim_ref){m->r.claims, claim->ns, claim->name}, a, tree, false);
}

/* A pod has been deleted: claims that waited for that may be removed. */
static void pod_gone(struct sim *m, const struct sb_object *pod) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod->value, "spec.volumes")); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "persistentVolumeClaim.claimName");
        struct sb_object *claim =
            name.n != 0 ? sim_fresh(m, (struct sim_ref){m->r.claims, pod->ns, name}, RV_STR("")) : NULL;
        if (claim == NULL || !rv_meta_deleting(claim->value)) continue;
        sb_object_ref(claim);
        let_go(m, claim);
        sb_object_unref(claim);
    }
}

struct rv_str sim_volumes_lack(struct sim *m, struct rv_arena *a, struct rv_str ns, struct rv_val spec) {
    for (struct rv_iter it = rv_iter(rv_val_get(spec, "volumes")); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "persistentVolumeClaim.claimName");
        if (name.n == 0) continue;
        struct sb_object *claim = sim_fresh(m, (struct sim_ref){m->r.claims, ns, name}, RV_STR(""));
        if (claim == NULL)
            return rv_arena_fmt(a, "persistentvolumeclaim \"" RV_STR_FMT "\" not found", RV_STR_ARG(name));
        if (m->opts.volumes == 0 && !sim_is(claim->value, "status.phase", "Bound"))
            return RV_STR("pod has unbound immediate PersistentVolumeClaims");
    }
    return RV_STR("");
}

static void volumes_change(struct sim *m, const struct sim_change *c) {
    if (c->o->resource == m->r.pods && c->type == SB_DELETED) pod_gone(m, c->o);
    if (c->o->resource != m->r.claims) return;
    sim_pods_of(m)->freed = true; /* pods may have waited for it */
    if (c->type == SB_DELETED) {
        release(m, c->o);
        return;
    }
    struct sb_object *o = sim_fresh(m, (struct sim_ref){m->r.claims, c->o->ns, c->o->name}, c->o->uid);
    if (o == NULL) return;
    bool deleting = rv_meta_deleting(o->value);
    if (!deleting && (m->opts.volumes == 0 || sim_is(o->value, "status.phase", "Bound"))) return;
    sb_object_ref(o);
    if (deleting)
        let_go(m, o);
    else
        bind(m, o);
    sb_object_unref(o);
}

static void *volumes_make(struct sim *m, struct rv_error *err) {
    (void)m;
    (void)err;
    return rv_alloc(1); /* it has no state */
}

static void volumes_free(struct sim *m, void *module) {
    (void)m;
    free(module);
}

const struct sim_module sim_volumes_module = {volumes_make, volumes_free, volumes_change, NULL};
