/* pod.c - head and worker pods (spec section 9), built on the user's template, which is shared and copied only where it
 * changes. */
#include "fields.h"
#include "names.h"
#include "pod_build.h"
#include "start_params.h"
#include "version.h"

/* ---- metadata --------------------------------------------------------------------------------------------- */

/* The labels by which the controller finds its pods, and those that the head's service selects. A label of that name in
 * the user's template must not reach the pod. */
static bool guarded(const struct pod_build *b, struct rv_str key) {
    static const char *const ours[] = {RC_LABEL_NODE_TYPE,     RC_LABEL_GROUP,        RC_LABEL_CLUSTER,
                                       RC_LABEL_REPLICA_INDEX, RC_LABEL_REPLICA_NAME, RC_LABEL_HOST_INDEX,
                                       RC_LABEL_IS_RAY_NODE};
    for (size_t i = 0; i < RV_ARRAY_LEN(ours); i++)
        if (rv_str_is(key, ours[i])) return true;
    return b->head && (rv_str_is(key, RC_LABEL_CREATED_BY) || rv_str_is(key, RC_LABEL_IDENTIFIER));
}

static void overlay(struct pod_build *b, struct rv_node *labels, struct rv_val from) {
    for (struct rv_iter it = rv_iter(from); rv_iter_next(&it);)
        if (!guarded(b, it.key)) rv_node_setn(b->a, labels, it.key, rv_node_str(b->a, rv_val_str(it.val)));
}

/* Does a worker of this cluster have a proxy of Serve? The configuration may give one to the head only, or none. */
static bool has_serve_proxy(const struct rc_cluster *c) {
    struct rv_str where = rc_annotation(c, RC_ANNOTATION_SERVE_PROXIES);
    return rv_str_is(c->creator, "RayService") && !rv_str_is(where, "HeadOnly") && !rv_str_is(where, "Disabled");
}

static void labels(struct pod_build *b, const struct rc_place *place) {
    struct rv_arena *a = b->a;
    struct rv_node *l = rv_node_map(a);
    struct rv_str identifier =
        rc_name_label(a, rv_arena_fmt(a, RV_STR_FMT "-%s", RV_STR_ARG(b->c->name), b->head ? "head" : "worker"));
    rv_node_set_cstr(a, l, RC_LABEL_IS_RAY_NODE, "yes");
    rv_node_set_str(a, l, RC_LABEL_CLUSTER, b->c->name);
    rv_node_set_cstr(a, l, RC_LABEL_NODE_TYPE, b->head ? "head" : "worker");
    rv_node_set_str(a, l, RC_LABEL_GROUP, b->group_name);
    rv_node_set_str(a, l, RC_LABEL_IDENTIFIER, identifier);
    rv_node_set_cstr(a, l, RC_LABEL_APP_NAME, "kuberay");
    rv_node_set_cstr(a, l, RC_LABEL_CREATED_BY, RC_CREATED_BY);
    overlay(b, l, rv_val_path(b->group, "template.metadata.labels"));
    overlay(b, l, rv_val_get(b->group, "labels"));
    if (place != NULL && place->index >= 0)
        rv_node_set_fmt(a, l, RC_LABEL_REPLICA_INDEX, "%lld", (long long)place->index);
    if (place != NULL && place->replica.n != 0) {
        rv_node_set_str(a, l, RC_LABEL_REPLICA_NAME, place->replica);
        rv_node_set_fmt(a, l, RC_LABEL_HOST_INDEX, "%lld", (long long)place->host);
    }
    for (struct rv_iter it = rv_iter(b->c->settings->default_labels); rv_iter_next(&it);)
        if (rv_node_getn(l, it.key) == NULL && !guarded(b, it.key))
            rv_node_setn(a, l, it.key, rv_node_str(a, rv_val_str(it.val)));
    if (rv_str_is(b->c->creator, "RayService"))
        rv_node_set_cstr(a, l, RC_LABEL_SERVE, !b->head && has_serve_proxy(b->c) ? "true" : "false");
    rv_node_set(a, b->meta, "labels", l);
}

