/* objects.c - see objects.h. */
#include "objects.h"

#include "fields.h"
#include "names.h"

struct rv_node *rc_common_labels(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_str(a, n, RC_LABEL_CLUSTER, c->name);
    rv_node_set_cstr(a, n, RC_LABEL_APP_NAME, "kuberay");
    rv_node_set_cstr(a, n, RC_LABEL_CREATED_BY, RC_CREATED_BY);
    return n;
}

struct rv_node *rc_bare_object(struct rv_arena *a, struct rv_str ns, const char *api_version, const char *kind,
                               struct rv_str name) {
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata");
    rv_node_set_cstr(a, n, "apiVersion", api_version);
    rv_node_set_cstr(a, n, "kind", kind);
    rv_node_set_str(a, meta, "name", name);
    rv_node_set_str(a, meta, "namespace", ns);
    return n;
}

struct rv_node *rc_new_object(struct rv_arena *a, const struct rc_cluster *c, const char *api_version, const char *kind,
                              struct rv_str name) {
    struct rv_node *n = rc_bare_object(a, c->ns, api_version, kind, name);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCluster"), c->name, c->uid);
    return n;
}

static struct rv_node *labelled(struct rv_arena *a, const struct rc_cluster *c, const char *api_version,
                                const char *kind, struct rv_str name) {
    struct rv_node *n = rc_new_object(a, c, api_version, kind, name);
    rv_node_set(a, rv_node_get(n, "metadata"), "labels", rc_common_labels(a, c));
    return n;
}

static struct rv_node *texts(struct rv_arena *a, const char *const *list, size_t n) {
    struct rv_node *out = rv_node_array(a);
    for (size_t i = 0; i < n; i++) rv_node_append(a, out, rv_node_str(a, rv_str(list[i])));
    return out;
}

/* ---- autoscaler ---------------------------------------------------------------------------------------------- */

struct rv_str rc_user_account(const struct rc_cluster *c) {
    return rv_path_str(c->spec, "headGroupSpec.template.spec.serviceAccountName");
}

struct rv_str rc_name_service_account(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_str given = rc_user_account(c);
    return given.n != 0 ? given : rc_name_checked(a, c->name);
}

struct rv_node *rc_service_account(struct rv_arena *a, const struct rc_cluster *c) {
    return labelled(a, c, "v1", "ServiceAccount", rc_name_service_account(a, c));
}

static struct rv_node *rule(struct rv_arena *a, const char *group, const char *resource, const char *const *verbs,
                            size_t n) {
    struct rv_node *r = rv_node_map(a);
    rv_node_set(a, r, "apiGroups", texts(a, &group, 1));
    rv_node_set(a, r, "resources", texts(a, &resource, 1));
    rv_node_set(a, r, "verbs", texts(a, verbs, n));
    return r;
}

struct rv_node *rc_role(struct rv_arena *a, const struct rc_cluster *c) {
    static const char *const pods[] = {"get", "list", "watch", "patch"}, *const patch[] = {"patch"},
                             *const clusters[] = {"get", "patch"};
    struct rv_node *n = labelled(a, c, "rbac.authorization.k8s.io/v1", "Role", rc_name_checked(a, c->name));
    struct rv_node *rules = rv_node_ensure_array(a, n, "rules");
    rv_node_append(a, rules, rule(a, "", "pods", pods, RV_ARRAY_LEN(pods)));
    rv_node_append(a, rules, rule(a, "", "pods/resize", patch, RV_ARRAY_LEN(patch)));
    rv_node_append(a, rules, rule(a, "ray.io", "rayclusters", clusters, RV_ARRAY_LEN(clusters)));
    return n;
}

