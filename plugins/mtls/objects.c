/* objects.c - see objects.h. */
#include "objects.h"

#include <stdlib.h>

#include "plugins/ray/fields.h"
#include "plugins/ray/names.h"
#include "plugins/ray/objects.h"

#define CERT_MANAGER "cert-manager.io/v1"

/* One row for each object: its name before and after the cluster's, its label, and its issuer. */
static const struct row {
    const char *kind, *prefix, *component, *issuer_prefix, *duration, *renew_before, *secret;
} rows[] = {
    [MTLS_SELF_ISSUER] = {"Issuer", "ray-selfsigned-issuer-", "selfsigned-issuer", NULL, NULL, NULL, NULL},
    [MTLS_CA] = {"Certificate", "ray-ca-certificate-", "ca-certificate", "ray-selfsigned-issuer-", "87600h", "720h",
                 NULL},
    [MTLS_CA_ISSUER] = {"Issuer", "ray-ca-issuer-", "ca-issuer", NULL, NULL, NULL, NULL},
    [MTLS_HEAD] = {"Certificate", "ray-head-cert-", "head-certificate", "ray-ca-issuer-", "2160h", "360h",
                   "ray-head-secret-"},
    [MTLS_WORKER] = {"Certificate", "ray-worker-cert-", "worker-certificate", "ray-ca-issuer-", "2160h", "360h",
                     "ray-worker-secret-"},
};

void mtls_cluster_read(struct mtls_cluster *c, struct rv_val value, struct rv_str domain) {
    struct rv_val meta = rv_val_get(value, "metadata");
    *c = (struct mtls_cluster){.value = value,
                               .spec = rv_val_get(value, "spec"),
                               .ns = rv_path_str(meta, "namespace"),
                               .name = rv_path_str(meta, "name"),
                               .uid = rv_path_str(meta, "uid"),
                               .domain = domain};
}

struct rv_str mtls_name(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which) {
    return rv_arena_fmt(a, "%s" RV_STR_FMT, rows[which].prefix, RV_STR_ARG(c->name));
}

struct rv_str mtls_secret(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which) {
    if (which == MTLS_CA || which == MTLS_CA_ISSUER)
        return rv_arena_fmt(a, RV_STR_FMT "-ca-secret-%.*s", RV_STR_ARG(c->name), (int)(c->uid.n < 8 ? c->uid.n : 8),
                            c->uid.n != 0 ? c->uid.p : "");
    return rv_arena_fmt(a, "%s" RV_STR_FMT, rows[which].secret, RV_STR_ARG(c->name));
}

static void add(struct rv_arena *a, struct rv_node *list, struct rv_str text) {
    rv_node_append(a, list, rv_node_str(a, text));
}

static void issued_by(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which, struct rv_node *spec) {
    struct rv_node *ref = rv_node_ensure_map(a, spec, "issuerRef");
    rv_node_set_fmt(a, ref, "name", "%s" RV_STR_FMT, rows[which].issuer_prefix, RV_STR_ARG(c->name));
    rv_node_set_cstr(a, ref, "kind", "Issuer");
    rv_node_set_cstr(a, ref, "group", "cert-manager.io");
}

static void usages(struct rv_arena *a, struct rv_node *spec, const char *const *list, size_t n) {
    struct rv_node *u = rv_node_ensure_array(a, spec, "usages");
    for (size_t i = 0; i < n; i++) add(a, u, rv_str(list[i]));
}

static void ca_spec(struct rv_arena *a, const struct mtls_cluster *c, struct rv_node *spec) {
    static const char *const list[] = {"cert sign", "crl sign"};
    struct rv_node *key = rv_node_ensure_map(a, spec, "privateKey");
    rv_node_set_bool(a, spec, "isCA", true);
    rv_node_set_fmt(a, spec, "commonName", "ray-ca-" RV_STR_FMT, RV_STR_ARG(c->name));
    rv_node_set_cstr(a, key, "algorithm", "RSA");
    rv_node_set_int(a, key, "size", 4096);
    usages(a, spec, list, RV_ARRAY_LEN(list));
}

static int text_order(const void *a, const void *b) {
    return rv_str_cmp(*(const struct rv_str *)a, *(const struct rv_str *)b);
}

/* Sorted, each once. */
static struct rv_node *host_names(struct rv_arena *a, const struct mtls_cluster *c, bool head) {
    struct rv_node *list = rv_node_array(a);
    struct rv_str *names = rv_arena_alloc(a, (c->service_n + 2) * sizeof *names);
    size_t n = 0;
    names[n++] = RV_STR("localhost");
    if (head) {
        struct rv_str own = rv_path_str(c->spec, "headGroupSpec.headService.metadata.name");
        names[n++] = rc_name_fqdn(a, rc_name_head_service(a, c->name, own), c->ns, c->domain);
        for (size_t i = 0; i < c->service_n; i++) names[n++] = rc_name_fqdn(a, c->services[i], c->ns, c->domain);
    }
    qsort(names, n, sizeof *names, text_order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !rv_str_eq(names[i], names[i - 1])) add(a, list, names[i]);
    return list;
}

static void leaf_spec(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which, struct rv_node *spec,
                      const struct rv_str *addresses, size_t n) {
    static const char *const list[] = {"digital signature", "key encipherment", "server auth", "client auth"};
    rv_node_set(a, spec, "dnsNames", host_names(a, c, which == MTLS_HEAD));
    struct rv_node *ips = rv_node_ensure_array(a, spec, "ipAddresses");
    for (size_t i = 0; i < n; i++) add(a, ips, addresses[i]);
    usages(a, spec, list, RV_ARRAY_LEN(list));
}

struct rv_node *mtls_build(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which,
                           const struct rv_str *addresses, size_t n) {
    const struct row *r = &rows[which];
    struct rv_node *o = rc_bare_object(a, c->ns, CERT_MANAGER, r->kind, mtls_name(a, c, which)),
                   *meta = rv_node_get(o, "metadata"), *labels = rv_node_ensure_map(a, meta, "labels"),
                   *spec = rv_node_ensure_map(a, o, "spec");
    rv_node_set_str(a, labels, RC_LABEL_CLUSTER, c->name);
    rv_node_set_cstr(a, labels, RC_LABEL_APP_NAME, "kuberay");
    rv_node_set_cstr(a, labels, RC_LABEL_CREATED_BY, RC_CREATED_BY);
    rv_node_set_cstr(a, labels, "app.kubernetes.io/component", r->component);
    if (which == MTLS_SELF_ISSUER) rv_node_ensure_map(a, spec, "selfSigned");
    if (which == MTLS_CA_ISSUER)
        rv_node_set_str(a, rv_node_ensure_map(a, spec, "ca"), "secretName", mtls_secret(a, c, which));
    if (r->duration != NULL) {
        rv_node_set_str(a, spec, "secretName", mtls_secret(a, c, which));
        rv_node_set_cstr(a, spec, "duration", r->duration);
        rv_node_set_cstr(a, spec, "renewBefore", r->renew_before);
        issued_by(a, c, which, spec);
        rv_node_set_str(a, rv_node_ensure_map(a, rv_node_ensure_map(a, spec, "secretTemplate"), "labels"),
                        RC_LABEL_CLUSTER, c->name);
    }
    if (which == MTLS_CA) ca_spec(a, c, spec);
    if (which == MTLS_HEAD || which == MTLS_WORKER) leaf_spec(a, c, which, spec, addresses, n);
    rv_meta_set_controller(a, o, RV_STR("ray.io/v1"), RV_STR("RayCluster"), c->name, c->uid);
    return o;
}
