/* builtin.c - the built-in resources as one table, and the few rules that belong to one kind: names, pod quota, the
 * content of a new namespace. */
#include "internal.h"
#include "rules.h"
#include "types.h"
#include "view.h"

#include <stdio.h>
#include <stdlib.h>

struct builtin {
    const char *group, *version, *plural, *kind, *singular, *short_name;
    bool namespaced, status;
    void (*defaults)(struct sb_storage *, struct rv_arena *, struct rv_node *, struct rv_val);
    void (*validate)(struct sb_storage *, struct rv_arena *, struct rv_node *, struct rv_val, struct rv_node *);
};

#define RBAC "rbac.authorization.k8s.io"
#define NET "networking.k8s.io"
static const struct builtin builtins[] = {
    {"", "v1", "namespaces", "Namespace", "namespace", "ns", false, true, sb_default_namespace, NULL},
    {"", "v1", "nodes", "Node", "node", "no", false, true, NULL, NULL},
    {"", "v1", "pods", "Pod", "pod", "po", true, true, sb_default_pod, sb_validate_pod},
    {"", "v1", "services", "Service", "service", "svc", true, true, sb_default_service, sb_validate_service},
    {"", "v1", "endpoints", "Endpoints", "endpoints", "ep", true, false, NULL, NULL},
    {"", "v1", "configmaps", "ConfigMap", "configmap", "cm", true, false, NULL, NULL},
    {"", "v1", "secrets", "Secret", "secret", NULL, true, false, sb_default_secret, NULL},
    {"", "v1", "serviceaccounts", "ServiceAccount", "serviceaccount", "sa", true, false, NULL, NULL},
    {"", "v1", "events", "Event", "event", "ev", true, false, sb_default_event, sb_validate_event},
    {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "persistentvolumeclaim", "pvc", true, true,
     sb_default_claim, NULL},
    {"", "v1", "persistentvolumes", "PersistentVolume", "persistentvolume", "pv", false, true, NULL, NULL},
    {"", "v1", "resourcequotas", "ResourceQuota", "resourcequota", "quota", true, true, NULL, NULL},
    {"", "v1", "limitranges", "LimitRange", "limitrange", "limits", true, false, NULL, NULL},
    {"apps", "v1", "deployments", "Deployment", "deployment", "deploy", true, true, sb_default_deployment,
     sb_validate_template},
    {"apps", "v1", "replicasets", "ReplicaSet", "replicaset", "rs", true, true, sb_default_replicaset,
     sb_validate_template},
    {"batch", "v1", "jobs", "Job", "job", NULL, true, true, sb_default_job, sb_validate_job},
    {"batch", "v1", "cronjobs", "CronJob", "cronjob", "cj", true, true, sb_default_cronjob, sb_validate_job},
    {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "endpointslice", NULL, true, false, NULL, NULL},
    {NET, "v1", "ingresses", "Ingress", "ingress", "ing", true, true, NULL, NULL},
    {NET, "v1", "ingressclasses", "IngressClass", "ingressclass", NULL, false, false, NULL, NULL},
    {NET, "v1", "networkpolicies", "NetworkPolicy", "networkpolicy", "netpol", true, false, sb_default_network_policy,
     NULL},
    {RBAC, "v1", "roles", "Role", "role", NULL, true, false, NULL, NULL},
    {RBAC, "v1", "rolebindings", "RoleBinding", "rolebinding", NULL, true, false, sb_default_binding, NULL},
    {RBAC, "v1", "clusterroles", "ClusterRole", "clusterrole", NULL, false, false, NULL, NULL},
    {RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", "clusterrolebinding", NULL, false, false,
     sb_default_binding, NULL},
    {"coordination.k8s.io", "v1", "leases", "Lease", "lease", NULL, true, false, NULL, NULL},
    {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "poddisruptionbudget", "pdb", true, true, NULL,
     NULL},
    {"events.k8s.io", "v1", "events", "Event", "event", "ev", true, false, NULL, NULL},
    {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "customresourcedefinition",
     "crd", false, true, sb_default_crd, sb_validate_crd},
};

