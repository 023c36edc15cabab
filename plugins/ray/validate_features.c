/* validate_features.c - the optional features' rules (spec section 5.2, rows 15 to 28 and 37 to 55). */
#include <stdio.h>

#include "fields.h"
#include "validate.h"

static bool gate_off(struct check *k, const char *gate, const char *text) {
    return !rc_gate(k->c->settings, gate, false) && rc_reject(k->out, "%s", text);
}

/* ---- GCS fault tolerance ------------------------------------------------------------------------------------ */

/* An empty list is as good as none; an empty text, too, unless the field tells the two apart. */
static bool given(struct rv_val v, bool empty_text) {
    if (rv_val_type(v) == RV_ARRAY) return rv_val_len(v) > 0;
    return rv_val_set(v) && (empty_text || rv_val_type(v) != RV_STRING || rv_val_str(v).n != 0);
}

/* What the embedded backend sets itself. */
static bool rocksdb_conflicts(struct check *k, struct rv_val storage) {
    static const char *const exclusive[] = {"size", "storageClassName", "accessModes"};
    struct rv_val head = rc_head_container(k->c);
    for (size_t i = 0; i < RV_ARRAY_LEN(exclusive) && rv_path_str(storage, "claimName").n != 0; i++)
        if (given(rv_val_get(storage, exclusive[i]), true))
            return rc_reject(k->out,
                             "spec.gcsFaultToleranceOptions.storage: GcsFaultToleranceOptions.Storage.ClaimName is "
                             "mutually exclusive with size, storageClassName, and accessModes");
    if (rv_val_present(check_env(head, "RAY_gcs_storage")) || rv_val_present(check_env(head, "RAY_gcs_storage_path")))
        return rc_reject(k->out, "cannot set `RAY_gcs_storage` or `RAY_gcs_storage_path` env var in head Pod when the "
                                 "embedded GCS FT backend is used - these are managed by KubeRay");
    for (struct rv_iter it = rv_iter(rv_val_get(head, "volumeMounts")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), RC_VOLUME_GCS) ||
            rv_str_is(rv_path_str(it.val, "mountPath"), RC_GCS_PATH))
            return rc_reject(k->out,
                             "cannot set a volume mount named \"" RC_VOLUME_GCS "\" or mounted at " RC_GCS_PATH
                             " in the head container when the embedded GCS FT backend is used - it is managed by "
                             "KubeRay");
    for (struct rv_iter it = rv_iter(rv_val_path(k->c->spec, "headGroupSpec.template.spec.volumes"));
         rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), RC_VOLUME_GCS))
            return rc_reject(k->out,
                             "cannot set a volume named \"" RC_VOLUME_GCS "\" in the head Pod when the embedded "
                             "GCS FT backend is used - it is managed by KubeRay");
    return false;
}