struct rv_node *rc_role_binding(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = labelled(a, c, "rbac.authorization.k8s.io/v1", "RoleBinding", rc_name_checked(a, c->name));
    struct rv_node *subject = rv_node_map(a), *ref = rv_node_ensure_map(a, n, "roleRef");
    rv_node_set_cstr(a, subject, "kind", "ServiceAccount");
    rv_node_set_str(a, subject, "name", rc_name_service_account(a, c));
    rv_node_set_str(a, subject, "namespace", c->ns);
    rv_node_append(a, rv_node_ensure_array(a, n, "subjects"), subject);
    rv_node_set_cstr(a, ref, "apiGroup", "rbac.authorization.k8s.io");
    rv_node_set_cstr(a, ref, "kind", "Role");
    rv_node_set_str(a, ref, "name", rc_name_checked(a, c->name));
    return n;
}

/* ---- token ----------------------------------------------------------------------------------------------------- */

struct rv_str rc_token_secret(struct rv_arena *a, const struct rc_cluster *c) {
    return c->f.token_secret.n != 0 ? c->f.token_secret : rc_name_checked(a, c->name);
}

struct rv_node *rc_secret(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, "v1", "Secret", rc_name_checked(a, c->name));
    rv_node_set_str(a, rv_node_ensure_map(a, rv_node_get(n, "metadata"), "labels"), RC_LABEL_CLUSTER, c->name);
    rv_node_set_cstr(a, n, "type", "Opaque");
    rv_node_set_cstr(a, rv_node_ensure_map(a, n, "stringData"), "auth_token", RV_GENERATE_TOKEN);
    return n;
}

/* ---- ingress and route ------------------------------------------------------------------------------------------- */

static int64_t dashboard_port(const struct rc_cluster *c) {
    for (struct rv_iter it = rv_iter(rv_val_get(rc_head_container(c), "ports")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), "dashboard")) return rv_path_int(it.val, "containerPort", 0);
    return RC_PORT_DASHBOARD;
}

static struct rv_node *labelled_head(struct rv_arena *a, const struct rc_cluster *c, const char *api_version,
                                     const char *kind, struct rv_str name, bool with_class) {
    struct rv_node *n = labelled(a, c, api_version, kind, name), *meta = rv_node_get(n, "metadata");
    rv_node_set_str(a, rv_node_get(meta, "labels"), RC_LABEL_IDENTIFIER,
                    rc_name_label(a, rv_arena_fmt(a, RV_STR_FMT "-head", RV_STR_ARG(c->name))));
    struct rv_node *notes = rv_node_map(a);
    for (struct rv_iter it = rv_iter(rv_val_get(c->meta, "annotations")); rv_iter_next(&it);)
        if (with_class || !rv_str_is(it.key, RC_ANNOTATION_INGRESS_CLASS))
            rv_node_setn(a, notes, it.key, rv_node_str(a, rv_val_str(it.val)));
    if (rv_node_len(notes) > 0) rv_node_set(a, meta, "annotations", notes);
    return n;
}

static struct rv_node *ingress_path(struct rv_arena *a, const struct rc_cluster *c, struct rv_val options) {
    struct rv_node *n = rv_node_map(a),
                   *service = rv_node_ensure_map(a, rv_node_ensure_map(a, n, "backend"), "service");
    rv_node_set_str(a, n, "path", rv_val_str_or(rv_val_get(options, "path"), "/"));
    rv_node_set_str(a, n, "pathType", rv_val_str_or(rv_val_get(options, "pathType"), "Prefix"));
    rv_node_set_str(a, service, "name", rc_head_service_name(a, c));
    rv_node_set_int(a, rv_node_ensure_map(a, service, "port"), "number", dashboard_port(c));
    return n;
}

