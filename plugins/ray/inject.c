/* inject.c - what optional features add to a pod (spec sections 9.5 to 9.10): the autoscaler beside the head, GCS fault
 * tolerance, tokens, TLS, the history collector. Each function does nothing when its feature is off. */
#include "fields.h"
#include "names.h"
#include "pod_build.h"
#include "token.h"

static struct rv_node *env_of(struct pod_build *b, struct rv_node *container) {
    return rv_node_ensure_array(b->a, container, "env");
}

static struct rv_node *container_named(struct pod_build *b, const char *list, const char *name) {
    return rv_node_find(rv_node_get(b->spec, list), "name", rv_str(name));
}

static struct rv_node *new_container(struct pod_build *b, const char *name) {
    struct rv_node *n = rv_node_map(b->a);
    rv_node_set_cstr(b->a, n, "name", name);
    return n;
}

static void limits_and_requests(struct pod_build *b, struct rv_node *container, const char *cpu, const char *memory) {
    struct rv_node *r = rv_node_ensure_map(b->a, container, "resources");
    rv_node_set(b->a, r, "limits", pod_amounts(b, cpu, memory));
    rv_node_set(b->a, r, "requests", pod_amounts(b, cpu, memory));
}

/* Ray's logs, shared with what reads them. */
static void share_logs(struct pod_build *b, struct rv_node *container) {
    bool fresh;
    struct rv_node *volume = pod_volume(b, "ray-logs", &fresh);
    if (fresh) rv_node_set(b->a, volume, "emptyDir", rv_node_map(b->a));
    pod_mount(b, container, "ray-logs", "/tmp/ray", false);
}

/* ---- autoscaler ------------------------------------------------------------------------------------------------ */

#define AUTOSCALER_COMMAND                                                                                             \
    "ray kuberay-autoscaler --cluster-name $(RAY_CLUSTER_NAME) --cluster-namespace $(RAY_CLUSTER_NAMESPACE)"

/* What the user's autoscalerOptions replace, and what they add to. */
static void autoscaler_overrides(struct pod_build *b, struct rv_node *n) {
    static const char *const replaced[] = {"resources",       "image",   "imagePullPolicy",
                                           "securityContext", "command", "args"};
    static const char *const appended[] = {"env", "envFrom", "volumeMounts"};
    struct rv_val options = b->c->f.autoscaler_options;
    for (size_t i = 0; i < RV_ARRAY_LEN(replaced); i++) {
        struct rv_val v = rv_val_get(options, replaced[i]);
        bool list = rv_val_type(v) == RV_ARRAY;
        if (rv_val_set(v) && !(list && rv_val_len(v) == 0)) rv_node_set(b->a, n, replaced[i], rv_node_from(b->a, v));
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(appended); i++)
        for (struct rv_iter it = rv_iter(rv_val_get(options, appended[i])); rv_iter_next(&it);)
            rv_node_append(b->a, rv_node_ensure_array(b->a, n, appended[i]), rv_node_from(b->a, it.val));
}

static void autoscaler_container(struct pod_build *b) {
    struct rv_arena *a = b->a;
    struct rv_node *n = new_container(b, RC_CONTAINER_AUTOSCALER), *env = env_of(b, n), *args = rv_node_array(a);
    pod_copy_field(b, n, "image");
    rv_node_set_cstr(a, n, "imagePullPolicy", "IfNotPresent");
    pod_env_field(b, env, "RAY_CLUSTER_NAME", "metadata.labels['" RC_LABEL_CLUSTER "']");
    pod_env_field(b, env, "RAY_CLUSTER_NAMESPACE", "metadata.namespace");
    pod_env_field(b, env, "RAY_HEAD_POD_NAME", "metadata.name");
    pod_env(b, env, "KUBERAY_CRD_VER", RV_STR("v1"));
    pod_env(b, env, "KUBERAY_GEN_AUTOSCALER_START_CMD", RV_STR(AUTOSCALER_COMMAND));
    rv_node_append(a, args, rv_node_str(a, RV_STR(AUTOSCALER_COMMAND)));
    rv_node_set(a, n, "command", pod_shell(b));
    rv_node_set(a, n, "args", args);
    limits_and_requests(b, n, "500m", "512Mi");
    rv_node_append(a, rv_node_ensure_array(a, b->spec, "containers"), n);
}

