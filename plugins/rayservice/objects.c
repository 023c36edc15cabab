/* objects.c - Services, the Gateway and its routes (spec sections 5.4, 7.1 to 7.3). Builders: new trees in the arena.
 *
 * Ports are written out as the API server completes them, so that what is there can be compared with what is wanted. */
#include "plugins/ray/objects.h"

#include "plugins/ray/names.h"

#include "fields.h"
#include "service.h"

static void owned(struct rv_arena *a, const struct rs_service *s, struct rv_node *n) {
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayService"), s->name, s->uid);
}

static void complete_ports(struct rv_arena *a, struct rv_node *spec) {
    struct rv_node *ports = rv_node_get(spec, "ports");
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *p = rv_node_at(ports, i);
        if (rv_node_text(rv_node_get(p, "protocol")).n == 0) rv_node_set_cstr(a, p, "protocol", "TCP");
        if (rv_node_get(p, "targetPort") == NULL)
            rv_node_set_int(a, p, "targetPort", rv_node_to_int(rv_node_get(p, "port"), 0));
    }
}

/* ---- serve ------------------------------------------------------------------------------------------------------- */

static bool is_serve_port(struct rv_str name) { return rv_str_is(name, "serve") || rv_str_starts(name, "serve-"); }

/* Containers without ports get Ray's defaults on the head service, serve among them. */
static struct rv_node *serve_ports(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_val given = rv_val_get(rc_head_container(c), "ports");
    struct rv_node *ports = rv_node_array(a);
    for (struct rv_iter it = rv_iter(given); rv_iter_next(&it);) {
        if (!is_serve_port(rv_path_str(it.val, "name"))) continue;
        struct rv_node *p = rv_node_map(a);
        rv_node_set_str(a, p, "name", rv_path_str(it.val, "name"));
        rv_node_set_int(a, p, "port", rv_path_int(it.val, "containerPort", 0));
        rv_node_append(a, ports, p);
    }
    if (rv_val_len(given) > 0) return ports;
    struct rv_node *p = rv_node_map(a);
    rv_node_set_cstr(a, p, "name", "serve");
    rv_node_set_int(a, p, "port", RC_PORT_SERVE);
    rv_node_append(a, ports, p);
    return ports;
}

int64_t rs_serve_port(const struct rc_cluster *c) {
    for (struct rv_iter it = rv_iter(rv_val_get(rc_head_container(c), "ports")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), "serve")) return rv_path_int(it.val, "containerPort", RC_PORT_SERVE);
    return RC_PORT_SERVE;
}

/* A port that the user's template defines under the same name is taken as it is there; without any of ours the
 * template's are. */
static struct rv_node *merged_ports(struct rv_arena *a, struct rv_node *own, struct rv_val given) {
    if (rv_node_len(own) == 0) return rv_val_len(given) > 0 ? rc_without_zeros(a, given) : own;
    for (size_t i = 0; i < rv_node_len(own); i++)
        for (struct rv_iter it = rv_iter(given); rv_iter_next(&it);)
            if (rv_str_eq(rv_path_str(it.val, "name"), rv_node_text(rv_node_get(rv_node_at(own, i), "name"))))
                rv_node_put_at(a, own, i, rc_without_zeros(a, it.val));
    return own;
}

static void serve_labels(struct rv_arena *a, struct rv_node *labels, struct rv_str name) {
    rc_set_origin_labels(a, labels, "RayService", name);
    rv_node_set_str(a, labels, RC_LABEL_SERVE,
                    rv_name_to_label_value(a, rv_arena_fmt(a, RV_STR_FMT "-serve", RV_STR_ARG(name))));
}

static void select_cluster(struct rv_arena *a, struct rv_node *spec, struct rv_str cluster) {
    struct rv_node *selector = rv_node_map(a);
    rv_node_set_str(a, selector, RC_LABEL_CLUSTER, cluster);
    rv_node_set_cstr(a, selector, RC_LABEL_SERVE, "true");
    rv_node_set(a, spec, "selector", selector);
}

struct rv_str rs_serve_service_name(struct rv_arena *a, const struct rs_service *s) {
    return s->serve_name.n != 0 ? s->serve_name : rc_name_serve_service(a, s->name);
}

