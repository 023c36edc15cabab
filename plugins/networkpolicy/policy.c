/* policy.c - see policy.h (spec section 13). */
#include "policy.h"

#include "plugins/ray/fields.h"
#include "plugins/ray/live_head.h"
#include "plugins/ray/names.h"
#include "plugins/ray/objects.h"

void policy_cluster_read(struct policy_cluster *c, struct rv_val value) {
    struct rv_val meta = rv_val_get(value, "metadata"), spec = rv_val_get(value, "spec");
    *c = (struct policy_cluster){.value = value,
                                 .meta = meta,
                                 .spec = spec,
                                 .policy = rv_val_get(spec, "networkPolicy"),
                                 .ns = rv_path_str(meta, "namespace"),
                                 .name = rv_path_str(meta, "name"),
                                 .uid = rv_path_str(meta, "uid")};
}

static void put(struct rv_arena *a, struct rv_node *labels, const char *key, struct rv_str value) {
    rv_node_set_str(a, labels, key, value);
}

/* {podSelector: {matchLabels: ...}} without labels. *ret_labels is the map for them. */
static struct rv_node *pods_with(struct rv_arena *a, struct rv_node **ret_labels) {
    struct rv_node *n = rv_node_map(a);
    *ret_labels = rv_node_ensure_map(a, rv_node_ensure_map(a, n, "podSelector"), "matchLabels");
    return n;
}

/* {from|to: [the cluster's own pods]} */
static struct rv_node *own_pods(struct rv_arena *a, const struct policy_cluster *c, const char *direction) {
    struct rv_node *rule = rv_node_map(a), *labels, *peer = pods_with(a, &labels);
    put(a, labels, RC_LABEL_CLUSTER, c->name);
    rv_node_append(a, rv_node_ensure_array(a, rule, direction), peer);
    return rule;
}