static void annotations(struct pod_build *b, struct rv_str hash) {
    struct rv_arena *a = b->a;
    struct rv_val given = rv_val_path(b->group, "template.metadata.annotations");
    b->notes = rv_val_len(given) > 0 ? rv_node_from(a, given) : rv_node_map(a);
    if (rv_str_ieq(rc_annotation(b->c, RC_ANNOTATION_OVERWRITE_CMD), "true"))
        rv_node_set_cstr(a, b->notes, RC_ANNOTATION_OVERWRITE_CMD, "true");
    if (b->head || hash.n != 0) rv_node_set_cstr(a, b->notes, RC_ANNOTATION_VERSION, "v" RV_VERSION);
    if (hash.n != 0) rv_node_set_str(a, b->notes, RC_ANNOTATION_SPEC_HASH, hash);
}

static void default_annotations(struct pod_build *b) {
    for (struct rv_iter it = rv_iter(b->c->settings->default_annotations); rv_iter_next(&it);)
        if (rv_node_getn(b->notes, it.key) == NULL)
            rv_node_setn(b->a, b->notes, it.key, rv_node_str(b->a, rv_val_str(it.val)));
    if (rv_node_len(b->notes) > 0) rv_node_set(b->a, b->meta, "annotations", b->notes);
}

static void name(struct pod_build *b, const char *suffix) {
    struct rv_str prefix =
        b->head ? rc_name_head_prefix(b->a, b->c->name) : rc_name_worker_prefix(b->a, b->c->name, b->group_name);
    if (b->head && suffix == NULL) {
        rv_node_set_str(b->a, b->meta, "name", rc_name_head_fixed(b->a, b->c->name));
    } else {
        rv_node_set_str(b->a, b->meta, "generateName", prefix);
        rv_node_set_fmt(b->a, b->meta, "name", RV_STR_FMT "%s", RV_STR_ARG(prefix), suffix);
    }
    rv_node_set_str(b->a, b->meta, "namespace", b->c->ns);
    struct rv_val finalizers = rv_val_path(b->group, "template.metadata.finalizers");
    if (rv_val_len(finalizers) > 0) rv_node_set(b->a, b->meta, "finalizers", rv_node_from(b->a, finalizers));
}

/* ---- command ---------------------------------------------------------------------------------------------- */

struct rv_node *pod_shell(struct pod_build *b) {
    struct rv_node *n = rv_node_array(b->a);
    rv_node_append(b->a, n, rv_node_str(b->a, RV_STR("/bin/bash")));
    rv_node_append(b->a, n, rv_node_str(b->a, b->c->settings->login_shell ? RV_STR("-cl") : RV_STR("-c")));
    rv_node_append(b->a, n, rv_node_str(b->a, RV_STR("--")));
    return n;
}

static void add_words(struct rv_buf *out, struct rv_val list) {
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) {
        rv_buf_addc(out, ' ');
        rv_buf_add_str(out, rv_val_str(it.val));
        rv_buf_addc(out, ' ');
    }
}

/* The user's command runs first, in the same shell; one that starts Ray itself is left alone. */
static void command(struct pod_build *b) {
    rv_autobuf struct rv_buf user = {0}, line = {0};
    add_words(&user, rv_val_get(b->container, "command"));
    add_words(&user, rv_val_get(b->container, "args"));
    bool keep = rv_str_ieq(rc_annotation(b->c, RC_ANNOTATION_OVERWRITE_CMD), "true") ||
                rv_str_ieq(rv_val_str(rv_val_get(rv_val_path(b->group, "template.metadata.annotations"),
                                                 RC_ANNOTATION_OVERWRITE_CMD)),
                           "true");
    b->command = rc_start_command(b->a, b->params, b->head);
    if (keep || (user.n != 0 && memmem(user.p, user.n, "ray start", 9) != NULL)) return;
    if (user.n != 0) {
        rv_buf_add(&line, user.p, user.n);
        rv_buf_adds(&line, " && ");
    }
    rv_buf_addf(&line, "ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; " RV_STR_FMT, RV_STR_ARG(b->command));
    struct rv_node *args = rv_node_array(b->a);
    rv_node_append(b->a, args, rv_node_str(b->a, rv_buf_str(&line)));
    rv_node_set(b->a, b->ray, "command", pod_shell(b));
    rv_node_set(b->a, b->ray, "args", args);
}