struct rv_node *rs_serve_service(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *c,
                                 bool selector) {
    struct rv_val given = rv_val_get(s->spec, "serveService"), notes = rv_val_path(given, "metadata.annotations");
    struct rv_node *n = rc_bare_object(a, s->ns, "v1", "Service", rs_serve_service_name(a, s)),
                   *meta = rv_node_get(n, "metadata"), *labels = rv_node_map(a);
    struct rv_node *spec = rv_val_set(rv_val_get(given, "spec")) ? rc_without_zeros(a, rv_val_get(given, "spec"))
                                                                 : rv_node_map(a),
                   *ports = merged_ports(a, serve_ports(a, c), rv_val_path(given, "spec.ports"));
    if (rv_node_len(ports) == 0) return NULL;
    for (struct rv_iter it = rv_iter(rv_val_path(given, "metadata.labels")); rv_iter_next(&it);)
        rv_node_setn(a, labels, it.key, rv_node_from(a, it.val));
    serve_labels(a, labels, s->name);
    rv_node_set(a, meta, "labels", labels);
    if (rv_val_len(notes) > 0) rv_node_set(a, meta, "annotations", rv_node_from(a, notes));
    rv_node_set(a, spec, "ports", ports);
    complete_ports(a, spec);
    rv_node_remove(spec, "selector");
    if (selector) select_cluster(a, spec, c->name);
    struct rv_str type = rv_path_str(s->cluster_spec, "headGroupSpec.serviceType");
    if (rv_node_text(rv_node_get(spec, "type")).n == 0)
        rv_node_set_str(a, spec, "type", type.n != 0 && !rv_val_set(given) ? type : RV_STR("ClusterIP"));
    rv_node_set(a, n, "spec", spec);
    owned(a, s, n);
    return n;
}

/* Owned by the cluster, so that it goes with it. Ports as the user's template has them, their appProtocol too. */
struct rv_node *rs_cluster_serve_service(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *c) {
    struct rv_node *n = rc_bare_object(a, s->ns, "v1", "Service", rc_name_serve_service(a, c->name)),
                   *spec = rv_node_ensure_map(a, n, "spec"),
                   *ports = merged_ports(a, serve_ports(a, c), rv_val_path(s->spec, "serveService.spec.ports"));
    if (rv_node_len(ports) == 0) return NULL;
    serve_labels(a, rv_node_ensure_map(a, rv_node_get(n, "metadata"), "labels"), c->name);
    for (size_t i = 0; i < rv_node_len(ports); i++) rv_node_remove(rv_node_at(ports, i), "nodePort");
    rv_node_set(a, spec, "ports", ports);
    complete_ports(a, spec);
    select_cluster(a, spec, c->name);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCluster"), c->name, c->uid);
    return n;
}

/* ---- Gateway and routes ------------------------------------------------------------------------------------------ */

struct rv_str rs_gateway_name(struct rv_arena *a, const struct rs_service *s) {
    return rv_arena_fmt(a, RV_STR_FMT "-gateway", RV_STR_ARG(s->name));
}

struct rv_node *rs_gateway(struct rv_arena *a, const struct rs_service *s) {
    if (rs_annotation(s, RS_ANNOTATION_GATEWAY).n != 0) return NULL;
    struct rv_node *n = rc_bare_object(a, s->ns, "gateway.networking.k8s.io/v1", "Gateway", rs_gateway_name(a, s)),
                   *spec = rv_node_ensure_map(a, n, "spec"), *listener = rv_node_map(a);
    rv_node_set_str(a, spec, "gatewayClassName", rv_path_str(s->options, "gatewayClassName"));
    rv_node_set_cstr(a, listener, "name", "http");
    rv_node_set_int(a, listener, "port", 80);
    rv_node_set_cstr(a, listener, "protocol", "HTTP");
    rv_node_append(a, rv_node_ensure_array(a, spec, "listeners"), listener);
    owned(a, s, n);
    return n;
}

static struct rv_str before(struct rv_str *rest, char stop, bool whole) {
    const char *at = rest->n != 0 ? memchr(rest->p, stop, rest->n) : NULL;
    struct rv_str head = {rest->p, at != NULL ? (size_t)(at - rest->p) : whole ? rest->n : 0};
    if (at != NULL) *rest = (struct rv_str){at + 1, rest->n - head.n - 1};
    return head;
}