struct rv_node *rc_ingress(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = labelled_head(a, c, "networking.k8s.io/v1", "Ingress", rc_name_ingress(a, c->name), false);
    struct rv_node *spec = rv_node_ensure_map(a, n, "spec"), *rule = rv_node_map(a);
    struct rv_val options = rv_val_path(c->spec, "headGroupSpec.ingressOptions"), tls = rv_val_get(options, "tls");
    struct rv_str host = rv_path_str(options, "host"), class = rc_annotation(c, RC_ANNOTATION_INGRESS_CLASS);
    if (class.n != 0) rv_node_set_str(a, spec, "ingressClassName", class);
    if (host.n != 0) rv_node_set_str(a, rule, "host", host);
    rv_node_append(a, rv_node_ensure_array(a, rv_node_ensure_map(a, rule, "http"), "paths"),
                   ingress_path(a, c, options));
    rv_node_append(a, rv_node_ensure_array(a, spec, "rules"), rule);
    if (rv_val_len(tls) > 0) rv_node_set(a, spec, "tls", rc_without_zeros(a, tls));
    return n;
}

struct rv_str rc_route_name(struct rv_arena *a, const struct rc_cluster *c) {
    return rc_name_route(a, rv_arena_fmt(a, RV_STR_FMT "-head-route", RV_STR_ARG(c->name)), c->ns);
}

struct rv_node *rc_route(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = labelled_head(a, c, "route.openshift.io/v1", "Route", rc_route_name(a, c), true);
    struct rv_node *spec = rv_node_ensure_map(a, n, "spec"), *to = rv_node_ensure_map(a, spec, "to");
    rv_node_set_cstr(a, to, "kind", "Service");
    rv_node_set_str(a, to, "name", rc_head_service_name(a, c));
    rv_node_set_int(a, to, "weight", 100);
    rv_node_set_int(a, rv_node_ensure_map(a, spec, "port"), "targetPort", dashboard_port(c));
    rv_node_set_cstr(a, spec, "wildcardPolicy", "None");
    return n;
}

/* ---- volume claim of the embedded GCS storage ----------------------------------------------------------------------
 */

struct rv_str rc_gcs_claim(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_str given = rv_path_str(c->f.ft_options, "storage.claimName");
    return given.n != 0 ? given : rv_arena_fmt(a, RV_STR_FMT "-gcs-pvc", RV_STR_ARG(c->name));
}

bool rc_claim_retained(const struct rc_cluster *c) {
    return rv_str_is(rv_path_str(c->f.ft_options, "storage.deletionPolicy"), "Retain");
}

struct rv_node *rc_claim(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_val storage = rv_val_get(c->f.ft_options, "storage"), modes = rv_val_get(storage, "accessModes"),
                  size = rv_val_get(storage, "size"), class = rv_val_get(storage, "storageClassName");
    struct rv_node *n = rc_new_object(a, c, "v1", "PersistentVolumeClaim", rc_gcs_claim(a, c)),
                   *meta = rv_node_get(n, "metadata"), *spec = rv_node_ensure_map(a, n, "spec");
    static const char *const once[] = {"ReadWriteOnce"};
    if (rc_claim_retained(c)) rv_node_remove(meta, "ownerReferences");
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "labels"), RC_LABEL_CLUSTER, c->name);
    rv_node_set(a, spec, "accessModes", rv_val_len(modes) > 0 ? rv_node_from(a, modes) : texts(a, once, 1));
    struct rv_node *requests = rv_node_ensure_map(a, rv_node_ensure_map(a, spec, "resources"), "requests");
    rv_node_set(a, requests, "storage", rv_val_set(size) ? rv_node_from(a, size) : rv_node_str(a, RV_STR("1Gi")));
    if (rv_val_set(class)) rv_node_set(a, spec, "storageClassName", rv_node_from(a, class));
    return n;
}

/* ---- multi-host workers find each other by name
 * ---------------------------------------------------------------------- */

