/* validate.c - is this a RayCluster that can be made? (spec sections 5.1 to 5.4, in their order; the first failure
 * wins.)
 *
 * Each rule names the field's path, what is wrong and what is accepted. Some rules go beyond the reference's: group
 * names must be unique and not "headgroup", because two groups of one name would fight over the same pods. */
#include <stdio.h>
#include <stdlib.h>

#include "field_rules.h"
#include "fields.h"
#include "names.h"
#include "scheduler.h"
#include "validate.h"
#include "version.h"

/* ---- small readers ---------------------------------------------------------------------------------------- */

struct rv_val check_env(struct rv_val container, const char *name) {
    for (struct rv_iter it = rv_iter(rv_val_get(container, "env")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), name)) return it.val;
    return RV_VAL_ABSENT;
}

bool check_non_empty(struct rv_val map, const char *key) { return rv_val_str(rv_val_get(map, key)).n != 0; }

static bool truthy(struct rv_str s) { return rv_str_is(s, "1") || rv_str_ieq(s, "true"); }

/* What a feature needs of rayVersion. True when it complained. */
bool check_need_version(struct check *k, const char *what, int64_t major, int64_t minor) {
    struct rv_str text = rv_path_str(k->c->spec, "rayVersion");
    struct rc_version v;
    if (text.n == 0)
        return rc_reject(k->out, "%s but RayVersion was not specified. Ray version %lld.%lld.0 or later is required",
                         what, (long long)major, (long long)minor);
    if (!rc_version_parse(text, &v))
        return rc_reject(k->out, "%s but RayVersion format is invalid: " RV_STR_FMT ", accepted is MAJOR.MINOR.PATCH",
                         what, RV_STR_ARG(text));
    if (!rc_version_at_least(&v, major, minor))
        return rc_reject(k->out, "%s but minimum Ray version is %lld.%lld.0, got " RV_STR_FMT, what, (long long)major,
                         (long long)minor, RV_STR_ARG(text));
    return false;
}

static bool autoscaling(const struct rc_cluster *c) { return rv_path_bool(c->spec, "enableInTreeAutoscaling", false); }

static bool autoscaler_v2(const struct rc_cluster *c) {
    return rv_str_is(rv_path_str(c->spec, "autoscalerOptions.version"), "v2") || c->f.mode == RC_AUTOSCALER_OPERATOR ||
           truthy(rv_path_str(check_env(rc_head_container(c), "RAY_enable_autoscaler_v2"), "value"));
}

/* ---- metadata --------------------------------------------------------------------------------------------- */

static bool bad_metadata(struct check *k) {
    struct rv_str name = k->c->name;
    if (!field_rule_allows(RULE_CLUSTER_NAME, name))
        return rc_reject(k->out, "metadata.name: RayCluster name should be no more than 53 characters, it has %zu",
                         name.n);
    const char *why = rv_name_dns1035_label(name);
    return why != NULL && rc_reject(k->out, "metadata.name: RayCluster name should be a valid DNS1035 label: %s", why);
}

/* ---- groups ----------------------------------------------------------------------------------------------- */

static bool bad_labels(struct check *k, struct rv_val group, const char *path, const char *who) {
    for (struct rv_iter it = rv_iter(rv_val_get(group, "labels")); rv_iter_next(&it);) {
        const char *why = rv_name_label_key(it.key);
        if (why != NULL)
            return rc_reject(k->out, "%s.labels: invalid label key for %s: '" RV_STR_FMT "', error: %s", path, who,
                             RV_STR_ARG(it.key), why);
        why = rv_name_label_value(rv_val_str(it.val));
        if (why != NULL)
            return rc_reject(
                k->out, "%s.labels: invalid label value for key '" RV_STR_FMT "' in %s: '" RV_STR_FMT "', error: %s",
                path, RV_STR_ARG(it.key), who, RV_STR_ARG(rv_val_str(it.val)), why);
    }
    return false;
}

static bool bad_resources(struct check *k, struct rv_val group, const char *path, const char *who) {
    static const char *const params[] = {"num-cpus", "num-gpus", "memory", "resources"};
    struct rv_val start = rv_val_get(group, "rayStartParams");
    for (size_t i = 0; i < RV_ARRAY_LEN(params); i++)
        if (check_non_empty(start, params[i]) && rv_val_len(rv_val_get(group, "resources")) > 0)
            return rc_reject(
                k->out,
                "%s: resource fields should not be set in both rayStartParams and Resources for %s; please "
                "use only one",
                path, who);
    if (rv_val_present(rv_val_get(start, "labels")))
        return rc_reject(
            k->out,
            "%s.rayStartParams: rayStartParams['labels'] is not supported for %s; please use the top-level "
            "Labels field instead",
            path, who);
    return bad_labels(k, group, path, who);
}