void inject_autoscaler(struct pod_build *b) {
    const struct rc_features *f = &b->c->f;
    if (!f->autoscaling) return;
    bool sidecar = rc_has_sidecar(f), v2 = f->autoscaler == 2 || !sidecar;
    if (v2) rv_node_set_cstr(b->a, b->spec, "restartPolicy", "Never");
    if (!b->head) return;
    rv_node_set_cstr(b->a, b->params, "no-monitor", "true");
    if (f->autoscaler != 0 || !sidecar)
        pod_env(b, env_of(b, b->ray), "RAY_enable_autoscaler_v2", v2 ? RV_STR("true") : RV_STR("false"));
    if (!sidecar) return; /* the plugin autoscaler scales: nothing in the head needs an account */
    rv_node_set_str(b->a, b->spec, "serviceAccountName", rc_name_service_account(b->a, b->c));
    autoscaler_container(b);
}

/* This comes last, because what the user says of the sidecar wins over what was injected into it. */
static void finish_autoscaler(struct pod_build *b) {
    struct rv_node *n =
        b->head && rc_has_sidecar(&b->c->f) ? container_named(b, "containers", RC_CONTAINER_AUTOSCALER) : NULL;
    if (n != NULL) autoscaler_overrides(b, n);
}

/* ---- GCS fault tolerance ----------------------------------------------------------------------------------------- */

/* {value, valueFrom} as the API has it, as an env entry. */
static void credential(struct pod_build *b, struct rv_node *env, const char *key, struct rv_val given) {
    struct rv_node *n = rv_node_map(b->a);
    struct rv_val from = rv_val_get(given, "valueFrom");
    rv_node_set_cstr(b->a, n, "name", key);
    if (rv_val_set(from))
        rv_node_set(b->a, n, "valueFrom", rv_node_from(b->a, from));
    else
        rv_node_set_str(b->a, n, "value", rv_path_str(given, "value"));
    rv_node_append(b->a, env, n);
}

struct rv_str rc_storage_namespace(const struct rc_cluster *c) {
    struct rv_str given = rv_path_str(c->f.ft_options, "externalStorageNamespace"),
                  note = rc_annotation(c, RC_ANNOTATION_STORAGE_NAMESPACE);
    return given.n != 0 ? given : note.n != 0 ? note : c->uid;
}

static void redis_options(struct pod_build *b, struct rv_node *env) {
    static const struct {
        const char *field, *env, *param, *value;
    } credentials[] = {{"redisUsername", "REDIS_USERNAME", "redis-username", "$REDIS_USERNAME"},
                       {"redisPassword", "REDIS_PASSWORD", "redis-password", "$REDIS_PASSWORD"}};
    pod_env(b, env, "RAY_REDIS_ADDRESS", rv_path_str(b->c->f.ft_options, "redisAddress"));
    for (size_t i = 0; i < RV_ARRAY_LEN(credentials); i++) {
        struct rv_val given = rv_val_get(b->c->f.ft_options, credentials[i].field);
        if (!rv_val_set(given)) continue;
        credential(b, env, credentials[i].env, given);
        rv_node_set_cstr(b->a, b->params, credentials[i].param, credentials[i].value);
    }
}

static void redis_head(struct pod_build *b, struct rv_node *env) {
    struct rv_str ns = rc_storage_namespace(b->c);
    rv_node_set_str(b->a, b->notes, RC_ANNOTATION_STORAGE_NAMESPACE, ns);
    pod_env_default(b, env, "RAY_external_storage_namespace", ns);
    if (rv_val_set(b->c->f.ft_options)) {
        redis_options(b, env);
        return;
    }
    /* The cleanup Job, which has no start parameters, must be able to log in too. */
    struct rv_str password = rv_path_str(b->group, "rayStartParams.redis-password");
    if (password.n != 0) pod_env_default(b, env, "REDIS_PASSWORD", password);
}

static void rocksdb_head(struct pod_build *b, struct rv_node *env) {
    struct rv_arena *a = b->a;
    bool fresh;
    pod_env(b, env, "RAY_gcs_storage", RV_STR("rocksdb"));
    pod_env(b, env, "RAY_gcs_storage_path", RV_STR(RC_GCS_PATH));
    struct rv_node *volume = pod_volume(b, RC_VOLUME_GCS, &fresh), *claim = rv_node_map(a);
    rv_node_set_str(a, claim, "claimName", rc_gcs_claim(a, b->c));
    rv_node_set(a, volume, "persistentVolumeClaim", claim);
    pod_mount(b, b->ray, RC_VOLUME_GCS, RC_GCS_PATH, false);
    struct rv_str sub = rv_path_str(b->c->f.ft_options, "storage.subPath");
    struct rv_node *mount = rv_node_find(rv_node_get(b->ray, "volumeMounts"), "name", RV_STR(RC_VOLUME_GCS));
    if (sub.n != 0) rv_node_set_str(a, mount, "subPath", sub);
}

