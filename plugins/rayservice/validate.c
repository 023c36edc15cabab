/* validate.c - is this a RayService that can be run? (spec section 10, in its order; the first failure wins.) */
#include "fields.h"
#include "plugins/ray/field_rules.h"
#include "plugins/ray/reject.h"
#include "plugins/ray/service_limits.h"
#include "service.h"

struct check {
    const struct rs_service *s;
    struct rv_buf *out;
};

static bool bad_duration(struct check *k, const char *key, bool zero) {
    struct rv_str text = rs_annotation(k->s, key);
    int64_t ns;
    return text.n != 0 && !(zero && rv_str_is(text, "0")) && rs_duration(text, &ns) != 0 &&
           rc_reject(k->out,
                     "metadata.annotations[%s] must be a positive duration such as 10m or 1h30m, or a positive integer "
                     "(seconds), got \"" RV_STR_FMT "\"",
                     key, RV_STR_ARG(text));
}

static bool bad_choice(struct check *k, const char *key, const char *one, const char *other) {
    struct rv_str text = rs_annotation(k->s, key);
    return text.n != 0 && !rv_str_is(text, one) && !rv_str_is(text, other) &&
           rc_reject(k->out, "metadata.annotations[%s] must be %s or %s, got \"" RV_STR_FMT "\"", key, one, other,
                     RV_STR_ARG(text));
}

static bool bad_metadata(struct check *k) {
    struct rv_str name = k->s->name;
    const char *why = rv_name_dns1035_label(name);
    if (!field_rule_allows(RULE_SERVICE_NAME, name))
        return rc_reject(k->out, "metadata.name: RayService name should be no more than %d characters, it has %zu",
                         RS_NAME_MAX, name.n);
    if (why != NULL)
        return rc_reject(k->out, "metadata.name: RayService name should be a valid DNS1035 label: %s", why);
    return bad_duration(k, RS_ANNOTATION_INIT_TIMEOUT, false) || bad_duration(k, RS_ANNOTATION_DEADLINE, true) ||
           bad_duration(k, RS_ANNOTATION_DRAIN, true) ||
           bad_choice(k, RS_ANNOTATION_POLICY, RS_POLICY_ROLL_BACK, RS_POLICY_REPORT) ||
           bad_choice(k, RS_ANNOTATION_TRAFFIC, RS_TRAFFIC_GATEWAY, RS_TRAFFIC_ENDPOINTS);
}

static bool bad_cluster(struct check *k) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf why = {0};
    struct rc_cluster c;
    if (rv_path_bool(k->s->cluster_spec, "authOptions.enableK8sTokenAuth", false))
        return rc_reject(k->out,
                         "spec.rayClusterConfig.authOptions.enableK8sTokenAuth: K8s token auth mode is currently not "
                         "supported for RayService");
    struct rc_cluster_owner owner = rs_cluster_owner(k->s);
    rc_child_cluster_read(a, &owner, k->s->name, k->s->cluster_spec, &k->s->settings->cluster, &c);
    c.creator = RV_STR("RayService");
    if (rc_validate(&c, &why) != NULL || rc_head_service_refused(&c, &why))
        return rc_reject(k->out, "spec.rayClusterConfig is invalid: " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&why)));
    if (rv_path_str(k->s->cluster_spec, "headGroupSpec.headService.metadata.name").n != 0)
        return rc_reject(k->out,
                         "spec.rayClusterConfig.headGroupSpec.headService.metadata.name should not be set: each "
                         "cluster of an upgrade has a head service of its own");
    return false;
}

static bool bad_serve_service(struct check *k) {
    return rc_service_refused(&k->s->settings->cluster, "spec.serveService.spec",
                              rv_val_path(k->s->spec, "serveService.spec"), k->out);
}

static bool bad_strategy(struct check *k) {
    struct rv_str type = rv_path_str(k->s->spec, "upgradeStrategy.type");
    if (!field_rule_holds(RULE_SERVICE_STRATEGY, k->s->spec))
        return rc_reject(k->out,
                         "spec.upgradeStrategy.type: Spec.UpgradeStrategy.Type value " RV_STR_FMT
                         " is invalid, valid options are "
                         "NewClusterWithIncrementalUpgrade, NewCluster, or None",
                         RV_STR_ARG(type));
    int64_t delay = rv_path_int(k->s->spec, "rayClusterDeletionDelaySeconds", 0);
    return delay < 0 &&
           rc_reject(k->out, "spec.rayClusterDeletionDelaySeconds should be a non-negative integer, got %lld",
                     (long long)delay);
}

static bool bad_incremental(struct check *k) {
    static const char path[] = "spec.upgradeStrategy.clusterUpgradeOptions";
    const struct rs_service *s = k->s;
    struct rv_val o = s->options;
    int64_t surge = rv_path_int(o, "maxSurgePercent", 100), step = rv_path_int(o, "stepSizePercent", -1);
    if (s->strategy != UP_INCREMENTAL) return false;
    if (!rv_path_bool(s->cluster_spec, "enableInTreeAutoscaling", false))
        return rc_reject(k->out, "spec.rayClusterConfig.enableInTreeAutoscaling: Ray Autoscaler is required for "
                                 "NewClusterWithIncrementalUpgrade");
    if (!rv_val_set(o))
        return rc_reject(k->out, "%s: ClusterUpgradeOptions are required for NewClusterWithIncrementalUpgrade", path);
    if (surge < 0 || surge > 100) return rc_reject(k->out, "%s.maxSurgePercent must be between 0 and 100", path);
    if (step < 0 || step > 100) return rc_reject(k->out, "%s.stepSizePercent must be between 0 and 100", path);
    if (step > surge)
        return rc_reject(k->out, "%s.stepSizePercent must be less than or equal to maxSurgePercent", path);
    if (rv_path_int(o, "intervalSeconds", 0) <= 0)
        return rc_reject(k->out, "%s.intervalSeconds must be greater than 0", path);
    bool needs_class = s->traffic == RS_VIA_GATEWAY && rs_annotation(s, RS_ANNOTATION_GATEWAY).n == 0;
    return needs_class && rv_path_str(o, "gatewayClassName").n == 0 &&
           rc_reject(k->out, "%s.gatewayClassName is required for NewClusterWithIncrementalUpgrade", path);
}

const char *rs_validate(const struct rs_service *s, struct rv_buf *message) {
    struct check k = {s, message};
    if (bad_metadata(&k)) return "InvalidRayServiceMetadata";
    return bad_cluster(&k) || bad_serve_service(&k) || bad_strategy(&k) || bad_incremental(&k) ? "InvalidRayServiceSpec"
                                                                                               : NULL;
}