static bool negative(struct check *k, const char *path, struct rv_str group, struct rv_val g,
                     enum field_rule_name rule) {
    const char *field = field_rules[rule].field;
    int64_t value = field_rule_number(rule, g);
    return !field_rule_holds(rule, g) &&
           rc_reject(k->out, "%s.%s: worker group " RV_STR_FMT " has negative %s %lld; accepted is 0 or more", path,
                     field, RV_STR_ARG(group), field, (long long)value);
}

static bool bad_counts(struct check *k, struct rv_val g, const char *path, struct rv_str name) {
    struct rv_val min = rv_val_get(g, "minReplicas"), max = rv_val_get(g, "maxReplicas");
    if (!autoscaling(k->c) && (!rv_val_set(min) || !rv_val_set(max)))
        return rc_reject(k->out,
                         "%s: worker group " RV_STR_FMT
                         " must set both minReplicas and maxReplicas when autoscaling is disabled",
                         path, RV_STR_ARG(name));
    int64_t lo = rv_val_int(min, 0), hi = rv_val_int(max, INT32_MAX);
    if (negative(k, path, name, g, RULE_GROUP_MIN) || negative(k, path, name, g, RULE_GROUP_MAX)) return true;
    if (!field_rule_holds(RULE_GROUP_ORDER, g))
        return rc_reject(k->out, "%s: worker group " RV_STR_FMT " has minReplicas %lld greater than maxReplicas %lld",
                         path, RV_STR_ARG(name), (long long)lo, (long long)hi);
    return negative(k, path, name, g, RULE_GROUP_HOSTS) || negative(k, path, name, g, RULE_GROUP_REPLICAS);
}

static bool bad_autoscaler_fields(struct check *k, struct rv_val g, const char *path, struct rv_str name) {
    struct rv_val idle = rv_val_get(g, "idleTimeoutSeconds");
    char what[160];
    if (!field_rule_holds(RULE_GROUP_IDLE, g))
        return rc_reject(k->out,
                         "%s.idleTimeoutSeconds: worker group " RV_STR_FMT
                         ": idleTimeoutSeconds must be non-negative, got %lld",
                         path, RV_STR_ARG(name), (long long)rv_val_int(idle, 0));
    if (rv_val_set(idle) && !autoscaler_v2(k->c))
        return rc_reject(k->out,
                         "%s.idleTimeoutSeconds: worker group " RV_STR_FMT
                         ": idleTimeoutSeconds is set, but autoscaler v2 is not enabled. Please set "
                         ".spec.autoscalerOptions.version to 'v2' (or set RAY_enable_autoscaler_v2 environment "
                         "variable to 'true' in the head pod if using KubeRay < 1.4.0)",
                         path, RV_STR_ARG(name));
    int64_t priority = rv_path_int(g, "priority", 0);
    if (priority == 0) return false;
    snprintf(what, sizeof what, "%s.priority: worker group %.*s: priority is set,", path,
             (int)(name.n < 63 ? name.n : 63), name.p);
    if (check_need_version(k, what, 2, 56)) return true;
    return !autoscaler_v2(k->c) && rc_reject(k->out,
                                             "%s.priority: worker group " RV_STR_FMT
                                             ": priority is set to %lld, but autoscaler v2 is not enabled. "
                                             "Priority is only supported with autoscaler v2 enabled",
                                             path, RV_STR_ARG(name), (long long)priority);
}

/* The groups by name: there may be thousands. */
struct named {
    struct rv_str name;
    size_t at;
};

static int named_order(const void *a, const void *b) {
    const struct named *x = a, *y = b;
    int by_name = rv_str_cmp(x->name, y->name);
    return by_name != 0 ? by_name : (x->at > y->at) - (x->at < y->at);
}

static struct named *sorted_names(struct rv_arena *a, struct rv_val groups) {
    struct named *list = rv_arena_alloc(a, rv_val_len(groups) * sizeof *list);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(groups); rv_iter_next(&it); n++)
        list[n] = (struct named){rv_path_str(it.val, "groupName"), n};
    qsort(list, n, sizeof *list, named_order);
    return list;
}

