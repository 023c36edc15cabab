/* clusters.c - the RayCluster of a RayService: what it is made of, whether an existing one still is what is wanted, and
 * how it is changed in place (spec sections 4.2 to 4.4).
 *
 * What a cluster was made of stands in its annotations: a hash of the spec and the number of worker groups. Hashes of
 * two operators, or of two versions, cannot be compared. Then the cluster's own spec is: it is adopted when everything
 * that is wanted stands in it, and its notes are written anew. So an operator that is exchanged rebuilds nothing, and
 * an edit that was made meanwhile is still an edit. */
#include "fields.h"
#include "service.h"

static struct rv_node *first_groups(struct rv_arena *a, const struct rs_service *s, int64_t groups) {
    struct rv_node *spec = rv_node_from(a, s->cluster_spec), *list = rv_node_get(spec, "workerGroupSpecs");
    while (groups >= 0 && (int64_t)rv_node_len(list) > groups)
        if (!rv_node_remove_at(list, rv_node_len(list) - 1)) break; /* no list, whatever the schema says */
    if (groups == 0) rv_node_remove(spec, "workerGroupSpecs");
    return spec;
}

void rs_goal_hash(const struct rs_service *s, int64_t groups, char ret[33]) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rc_cluster c = {.spec = rv_node_freeze(a, first_groups(a, s, groups))};
    rc_spec_hash(&c, ret);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void note(struct rv_arena *a, const struct rs_service *s, struct rv_node *notes) {
    char hash[33];
    rs_goal_hash(s, -1, hash);
    rv_node_set_cstr(a, notes, RS_ANNOTATION_HASH, hash);
    rv_node_set_fmt(a, notes, RS_ANNOTATION_GROUPS, "%zu", rv_val_len(rv_val_get(s->cluster_spec, "workerGroupSpecs")));
    rv_node_set_cstr(a, notes, RC_ANNOTATION_VERSION, "v" RV_VERSION);
}

struct rv_node *rs_cluster(struct rv_arena *a, const struct rs_service *s, struct rv_str name, bool first) {
    struct rc_cluster_owner owner = rs_cluster_owner(s);
    struct rv_node *spec = rv_node_from(a, s->cluster_spec), *n = rc_child_cluster(a, &owner, name, spec),
                   *notes = rv_node_ensure_map(a, rv_node_get(n, "metadata"), "annotations");
    rv_node_remove(notes, "kubectl.kubernetes.io/last-applied-configuration"); /* that is the RayService's */
    note(a, s, notes);
    struct rv_node *config = rs_config_parse(a, s->config, NULL);
    struct rv_str proxies = rs_config_proxies(config);
    if (proxies.n != 0) rv_node_set_str(a, notes, RC_ANNOTATION_SERVE_PROXIES, proxies);
    struct rv_node *groups = rv_node_get(spec, "workerGroupSpecs");
    for (size_t i = 0; i < rv_node_len(groups) && s->strategy == UP_INCREMENTAL && !first; i++)
        rv_node_remove(rv_node_at(groups, i), "replicas"); /* from minReplicas on, as capacity is given to it */
    return n;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static struct rv_str cluster_note(struct rv_val cluster, const char *key) {
    return rv_val_str(rv_val_get(rv_val_path(cluster, "metadata.annotations"), key));
}

static void strip(struct rv_node *spec) {
    static const char *const scaling[] = {"replicas", "minReplicas", "maxReplicas", "scaleStrategy"};
    struct rv_node *groups = rv_node_get(spec, "workerGroupSpecs"), *head = rv_node_get(spec, "headGroupSpec");
    rv_node_remove(spec, "suspend");
    rv_node_remove(spec, "upgradeStrategy");
    for (size_t i = 0; i <= rv_node_len(groups); i++) {
        struct rv_node *group = i < rv_node_len(groups) ? rv_node_at(groups, i) : head,
                       *pod = rv_node_path(group, "template.spec");
        rv_node_remove(pod, "tolerations");
        rv_node_remove(pod, "schedulingGates");
        for (size_t k = 0; k < RV_ARRAY_LEN(scaling); k++) rv_node_remove(group, scaling[k]);
    }
}

/* Do the first groups, and all the rest of what is wanted, stand in the cluster's own spec? */
static bool contained(const struct rs_service *s, struct rv_val cluster, int64_t groups) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *want = first_groups(a, s, groups), *have = rv_node_from(a, rv_val_get(cluster, "spec"));
    strip(want);
    strip(have);
    return rv_val_within(rv_node_freeze(a, want), rv_node_freeze(a, have));
}