struct rv_node *rc_headless_service(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, "v1", "Service", rc_name_headless_service(a, c->name)),
                   *spec = rv_node_ensure_map(a, n, "spec"), *selector = rv_node_ensure_map(a, spec, "selector");
    rv_node_set_str(a, rv_node_ensure_map(a, rv_node_get(n, "metadata"), "labels"), RC_LABEL_HEADLESS, c->name);
    rv_node_set_str(a, selector, RC_LABEL_CLUSTER, c->name);
    rv_node_set_cstr(a, selector, RC_LABEL_NODE_TYPE, "worker");
    rv_node_set_cstr(a, spec, "clusterIP", "None");
    rv_node_set_cstr(a, spec, "type", "ClusterIP");
    rv_node_set_bool(a, spec, "publishNotReadyAddresses", true);
    return n;
}

/* ---- Redis cleanup
 * ---------------------------------------------------------------------------------------------------- */

struct rv_str rc_cleanup_job_name(struct rv_arena *a, const struct rc_cluster *c) {
    return rc_name_label(a, rv_arena_fmt(a, RV_STR_FMT "-redis-cleanup", RV_STR_ARG(c->name)));
}

struct rv_str rc_cleanup_job_other_name(struct rv_arena *a, const struct rc_cluster *c) {
    return rc_name_label(a, rv_arena_fmt(a, RV_STR_FMT "-redis-cleanup-%.*s", RV_STR_ARG(c->name),
                                         (int)(c->uid.n < 8 ? c->uid.n : 8), c->uid.p));
}

/* Ray's own function empties one storage namespace. The address may be a list or a URL. The user name is passed only
 * where one was configured, because older versions of Ray do not have that parameter. */
static struct rv_str cleanup_script(struct rv_arena *a, bool user) {
    return rv_arena_fmt(
        a,
        "echo \"To free Redis by hand, see "
        "https://docs.ray.io/en/master/cluster/kubernetes/user-guides/kuberay-gcs-ft.html\" && python -c \""
        "import os, sys; "
        "from urllib.parse import urlparse; "
        "from ray._private.gcs_utils import cleanup_redis_storage; "
        "first = os.environ['RAY_REDIS_ADDRESS'].split(',')[0]; "
        "url = urlparse(first if '://' in first else 'redis://' + first); "
        "done = cleanup_redis_storage(host=url.hostname, port=url.port, %s"
        "password=os.environ.get('REDIS_PASSWORD') or url.password or '', use_ssl=url.scheme == 'rediss', "
        "storage_namespace=os.environ['RAY_external_storage_namespace']); "
        "sys.exit(0 if done else 1)\"",
        user ? "username=os.environ.get('REDIS_USERNAME') or url.username, " : "");
}

static void make_cleanup_container(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *ray) {
    static const char *const waits[][2] = {{"RAY_redis_db_connect_retries", "120"},
                                           {"RAY_redis_db_connect_wait_milliseconds", "500"}};
    const char *const shell[] = {"/bin/bash", c->settings->login_shell ? "-cl" : "-c", "--"};
    struct rv_node *env = rv_node_ensure_array(a, ray, "env"), *args = rv_node_array(a), *resources = rv_node_map(a);
    bool user = rv_node_find(env, "name", RV_STR("REDIS_USERNAME")) != NULL;
    rv_node_append(a, args, rv_node_str(a, cleanup_script(a, user)));
    rv_node_set(a, ray, "command", texts(a, shell, RV_ARRAY_LEN(shell)));
    rv_node_set(a, ray, "args", args);
    rv_node_remove(ray, "livenessProbe");
    rv_node_remove(ray, "readinessProbe");
    rv_node_remove(ray, "startupProbe");
    for (size_t i = 0; i < RV_ARRAY_LEN(waits); i++) {
        struct rv_node *n = rv_node_map(a);
        rv_node_set_cstr(a, n, "name", waits[i][0]);
        rv_node_set_cstr(a, n, "value", waits[i][1]);
        rv_node_append(a, env, n);
    }
    static const char *const kinds[] = {"limits", "requests"};
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++) {
        struct rv_node *amounts = rv_node_ensure_map(a, resources, kinds[i]);
        rv_node_set_cstr(a, amounts, "cpu", "200m");
        rv_node_set_cstr(a, amounts, "memory", "256Mi");
    }
    rv_node_set(a, ray, "resources", resources);
}