static char *dup_text(const char *text) { return rv_strdup(rv_str(text)); }

static char *list_kind_of(const char *kind) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%sList", kind);
    return rv_strdup(rv_buf_str(&b));
}

void sb_builtin_register(struct sb_storage *s, const struct sb_types *types) {
    for (size_t i = 0; i < RV_ARRAY_LEN(builtins); i++) {
        const struct builtin *b = &builtins[i];
        char **names = NULL;
        if (b->short_name != NULL) {
            names = rv_alloc_array(2, sizeof(char *));
            names[0] = dup_text(b->short_name);
        }
        struct sb_resource r = {.group = dup_text(b->group),
                                .version = dup_text(b->version),
                                .plural = dup_text(b->plural),
                                .singular = dup_text(b->singular),
                                .kind = dup_text(b->kind),
                                .list_kind = list_kind_of(b->kind),
                                .short_names = names,
                                .namespaced = b->namespaced,
                                .has_status = b->status,
                                .defaults = b->defaults,
                                .validate = b->validate,
                                .view = sb_view_of(b->group)};
        rv_autobuf struct rv_buf api = {0};
        rv_buf_addf(&api, "%s%s%s", b->group, b->group[0] != '\0' ? "/" : "", b->version);
        r.type = sb_types_kind(types, rv_buf_str(&api), rv_str(b->kind));
        sb_resource_add(s, &r);
    }
}

bool sb_has_generation(const struct sb_resource *r) {
    static const char *const without[] = {"services", "namespaces", "nodes"};
    for (size_t i = 0; i < RV_ARRAY_LEN(without); i++)
        if (strcmp(r->plural, without[i]) == 0 && r->group[0] == '\0') return false;
    return r->custom || r->has_status;
}

bool sb_needs_version(const struct sb_resource *r) {
    static const char *const kinds[] = {"leases", "poddisruptionbudgets", "customresourcedefinitions"};
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++)
        if (strcmp(r->plural, kinds[i]) == 0) return true;
    return r->custom;
}

static const char *bad_name(const struct sb_resource *r, struct rv_str name) {
    if (strcmp(r->plural, "services") == 0) return rv_name_dns1035_label(name);
    if (strcmp(r->plural, "namespaces") == 0) return rv_name_dns1123_label(name);
    if (strcmp(r->group, RBAC) == 0) return NULL; /* path segment names */
    return rv_name_dns1123_subdomain(name);
}

void sb_validate_meta(struct rv_arena *a, const struct sb_resource *r, struct rv_node *object, struct rv_node *causes) {
    struct rv_node *meta = rv_node_get(object, "metadata");
    struct rv_str name = rv_node_text(rv_node_get(meta, "name"));
    const char *why = bad_name(r, name);
    if (why != NULL) sb_cause(a, causes, "metadata.name: Invalid value: \"" RV_STR_FMT "\": %s", RV_STR_ARG(name), why);
    struct rv_node *labels = rv_node_get(meta, "labels"), *v = NULL;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(labels, i, &key, &v); i++) {
        why = rv_name_label_key(key);
        if (why != NULL)
            sb_cause(a, causes, "metadata.labels: Invalid value: \"" RV_STR_FMT "\": %s", RV_STR_ARG(key), why);
        why = rv_node_type(v) == RV_STRING ? rv_name_label_value(rv_node_text(v)) : "must be a string";
        if (why != NULL)
            sb_cause(a, causes, "metadata.labels: Invalid value: \"" RV_STR_FMT "\": %s", RV_STR_ARG(rv_node_text(v)),
                     why);
    }
}

/* ---- quota ---- */

struct quota {
    struct sb_storage *s;
    size_t pods;
    int64_t hard;
    struct rv_str name;
};

static bool count_pod(void *arg, struct sb_object *o) {
    struct rv_str phase = rv_path_str(o->value, "status.phase");
    ((struct quota *)arg)->pods += !rv_str_is(phase, "Succeeded") && !rv_str_is(phase, "Failed");
    return true;
}