static bool ft_options_conflicts(struct check *k, struct rv_val options) {
    struct rv_val head = rc_head_container(k->c);
    if (check_non_empty(rv_val_path(k->c->spec, "headGroupSpec.rayStartParams"), "redis-password"))
        return rc_reject(k->out,
                         "cannot set `redis-password` in rayStartParams when GcsFaultToleranceOptions is enabled - "
                         "use GcsFaultToleranceOptions.RedisPassword instead");
    if (rv_val_present(check_env(head, "REDIS_PASSWORD")))
        return rc_reject(k->out,
                         "cannot set `REDIS_PASSWORD` env var in head Pod when GcsFaultToleranceOptions is enabled - "
                         "use GcsFaultToleranceOptions.RedisPassword instead");
    if (rv_val_present(check_env(head, "RAY_REDIS_ADDRESS")))
        return rc_reject(k->out, "cannot set `RAY_REDIS_ADDRESS` env var in head Pod when GcsFaultToleranceOptions is "
                                 "enabled - use GcsFaultToleranceOptions.RedisAddress instead");
    if (rc_annotation(k->c, RC_ANNOTATION_STORAGE_NAMESPACE).n != 0)
        return rc_reject(k->out, "cannot set `" RC_ANNOTATION_STORAGE_NAMESPACE
                                 "` annotation when GcsFaultToleranceOptions is enabled - use "
                                 "GcsFaultToleranceOptions.ExternalStorageNamespace instead");
    bool rocks = rv_str_is(rv_path_str(options, "backend"), "rocksdb");
    if (!rocks)
        return rv_val_set(rv_val_get(options, "storage")) &&
               rc_reject(k->out,
                         "cannot set GcsFaultToleranceOptions.Storage when backend is 'redis' - it only applies to "
                         "the 'rocksdb' backend");
    if (gate_off(k, RC_GATE_EMBEDDED_FT,
                 "the embedded RocksDB GCS fault tolerance backend (GcsFaultToleranceOptions.Backend: "
                 "'rocksdb') requires the GCSFaultToleranceEmbeddedStorage feature gate to be enabled"))
        return true;
    static const char *const redis_only[][2] = {{"redisAddress", "RedisAddress"},
                                                {"redisUsername", "RedisUsername"},
                                                {"redisPassword", "RedisPassword"},
                                                {"externalStorageNamespace", "ExternalStorageNamespace"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(redis_only); i++)
        if (given(rv_val_get(options, redis_only[i][0]), false))
            return rc_reject(k->out, "cannot set GcsFaultToleranceOptions.%s when backend is 'rocksdb'",
                             redis_only[i][1]);
    return rocksdb_conflicts(k, rv_val_get(options, "storage"));
}

bool check_fault_tolerance(struct check *k) {
    struct rv_val options = rv_val_get(k->c->spec, "gcsFaultToleranceOptions"), head = rc_head_container(k->c);
    struct rv_str note = rc_annotation(k->c, RC_ANNOTATION_FT_ENABLED);
    bool set = rv_val_set(options);
    if (note.n != 0 && set)
        return rc_reject(k->out,
                         RC_ANNOTATION_FT_ENABLED " annotation and GcsFaultToleranceOptions are both set. Please use "
                                                  "only GcsFaultToleranceOptions to configure GCS fault tolerance");
    if (!set && !rv_str_ieq(note, "true") && rv_val_present(check_env(head, "RAY_REDIS_ADDRESS")))
        return rc_reject(
            k->out,
            "RAY_REDIS_ADDRESS is set which implicitly enables GCS fault tolerance, but GcsFaultToleranceOptions is "
            "not set. Please set GcsFaultToleranceOptions to enable GCS fault tolerance");
    if (set && ft_options_conflicts(k, options)) return true;
    return (check_non_empty(rv_val_path(k->c->spec, "headGroupSpec.rayStartParams"), "redis-username") ||
            rv_val_present(check_env(head, "REDIS_USERNAME"))) &&
           rc_reject(k->out, "cannot set redis username in rayStartParams or environment variables - use "
                             "GcsFaultToleranceOptions.RedisUsername instead");
}

/* ---- history server ------------------------------------------------------------------------------------------- */

static struct rv_str env_value(struct rv_val env, const char *name) {
    for (struct rv_iter it = rv_iter(env); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), name)) return rv_path_str(it.val, "value");
    return (struct rv_str){NULL, 0};
}

static bool env_given(struct rv_val env, const char *name) {
    for (struct rv_iter it = rv_iter(env); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), name)) return true;
    return false;
}

static bool bad_azure(struct check *k, struct rv_val env) {
    static const struct {
        const char *mode, *needed;
    } modes[] = {{"connection_string", "AZURE_STORAGE_CONNECTION_STRING"},
                 {"workload_identity", "AZURE_STORAGE_ACCOUNT_URL"},
                 {"default", "AZURE_STORAGE_ACCOUNT_URL"}};
    struct rv_str mode = env_value(env, "AZURE_STORAGE_AUTH_MODE");
    while (mode.n > 0 && mode.p[0] == ' ') mode = (struct rv_str){mode.p + 1, mode.n - 1};
    while (mode.n > 0 && mode.p[mode.n - 1] == ' ') mode.n--;
    for (size_t i = 0; i < RV_ARRAY_LEN(modes); i++)
        if (rv_str_ieq(mode, modes[i].mode))
            return !env_given(env, modes[i].needed) &&
                   rc_reject(k->out,
                             "%s environment variable must be set when STORAGE_BACKEND is AZUREBLOB and "
                             "AZURE_STORAGE_AUTH_MODE is %s",
                             modes[i].needed, modes[i].mode);
    return !env_given(env, "AZURE_STORAGE_CONNECTION_STRING") && !env_given(env, "AZURE_STORAGE_ACCOUNT_URL") &&
           rc_reject(k->out, "either AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_URL environment variable "
                             "must be set when STORAGE_BACKEND is AZUREBLOB");
}

