/* defaults.c - what a real API server fills in when a pod, a service, a job or a namespace is stored, including
 * admission. */
#include "internal.h"
#include "ipc/base/base64.h"
#include "ipc/base/random.h"

#include <stdio.h>

static void def(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_node *value) {
    if (map != NULL && rv_node_get(map, key) == NULL) rv_node_set(a, map, key, value);
}
static void def_str(struct rv_arena *a, struct rv_node *map, const char *key, const char *value) {
    def(a, map, key, rv_node_str(a, rv_str(value)));
}
static void def_int(struct rv_arena *a, struct rv_node *map, const char *key, int64_t value) {
    def(a, map, key, rv_node_int(a, value));
}

static struct rv_str copy_text(struct rv_arena *a, struct rv_node *n) { return rv_arena_str(a, rv_node_text(n)); }

/* ---- pods ---- */

static void default_http_get(struct rv_arena *a, struct rv_node *get) {
    if (get == NULL) return;
    def_str(a, get, "path", "/");
    def_str(a, get, "scheme", "HTTP");
}

static void default_probe(struct rv_arena *a, struct rv_node *probe) {
    if (probe == NULL) return;
    def_int(a, probe, "timeoutSeconds", 1);
    def_int(a, probe, "periodSeconds", 10);
    def_int(a, probe, "successThreshold", 1);
    def_int(a, probe, "failureThreshold", 3);
    default_http_get(a, rv_node_get(probe, "httpGet"));
    struct rv_node *grpc = rv_node_get(probe, "grpc");
    if (grpc != NULL) def_str(a, grpc, "service", "");
}

static void default_resources(struct rv_arena *a, struct rv_node *container) {
    struct rv_node *resources = rv_node_ensure_map(a, container, "resources");
    struct rv_node *limits = rv_node_get(resources, "limits"), *v = NULL;
    struct rv_str key;
    if (rv_node_len(limits) == 0) return;
    struct rv_node *requests = rv_node_ensure_map(a, resources, "requests");
    for (size_t i = 0; rv_node_entry(limits, i, &key, &v); i++)
        if (rv_node_getn(requests, key) == NULL) rv_node_setn(a, requests, key, rv_node_copy(a, v));
}

static void canonical_quantities(struct rv_arena *a, struct rv_node *list) {
    struct rv_node *v = NULL;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(list, i, &key, &v); i++) {
        struct rv_quantity q;
        char text[48];
        if (rv_quantity_from_val(rv_node_freeze(a, v), &q) != 0) continue;
        rv_quantity_format(q, text);
        rv_node_setn(a, list, rv_arena_str(a, key), rv_node_str(a, rv_str(text)));
    }
}

static const char *pull_policy(struct rv_str image) {
    for (size_t i = image.n; i > 0 && image.p[i - 1] != '/'; i--) {
        if (image.p[i - 1] == '@') return "IfNotPresent";
        if (image.p[i - 1] == ':')
            return rv_str_is((struct rv_str){image.p + i, image.n - i}, "latest") ? "Always" : "IfNotPresent";
    }
    return "Always";
}

static void default_container(struct rv_arena *a, struct rv_node *c) {
    def_str(a, c, "imagePullPolicy", pull_policy(rv_node_text(rv_node_get(c, "image"))));
    def_str(a, c, "terminationMessagePath", "/dev/termination-log");
    def_str(a, c, "terminationMessagePolicy", "File");
    default_resources(a, c);
    canonical_quantities(a, rv_node_path(c, "resources.limits"));
    canonical_quantities(a, rv_node_path(c, "resources.requests"));
    struct rv_node *ports = rv_node_get(c, "ports"), *env = rv_node_get(c, "env");
    for (size_t i = 0; i < rv_node_len(ports); i++) def_str(a, rv_node_at(ports, i), "protocol", "TCP");
    for (size_t i = 0; i < rv_node_len(env); i++) {
        struct rv_node *from = rv_node_get(rv_node_at(env, i), "valueFrom");
        struct rv_node *field = rv_node_get(from, "fieldRef"), *amount = rv_node_get(from, "resourceFieldRef");
        if (field != NULL) def_str(a, field, "apiVersion", "v1");
        if (amount != NULL) def_str(a, amount, "divisor", "0");
    }
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    for (size_t i = 0; i < RV_ARRAY_LEN(probes); i++) default_probe(a, rv_node_get(c, probes[i]));
    static const char *const hooks[] = {"lifecycle.postStart.httpGet", "lifecycle.preStop.httpGet"};
    for (size_t i = 0; i < RV_ARRAY_LEN(hooks); i++) default_http_get(a, rv_node_path(c, hooks[i]));
}