/* The RayJob that controls the cluster and submits from a pod of its own; empty if there is none. */
static struct rv_str submitting_job(const struct policy_cluster *c) {
    struct rv_str mode = rv_val_str(rv_val_get(rv_val_get(c->meta, "labels"), RC_LABEL_SUBMISSION_MODE));
    if (!rv_str_is(mode, "K8sJobMode")) return (struct rv_str){NULL, 0};
    for (struct rv_iter it = rv_iter(rv_val_get(c->meta, "ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false) && rv_str_is(rv_path_str(it.val, "kind"), "RayJob") &&
            rv_str_starts(rv_path_str(it.val, "apiVersion"), "ray.io/"))
            return rv_path_str(it.val, "name");
    return (struct rv_str){NULL, 0};
}

/* A port of the head that lives, or else of the next one: `flag` is its name among the flags of `ray start`. */
static int64_t head_port(struct rv_arena *a, const struct policy_cluster *c, const char *flag, int64_t by_default) {
    struct rv_str text;
    int64_t number;
    if (!rc_head_started_with(a, c->head, flag, &text))
        text = rv_val_str(rv_val_get(rv_val_path(c->spec, "headGroupSpec.rayStartParams"), flag));
    return rv_str_to_int(text, 1, 65535, &number) == 0 ? number : by_default;
}

/* The job's submitter must reach the dashboard. */
static void submitter_rule(struct rv_arena *a, const struct policy_cluster *c, struct rv_node *ingress) {
    struct rv_str job = submitting_job(c);
    if (job.n == 0) return;
    struct rv_node *rule = rv_node_map(a), *labels, *peer = pods_with(a, &labels), *port = rv_node_map(a);
    put(a, labels, RC_LABEL_ORIGIN_NAME, job);
    put(a, labels, RC_LABEL_ORIGIN_KIND, RV_STR("RayJob"));
    rv_node_append(a, rv_node_ensure_array(a, rule, "from"), peer);
    rv_node_set_cstr(a, port, "protocol", "TCP");
    rv_node_set_int(a, port, "port", head_port(a, c, "dashboard-port", RC_PORT_DASHBOARD));
    rv_node_append(a, rv_node_ensure_array(a, rule, "ports"), port);
    rv_node_append(a, ingress, rule);
}

/* The plugin autoscaler connects to the control store. Without this rule it would wait, and nobody would see why. */
static void autoscaler_rule(struct rv_arena *a, const struct policy_cluster *c, struct rv_node *ingress) {
    struct rv_str mode = rv_val_str(rv_val_get(rv_val_get(c->meta, "annotations"), RC_ANNOTATION_AUTOSCALER));
    if (mode.n == 0) mode = c->autoscaler_mode;
    bool asks = rv_str_is(mode, "operator") || rv_str_is(mode, "shadow");
    if (!asks || !rv_path_bool(c->spec, "enableInTreeAutoscaling", false)) return;
    struct rv_node *rule = rv_node_map(a), *labels, *peer = pods_with(a, &labels), *port = rv_node_map(a);
    put(a, labels, RC_LABEL_APP_NAME, RV_STR("rayvisor"));
    rv_node_set(a, peer, "namespaceSelector", rv_node_map(a)); /* the operator's namespace may have any name */
    rv_node_append(a, rv_node_ensure_array(a, rule, "from"), peer);
    rv_node_set_cstr(a, port, "protocol", "TCP");
    rv_node_set_int(a, port, "port", head_port(a, c, "port", RC_PORT_GCS));
    rv_node_append(a, rv_node_ensure_array(a, rule, "ports"), port);
    rv_node_append(a, ingress, rule);
}

/* What the user allows in addition. The group's own entry replaces the one for all workers. */
static struct rv_val user_rules(const struct policy_cluster *c, struct rv_str group) {
    if (group.n == 0) return rv_val_get(c->policy, "head");
    for (struct rv_iter it = rv_iter(rv_val_get(c->policy, "workerGroups")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "groupName"), group)) return it.val;
    return rv_val_get(c->policy, "worker");
}

static void add_all(struct rv_arena *a, struct rv_node *list, struct rv_val rules) {
    for (struct rv_iter it = rv_iter(rules); rv_iter_next(&it);) rv_node_append(a, list, rv_node_from(a, it.val));
}

static void directions(struct rv_arena *a, const struct policy_cluster *c, struct rv_str group, struct rv_node *spec) {
    static const struct {
        const char *type, *list, *peers, *rules, *only_other;
    } both[] = {{"Ingress", "ingress", "from", "ingressRules", "DenyAllEgress"},
                {"Egress", "egress", "to", "egressRules", "DenyAllIngress"}};
    struct rv_str mode = rv_val_str_or(rv_val_get(c->policy, "mode"), "DenyAll");
    struct rv_node *types = rv_node_ensure_array(a, spec, "policyTypes");
    for (size_t i = 0; i < RV_ARRAY_LEN(both); i++) {
        if (rv_str_is(mode, both[i].only_other)) continue;
        struct rv_node *list = rv_node_ensure_array(a, spec, both[i].list);
        rv_node_append(a, types, rv_node_str(a, rv_str(both[i].type)));
        rv_node_append(a, list, own_pods(a, c, both[i].peers));
        if (i == 0 && group.n == 0) {
            submitter_rule(a, c, list);
            autoscaler_rule(a, c, list);
        }
        add_all(a, list, rv_val_get(user_rules(c, group), both[i].rules));
    }
}

struct rv_node *policy_build(struct rv_arena *a, const struct policy_cluster *c, struct rv_str group) {
    struct rv_node *n = rc_bare_object(a, c->ns, "networking.k8s.io/v1", "NetworkPolicy",
                                       rc_name_policy(a, c->name, group)),
                   *meta = rv_node_get(n, "metadata"), *spec = rv_node_ensure_map(a, n, "spec"),
                   *labels = rv_node_ensure_map(a, meta, "labels"),
                   *selector = rv_node_ensure_map(a, rv_node_ensure_map(a, spec, "podSelector"), "matchLabels");
    put(a, labels, RC_LABEL_CLUSTER, c->name);
    put(a, labels, RC_LABEL_GROUP, group.n != 0 ? group : RV_STR(RC_HEAD_GROUP));
    put(a, labels, RC_LABEL_APP_NAME, RV_STR("kuberay"));
    put(a, labels, RC_LABEL_CREATED_BY, RV_STR(RC_CREATED_BY));
    put(a, selector, RC_LABEL_CLUSTER, c->name);
    put(a, selector, RC_LABEL_NODE_TYPE, group.n != 0 ? RV_STR("worker") : RV_STR("head"));
    if (group.n != 0) put(a, selector, RC_LABEL_GROUP, group);
    directions(a, c, group, spec);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCluster"), c->name, c->uid);
    return n;
}

/* ---- is it so? --------------------------------------------------------------------------------------------------- */

/* True if the field means the same as if it were absent. An empty selector does not, because it selects everything. */
static bool says_nothing(struct rv_str key, struct rv_val v) {
    bool labels = rv_str_is(key, "matchLabels") && rv_val_type(v) == RV_MAP;
    if (rv_str_is(key, "protocol")) return rv_str_is(rv_val_str(v), "TCP");
    return !rv_val_set(v) || ((labels || rv_val_type(v) == RV_ARRAY) && rv_val_len(v) == 0);
}

static bool same(struct rv_val a, struct rv_val b);

static bool same_maps(struct rv_val a, struct rv_val b) {
    for (struct rv_iter it = rv_iter(a); rv_iter_next(&it);) {
        struct rv_val other = rv_val_getn(b, it.key);
        if (rv_val_set(other) ? !same(it.val, other) : !says_nothing(it.key, it.val)) return false;
    }
    for (struct rv_iter it = rv_iter(b); rv_iter_next(&it);)
        if (!rv_val_set(rv_val_getn(a, it.key)) && !says_nothing(it.key, it.val)) return false;
    return true;
}

static bool same(struct rv_val a, struct rv_val b) {
    if (rv_val_type(a) != rv_val_type(b)) return rv_val_equal(a, b);
    if (rv_val_type(a) == RV_MAP) return same_maps(a, b);
    if (rv_val_type(a) != RV_ARRAY) return rv_val_equal(a, b);
    if (rv_val_len(a) != rv_val_len(b)) return false;
    for (size_t i = 0; i < rv_val_len(a); i++)
        if (!same(rv_val_at(a, i), rv_val_at(b, i))) return false;
    return true;
}

struct rv_node *policy_spec_patch(struct rv_arena *a, struct rv_val have, struct rv_val want) {
    return same(want, have) ? NULL : rv_node_merge_patch(a, have, want);
}