static bool bad_backend(struct check *k, struct rv_val env) {
    static const struct {
        const char *backend, *needed[3];
    } backends[] = {{"GCS", {"GCS_BUCKET", NULL, NULL}},
                    {"S3", {"S3_REGION", NULL, NULL}},
                    {"ALIYUNOSS", {"OSS_BUCKET", "OSS_ENDPOINT", "OSS_REGION"}}};
    struct rv_str backend = env_value(env, "STORAGE_BACKEND");
    if (backend.n == 0)
        return rc_reject(k->out, "STORAGE_BACKEND environment variable must be set with a literal string value in "
                                 "historyServerOptions.collectorOptions.env");
    for (size_t i = 0; i < RV_ARRAY_LEN(backends); i++) {
        if (!rv_str_ieq(backend, backends[i].backend)) continue;
        for (size_t n = 0; n < RV_ARRAY_LEN(backends[i].needed) && backends[i].needed[n] != NULL; n++)
            if (!env_given(env, backends[i].needed[n]))
                return rc_reject(k->out, "%s environment variable must be set when STORAGE_BACKEND is %s",
                                 backends[i].needed[n], backends[i].backend);
    }
    return rv_str_ieq(backend, "AZUREBLOB") && bad_azure(k, env);
}

static bool has_collector(struct rv_val group) {
    for (struct rv_iter it = rv_iter(rv_val_path(group, "template.spec.containers")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), RC_CONTAINER_COLLECTOR)) return true;
    return false;
}

static bool second_collector(struct check *k) {
    if (has_collector(rv_val_get(k->c->spec, "headGroupSpec")))
        return rc_reject(k->out, "head pod template must not define a container with name '" RC_CONTAINER_COLLECTOR
                                 "' when history server collector options are enabled");
    for (struct rv_iter g = rv_iter(rc_groups(k->c)); rv_iter_next(&g);)
        if (has_collector(g.val))
            return rc_reject(k->out,
                             "worker group " RV_STR_FMT
                             " pod template must not define a container with name '" RC_CONTAINER_COLLECTOR
                             "' when history server collector options are enabled",
                             RV_STR_ARG(rv_path_str(g.val, "groupName")));
    return false;
}

bool check_history(struct check *k) {
    static const char *const managed[] = {"POD_IP",   "FQ_RAY_IP",  "RAY_CLUSTER_NAME", "RAY_CLUSTER_NAMESPACE",
                                          "RAY_ROLE", "OWNER_KIND", "OWNER_NAME",       "EVENTS_PORT"};
    struct rv_val history = rv_val_get(k->c->spec, "historyServerOptions"),
                  options = rv_val_get(history, "collectorOptions"), env = rv_val_get(options, "env");
    if (!rv_val_set(history)) return false;
    if (gate_off(k, RC_GATE_HISTORY, "RayClusterHistoryServer feature gate is not enabled")) return true;
    if (!rv_val_set(options)) return rc_reject(k->out, "historyServerOptions.collectorOptions must be set");
    if (rv_path_str(options, "image").n == 0)
        return rc_reject(k->out, "historyServerOptions.collectorOptions.image must be set");
    for (size_t i = 0; i < RV_ARRAY_LEN(managed); i++)
        if (env_given(env, managed[i]))
            return rc_reject(k->out,
                             "historyServerOptions.collectorOptions.env must not contain %s: it is managed by KubeRay "
                             "and injected automatically into the collector container",
                             managed[i]);
    return bad_backend(k, env) || second_collector(k);
}

/* ---- authentication ------------------------------------------------------------------------- */

bool check_authentication(struct check *k) {
    struct rv_val auth = rv_val_get(k->c->spec, "authOptions");
    bool token = rv_str_is(rv_path_str(auth, "mode"), "token"),
         by_kubernetes = rv_path_bool(auth, "enableK8sTokenAuth", false);
    if (token && check_need_version(k, "authOptions.mode is 'token'", 2, 52)) return true;
    if (by_kubernetes && !token)
        return rc_reject(k->out, "authOptions.enableK8sTokenAuth is enabled but authOptions.mode not set to 'token'");
    if (by_kubernetes && check_need_version(k, "authOptions.enableK8sTokenAuth is enabled", 2, 55)) return true;
    return by_kubernetes && rv_path_str(auth, "secretName").n != 0 &&
           rc_reject(k->out, "authOptions.enableK8sTokenAuth is enabled and authOptions.secretName is also set");
}

/* ---- network policy ---------------------------------------------------------------------------------------------- */

