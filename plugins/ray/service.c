/* service.c - the head service and the serve service (spec sections 7.4 and 7.6), and the spec's hash (8.7). */
#include <stdlib.h>

#include "cluster.h"
#include "fields.h"
#include "names.h"
#include "objects.h"

struct rv_str rc_head_service_name(struct rv_arena *a, const struct rc_cluster *c) {
    return rc_name_head_service(a, c->name, rv_path_str(c->spec, "headGroupSpec.headService.metadata.name"));
}

static struct rv_node *port(struct rv_arena *a, struct rv_str name, int64_t number, bool app_protocol) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_str(a, n, "name", name);
    rv_node_set_int(a, n, "port", number);
    if (app_protocol) rv_node_set_cstr(a, n, "appProtocol", "tcp");
    return n;
}

/* A later port of the same name replaces the earlier one. */
static void put_port(struct rv_arena *a, struct rv_node *ports, struct rv_str name, int64_t number) {
    for (size_t i = 0; i < rv_node_len(ports); i++)
        if (rv_str_eq(rv_node_text(rv_node_get(rv_node_at(ports, i), "name")), name)) {
            rv_node_put_at(a, ports, i, port(a, name, number, true));
            return;
        }
    rv_node_append(a, ports, port(a, name, number, true));
}

static struct rv_node *head_ports(struct rv_arena *a, const struct rc_cluster *c) {
    static const struct {
        const char *name;
        int64_t number;
    } defaults[] = {{"gcs-server", RC_PORT_GCS},
                    {"dashboard", RC_PORT_DASHBOARD},
                    {"client", RC_PORT_CLIENT},
                    {"metrics", RC_PORT_METRICS},
                    {"serve", RC_PORT_SERVE}};
    struct rv_node *ports = rv_node_array(a);
    struct rv_val given = rv_val_get(rc_head_container(c), "ports");
    for (struct rv_iter it = rv_iter(given); rv_iter_next(&it);) {
        int64_t number = rv_path_int(it.val, "containerPort", 0);
        struct rv_str name = rv_path_str(it.val, "name");
        put_port(a, ports, name.n != 0 ? name : rv_arena_fmt(a, "%lld-port", (long long)number), number);
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(defaults) && rv_val_len(given) == 0; i++)
        put_port(a, ports, rv_str(defaults[i].name), defaults[i].number);
    if (rv_node_find(ports, "name", RV_STR("metrics")) == NULL) put_port(a, ports, RV_STR("metrics"), RC_PORT_METRICS);
    return ports;
}

static int name_order(const void *x, const void *y) {
    return rv_str_cmp(rv_node_text(rv_node_get(*(struct rv_node *const *)x, "name")),
                      rv_node_text(rv_node_get(*(struct rv_node *const *)y, "name")));
}

static struct rv_node *sorted_ports(struct rv_arena *a, struct rv_node *ports) {
    size_t n = rv_node_len(ports);
    struct rv_node **list = rv_arena_alloc(a, n * sizeof *list), *out = rv_node_array(a);
    for (size_t i = 0; i < n; i++) list[i] = rv_node_at(ports, i);
    qsort(list, n, sizeof(struct rv_node *), name_order);
    for (size_t i = 0; i < n; i++) rv_node_append(a, out, list[i]);
    return out;
}

static struct rv_node *head_labels(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rv_node_map(a);
    struct rv_str app =
        rv_val_str(rv_val_get(rv_val_path(c->spec, "headGroupSpec.template.metadata.labels"), RC_LABEL_APP_NAME));
    rv_node_set_str(a, n, RC_LABEL_CLUSTER, c->name);
    rv_node_set_cstr(a, n, RC_LABEL_NODE_TYPE, "head");
    rv_node_set_str(a, n, RC_LABEL_IDENTIFIER,
                    rc_name_label(a, rv_arena_fmt(a, RV_STR_FMT "-head", RV_STR_ARG(c->name))));
    rv_node_set_str(a, n, RC_LABEL_APP_NAME, app.n != 0 ? app : RV_STR("kuberay"));
    rv_node_set_cstr(a, n, RC_LABEL_CREATED_BY, RC_CREATED_BY);
    return n;
}

static void merge(struct rv_arena *a, struct rv_node *into, struct rv_val from) {
    for (struct rv_iter it = rv_iter(from); rv_iter_next(&it);)
        rv_node_setn(a, into, it.key, rv_node_str(a, rv_val_str(it.val)));
}

