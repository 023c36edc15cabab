/* settings.h - the settings that several Ray controllers have. Each manifest declares the ones that it offers. A
 * setting that a manifest does not declare has its default here, so one reader serves every controller. */
#ifndef RAY_SETTINGS_H
#define RAY_SETTINGS_H

#include "rayvisor/value.h"

/* All values are views of the host's settings, which stay until the settings change. */
struct rc_settings {
    bool init_container_injection, probes_injection; /* default true */
    bool login_shell, deterministic_head_name, head_cluster_ip_service, random_pod_delete;
    bool redis_cleanup;            /* default true */
    bool external_services;        /* Services of users may be of type ExternalName and have externalIPs */
    bool routes;                   /* OpenShift's Routes are created instead of Ingresses */
    struct rv_str scheduler;       /* name of the batch scheduler, or empty */
    struct rv_str autoscaler_mode; /* for clusters without the annotation; default "sidecar" */
    struct rv_str cluster_domain;  /* default "cluster.local" */
    int64_t requeue_seconds;       /* default 300 */
    struct rv_val default_env, default_annotations, default_labels, head_sidecars, worker_sidecars;
    struct rv_val gates; /* feature gates: a map from name to bool */
};

/* Reads all settings, or leaves *ret as it was. Returns RV_E_CONFIG if a gate is unknown or if two settings
 * contradict. */
int rc_settings_read(struct rc_settings *ret, struct rv_val settings, struct rv_error *err);
/* True if the feature gate is on. `fallback` is its value if the settings do not name it. */
bool rc_gate(const struct rc_settings *s, const char *name, bool fallback);
/* Checks the setting featureGates: names that the reference operator knows, each true or false. Returns RV_E_CONFIG if
 * it is wrong. */
int rc_check_gates(struct rv_val gates, struct rv_error *err);
/* The gate KubernetesWAS also chooses a scheduler: this sets s->scheduler. Returns RV_E_CONFIG if the two
 * contradict. */
int rc_settings_choose_scheduler(struct rc_settings *s, struct rv_error *err);

#endif