void inject_fault_tolerance(struct pod_build *b) {
    const struct rc_features *f = &b->c->f;
    if (b->head) rv_node_set_cstr(b->a, b->notes, RC_ANNOTATION_FT_ENABLED, f->ft ? "true" : "false");
    if (!f->ft) return;
    struct rv_node *env = env_of(b, b->ray);
    if (!b->head)
        pod_env_default(b, env, "RAY_gcs_rpc_server_reconnect_timeout_s", RV_STR("600"));
    else if (f->ft_rocksdb)
        rocksdb_head(b, env);
    else
        redis_head(b, env);
}

/* ---- tokens --------------------------------------------------------------------------------------------------------
 */

void inject_token(struct pod_build *b) {
    rc_token_volume(b->a, b->c, b->spec);
    rc_token_into(b->a, b->c, b->ray);
    rc_token_into(b->a, b->c, container_named(b, "initContainers", RC_CONTAINER_WAIT_GCS));
    if (b->head) rc_token_into(b->a, b->c, container_named(b, "containers", RC_CONTAINER_AUTOSCALER));
}

/* ---- TLS -----------------------------------------------------------------------------------------------------------
 */

static void tls_into(struct pod_build *b, struct rv_node *container) {
    static const char *const values[][2] = {{"RAY_USE_TLS", "1"},
                                            {"RAY_TLS_SERVER_CERT", RC_TLS_PATH "/tls.crt"},
                                            {"RAY_TLS_SERVER_KEY", RC_TLS_PATH "/tls.key"},
                                            {"RAY_TLS_CA_CERT", RC_TLS_PATH "/ca.crt"}};
    if (container == NULL) return;
    struct rv_node *env = env_of(b, container);
    for (size_t i = 0; i < RV_ARRAY_LEN(values); i++) pod_env(b, env, values[i][0], rv_str(values[i][1]));
    pod_mount(b, container, RC_VOLUME_TLS, RC_TLS_PATH, true);
}

/* The certificate must name the pod's own address, which is known only once the pod runs: until cert-manager has issued
 * such a one and the kubelet has put it into the volume, Ray would refuse its own certificate. */
#define WAIT_FOR_CERTIFICATE                                                                                           \
    "command -v openssl >/dev/null 2>&1 || { echo 'openssl is missing in this image: the certificate cannot be "       \
    "looked at'; exit 1; }\n"                                                                                          \
    "until openssl x509 -in " RC_TLS_PATH "/tls.crt -noout -text 2>/dev/null | tr ',' '\\n' |"                         \
    " sed 's/^ *//' | grep -Fx \"IP Address:$POD_IP\" >/dev/null; do\n"                                                \
    "  echo \"Waiting for a certificate that names $POD_IP\"\n"                                                        \
    "  sleep 5\n"                                                                                                      \
    "done\n"

static void wait_for_certificate(struct pod_build *b) {
    struct rv_arena *a = b->a;
    if (container_named(b, "initContainers", RC_CONTAINER_WAIT_TLS) != NULL) return;
    struct rv_node *n = new_container(b, RC_CONTAINER_WAIT_TLS), *command = rv_node_array(a);
    pod_copy_field(b, n, "image");
    pod_copy_field(b, n, "imagePullPolicy");
    pod_copy_field(b, n, "securityContext");
    const char *const words[] = {"sh", "-c", WAIT_FOR_CERTIFICATE};
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++) rv_node_append(a, command, rv_node_str(a, rv_str(words[i])));
    rv_node_set(a, n, "command", command);
    pod_env_field(b, env_of(b, n), "POD_IP", "status.podIP");
    pod_mount(b, n, RC_VOLUME_TLS, RC_TLS_PATH, true);
    limits_and_requests(b, n, "50m", "64Mi");
    rv_node_insert(a, rv_node_ensure_array(a, b->spec, "initContainers"), 0, n);
}

void inject_tls(struct pod_build *b) {
    if (!b->c->f.tls) return;
    bool fresh;
    struct rv_node *volume = pod_volume(b, RC_VOLUME_TLS, &fresh), *secret = rv_node_map(b->a);
    rv_node_set_fmt(b->a, secret, "secretName", "ray-%s-secret-" RV_STR_FMT, b->head ? "head" : "worker",
                    RV_STR_ARG(b->c->name));
    rv_node_set(b->a, volume, "secret", secret);
    tls_into(b, b->ray);
    tls_into(b, container_named(b, "initContainers", RC_CONTAINER_WAIT_GCS));
    if (b->head) tls_into(b, container_named(b, "containers", RC_CONTAINER_AUTOSCALER));
    wait_for_certificate(b);
}

/* ---- history collector
 * ----------------------------------------------------------------------------------------------- */