void rs_gateway_ref(struct rv_arena *a, const struct rs_service *s, struct rv_str *ns, struct rv_str *name,
                    struct rv_str *section) {
    struct rv_str given = rs_annotation(s, RS_ANNOTATION_GATEWAY);
    *ns = s->ns;
    *name = rs_gateway_name(a, s);
    *section = RV_STR("");
    if (given.n == 0) return;
    struct rv_str in = before(&given, '/', false), rest = given;
    *name = before(&rest, ':', true);
    if (in.n != 0) *ns = in;
    if (name->n != given.n) *section = rest;
}

static struct rv_node *parent(struct rv_arena *a, const struct rs_service *s) {
    struct rv_str ns, name, section;
    struct rv_node *n = rv_node_map(a);
    rs_gateway_ref(a, s, &ns, &name, &section);
    rv_node_set_str(a, n, "name", name);
    rv_node_set_str(a, n, "namespace", ns);
    if (section.n != 0) rv_node_set_str(a, n, "sectionName", section);
    return n;
}

static void hostnames(struct rv_arena *a, const struct rs_service *s, struct rv_node *spec) {
    struct rv_str rest = rs_annotation(s, RS_ANNOTATION_HOSTNAMES);
    while (rest.n > 0) {
        size_t all = rest.n;
        struct rv_str one = before(&rest, ',', true);
        if (one.n == all) rest.n = 0;
        while (one.n > 0 && *one.p == ' ') one = (struct rv_str){one.p + 1, one.n - 1};
        if (one.n > 0) rv_node_append(a, rv_node_ensure_array(a, spec, "hostnames"), rv_node_str(a, one));
    }
}

static struct rv_node *backend(struct rv_arena *a, const struct rs_service *s, const struct rs_share *share,
                               int64_t port) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_str(a, n, "name", share->service);
    rv_node_set_str(a, n, "namespace", s->ns);
    rv_node_set_int(a, n, "port", port);
    rv_node_set_int(a, n, "weight", share->weight);
    return n;
}

static struct rv_node *route(struct rv_arena *a, const struct rs_service *s, const char *kind, struct rv_str name,
                             int64_t port, const struct rs_share shares[2]) {
    struct rv_node *n = rc_bare_object(a, s->ns, "gateway.networking.k8s.io/v1", kind, name),
                   *spec = rv_node_ensure_map(a, n, "spec"), *rule = rv_node_map(a), *backends = rv_node_array(a);
    rv_node_append(a, rv_node_ensure_array(a, spec, "parentRefs"), parent(a, s));
    hostnames(a, s, spec);
    if (strcmp(kind, "HTTPRoute") == 0) {
        struct rv_node *match = rv_node_map(a), *path = rv_node_ensure_map(a, match, "path");
        rv_node_set_cstr(a, path, "type", "PathPrefix");
        rv_node_set_cstr(a, path, "value", "/");
        rv_node_append(a, rv_node_ensure_array(a, rule, "matches"), match);
    }
    for (size_t i = 0; i < 2; i++)
        if (shares[i].service.n != 0) rv_node_append(a, backends, backend(a, s, &shares[i], port));
    rv_node_set(a, rule, "backendRefs", backends);
    rv_node_append(a, rv_node_ensure_array(a, spec, "rules"), rule);
    owned(a, s, n);
    return n;
}

struct rv_node *rs_http_route(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *c,
                              const struct rs_share shares[2]) {
    return route(a, s, "HTTPRoute", rv_arena_fmt(a, RV_STR_FMT "-httproute", RV_STR_ARG(s->name)), rs_serve_port(c),
                 shares);
}

struct rv_node *rs_grpc_route(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *c,
                              const struct rs_share shares[2]) {
    for (struct rv_iter it = rv_iter(rv_val_get(rc_head_container(c), "ports")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), "serve-grpc"))
            return route(a, s, "GRPCRoute", rv_arena_fmt(a, RV_STR_FMT "-grpcroute", RV_STR_ARG(s->name)),
                         rv_path_int(it.val, "containerPort", 0), shares);
    return NULL;
}