/* Rules for a direction that the mode does not restrict would silently do nothing. */
static bool idle_rules(struct check *k, struct rv_str mode, struct rv_val rules, const char *path) {
    static const struct {
        const char *mode, *field, *word;
    } idle[] = {{"DenyAllEgress", "ingressRules", "ingress"}, {"DenyAllIngress", "egressRules", "egress"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(idle); i++)
        if (rv_str_is(mode, idle[i].mode) && rv_val_len(rv_val_get(rules, idle[i].field)) > 0)
            return rc_reject(k->out, "networkPolicy.%s.%s cannot be set when mode is \"%s\" (%s is not restricted)",
                             path, idle[i].field, idle[i].mode, idle[i].word);
    return false;
}

static bool known_group(const struct check *k, struct rv_str name) {
    for (struct rv_iter g = rv_iter(rc_groups(k->c)); rv_iter_next(&g);)
        if (rv_str_eq(rv_path_str(g.val, "groupName"), name)) return true;
    return false;
}

bool check_network_policy(struct check *k) {
    struct rv_val policy = rv_val_get(k->c->spec, "networkPolicy");
    struct rv_str mode = rv_val_str_or(rv_val_get(policy, "mode"), "DenyAll");
    if (!rv_val_set(policy)) return false;
    if (gate_off(k, RC_GATE_NETWORK_POLICY,
                 "spec.networkPolicy requires the RayClusterNetworkPolicy feature gate to be enabled"))
        return true;
    if (idle_rules(k, mode, rv_val_get(policy, "head"), "head") ||
        idle_rules(k, mode, rv_val_get(policy, "worker"), "worker"))
        return true;
    for (struct rv_iter g = rv_iter(rc_groups(k->c)); rv_iter_next(&g);) {
        struct rv_str name = rv_path_str(g.val, "groupName");
        const char *why = rv_name_dns1123_label(name);
        if (why != NULL)
            return rc_reject(k->out,
                             "worker group name \"" RV_STR_FMT
                             "\" must be a valid DNS1123 label when networkPolicy is enabled (it is embedded in the "
                             "NetworkPolicy name): %s",
                             RV_STR_ARG(name), why);
    }
    for (struct rv_iter it = rv_iter(rv_val_get(policy, "workerGroups")); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "groupName");
        rv_autobuf struct rv_buf path = {0};
        rv_buf_addf(&path, "workerGroups[\"" RV_STR_FMT "\"]", RV_STR_ARG(name));
        if (idle_rules(k, mode, it.val, rv_buf_cstr(&path))) return true;
        if (!known_group(k, name))
            return rc_reject(k->out,
                             "networkPolicy.workerGroups[\"" RV_STR_FMT
                             "\"] does not match any group name in workerGroupSpecs",
                             RV_STR_ARG(name));
    }
    return false;
}

/* ---- TLS -----------------------------------------------------------------------------------------------------------
 */

static bool tls_conflicts(struct check *k, struct rv_val container, const char *place) {
    static const char *const managed[] = {"RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY",
                                          "RAY_TLS_CA_CERT"};
    for (size_t i = 0; i < RV_ARRAY_LEN(managed); i++)
        if (rv_val_present(check_env(container, managed[i])))
            return rc_reject(k->out,
                             "cannot set %s environment variable in %s when tlsOptions is set - the operator manages "
                             "TLS configuration automatically",
                             managed[i], place);
    for (struct rv_iter it = rv_iter(rv_val_get(container, "volumeMounts")); rv_iter_next(&it);) {
        if (rv_str_is(rv_path_str(it.val, "name"), RC_VOLUME_TLS))
            return rc_reject(k->out,
                             "cannot use volume mount named \"" RC_VOLUME_TLS
                             "\" in %s when tlsOptions is set - the operator manages TLS configuration automatically",
                             place);
        if (rv_str_is(rv_path_str(it.val, "mountPath"), RC_TLS_PATH))
            return rc_reject(k->out,
                             "cannot use volume mount at path \"" RC_TLS_PATH
                             "\" in %s when tlsOptions is set - the operator manages TLS configuration automatically",
                             place);
    }
    return false;
}

bool check_tls(struct check *k) {
    if (!rv_val_set(rv_val_get(k->c->spec, "tlsOptions"))) return false;
    if (gate_off(k, RC_GATE_MTLS, "spec.tlsOptions requires the RayClusterMTLS feature gate to be enabled"))
        return true;
    if (!k->c->f.tls) return false;
    if (tls_conflicts(k, rc_head_container(k->c), "head Pod")) return true;
    for (struct rv_iter g = rv_iter(rc_groups(k->c)); rv_iter_next(&g);) {
        rv_autobuf struct rv_buf place = {0};
        rv_buf_addf(&place, "worker group \"" RV_STR_FMT "\"", RV_STR_ARG(rv_path_str(g.val, "groupName")));
        if (tls_conflicts(k, rv_val_path(g.val, "template.spec.containers[0]"), rv_buf_cstr(&place))) return true;
    }
    return tls_conflicts(k, k->c->f.autoscaler_options, "autoscalerOptions");
}
