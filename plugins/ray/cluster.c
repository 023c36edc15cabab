/* cluster.c - reading a RayCluster for one pass (see cluster.h). */
#include "cluster.h"

#include "fields.h"

struct rv_str rc_annotation(const struct rc_cluster *c, const char *key) {
    return rv_val_str(rv_val_get(rv_val_get(c->meta, "annotations"), key));
}

struct rv_val rc_groups(const struct rc_cluster *c) {
    return rv_val_get(c->spec, "workerGroupSpecs");
}

struct rv_val rc_head_container(const struct rc_cluster *c) {
    return rv_val_path(c->spec, "headGroupSpec.template.spec.containers[0]");
}

/* A cluster without the mark of a RayJob or a RayService counts as made by hand. */
static struct rv_str creator_of(struct rv_val meta) {
    struct rv_str kind = rv_val_str(rv_val_get(rv_val_get(meta, "labels"), RC_LABEL_ORIGIN_KIND));
    return rv_str_is(kind, "RayJob") || rv_str_is(kind, "RayService") ? kind : RV_STR("RayCluster");
}

void rc_cluster_read(struct rc_cluster *c, struct rv_val value, const struct rc_settings *s) {
    struct rv_val meta = rv_val_get(value, "metadata");
    *c = (struct rc_cluster){.value = value,
                             .meta = meta,
                             .spec = rv_val_get(value, "spec"),
                             .status = rv_val_get(value, "status"),
                             .ns = rv_path_str(meta, "namespace"),
                             .name = rv_path_str(meta, "name"),
                             .uid = rv_path_str(meta, "uid"),
                             .generation = rv_path_int(meta, "generation", 0),
                             .settings = s,
                             .creator = creator_of(meta)};
    rc_features_read(&c->f, c);
}

static int64_t clamp_int32(int64_t v) { return v > INT32_MAX ? INT32_MAX : v; }

/* Objects that were stored without defaults may have 0. */
int64_t rc_group_hosts(struct rv_val group) {
    int64_t n = rv_path_int(group, "numOfHosts", 1);
    return n < 1 ? 1 : n;
}

int64_t rc_group_least(struct rv_val group) {
    int64_t n = rv_path_int(group, "minReplicas", 0);
    return n < 0 ? 0 : clamp_int32(n * rc_group_hosts(group));
}

int64_t rc_group_desired(struct rv_val group) {
    if (rv_path_bool(group, "suspend", false)) return 0;
    int64_t min = rv_path_int(group, "minReplicas", 0), max = rv_path_int(group, "maxReplicas", INT32_MAX);
    int64_t n = rv_path_int(group, "replicas", min);
    if (n < min) n = min;
    if (n > max) n = max;
    return n < 0 ? 0 : clamp_int32(n * rc_group_hosts(group));
}

bool rc_gpu_like(struct rv_str r) {
    if (rv_str_ends(r, "gpu")) return true;
    static const char mig[] = "nvidia.com/mig-";
    if (!rv_str_starts(r, mig) || !rv_str_ends(r, "gb")) return false;
    size_t i = sizeof mig - 1, digits = 0; /* <n>g.<n>gb */
    for (; i < r.n && r.p[i] >= '0' && r.p[i] <= '9'; i++) digits++;
    if (digits == 0 || i + 1 >= r.n || r.p[i] != 'g' || r.p[i + 1] != '.') return false;
    for (i += 2, digits = 0; i < r.n && r.p[i] >= '0' && r.p[i] <= '9'; i++) digits++;
    return digits > 0 && i + 2 == r.n;
}

static void call_request(struct rv_iter *r, int64_t pods, rc_request_fn fn, void *arg) {
    struct rv_quantity q;
    if (rv_quantity_from_val(r->val, &q) != 0) return;
    rv_quantity_mul(&q, pods);
    fn(arg, r->key, q);
}

void rc_each_request(struct rv_val group, int64_t pods, rc_request_fn fn, void *arg) {
    for (struct rv_iter c = rv_iter(rv_val_path(group, "template.spec.containers")); rv_iter_next(&c);) {
        struct rv_val requests = rv_val_path(c.val, "resources.requests"),
                      limits = rv_val_path(c.val, "resources.limits");
        for (struct rv_iter r = rv_iter(requests); rv_iter_next(&r);) call_request(&r, pods, fn, arg);
        for (struct rv_iter r = rv_iter(limits); rv_iter_next(&r);)
            if (!rv_val_present(rv_val_getn(requests, r.key))) call_request(&r, pods, fn, arg);
    }
}