/* The first group of that name; there is one. */
static size_t first_named(const struct named *list, size_t n, struct rv_str name) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (rv_str_cmp(list[mid].name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return list[low].at;
}

static bool bad_name(struct check *k, size_t first, size_t at, const char *path, struct rv_str name) {
    if (name.n == 0) return rc_reject(k->out, "%s.groupName: every worker group needs a name", path);
    if (rv_str_is(name, RC_HEAD_GROUP))
        return rc_reject(k->out, "%s.groupName: \"" RC_HEAD_GROUP "\" is the head's own group; choose another name",
                         path);
    const char *why = rv_name_label_value(name);
    if (why == NULL) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        why = rv_name_dns1123_subdomain(
            rv_arena_fmt(a, RV_STR_FMT "x",
                         RV_STR_ARG(rc_name_worker_prefix(a, k->c->name.n != 0 ? k->c->name : RV_STR("c"), name))));
    }
    if (why != NULL)
        return rc_reject(k->out, "%s.groupName: no pod can have \"" RV_STR_FMT "\" in its name and its labels: %s",
                         path, RV_STR_ARG(name), why);
    return first != at && rc_reject(k->out,
                                    "%s.groupName: worker group names must be unique, \"" RV_STR_FMT
                                    "\" is also the name of spec.workerGroupSpecs[%zu]",
                                    path, RV_STR_ARG(name), first);
}

static bool bad_group(struct check *k, size_t first, struct rv_val g, size_t at) {
    struct rv_str name = rv_path_str(g, "groupName");
    char path[48], who[128];
    snprintf(path, sizeof path, "spec.workerGroupSpecs[%zu]", at);
    snprintf(who, sizeof who, "%.*s group", (int)(name.n < 100 ? name.n : 100), name.n != 0 ? name.p : "");
    if (rv_val_len(rv_val_path(g, "template.spec.containers")) == 0)
        return rc_reject(k->out, "%s.template.spec.containers: workerGroupSpec should have at least one container",
                         path);
    return bad_name(k, first, at, path, name) || bad_counts(k, g, path, name) || bad_resources(k, g, path, who) ||
           bad_autoscaler_fields(k, g, path, name);
}

static bool bad_groups(struct check *k) {
    struct rv_val head = rv_val_get(k->c->spec, "headGroupSpec"), groups = rc_groups(k->c);
    if (rv_val_len(rv_val_path(head, "template.spec.containers")) == 0)
        return rc_reject(
            k->out, "spec.headGroupSpec.template.spec.containers: headGroupSpec should have at least one container");
    if (bad_resources(k, head, "spec.headGroupSpec", "Head group")) return true;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct named *names = sorted_names(a, groups);
    size_t i = 0, n = rv_val_len(groups);
    for (struct rv_iter it = rv_iter(groups); rv_iter_next(&it); i++)
        if (bad_group(k, first_named(names, n, rv_path_str(it.val, "groupName")), it.val, i)) return true;
    return false;
}

/* ---- autoscaler ------------------------------------------------------------------------------------------- */

static bool restarts(struct rv_val group) {
    struct rv_str policy = rv_path_str(group, "template.spec.restartPolicy");
    return policy.n != 0 && !rv_str_is(policy, "Never");
}