static void collector_env(struct pod_build *b, struct rv_node *env) {
    struct rv_val labels = rv_val_get(b->c->meta, "labels"), given = rv_val_get(b->c->f.collector, "env");
    struct rv_str kind = rv_val_str(rv_val_get(labels, RC_LABEL_ORIGIN_KIND)),
                  name = rv_val_str(rv_val_get(labels, RC_LABEL_ORIGIN_NAME));
    pod_env_field(b, env, "POD_IP", "status.podIP");
    pod_env(b, env, "RAY_CLUSTER_NAME", b->c->name);
    pod_env(b, env, "RAY_CLUSTER_NAMESPACE", b->c->ns);
    pod_env(b, env, "RAY_ROLE", b->head ? RV_STR("Head") : RV_STR("Worker"));
    pod_env(b, env, "EVENTS_PORT", RV_STR("8084"));
    pod_env(b, env, "FQ_RAY_IP", b->fqdn);
    if (kind.n != 0) pod_env(b, env, "OWNER_KIND", kind);
    if (name.n != 0) pod_env(b, env, "OWNER_NAME", name);
    bool own_address = false;
    for (struct rv_iter it = rv_iter(given); rv_iter_next(&it);)
        own_address |= rv_str_is(rv_path_str(it.val, "name"), "RAY_DASHBOARD_ADDRESS");
    if (b->head && !own_address) pod_env(b, env, "RAY_DASHBOARD_ADDRESS", RV_STR("http://localhost:8265"));
    for (struct rv_iter it = rv_iter(given); rv_iter_next(&it);) rv_node_append(b->a, env, rv_node_from(b->a, it.val));
}

void inject_collector(struct pod_build *b) {
    struct rv_arena *a = b->a;
    if (rv_val_present(b->c->f.collector)) {
        struct rv_val options = b->c->f.collector, policy = rv_val_get(options, "imagePullPolicy"),
                      resources = rv_val_get(options, "resources");
        struct rv_node *n = new_container(b, RC_CONTAINER_COLLECTOR);
        rv_node_set_str(a, n, "image", rv_path_str(options, "image"));
        rv_node_set_str(a, n, "imagePullPolicy", rv_val_str_or(policy, "IfNotPresent"));
        collector_env(b, env_of(b, n));
        if (rv_val_set(resources)) {
            rv_node_set(a, n, "resources", rv_node_from(a, resources));
        } else {
            struct rv_node *r = rv_node_ensure_map(a, n, "resources");
            rv_node_set(a, r, "requests", pod_amounts(b, "50m", "64Mi"));
            rv_node_set(a, r, "limits", pod_amounts(b, "200m", "256Mi"));
        }
        rc_token_into(b->a, b->c, n);
        rv_node_append(a, rv_node_ensure_array(a, b->spec, "containers"), n);
    }
    finish_autoscaler(b);
}

/* Ray's logs for the containers that read them. The volume comes after everything else that is mounted. */
void inject_logs(struct pod_build *b) {
    const char *const readers[] = {b->head && rc_has_sidecar(&b->c->f) ? RC_CONTAINER_AUTOSCALER : NULL,
                                   rv_val_present(b->c->f.collector) ? RC_CONTAINER_COLLECTOR : NULL};
    for (size_t i = 0; i < RV_ARRAY_LEN(readers); i++) {
        if (readers[i] == NULL) continue;
        share_logs(b, b->ray);
        share_logs(b, container_named(b, "containers", readers[i]));
    }
}

#define EXPORTED_EVENTS                                                                                                \
    "TASK_DEFINITION_EVENT,TASK_LIFECYCLE_EVENT,ACTOR_TASK_DEFINITION_EVENT,TASK_PROFILE_EVENT,"                       \
    "DRIVER_JOB_DEFINITION_EVENT,DRIVER_JOB_LIFECYCLE_EVENT,ACTOR_DEFINITION_EVENT,ACTOR_LIFECYCLE_EVENT,"             \
    "NODE_DEFINITION_EVENT,NODE_LIFECYCLE_EVENT"

void inject_collector_env(struct pod_build *b, struct rv_node *env) {
    static const char *const values[][2] = {
        {"RAY_enable_ray_event", "true"},
        {"RAY_enable_core_worker_ray_event_to_aggregator", "true"},
        {"RAY_DASHBOARD_AGGREGATOR_AGENT_EVENTS_EXPORT_ADDR", "http://localhost:8084/v1/events"},
        {"RAY_DASHBOARD_AGGREGATOR_AGENT_EXPOSABLE_EVENT_TYPES", EXPORTED_EVENTS},
        {"RAY_DASHBOARD_AGGREGATOR_AGENT_PUBLISHER_HTTP_ENDPOINT_EXPOSABLE_EVENT_TYPES", EXPORTED_EVENTS}};
    if (!rv_val_present(b->c->f.collector)) return;
    for (size_t i = 0; i < RV_ARRAY_LEN(values); i++) pod_env_default(b, env, values[i][0], rv_str(values[i][1]));
}