/* ---- environment ------------------------------------------------------------------------------------------ */

void pod_env(struct pod_build *b, struct rv_node *env, const char *key, struct rv_str value) {
    struct rv_node *n = rv_node_map(b->a);
    rv_node_set_cstr(b->a, n, "name", key);
    rv_node_set_str(b->a, n, "value", value);
    rv_node_append(b->a, env, n);
}

void pod_env_field(struct pod_build *b, struct rv_node *env, const char *key, const char *path) {
    struct rv_node *n = rv_node_map(b->a);
    rv_node_set_cstr(b->a, n, "name", key);
    rv_node_set_cstr(b->a, rv_node_ensure_map(b->a, rv_node_ensure_map(b->a, n, "valueFrom"), "fieldRef"), "fieldPath",
                     path);
    rv_node_append(b->a, env, n);
}

void pod_env_default(struct pod_build *b, struct rv_node *env, const char *key, struct rv_str value) {
    if (rv_node_find(env, "name", rv_str(key)) == NULL) pod_env(b, env, key, value);
}

static void environment(struct pod_build *b) {
    struct rv_arena *a = b->a;
    struct rv_node *env = rv_node_ensure_array(a, b->ray, "env");
    for (struct rv_iter it = rv_iter(b->c->settings->default_env); rv_iter_next(&it);)
        if (rv_node_find(env, "name", rv_path_str(it.val, "name")) == NULL)
            rv_node_append(a, env, rv_node_from(a, it.val));
    if (!b->head) {
        pod_env(b, env, "FQ_RAY_IP", b->fqdn);
        pod_env(b, env, "RAY_IP", b->service);
    }
    pod_env_field(b, env, "RAY_CLUSTER_NAME", "metadata.labels['" RC_LABEL_CLUSTER "']");
    pod_env_field(b, env, "RAY_CLUSTER_NAMESPACE", "metadata.namespace");
    pod_env_field(b, env, "RAY_CLOUD_INSTANCE_ID", "metadata.name");
    pod_env_field(b, env, "RAY_NODE_TYPE_NAME", "metadata.labels['" RC_LABEL_GROUP "']");
    pod_env(b, env, "KUBERAY_GEN_RAY_START_CMD", b->command);
    pod_env_default(b, env, "RAY_PORT", rc_gcs_port(b->c));
    if (rv_str_is(b->c->creator, "RayService")) {
        pod_env_default(b, env, "RAY_timeout_ms_task_wait_for_death_info", RV_STR("0"));
        pod_env_default(b, env, "RAY_gcs_server_request_timeout_seconds", RV_STR("5"));
        pod_env_default(b, env, "RAY_SERVE_KV_TIMEOUT_S", RV_STR("5"));
    }
    pod_env_default(b, env, "RAY_ADDRESS",
                    b->head ? rv_arena_fmt(a, "127.0.0.1:" RV_STR_FMT, RV_STR_ARG(rc_gcs_port(b->c))) : b->address);
    pod_env_default(b, env, "RAY_USAGE_STATS_KUBERAY_IN_USE", RV_STR("1"));
    if (b->head)
        pod_env(b, env, "RAY_USAGE_STATS_EXTRA_TAGS",
                rv_arena_fmt(a, "kuberay_version=v" RV_VERSION ";kuberay_crd=" RV_STR_FMT, RV_STR_ARG(b->c->creator)));
    pod_env_default(b, env, "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE", RV_STR("1"));
    inject_collector_env(b, env);
}

/* ---- probes ----------------------------------------------------------------------------------------------- */

static int64_t port_param(struct pod_build *b, const char *key, int64_t fallback) {
    int64_t port;
    return rv_str_to_int(rv_node_text(rv_node_get(b->params, key)), 1, 65535, &port) == 0 ? port : fallback;
}

/* From 2.53 on the agent has one endpoint for both. The version is the spec's, not the image's. */
static bool has_health_endpoint(struct rv_str version) {
    struct rc_version v;
    return rc_version_parse(version, &v) && rc_version_at_least(&v, 2, 53);
}