/* Defaults of the items of a projected volume or a downward API volume. */
static void default_items(struct rv_arena *a, struct rv_node *source) {
    struct rv_node *items = rv_node_get(source, "items"), *sources = rv_node_get(source, "sources");
    for (size_t i = 0; i < rv_node_len(items); i++) {
        struct rv_node *field = rv_node_get(rv_node_at(items, i), "fieldRef");
        if (field != NULL) def_str(a, field, "apiVersion", "v1");
    }
    for (size_t i = 0; i < rv_node_len(sources); i++) {
        struct rv_node *s = rv_node_at(sources, i), *token = rv_node_get(s, "serviceAccountToken");
        if (token != NULL) def_int(a, token, "expirationSeconds", 3600);
        default_items(a, rv_node_get(s, "downwardAPI"));
    }
}

static void default_volumes(struct rv_arena *a, struct rv_node *spec) {
    static const char *const with_mode[] = {"secret", "configMap", "projected", "downwardAPI"};
    struct rv_node *volumes = rv_node_get(spec, "volumes");
    for (size_t i = 0; i < rv_node_len(volumes); i++) {
        struct rv_node *v = rv_node_at(volumes, i), *host = rv_node_get(v, "hostPath");
        for (size_t j = 0; j < RV_ARRAY_LEN(with_mode); j++) {
            struct rv_node *source = rv_node_get(v, with_mode[j]);
            if (source != NULL) def_int(a, source, "defaultMode", 420);
            default_items(a, source);
        }
        if (host != NULL) def_str(a, host, "type", "");
        struct rv_node *claim = rv_node_path(v, "ephemeral.volumeClaimTemplate.spec");
        if (claim != NULL) def_str(a, claim, "volumeMode", "Filesystem");
        if (rv_node_len(v) == 1) rv_node_set(a, v, "emptyDir", rv_node_map(a));
    }
}

/* In the host's network, a container port is also the host port. */
static void default_host_ports(struct rv_arena *a, struct rv_node *spec) {
    struct rv_node *list = rv_node_get(spec, "containers");
    for (size_t i = 0; i < rv_node_len(list); i++) {
        struct rv_node *ports = rv_node_get(rv_node_at(list, i), "ports");
        for (size_t j = 0; j < rv_node_len(ports); j++) {
            struct rv_node *p = rv_node_at(ports, j);
            def_int(a, p, "hostPort", rv_node_to_int(rv_node_get(p, "containerPort"), 0));
        }
    }
}

static void default_pod_spec(struct rv_arena *a, struct rv_node *spec) {
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < RV_ARRAY_LEN(lists); i++) {
        struct rv_node *list = rv_node_get(spec, lists[i]);
        for (size_t j = 0; j < rv_node_len(list); j++) default_container(a, rv_node_at(list, j));
    }
    default_volumes(a, spec);
    def_str(a, spec, "restartPolicy", "Always");
    def_str(a, spec, "dnsPolicy", "ClusterFirst");
    def_str(a, spec, "schedulerName", "default-scheduler");
    def_int(a, spec, "terminationGracePeriodSeconds", 30);
    def(a, spec, "securityContext", rv_node_map(a));
    if (rv_node_to_bool(rv_node_get(spec, "hostNetwork"), false)) default_host_ports(a, spec);
    struct rv_node *account = rv_node_get(spec, "serviceAccountName");
    if (account != NULL) rv_node_set_str(a, spec, "serviceAccount", copy_text(a, account));
}

static struct rv_node *token_volume(struct rv_arena *a, const char *name) {
    struct rv_node *v = rv_node_map(a), *projected = rv_node_ensure_map(a, v, "projected");
    rv_node_set_cstr(a, v, "name", name);
    rv_node_set_int(a, projected, "defaultMode", 420);
    struct rv_node *sources = rv_node_ensure_array(a, projected, "sources"), *n = rv_node_map(a);
    struct rv_node *token = rv_node_ensure_map(a, n, "serviceAccountToken");
    rv_node_set_int(a, token, "expirationSeconds", 3607);
    rv_node_set_cstr(a, token, "path", "token");
    rv_node_append(a, sources, n);
    n = rv_node_map(a);
    struct rv_node *map = rv_node_ensure_map(a, n, "configMap"), *item = rv_node_map(a);
    rv_node_set_cstr(a, map, "name", "kube-root-ca.crt");
    rv_node_set_cstr(a, item, "key", "ca.crt");
    rv_node_set_cstr(a, item, "path", "ca.crt");
    rv_node_append(a, rv_node_ensure_array(a, map, "items"), item);
    rv_node_append(a, sources, n);
    n = rv_node_map(a);
    item = rv_node_map(a);
    struct rv_node *field = rv_node_ensure_map(a, item, "fieldRef");
    rv_node_set_cstr(a, field, "apiVersion", "v1");
    rv_node_set_cstr(a, field, "fieldPath", "metadata.namespace");
    rv_node_set_cstr(a, item, "path", "namespace");
    rv_node_append(a, rv_node_ensure_array(a, rv_node_ensure_map(a, n, "downwardAPI"), "items"), item);
    rv_node_append(a, sources, n);
    return v;
}