static bool bad_autoscaler(struct check *k) {
    struct rv_val spec = k->c->spec, switched = check_env(rc_head_container(k->c), "RAY_enable_autoscaler_v2");
    bool on = autoscaling(k->c), v2 = rv_str_is(rv_path_str(spec, "autoscalerOptions.version"), "v2");
    for (struct rv_iter it = rv_iter(rc_groups(k->c)); rv_iter_next(&it);) {
        if (!rv_path_bool(it.val, "suspend", false)) continue;
        struct rv_str name = rv_path_str(it.val, "groupName");
        if (!rc_gate(k->c->settings, RC_GATE_DELETION_POLICY, true))
            return rc_reject(k->out,
                             "worker group " RV_STR_FMT
                             " can be suspended only when the RayJobDeletionPolicy feature gate is enabled",
                             RV_STR_ARG(name));
        if (on)
            return rc_reject(k->out, "worker group " RV_STR_FMT " cannot be suspended with Autoscaler enabled",
                             RV_STR_ARG(name));
    }
    if (!on && truthy(rv_path_str(switched, "value")))
        return rc_reject(
            k->out,
            "environment variable RAY_enable_autoscaler_v2 cannot be set to '" RV_STR_FMT
            "' when enableInTreeAutoscaling is false. Please set enableInTreeAutoscaling: true to use autoscaler v2",
            RV_STR_ARG(rv_path_str(switched, "value")));
    if (on && rv_val_set(rv_val_path(spec, "autoscalerOptions.version")) && rv_val_present(switched))
        return rc_reject(k->out,
                         "both .spec.autoscalerOptions.version and head Pod env var RAY_enable_autoscaler_v2 are "
                         "set, please only use the former");
    if (on && v2 && restarts(rv_val_get(spec, "headGroupSpec")))
        return rc_reject(k->out, "restartPolicy for head Pod should be Never or unset when using autoscaler V2");
    for (struct rv_iter it = rv_iter(rc_groups(k->c)); on && v2 && rv_iter_next(&it);)
        if (restarts(it.val))
            return rc_reject(k->out,
                             "restartPolicy for worker group " RV_STR_FMT
                             " should be Never or unset when using autoscaler V2",
                             RV_STR_ARG(rv_path_str(it.val, "groupName")));
    int64_t idle = rv_path_int(spec, "autoscalerOptions.idleTimeoutSeconds", 0);
    if (!field_rule_holds(RULE_AUTOSCALER_IDLE, spec))
        return rc_reject(k->out, "autoscalerOptions.idleTimeoutSeconds must be non-negative, got %lld",
                         (long long)idle);
    return rv_val_present(check_env(rv_val_get(spec, "autoscalerOptions"), "KUBERAY_GEN_AUTOSCALER_START_CMD")) &&
           rc_reject(k->out,
                     "autoscalerOptions.env must not contain KUBERAY_GEN_AUTOSCALER_START_CMD: it is managed by "
                     "KubeRay and injected automatically into the autoscaler container");
}

/* ---- strategy and status ------------------------------------------------------------------------------------ */

static bool bad_strategy(struct check *k) {
    struct rv_str type = rv_path_str(k->c->spec, "upgradeStrategy.type");
    if (type.n == 0) return false;
    if (!rv_str_is(type, "Recreate") && !rv_str_is(type, "None"))
        return rc_reject(k->out,
                         "The RayCluster spec is invalid: Spec.UpgradeStrategy.Type value " RV_STR_FMT
                         " is invalid, valid options are Recreate or None",
                         RV_STR_ARG(type));
    return !rv_str_is(k->c->creator, "RayCluster") &&
           rc_reject(k->out, "upgradeStrategy cannot be set when RayCluster is created by " RV_STR_FMT,
                     RV_STR_ARG(k->c->creator));
}

static bool bad_status(struct check *k) {
    struct rv_val conditions = rv_val_get(k->c->status, "conditions");
    return rv_condition_is(conditions, RC_CONDITION_SUSPENDING, "True") &&
           rv_condition_is(conditions, RC_CONDITION_SUSPENDED, "True") &&
           rc_reject(k->out, "invalid RayCluster State: rayv1." RC_CONDITION_SUSPENDING
                             " and rayv1." RC_CONDITION_SUSPENDED " conditions should not be both true");
}

/* Requests to Ray go to this name, so it must not hold what would lead them elsewhere. */
static bool bad_head_service(struct check *k) {
    struct rv_str name = rv_path_str(k->c->spec, "headGroupSpec.headService.metadata.name");
    const char *why = name.n != 0 ? rv_name_dns1123_label(name) : NULL;
    return why != NULL && rc_reject(k->out,
                                    "spec.headGroupSpec.headService.metadata.name: no Service can be called \"%.*s\": "
                                    "%s",
                                    (int)(name.n < 200 ? name.n : 200), name.p, why);
}

static bool bad_scheduling(struct check *k) { return rc_scheduler_rejects(k->c, k->out); }

const char *rc_validate(const struct rc_cluster *c, struct rv_buf *message) {
    static const struct {
        bool (*bad)(struct check *);
        const char *reason;
    } rules[] = {{bad_metadata, "InvalidRayClusterMetadata"},      {bad_groups, "InvalidRayClusterSpec"},
                 {check_fault_tolerance, "InvalidRayClusterSpec"}, {bad_autoscaler, "InvalidRayClusterSpec"},
                 {check_history, "InvalidRayClusterSpec"},         {check_authentication, "InvalidRayClusterSpec"},
                 {check_network_policy, "InvalidRayClusterSpec"},  {check_tls, "InvalidRayClusterSpec"},
                 {bad_strategy, "InvalidRayClusterSpec"},          {bad_status, "InvalidRayClusterStatus"},
                 {bad_scheduling, "InvalidRayClusterMetadata"},    {bad_head_service, "InvalidRayClusterSpec"}};
    struct check k = {c, message};
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++)
        if (rules[i].bad(&k)) return rules[i].reason;
    return NULL;
}