static struct rv_str probe_command(struct pod_build *b, bool serve_check) {
    rv_autobuf struct rv_buf t = {0};
    rv_buf_addf(&t, "wget --tries 1 -T 2 -q -O- http://localhost:%lld/api/local_raylet_healthz | grep success",
                (long long)port_param(b, "dashboard-agent-listen-port", RC_PORT_DASHBOARD_AGENT));
    if (b->head)
        rv_buf_addf(&t, " && wget --tries 1 -T 10 -q -O- http://localhost:%lld/api/gcs_healthz | grep success",
                    (long long)port_param(b, "dashboard-port", RC_PORT_DASHBOARD));
    if (serve_check) {
        int64_t port = RC_PORT_SERVE;
        for (struct rv_iter it = rv_iter(rv_val_get(b->container, "ports")); rv_iter_next(&it);)
            if (rv_str_is(rv_path_str(it.val, "name"), "serve")) port = rv_path_int(it.val, "containerPort", port);
        rv_buf_addf(&t, " && wget --tries 1 -T 10 -q -O- http://localhost:%lld/-/healthz | grep success",
                    (long long)port);
    }
    return rv_arena_str(b->a, rv_buf_str(&t));
}

static void probe(struct pod_build *b, const char *which, int64_t delay, int64_t failures) {
    struct rv_arena *a = b->a;
    if (rv_node_type(rv_node_get(b->ray, which)) > RV_NULL) return; /* the user has one */
    bool serve_check = !b->head && has_serve_proxy(b->c) && strcmp(which, "readinessProbe") == 0;
    struct rv_node *p = rv_node_map(a);
    if (has_health_endpoint(rv_path_str(b->c->spec, "rayVersion")) && !serve_check) {
        struct rv_node *get = rv_node_ensure_map(a, p, "httpGet");
        rv_node_set_cstr(a, get, "path", "/api/healthz");
        rv_node_set_int(a, get, "port", port_param(b, "dashboard-agent-listen-port", RC_PORT_DASHBOARD_AGENT));
    } else {
        struct rv_node *words = rv_node_ensure_array(a, rv_node_ensure_map(a, p, "exec"), "command");
        rv_node_append(a, words, rv_node_str(a, RV_STR("bash")));
        rv_node_append(a, words, rv_node_str(a, RV_STR("-c")));
        rv_node_append(a, words, rv_node_str(a, probe_command(b, serve_check)));
    }
    rv_node_set_int(a, p, "initialDelaySeconds", delay);
    rv_node_set_int(a, p, "timeoutSeconds", b->head ? 5 : 2);
    rv_node_set_int(a, p, "periodSeconds", 5);
    rv_node_set_int(a, p, "successThreshold", 1);
    rv_node_set_int(a, p, "failureThreshold", serve_check ? 1 : failures);
    rv_node_set(a, b->ray, which, p);
}

/* ---- volumes and ports ------------------------------------------------------------------------------------ */

void pod_mount(struct pod_build *b, struct rv_node *container, const char *volume, const char *path, bool read_only) {
    struct rv_node *mounts = rv_node_ensure_array(b->a, container, "volumeMounts"), *n = rv_node_map(b->a);
    if (rv_node_find(mounts, "mountPath", rv_str(path)) != NULL) return;
    rv_node_set_cstr(b->a, n, "name", volume);
    rv_node_set_cstr(b->a, n, "mountPath", path);
    if (read_only) rv_node_set_bool(b->a, n, "readOnly", true);
    rv_node_append(b->a, mounts, n);
}

struct rv_node *pod_volume(struct pod_build *b, const char *name, bool *ret_new) {
    struct rv_node *volumes = rv_node_ensure_array(b->a, b->spec, "volumes"),
                   *found = rv_node_find(volumes, "name", rv_str(name));
    *ret_new = found == NULL;
    if (found != NULL) return found;
    struct rv_node *n = rv_node_map(b->a);
    rv_node_set_cstr(b->a, n, "name", name);
    rv_node_append(b->a, volumes, n);
    return n;
}