static const char TOKEN_PATH[] = "/var/run/secrets/kubernetes.io/serviceaccount";

static void admit_token(struct rv_arena *a, struct rv_node *spec) {
    static const char *const lists[] = {"containers", "initContainers"};
    if (!rv_node_to_bool(rv_node_get(spec, "automountServiceAccountToken"), true)) return;
    uint8_t random[5];
    char suffix[6], name[32];
    random_bytes(random, sizeof random);
    rv_name_suffix(random, suffix);
    snprintf(name, sizeof name, "kube-api-access-%s", suffix);
    bool used = false;
    for (size_t i = 0; i < RV_ARRAY_LEN(lists); i++) {
        struct rv_node *list = rv_node_get(spec, lists[i]);
        for (size_t j = 0; j < rv_node_len(list); j++) {
            struct rv_node *mounts = rv_node_ensure_array(a, rv_node_at(list, j), "volumeMounts");
            if (rv_node_find(mounts, "mountPath", rv_str(TOKEN_PATH)) != NULL) continue;
            struct rv_node *m = rv_node_map(a);
            rv_node_set_cstr(a, m, "name", name);
            rv_node_set_bool(a, m, "readOnly", true);
            rv_node_set_cstr(a, m, "mountPath", TOKEN_PATH);
            rv_node_append(a, mounts, m);
            used = true;
        }
    }
    if (used) rv_node_append(a, rv_node_ensure_array(a, spec, "volumes"), token_volume(a, name));
}

static void admit_tolerations(struct rv_arena *a, struct rv_node *spec) {
    static const char *const keys[] = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"};
    struct rv_node *list = rv_node_ensure_array(a, spec, "tolerations");
    for (size_t i = 0; i < RV_ARRAY_LEN(keys); i++) {
        if (rv_node_find(list, "key", rv_str(keys[i])) != NULL) continue;
        struct rv_node *t = rv_node_map(a);
        rv_node_set_cstr(a, t, "key", keys[i]);
        rv_node_set_cstr(a, t, "operator", "Exists");
        rv_node_set_cstr(a, t, "effect", "NoExecute");
        rv_node_set_int(a, t, "tolerationSeconds", 300);
        rv_node_append(a, list, t);
    }
}

static bool quantity_set(struct rv_val v, struct rv_quantity *q) {
    return rv_quantity_from_val(v, q) == 0 && !rv_quantity_is_zero(*q);
}

static const char *qos_class(struct rv_val spec) {
    static const char *const lists[] = {"containers", "initContainers"}, *const names[] = {"cpu", "memory"};
    bool any = false, guaranteed = true;
    for (size_t i = 0; i < 2; i++) {
        for (struct rv_iter it = rv_iter(rv_val_get(spec, lists[i])); rv_iter_next(&it);) {
            for (size_t j = 0; j < 2; j++) {
                struct rv_quantity limit, request;
                bool l = quantity_set(rv_val_get(rv_val_path(it.val, "resources.limits"), names[j]), &limit);
                bool r = quantity_set(rv_val_get(rv_val_path(it.val, "resources.requests"), names[j]), &request);
                any = any || l || r;
                guaranteed = guaranteed && l && r && rv_quantity_cmp(limit, request) == 0;
            }
        }
    }
    return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

void sb_default_pod(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    struct rv_node *spec = rv_node_ensure_map(a, object, "spec");
    if (!rv_val_present(old)) {
        def_str(a, spec, "serviceAccountName", "default");
        admit_token(a, spec);
    }
    admit_tolerations(a, spec);
    default_pod_spec(a, spec);
    def(a, spec, "enableServiceLinks", rv_node_bool(a, true));
    def_int(a, spec, "priority", 0);
    def_str(a, spec, "preemptionPolicy", "PreemptLowerPriority");
    struct rv_node *status = rv_node_ensure_map(a, object, "status");
    def_str(a, status, "phase", "Pending");
    if (rv_node_get(status, "qosClass") == NULL)
        rv_node_set_cstr(a, status, "qosClass", qos_class(rv_node_freeze(a, spec)));
}

/* ---- services, jobs, namespaces ---- */

static void service_ports(struct sb_storage *s, struct rv_arena *a, struct rv_node *spec) {
    struct rv_str type = rv_node_text(rv_node_get(spec, "type"));
    bool node_ports = rv_str_is(type, "NodePort") || rv_str_is(type, "LoadBalancer");
    struct rv_node *ports = rv_node_get(spec, "ports");
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *p = rv_node_at(ports, i);
        def_str(a, p, "protocol", "TCP");
        def_int(a, p, "targetPort", rv_node_to_int(rv_node_get(p, "port"), 0));
        if (node_ports) def_int(a, p, "nodePort", 30000 + (int64_t)(s->next_port++ % 2768));
    }
}

