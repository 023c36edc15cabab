/* settings.c - see settings.h. */
#include "settings.h"

#include "fields.h"
#include "ipc/base/nearest.h"

/* What is on by default is beta, the rest alpha. */
bool rc_gate(const struct rc_settings *s, const char *name, bool fallback) {
    bool stage = rv_val_bool(rv_val_get(s->gates, fallback ? RC_GATE_ALL_BETA : RC_GATE_ALL_ALPHA), fallback);
    return rv_val_bool(rv_val_get(s->gates, name), stage);
}

static const char *const known_gates[] = {RC_GATE_ALL_ALPHA,
                                          RC_GATE_ALL_BETA,
                                          RC_GATE_CONDITIONS,
                                          RC_GATE_DELETION_POLICY,
                                          RC_GATE_MULTI_HOST,
                                          "RayServiceIncrementalUpgrade",
                                          "RayCronJob",
                                          "SidecarSubmitterRestart",
                                          RC_GATE_NETWORK_POLICY,
                                          RC_GATE_EMBEDDED_FT,
                                          RC_GATE_MTLS,
                                          RC_GATE_HISTORY,
                                          RC_GATE_WAS};

/* All of them are listed: there is no other place that an operator would look at. */
static int unknown_gate(struct rv_str name, struct rv_error *err) {
    rv_autobuf struct rv_buf hint = {0}, all = {0};
    struct nearest near = nearest_begin(name);
    for (size_t i = 0; i < RV_ARRAY_LEN(known_gates); i++) {
        nearest_offer(&near, rv_str(known_gates[i]));
        rv_buf_addf(&all, "%s%s", i > 0 ? ", " : "", known_gates[i]);
    }
    nearest_hint(&near, &hint);
    return rv_error_set(err, RV_E_CONFIG, "settings.featureGates has no gate \"" RV_STR_FMT "\"%s (gates: %s)",
                        RV_STR_ARG(name), hint.n != 0 ? rv_buf_cstr(&hint) : "", rv_buf_cstr(&all));
}

int rc_check_gates(struct rv_val gates, struct rv_error *err) {
    for (struct rv_iter it = rv_iter(gates); rv_iter_next(&it);) {
        bool known = false;
        for (size_t i = 0; i < RV_ARRAY_LEN(known_gates) && !known; i++) known = rv_str_is(it.key, known_gates[i]);
        if (!known) return unknown_gate(it.key, err);
        if (rv_val_type(it.val) != RV_BOOL)
            return rv_error_set(err, RV_E_CONFIG, "settings.featureGates." RV_STR_FMT " must be true or false",
                                RV_STR_ARG(it.key));
    }
    const struct rc_settings s = {.gates = gates};
    if (!rc_gate(&s, RC_GATE_CONDITIONS, true))
        return rv_error_set(err, RV_E_CONFIG,
                            "settings.featureGates." RC_GATE_CONDITIONS
                            " cannot be switched off: conditions are always written");
    return 0;
}

int rc_settings_read(struct rc_settings *ret, struct rv_val s, struct rv_error *err) {
    struct rc_settings fresh = {.init_container_injection = rv_path_bool(s, "initContainerInjection", true),
                                .probes_injection = rv_path_bool(s, "probesInjection", true),
                                .login_shell = rv_path_bool(s, "loginShell", false),
                                .deterministic_head_name = rv_path_bool(s, "deterministicHeadName", false),
                                .head_cluster_ip_service = rv_path_bool(s, "headClusterIPService", false),
                                .random_pod_delete = rv_path_bool(s, "randomPodDelete", false),
                                .redis_cleanup = rv_path_bool(s, "redisCleanup", true),
                                .external_services = rv_path_bool(s, "allowExternalServices", false),
                                .routes = rv_path_bool(s, "openshiftRoutes", false),
                                .scheduler = rv_path_str(s, "batchScheduler"),
                                .autoscaler_mode = rv_val_str_or(rv_val_get(s, "autoscalerMode"), "sidecar"),
                                .cluster_domain = rv_val_str_or(rv_val_get(s, "clusterDomain"), "cluster.local"),
                                .requeue_seconds = rv_path_int(s, "requeueSeconds", 300),
                                .default_env = rv_val_get(s, "defaultContainerEnvs"),
                                .default_annotations = rv_val_get(s, "defaultPodAnnotations"),
                                .default_labels = rv_val_get(s, "defaultPodLabels"),
                                .head_sidecars = rv_val_get(s, "headSidecarContainers"),
                                .worker_sidecars = rv_val_get(s, "workerSidecarContainers"),
                                .gates = rv_val_get(s, "featureGates")};
    int r = rc_check_gates(fresh.gates, err);
    if (r == 0) r = rc_settings_choose_scheduler(&fresh, err);
    if (r == 0) *ret = fresh;
    return r;
}