static void shared_memory(struct pod_build *b) {
    struct rv_arena *a = b->a;
    struct rv_node *mounts = rv_node_get(b->ray, "volumeMounts");
    if (rv_node_get(b->params, "plasma-directory") != NULL ||
        rv_node_find(mounts, "mountPath", RV_STR("/dev/shm")) != NULL)
        return;
    pod_mount(b, b->ray, "shared-mem", "/dev/shm", false);
    bool fresh;
    struct rv_node *volume = pod_volume(b, "shared-mem", &fresh), *dir = rv_node_map(a);
    if (!fresh) return;
    struct rv_val size = rv_val_path(b->container, "resources.limits.memory");
    if (!rv_val_set(size)) size = rv_val_path(b->container, "resources.requests.memory");
    rv_node_set_cstr(a, dir, "medium", "Memory");
    if (rv_val_set(size)) rv_node_set(a, dir, "sizeLimit", rv_node_from(a, size));
    rv_node_set(a, volume, "emptyDir", dir);
}

static void metrics_port(struct pod_build *b) {
    struct rv_node *ports = rv_node_ensure_array(b->a, b->ray, "ports");
    if (rv_node_find(ports, "name", RV_STR("metrics")) != NULL) return;
    struct rv_node *n = rv_node_map(b->a);
    rv_node_set_cstr(b->a, n, "name", "metrics");
    rv_node_set_int(b->a, n, "containerPort", RC_PORT_METRICS);
    rv_node_append(b->a, ports, n);
}

/* ---- init containers -------------------------------------------------------------------------------------- */

void pod_copy_field(struct pod_build *b, struct rv_node *to, const char *key) {
    struct rv_val v = rv_val_get(b->container, key);
    if (rv_val_set(v)) rv_node_set(b->a, to, key, rv_node_from(b->a, v));
}

/* The probe is quiet for two minutes, because a head takes that long to start. Then Ray's own messages are shown. It
 * never gives up. */
static struct rv_str wait_script(struct pod_build *b) {
    return rv_arena_fmt(b->a,
                        "started=$(date +%%s)\n"
                        "check() { ray health-check --address " RV_STR_FMT "; }\n"
                        "while true; do\n"
                        "  waited=$(( $(date +%%s) - started ))\n"
                        "  if [ \"$waited\" -le 120 ]; then check >/dev/null 2>&1; else check; fi && break\n"
                        "  echo \"Waiting for the GCS of the head at " RV_STR_FMT " ($waited s so far)\"\n"
                        "  sleep 5\n"
                        "done\n"
                        "echo \"The GCS answers: starting Ray\"\n",
                        RV_STR_ARG(b->address), RV_STR_ARG(b->address));
}

struct rv_node *pod_amounts(struct pod_build *b, const char *cpu, const char *memory) {
    struct rv_node *n = rv_node_map(b->a);
    rv_node_set_cstr(b->a, n, "cpu", cpu);
    rv_node_set_cstr(b->a, n, "memory", memory);
    return n;
}

static void wait_for_gcs(struct pod_build *b) {
    struct rv_arena *a = b->a;
    struct rv_node *n = rv_node_map(a), *args = rv_node_array(a), *resources = rv_node_map(a);
    rv_node_set_cstr(a, n, "name", "wait-gcs-ready");
    pod_copy_field(b, n, "image");
    pod_copy_field(b, n, "imagePullPolicy");
    pod_copy_field(b, n, "securityContext");
    pod_copy_field(b, n, "env");
    pod_copy_field(b, n, "volumeMounts");
    rv_node_append(a, args, rv_node_str(a, wait_script(b)));
    rv_node_set(a, n, "command", pod_shell(b));
    rv_node_set(a, n, "args", args);
    rv_node_set(a, resources, "limits", pod_amounts(b, "200m", "256Mi"));
    rv_node_set(a, resources, "requests", pod_amounts(b, "200m", "256Mi"));
    rv_node_set(a, n, "resources", resources);
    rv_node_append(a, rv_node_ensure_array(a, b->spec, "initContainers"), n);
}