void sb_default_service(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    struct rv_node *spec = rv_node_ensure_map(a, object, "spec");
    def_str(a, spec, "type", "ClusterIP");
    def_str(a, spec, "sessionAffinity", "None");
    service_ports(s, a, spec);
    struct rv_str type = rv_node_text(rv_node_get(spec, "type"));
    bool balancer = rv_str_is(type, "LoadBalancer");
    if (balancer || rv_str_is(type, "NodePort")) def_str(a, spec, "externalTrafficPolicy", "Cluster");
    if (balancer) def(a, spec, "allocateLoadBalancerNodePorts", rv_node_bool(a, true));
    if (rv_str_is(rv_node_text(rv_node_get(spec, "sessionAffinity")), "ClientIP"))
        def_int(a, rv_node_ensure_map(a, rv_node_ensure_map(a, spec, "sessionAffinityConfig"), "clientIP"),
                "timeoutSeconds", 10800);
    def(a, rv_node_ensure_map(a, object, "status"), "loadBalancer", rv_node_map(a));
    if (rv_str_is(rv_node_text(rv_node_get(spec, "type")), "ExternalName")) return;
    def_str(a, spec, "internalTrafficPolicy", "Cluster");
    def_str(a, spec, "ipFamilyPolicy", "SingleStack");
    if (rv_node_get(spec, "ipFamilies") == NULL)
        rv_node_append(a, rv_node_ensure_array(a, spec, "ipFamilies"), rv_node_str(a, RV_STR("IPv4")));
    if (rv_node_text(rv_node_get(spec, "clusterIP")).n == 0) {
        struct rv_str before = rv_path_str(old, "spec.clusterIP");
        unsigned n = before.n != 0 ? 0 : ++s->next_ip;
        if (before.n != 0)
            rv_node_set_str(a, spec, "clusterIP", before);
        else
            rv_node_set_fmt(a, spec, "clusterIP", "10.96.%u.%u", (n >> 8) & 255, n & 255);
    }
    if (rv_node_get(spec, "clusterIPs") == NULL) {
        struct rv_node *ips = rv_node_ensure_array(a, spec, "clusterIPs");
        rv_node_append(a, ips, rv_node_str(a, copy_text(a, rv_node_get(spec, "clusterIP"))));
    }
}

void sb_default_job(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    struct rv_node *spec = rv_node_ensure_map(a, object, "spec");
    if (rv_node_get(spec, "parallelism") == NULL) { /* with parallelism and without completions it is a work queue */
        def_int(a, spec, "completions", 1);
        def_int(a, spec, "parallelism", 1);
    }
    def_int(a, spec, "backoffLimit", 6);
    def_str(a, spec, "completionMode", "NonIndexed");
    def(a, spec, "suspend", rv_node_bool(a, false));
    def(a, spec, "manualSelector", rv_node_bool(a, false));
    def_str(a, spec, "podReplacementPolicy", "TerminatingOrFailed");
    struct rv_node *template = rv_node_ensure_map(a, spec, "template");
    default_pod_spec(a, rv_node_ensure_map(a, template, "spec"));
    struct rv_str uid = copy_text(a, rv_node_path(object, "metadata.uid"));
    struct rv_str name = copy_text(a, rv_node_path(object, "metadata.name"));
    if (rv_node_get(spec, "selector") == NULL) {
        struct rv_node *match = rv_node_ensure_map(a, rv_node_ensure_map(a, spec, "selector"), "matchLabels");
        rv_node_set_str(a, match, "batch.kubernetes.io/controller-uid", uid);
        struct rv_node *labels = rv_node_ensure_map(a, rv_node_ensure_map(a, template, "metadata"), "labels");
        rv_node_set_str(a, labels, "batch.kubernetes.io/controller-uid", uid);
        rv_node_set_str(a, labels, "batch.kubernetes.io/job-name", name);
        rv_node_set_str(a, labels, "controller-uid", uid);
        rv_node_set_str(a, labels, "job-name", name);
    }
}

