/* mounts.c - what a pod needs besides its image: secrets, config maps and volume claims that must exist. */
#include "pods.h"

static bool there(struct sim *m, const struct sb_resource *r, struct rv_str ns, struct rv_str name) {
    return name.n == 0 || sim_fresh(m, (struct sim_ref){r, ns, name}, RV_STR("")) != NULL;
}

/* One source {name or secretName, optional} of a volume or of an environment variable. */
static bool source_missing(struct sim *m, const struct sb_resource *r, struct rv_str ns, struct rv_val source,
                           const char *name_key, struct rv_str *ret_name) {
    if (!rv_val_set(source) || rv_path_bool(source, "optional", false)) return false;
    *ret_name = rv_path_str(source, name_key);
    return !there(m, r, ns, *ret_name);
}

static struct rv_str missing_text(struct rv_arena *a, const char *what, struct rv_str name) {
    return rv_arena_fmt(a, "%s \"" RV_STR_FMT "\" not found", what, RV_STR_ARG(name));
}

/* Also for the parts of a projected volume. */
static struct rv_str volume_missing(struct sim *m, struct rv_arena *a, struct rv_str ns, struct rv_val v) {
    struct rv_str name = {0};
    if (source_missing(m, m->r.secrets, ns, rv_val_get(v, "secret"), "secretName", &name))
        return missing_text(a, "secret", name);
    if (source_missing(m, m->r.configmaps, ns, rv_val_get(v, "configMap"), "name", &name))
        return missing_text(a, "configmap", name);
    if (source_missing(m, m->r.claims, ns, rv_val_get(v, "persistentVolumeClaim"), "claimName", &name))
        return missing_text(a, "persistentvolumeclaim", name);
    for (struct rv_iter it = rv_iter(rv_val_path(v, "projected.sources")); rv_iter_next(&it);) {
        if (source_missing(m, m->r.secrets, ns, rv_val_get(it.val, "secret"), "name", &name))
            return missing_text(a, "secret", name);
        struct rv_val map = rv_val_get(it.val, "configMap");
        if (rv_str_is(rv_path_str(map, "name"), "kube-root-ca.crt")) continue; /* it exists in every namespace */
        if (source_missing(m, m->r.configmaps, ns, map, "name", &name)) return missing_text(a, "configmap", name);
    }
    return RV_STR("");
}

struct rv_str sim_mounts_missing(struct sim *m, struct rv_arena *a, struct rv_val pod) {
    struct rv_str ns = rv_path_str(pod, "metadata.namespace");
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "spec.volumes")); rv_iter_next(&it);) {
        struct rv_str why = volume_missing(m, a, ns, it.val);
        if (why.n != 0)
            return rv_arena_fmt(a, "MountVolume.SetUp failed for volume \"" RV_STR_FMT "\" : " RV_STR_FMT,
                                RV_STR_ARG(rv_path_str(it.val, "name")), RV_STR_ARG(why));
    }
    return RV_STR("");
}

/* What is missing for one reference: the object, or the key in it. */
static struct rv_str reference_missing(struct sim *m, struct rv_arena *a, const struct sb_resource *r, struct rv_str ns,
                                       struct rv_val ref) {
    static const char *const maps[] = {"data", "stringData", "binaryData"};
    struct rv_str name = {0}, key = rv_path_str(ref, "key");
    if (source_missing(m, r, ns, ref, "name", &name)) return missing_text(a, r->singular, name);
    if (key.n == 0 || name.n == 0) return RV_STR(""); /* there is no reference, or it is optional */
    struct sb_object *o = sim_fresh(m, (struct sim_ref){r, ns, name}, RV_STR(""));
    for (size_t i = 0; o != NULL && i < RV_ARRAY_LEN(maps); i++)
        if (rv_val_present(rv_val_getn(rv_val_get(o->value, maps[i]), key))) return RV_STR("");
    return rv_arena_fmt(a, "couldn't find key " RV_STR_FMT " in %s " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(key),
                        r->kind, RV_STR_ARG(ns), RV_STR_ARG(name));
}

struct rv_str sim_env_missing(struct sim *m, struct rv_arena *a, struct rv_str ns, struct rv_val container) {
    static const char *const lists[][3] = {{"env", "valueFrom.secretKeyRef", "valueFrom.configMapKeyRef"},
                                           {"envFrom", "secretRef", "configMapRef"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(lists); i++)
        for (struct rv_iter it = rv_iter(rv_val_get(container, lists[i][0])); rv_iter_next(&it);) {
            struct rv_str why = reference_missing(m, a, m->r.secrets, ns, rv_val_path(it.val, lists[i][1]));
            if (why.n == 0) why = reference_missing(m, a, m->r.configmaps, ns, rv_val_path(it.val, lists[i][2]));
            if (why.n != 0) return why;
        }
    return RV_STR("");
}