/* The head pod reduced to its Ray container. It is no member of the gang: the others are gone, and a scheduler would
 * wait for them for ever. */
struct rv_node *rc_cleanup_job(struct rv_arena *a, const struct rc_cluster *c) {
    return rc_cleanup_job_with(a, c, RV_VAL_ABSENT);
}

/* The variables take the place of those of their names. */
static void put_env(struct rv_arena *a, struct rv_node *container, struct rv_val env) {
    struct rv_node *list = rv_node_ensure_array(a, container, "env");
    for (struct rv_iter it = rv_iter(env); rv_iter_next(&it);) {
        for (size_t i = 0; i < rv_node_len(list); i++)
            if (rv_str_eq(rv_node_text(rv_node_get(rv_node_at(list, i), "name")), rv_path_str(it.val, "name")))
                rv_node_remove_at(list, i--);
        rv_node_append(a, list, rv_node_from(a, it.val));
    }
}

struct rv_node *rc_cleanup_job_with(struct rv_arena *a, const struct rc_cluster *as_specified, struct rv_val env) {
    struct rc_cluster here = *as_specified;
    const struct rc_cluster *c = &here;
    if (rv_val_present(env)) here.f.ft = here.f.ft_redis = here.f.ft_rocksdb = false; /* the variables say it all */
    struct rv_node *pod = rc_unscheduled_head(a, c, NULL, (struct rv_str){NULL, 0}),
                   *meta = rv_node_get(pod, "metadata"), *spec = rv_node_get(pod, "spec"),
                   *inits = rv_node_get(spec, "initContainers"), *containers = rv_node_get(spec, "containers");
    while (rv_node_len(containers) > 1)
        if (!rv_node_remove_at(containers, rv_node_len(containers) - 1)) break; /* no list, whatever the schema says */
    for (size_t i = 0; i < rv_node_len(inits); i++)
        if (rv_str_is(rv_node_text(rv_node_get(rv_node_at(inits, i), "name")), RC_CONTAINER_WAIT_TLS))
            rv_node_remove_at(inits, i--);
    put_env(a, rv_node_at(containers, 0), env);
    make_cleanup_container(a, c, rv_node_at(containers, 0));
    rv_node_set_cstr(a, spec, "restartPolicy", "Never");
    struct rv_node *labels = rv_node_get(meta, "labels"), *notes = rv_node_get(meta, "annotations");
    rv_node_set_cstr(a, labels, RC_LABEL_NODE_TYPE, RC_NODE_TYPE_CLEANUP);
    rv_node_remove(notes, RC_ANNOTATION_VERSION); /* says of a head which operator made it */
    struct rv_node *job = rc_new_object(a, c, "batch/v1", "Job", rc_cleanup_job_name(a, c)),
                   *job_meta = rv_node_get(job, "metadata"), *job_spec = rv_node_ensure_map(a, job, "spec"),
                   *template = rv_node_ensure_map(a, job_spec, "template"),
                   *template_meta = rv_node_ensure_map(a, template, "metadata");
    rv_node_set(a, job_meta, "labels", rv_node_copy(a, labels));
    rv_node_set(a, template_meta, "labels", rv_node_copy(a, labels));
    if (notes != NULL) {
        rv_node_set(a, job_meta, "annotations", rv_node_copy(a, notes));
        rv_node_set(a, template_meta, "annotations", rv_node_copy(a, notes));
    }
    rv_node_set(a, template, "spec", rv_node_copy(a, spec));
    rv_node_set_int(a, job_spec, "backoffLimit", 0);
    rv_node_set_int(a, job_spec, "activeDeadlineSeconds", RC_CLEANUP_DEADLINE_S);
    return job;
}