static void default_template(struct rv_arena *a, struct rv_node *owner) {
    struct rv_node *spec = rv_node_path(owner, "template.spec");
    if (spec != NULL) default_pod_spec(a, spec);
}

void sb_default_deployment(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    struct rv_node *strategy = rv_node_ensure_map(a, rv_node_ensure_map(a, object, "spec"), "strategy");
    def_str(a, strategy, "type", "RollingUpdate");
    if (rv_str_is(rv_node_text(rv_node_get(strategy, "type")), "RollingUpdate")) {
        struct rv_node *rolling = rv_node_ensure_map(a, strategy, "rollingUpdate");
        def_str(a, rolling, "maxSurge", "25%");
        def_str(a, rolling, "maxUnavailable", "25%");
    }
    default_template(a, rv_node_get(object, "spec"));
}

void sb_default_replicaset(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    default_template(a, rv_node_ensure_map(a, object, "spec"));
}

void sb_default_cronjob(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    default_template(a, rv_node_path(object, "spec.jobTemplate.spec"));
}

/* The policy types follow from the rules of the policy. */
void sb_default_network_policy(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    struct rv_node *spec = rv_node_ensure_map(a, object, "spec");
    if (rv_node_len(rv_node_get(spec, "policyTypes")) != 0) return;
    struct rv_node *types = rv_node_ensure_array(a, spec, "policyTypes");
    rv_node_append(a, types, rv_node_str(a, RV_STR("Ingress")));
    if (rv_node_len(rv_node_get(spec, "egress")) != 0) rv_node_append(a, types, rv_node_str(a, RV_STR("Egress")));
}

void sb_default_binding(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    struct rv_node *list = rv_node_get(object, "subjects");
    for (size_t i = 0; i < rv_node_len(list); i++) {
        struct rv_node *subject = rv_node_at(list, i);
        if (!rv_str_is(rv_node_text(rv_node_get(subject, "kind")), "ServiceAccount"))
            def_str(a, subject, "apiGroup", "rbac.authorization.k8s.io");
    }
}

/* stringData is only for writing; it is moved into data. */
void sb_default_secret(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    struct rv_node *plain = rv_node_get(object, "stringData"), *v = NULL;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(plain, i, &key, &v); i++) {
        rv_autobuf struct rv_buf b = {0};
        struct rv_str text = rv_node_text(v);
        base64_encode((struct rv_bytes){(const uint8_t *)text.p, text.n}, BASE64_STANDARD, &b);
        rv_node_setn(a, rv_node_ensure_map(a, object, "data"), key, rv_node_str(a, rv_buf_str(&b)));
    }
    rv_node_remove(object, "stringData");
}

/* The claim is kept until no pod uses it (volumes.c of the simulation). */
void sb_default_claim(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    if (rv_val_present(old)) return;
    struct rv_node *list = rv_node_ensure_array(a, rv_node_ensure_map(a, object, "metadata"), "finalizers");
    for (size_t i = 0; i < rv_node_len(list); i++)
        if (rv_str_is(rv_node_text(rv_node_at(list, i)), "kubernetes.io/pvc-protection")) return;
    rv_node_append(a, list, rv_node_str(a, RV_STR("kubernetes.io/pvc-protection")));
}

void sb_default_namespace(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    struct rv_str name = copy_text(a, rv_node_path(object, "metadata.name"));
    struct rv_node *labels = rv_node_ensure_map(a, rv_node_ensure_map(a, object, "metadata"), "labels");
    rv_node_set_str(a, labels, "kubernetes.io/metadata.name", name);
    if (!rv_val_present(old)) {
        struct rv_node *list = rv_node_ensure_array(a, rv_node_ensure_map(a, object, "spec"), "finalizers");
        if (rv_node_len(list) == 0) rv_node_append(a, list, rv_node_str(a, RV_STR("kubernetes")));
    }
    def_str(a, rv_node_ensure_map(a, object, "status"), "phase", "Active");
}