static bool tightest(void *arg, struct sb_object *o) {
    struct quota *q = arg;
    struct rv_quantity hard;
    if (rv_quantity_from_val(rv_val_path(o->value, "spec.hard.pods"), &hard) != 0) return true;
    int64_t n = rv_quantity_ceil(hard);
    if (q->hard >= 0 && n >= q->hard) return true;
    q->hard = n;
    q->name = o->name;
    return true;
}

/* A pod's service account must exist. For a generated name, the message has the part that was given. */
static bool account_exists(struct sb_storage *s, struct rv_node *pod, struct sb_status *st) {
    struct rv_str ns = rv_node_text(rv_node_path(pod, "metadata.namespace"));
    struct rv_str account = rv_node_text(rv_node_path(pod, "spec.serviceAccountName"));
    struct rv_str name = rv_node_text(rv_node_path(pod, "metadata.generateName"));
    if (name.n == 0) name = rv_node_text(rv_node_path(pod, "metadata.name"));
    const struct sb_resource *accounts = sb_resource_find(s, RV_STR(""), RV_STR("v1"), RV_STR("serviceaccounts"));
    if (sb_get(s, accounts, ns, account) != NULL) return true;
    sb_status_set(st, 403, "Forbidden",
                  "pods \"" RV_STR_FMT "\" is forbidden: error looking up service account " RV_STR_FMT "/" RV_STR_FMT
                  ": serviceaccount \"" RV_STR_FMT "\" not found",
                  RV_STR_ARG(name), RV_STR_ARG(ns), RV_STR_ARG(account), RV_STR_ARG(account));
    sb_status_about(st, sb_resource_find(s, RV_STR(""), RV_STR("v1"), RV_STR("pods")), name, "pods", NULL);
    return false;
}

int sb_admit(struct sb_storage *s, const struct sb_resource *r, struct rv_node *object, struct sb_status *st) {
    if (strcmp(r->plural, "pods") != 0 || r->group[0] != '\0') return 0;
    if (!account_exists(s, object, st)) return RV_E_FORBIDDEN;
    struct quota q = {.s = s, .hard = -1};
    struct rv_str ns = rv_node_text(rv_node_path(object, "metadata.namespace"));
    sb_each(s, sb_resource_find(s, RV_STR(""), RV_STR("v1"), RV_STR("resourcequotas")), ns, tightest, &q);
    if (q.hard < 0) return 0;
    sb_each(s, r, ns, count_pod, &q);
    if ((int64_t)q.pods < q.hard) return 0;
    sb_status_set(st, 403, "Forbidden",
                  "pods \"" RV_STR_FMT "\" is forbidden: exceeded quota: " RV_STR_FMT
                  ", requested: pods=1, used: pods=%zu, limited: pods=%lld",
                  RV_STR_ARG(rv_node_text(rv_node_path(object, "metadata.name"))), RV_STR_ARG(q.name), q.pods,
                  (long long)q.hard);
    return RV_E_FORBIDDEN;
}

/* ---- what follows a write ---- */

static void make(struct sb_storage *s, const char *plural, struct rv_str ns, const char *name, bool ca) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct sb_resource *r = sb_resource_find(s, RV_STR(""), RV_STR("v1"), rv_str(plural));
    struct rv_node *o = rv_node_map(a);
    rv_node_set_cstr(a, o, "apiVersion", "v1");
    rv_node_set_cstr(a, o, "kind", r->kind);
    rv_node_set_cstr(a, rv_node_ensure_map(a, o, "metadata"), "name", name);
    if (ca) rv_node_set_cstr(a, rv_node_ensure_map(a, o, "data"), "ca.crt", s->ca_pem != NULL ? s->ca_pem : "");
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    sb_create(s, r, ns, o, a, NULL, &made, &st);
    sb_object_unref(made);
    sb_status_clear(&st);
}

void sb_fill_namespace(struct sb_storage *s, struct rv_str ns) {
    make(s, "serviceaccounts", ns, "default", false);
    make(s, "configmaps", ns, "kube-root-ca.crt", true);
}