/* The API server refuses a Service that has two ports of one name, or two of one number and protocol. */
static bool taken(struct rv_node *ports, struct rv_node *mine) {
    struct rv_str name = rv_node_text(rv_node_get(mine, "name"));
    int64_t number = rv_node_to_int(rv_node_get(mine, "port"), 0);
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *given = rv_node_at(ports, i);
        struct rv_str protocol = rv_node_text(rv_node_get(given, "protocol"));
        if (rv_str_eq(rv_node_text(rv_node_get(given, "name")), name)) return true;
        if (rv_node_to_int(rv_node_get(given, "port"), 0) == number && (protocol.n == 0 || rv_str_is(protocol, "TCP")))
            return true;
    }
    return false;
}

/* Clients in Go write out fields that nobody set: targetPort 0, an empty name, an empty list. The API server treats
 * them as not set, and so does this function. Otherwise the object would differ from the stored one for ever. It
 * applies to maps only, and to false where that is the default. */
struct rv_node *rc_without_zeros(struct rv_arena *a, struct rv_val v) {
    if (rv_val_type(v) != RV_MAP && rv_val_type(v) != RV_ARRAY) return rv_node_from(a, v);
    struct rv_node *n = rv_val_type(v) == RV_MAP ? rv_node_map(a) : rv_node_array(a);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        struct rv_node *part = rc_without_zeros(a, it.val);
        if (rv_val_type(v) == RV_ARRAY) {
            rv_node_append(a, n, part);
            continue;
        }
        bool number = rv_val_type(it.val) == RV_INT && rv_val_int(it.val, 1) == 0,
             text = rv_val_type(it.val) == RV_STRING && rv_val_str(it.val).n == 0,
             list = (rv_val_type(it.val) == RV_ARRAY || rv_val_type(it.val) == RV_MAP) && rv_node_len(part) == 0,
             no = rv_str_is(it.key, "publishNotReadyAddresses") && !rv_val_bool(it.val, false);
        if (rv_val_set(it.val) && !number && !text && !list && !no) rv_node_setn(a, n, it.key, part);
    }
    return n;
}

/* The user's template of the service. The selector and the namespace are ours, our labels win, and
 * headServiceAnnotations win over its annotations. */
static void from_template(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *service,
                          struct rv_val given) {
    struct rv_node *meta = rv_node_get(service, "metadata"),
                   *spec = rv_val_set(rv_val_get(given, "spec")) ? rc_without_zeros(a, rv_val_get(given, "spec"))
                                                                 : rv_node_map(a);
    struct rv_node *all = rv_node_map(a), *ports = rv_node_ensure_array(a, spec, "ports"), *own = head_ports(a, c);
    merge(a, all, rv_val_path(given, "metadata.labels"));
    merge(a, all, rv_node_freeze(a, head_labels(a, c)));
    rv_node_set(a, meta, "labels", all);
    struct rv_node *notes = rv_node_map(a);
    merge(a, notes, rv_val_path(given, "metadata.annotations"));
    merge(a, notes, rv_val_get(c->spec, "headServiceAnnotations"));
    if (rv_node_len(notes) > 0) rv_node_set(a, meta, "annotations", notes);
    for (size_t i = 0; i < rv_node_len(own); i++)
        if (!taken(ports, rv_node_at(own, i))) rv_node_append(a, ports, rv_node_copy(a, rv_node_at(own, i)));
    rv_node_set(a, spec, "selector", head_labels(a, c));
    struct rv_str type = rv_path_str(c->spec, "headGroupSpec.serviceType");
    if (rv_node_text(rv_node_get(spec, "type")).n == 0 && type.n != 0) rv_node_set_str(a, spec, "type", type);
    rv_node_set(a, service, "spec", spec);
}

/* A head pod whose submitter has ended is not ready, but its Ray goes on and must be reached. */
static void publish_unready(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *service) {
    struct rv_str mode = rv_val_str(rv_val_get(rv_val_get(c->meta, "labels"), RC_LABEL_SUBMISSION_MODE));
    if (rv_str_is(mode, "SidecarMode"))
        rv_node_set_bool(a, rv_node_get(service, "spec"), "publishNotReadyAddresses", true);
}