static void init_environment(struct pod_build *b) {
    struct rv_node *inits = rv_node_get(b->spec, "initContainers");
    for (size_t i = 0; i < rv_node_len(inits); i++) {
        struct rv_node *env = rv_node_ensure_array(b->a, rv_node_at(inits, i), "env");
        pod_env(b, env, "FQ_RAY_IP", b->fqdn);
        pod_env(b, env, "RAY_IP", b->service);
    }
}

/* ---- the pod ---------------------------------------------------------------------------------------------- */

static void sidecars(struct pod_build *b) {
    struct rv_node *containers = rv_node_ensure_array(b->a, b->spec, "containers");
    for (struct rv_iter it = rv_iter(b->head ? b->c->settings->head_sidecars : b->c->settings->worker_sidecars);
         rv_iter_next(&it);)
        rv_node_append(b->a, containers, rv_node_from(b->a, it.val));
}

/* The order is the reference's: later steps see, and may not undo, what earlier ones did. */
static void decorate(struct pod_build *b) {
    inject_autoscaler(b);
    inject_fault_tolerance(b);
    metrics_port(b);
    inject_token(b);
    inject_tls(b);
    inject_collector(b);
    sidecars(b);
    default_annotations(b);
    shared_memory(b);
    inject_logs(b);
    command(b);
    init_environment(b);
    environment(b);
    if (!b->c->settings->probes_injection) return;
    probe(b, "livenessProbe", 30, 120);
    probe(b, "readinessProbe", 10, 10);
}

static struct rv_node *build_pod(struct pod_build *b, const char *suffix, const struct rc_place *place,
                                 struct rv_str hash) {
    struct rv_arena *a = b->a;
    struct rv_val template_spec = rv_val_path(b->group, "template.spec");
    b->container = rv_val_path(template_spec, "containers[0]");
    b->service = rc_head_service_name(a, b->c);
    b->fqdn = rc_name_fqdn(a, b->service, b->c->ns, b->c->settings->cluster_domain);
    b->address = rv_arena_fmt(a, RV_STR_FMT ":" RV_STR_FMT, RV_STR_ARG(b->fqdn), RV_STR_ARG(rc_gcs_port(b->c)));
    b->params = rc_start_params(a, b->group, b->head, b->address);
    b->pod = rv_node_map(a);
    rv_node_set_cstr(a, b->pod, "apiVersion", "v1");
    rv_node_set_cstr(a, b->pod, "kind", "Pod");
    b->meta = rv_node_ensure_map(a, b->pod, "metadata");
    b->spec = rv_node_from(a, template_spec);
    rv_node_set(a, b->pod, "spec", b->spec);
    b->ray = rv_node_at(rv_node_get(b->spec, "containers"), 0);
    name(b, suffix);
    if (!b->head && b->c->settings->init_container_injection) wait_for_gcs(b);
    labels(b, place);
    annotations(b, hash);
    decorate(b);
    rv_meta_set_controller(a, b->pod, RV_STR("ray.io/v1"), RV_STR("RayCluster"), b->c->name, b->c->uid);
    return b->pod;
}

struct rv_node *rc_unscheduled_head(struct rv_arena *a, const struct rc_cluster *c, const char *suffix,
                                    struct rv_str spec_hash) {
    struct pod_build b = {.a = a,
                          .c = c,
                          .group = rv_val_get(c->spec, "headGroupSpec"),
                          .head = true,
                          .group_name = RV_STR(RC_HEAD_GROUP)};
    return build_pod(&b, suffix, NULL, spec_hash);
}

struct rv_node *rc_head_pod(struct rv_arena *a, const struct rc_cluster *c, const char *suffix,
                            struct rv_str spec_hash) {
    struct rv_node *pod = rc_unscheduled_head(a, c, suffix, spec_hash);
    rc_schedule_pod(a, c, pod, RV_STR(RC_HEAD_GROUP));
    return pod;
}

struct rv_node *rc_worker_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_val group,
                              const struct rc_place *place, const char *suffix, struct rv_str spec_hash) {
    struct pod_build b = {.a = a, .c = c, .group = group, .group_name = rv_path_str(group, "groupName")};
    struct rv_node *pod = build_pod(&b, suffix, place, spec_hash);
    rc_schedule_pod(a, c, pod, b.group_name);
    return pod;
}