struct rs_likeness rs_compare(const struct rs_service *s, struct rv_val cluster) {
    struct rs_likeness l = {0};
    struct rv_str hash = cluster_note(cluster, RS_ANNOTATION_HASH),
                  groups = cluster_note(cluster, RS_ANNOTATION_GROUPS);
    int64_t wanted = (int64_t)rv_val_len(rv_val_get(s->cluster_spec, "workerGroupSpecs")), n = -1;
    char goal[33];
    if (!rv_str_is(cluster_note(cluster, RC_ANNOTATION_VERSION), "v" RV_VERSION)) {
        n = (int64_t)rv_val_len(rv_val_path(cluster, "spec.workerGroupSpecs"));
        l.same = n == wanted && contained(s, cluster, -1);
        l.extends = !l.same && wanted > n && contained(s, cluster, n);
        l.adopted = l.same || l.extends;
        return l;
    }
    rs_goal_hash(s, -1, goal);
    l.same = rv_str_is(hash, goal);
    if (l.same || rv_str_to_int(groups, 0, INT32_MAX, &n) != 0 || wanted <= n) return l;
    rs_goal_hash(s, n, goal);
    l.extends = rv_str_is(hash, goal);
    return l;
}

/* ---- changing in place ------------------------------------------------------------------------------------------- */

static void op(struct rv_arena *a, struct rv_node *ops, const char *what, struct rv_str path, struct rv_node *value) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_cstr(a, n, "op", what);
    rv_node_set_str(a, n, "path", path);
    rv_node_set(a, n, "value", value);
    rv_node_append(a, ops, n);
}

struct rv_node *rs_cluster_notes(struct rv_arena *a, const struct rs_service *s, struct rv_val cluster) {
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata"),
                   *notes = rv_node_ensure_map(a, meta, "annotations");
    note(a, s, notes);
    return rv_val_within(rv_node_freeze(a, n), cluster) ? NULL : n;
}

static struct rv_val group_named(const struct rs_service *s, struct rv_str name) {
    for (struct rv_iter it = rv_iter(rv_val_get(s->cluster_spec, "workerGroupSpecs")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "groupName"), name)) return it.val;
    return RV_VAL_ABSENT;
}

/* Bounds are the user's. Between them `replicas` is an autoscaler's where there is one. */
static void push_bounds(struct rv_arena *a, const struct rs_service *s, struct rv_node *ops, size_t index,
                        struct rv_val have) {
    static const char *const fields[] = {"minReplicas", "maxReplicas", "replicas"};
    bool autoscaled = rv_path_bool(s->cluster_spec, "enableInTreeAutoscaling", false), any = false;
    struct rv_str name = rv_path_str(have, "groupName");
    struct rv_val want = group_named(s, name);
    size_t n = autoscaled ? 2 : RV_ARRAY_LEN(fields); /* `replicas` is the last */
    for (size_t i = 0; i < n; i++) {
        struct rv_val value = rv_val_get(want, fields[i]);
        if (!rv_val_set(value) || rv_val_equal(value, rv_val_get(have, fields[i]))) continue;
        if (!any)
            op(a, ops, "test", rv_arena_fmt(a, "/spec/workerGroupSpecs/%zu/groupName", index), rv_node_str(a, name));
        any = true;
        op(a, ops, "add", rv_arena_fmt(a, "/spec/workerGroupSpecs/%zu/%s", index, fields[i]), rv_node_from(a, value));
    }
}

struct rv_node *rs_cluster_groups(struct rv_arena *a, const struct rs_service *s, struct rv_val cluster, bool append) {
    struct rv_node *ops = rv_node_array(a);
    struct rv_val live = rv_val_path(cluster, "spec.workerGroupSpecs"),
                  want = rv_val_get(s->cluster_spec, "workerGroupSpecs");
    size_t n = rv_val_len(live);
    for (size_t i = 0; i < n; i++) push_bounds(a, s, ops, i, rv_val_at(live, i));
    if (append && n == 0 && rv_val_len(want) > 0) /* there is no list to add to */
        op(a, ops, "add", RV_STR("/spec/workerGroupSpecs"), rv_node_from(a, want));
    for (size_t i = n; append && n > 0 && i < rv_val_len(want); i++)
        op(a, ops, "add", RV_STR("/spec/workerGroupSpecs/-"), rv_node_from(a, rv_val_at(want, i)));
    return rv_node_len(ops) > 0 ? ops : NULL;
}