static struct rv_node *head_service(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, "v1", "Service", rc_head_service_name(a, c)),
                   *meta = rv_node_get(n, "metadata");
    struct rv_val given = rv_val_path(c->spec, "headGroupSpec.headService"),
                  notes = rv_val_get(c->spec, "headServiceAnnotations");
    if (rv_val_type(given) == RV_MAP) {
        from_template(a, c, n, given);
        return n;
    }
    struct rv_str type = rv_path_str(c->spec, "headGroupSpec.serviceType");
    struct rv_node *spec = rv_node_ensure_map(a, n, "spec");
    rv_node_set(a, meta, "labels", head_labels(a, c));
    if (rv_val_len(notes) > 0) rv_node_set(a, meta, "annotations", rv_node_from(a, notes));
    rv_node_set(a, spec, "selector", head_labels(a, c));
    rv_node_set(a, spec, "ports", sorted_ports(a, head_ports(a, c)));
    if (type.n != 0) rv_node_set_str(a, spec, "type", type);
    if ((type.n == 0 || rv_str_is(type, "ClusterIP")) && !c->settings->head_cluster_ip_service) {
        rv_node_set_cstr(a, spec, "clusterIP", "None");
        rv_node_set_bool(a, spec, "publishNotReadyAddresses", true);
    }
    return n;
}

struct rv_node *rc_head_service(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = head_service(a, c);
    publish_unready(a, c, n);
    return n;
}

static struct rv_node *serve_ports(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *ports = rv_node_array(a);
    for (struct rv_iter it = rv_iter(rv_val_get(rc_head_container(c), "ports")); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "name");
        if (rv_str_is(name, "serve") || rv_str_starts(name, "serve-"))
            rv_node_append(a, ports, port(a, name, rv_path_int(it.val, "containerPort", 0), false));
    }
    return ports;
}

bool rc_serve_service_possible(const struct rc_cluster *c) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    return rv_node_len(serve_ports(a, c)) > 0;
}

struct rv_node *rc_serve_service(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, "v1", "Service", rc_name_serve_service(a, c->name)),
                   *meta = rv_node_get(n, "metadata"), *spec = rv_node_ensure_map(a, n, "spec"),
                   *labels = rv_node_map(a);
    rv_node_set_str(a, labels, RC_LABEL_ORIGIN_NAME, c->name);
    rv_node_set_cstr(a, labels, RC_LABEL_ORIGIN_KIND, "RayCluster");
    rv_node_set_fmt(a, labels, RC_LABEL_SERVE, RV_STR_FMT "-serve", RV_STR_ARG(c->name));
    rv_node_set(a, meta, "labels", labels);
    rv_node_set_str(a, rv_node_ensure_map(a, spec, "selector"), RC_LABEL_CLUSTER, c->name);
    rv_node_set(a, spec, "ports", serve_ports(a, c));
    struct rv_str type = rv_path_str(c->spec, "headGroupSpec.serviceType");
    if (type.n != 0) rv_node_set_str(a, spec, "type", type);
    return n;
}

/* ---- hash ------------------------------------------------------------------------------------------------- */

static void strip(struct rv_node *group, bool head) {
    struct rv_node *pod = rv_node_path(group, "template.spec");
    rv_node_remove(pod, "tolerations");
    rv_node_remove(pod, "schedulingGates");
    if (rv_node_len(rv_node_get(group, "rayStartParams")) == 0) rv_node_remove(group, "rayStartParams");
    if (head) return;
    rv_node_remove(group, "replicas");
    rv_node_remove(group, "minReplicas");
    rv_node_remove(group, "maxReplicas");
    rv_node_remove(rv_node_get(group, "scaleStrategy"), "workersToDelete");
    if (rv_node_len(rv_node_get(group, "scaleStrategy")) == 0) rv_node_remove(group, "scaleStrategy");
}

void rc_spec_hash(const struct rc_cluster *c, char ret[33]) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *spec = rv_node_from(a, c->spec), *groups = rv_node_get(spec, "workerGroupSpecs");
    strip(rv_node_get(spec, "headGroupSpec"), true);
    for (size_t i = 0; i < rv_node_len(groups); i++) strip(rv_node_at(groups, i), false);
    rv_node_remove(spec, "upgradeStrategy");
    rv_node_remove(spec, "suspend"); /* suspending deletes all pods anyway; resuming must not do so again */
    struct rv_hash h = rv_val_hash(rv_node_freeze(a, spec));
    for (int i = 0; i < 32; i++) {
        uint64_t word = i < 16 ? h.hi : h.lo;
        ret[i] = digits[(word >> (4 * (i % 16))) & 31];
    }
    ret[32] = 0;
}
