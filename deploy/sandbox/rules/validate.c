/* validate.c - what a real API server refuses in pods, in pod templates and in services. */
#include "internal.h"

#include <stdio.h>

/* ---- values of a list, numbers of ports ---- */

struct choice {
    const char *path;
    const char *values[5]; /* in the order of the message; ends with NULL */
};
static const struct choice protocols = {"protocol", {"SCTP", "TCP", "UDP", NULL}};

static void check_choice(struct rv_arena *a, struct rv_node *causes, const char *path, struct rv_str value,
                         const struct choice *c) {
    rv_autobuf struct rv_buf known = {0};
    for (size_t i = 0; c->values[i] != NULL; i++) {
        if (rv_str_is(value, c->values[i])) return;
        rv_buf_addf(&known, "%s\"%s\"", i != 0 ? ", " : "", c->values[i]);
    }
    sb_cause(a, causes, "%s: Unsupported value: \"" RV_STR_FMT "\": supported values: %s", path, RV_STR_ARG(value),
             rv_buf_cstr(&known));
}

static void check_number(struct rv_arena *a, struct rv_node *causes, struct rv_str path, struct rv_val v) {
    int64_t n = rv_val_int(v, 0);
    if (rv_val_type(v) == RV_STRING || (n >= 1 && n <= 65535)) return;
    sb_cause(a, causes, RV_STR_FMT ": Invalid value: %lld: must be between 1 and 65535, inclusive", RV_STR_ARG(path),
             (long long)n);
}

/* ---- pods ---- */

/* Extended resources and huge pages cannot be overcommitted: the request must be the limit. */
static bool overcommits(struct rv_str resource) {
    bool own =
        memchr(resource.p, '/', resource.n) == NULL || memmem(resource.p, resource.n, "kubernetes.io/", 14) != NULL;
    return own && !rv_str_starts(resource, "hugepages-");
}

static void check_quantity(struct rv_arena *a, struct rv_node *causes, const char *path, const char *list,
                           struct rv_str key, struct rv_val v, struct rv_quantity *ret) {
    char text[48];
    if (rv_quantity_from_val(v, ret) != 0) return;
    if (rv_quantity_to_double(*ret) >= 0) return;
    rv_quantity_format(*ret, text);
    sb_cause(a, causes, "%s.resources.%s[" RV_STR_FMT "]: Invalid value: \"%s\": must be greater than or equal to 0",
             path, list, RV_STR_ARG(key), text);
}

static void check_resources(struct rv_arena *a, struct rv_node *causes, const char *path, struct rv_val resources) {
    struct rv_val limits = rv_val_get(resources, "limits"), requests = rv_val_get(resources, "requests");
    struct rv_quantity limit, request;
    char want[48], have[48];
    for (struct rv_iter it = rv_iter(limits); rv_iter_next(&it);)
        check_quantity(a, causes, path, "limits", it.key, it.val, &limit);
    for (struct rv_iter it = rv_iter(requests); rv_iter_next(&it);) {
        struct rv_val l = rv_val_getn(limits, it.key);
        check_quantity(a, causes, path, "requests", it.key, it.val, &request);
        if (rv_quantity_from_val(it.val, &request) != 0) continue;
        bool shared = overcommits(it.key);
        if (!rv_val_set(l)) {
            if (!shared)
                sb_cause(a, causes,
                         "%s.resources.limits: Required value: Limit must be set for non overcommitable resources",
                         path);
            continue;
        }
        if (rv_quantity_from_val(l, &limit) != 0) continue;
        int order = rv_quantity_cmp(request, limit);
        if (shared ? order <= 0 : order == 0) continue;
        rv_quantity_format(request, have);
        rv_quantity_format(limit, want);
        sb_cause(a, causes, "%s.resources.requests: Invalid value: \"%s\": must be %s " RV_STR_FMT " limit of %s", path,
                 have, shared ? "less than or equal to" : "equal to", RV_STR_ARG(it.key), want);
    }
}

/* Protocols and policies have defaults, so they are always set. */
static void check_container_ports(struct rv_arena *a, struct rv_node *causes, struct rv_val ports, const char *path) {
    size_t i = 0;
    for (struct rv_iter it = rv_iter(ports); rv_iter_next(&it); i++) {
        const char *at = rv_arena_fmt(a, "%s.ports[%zu]", path, i).p;
        check_number(a, causes, rv_arena_fmt(a, "%s.containerPort", at), rv_val_get(it.val, "containerPort"));
        check_choice(a, causes, rv_arena_fmt(a, "%s.protocol", at).p, rv_path_str(it.val, "protocol"), &protocols);
    }
}

static void check_container(struct rv_arena *a, struct rv_node *causes, struct rv_val list, size_t i, struct rv_val c,
                            const char *path) {
    struct rv_str name = rv_path_str(c, "name");
    const char *why = rv_name_dns1123_label(name);
    if (why != NULL) sb_cause(a, causes, "%s.name: Invalid value: \"" RV_STR_FMT "\": %s", path, RV_STR_ARG(name), why);
    for (size_t j = 0; j < i; j++)
        if (rv_str_eq(rv_path_str(rv_val_at(list, j), "name"), name))
            sb_cause(a, causes, "%s.name: Duplicate value: \"" RV_STR_FMT "\"", path, RV_STR_ARG(name));
    if (rv_path_str(c, "image").n == 0) sb_cause(a, causes, "%s.image: Required value", path);
    static const struct choice pull = {"imagePullPolicy", {"Always", "IfNotPresent", "Never", NULL}};
    check_choice(a, causes, rv_arena_fmt(a, "%s.imagePullPolicy", path).p, rv_path_str(c, "imagePullPolicy"), &pull);
    check_container_ports(a, causes, rv_val_get(c, "ports"), path);
    check_resources(a, causes, path, rv_val_get(c, "resources"));
}

static void check_pod_spec(struct rv_arena *a, struct rv_node *causes, struct rv_val spec, const char *at) {
    static const char *const lists[] = {"containers", "initContainers"};
    static const struct choice restart = {"restartPolicy", {"Always", "Never", "OnFailure", NULL}};
    if (rv_val_len(rv_val_get(spec, "containers")) == 0) sb_cause(a, causes, "%s.containers: Required value", at);
    check_choice(a, causes, rv_arena_fmt(a, "%s.restartPolicy", at).p, rv_path_str(spec, "restartPolicy"), &restart);
    for (size_t k = 0; k < RV_ARRAY_LEN(lists); k++) {
        struct rv_val list = rv_val_get(spec, lists[k]);
        size_t i = 0;
        for (struct rv_iter it = rv_iter(list); rv_iter_next(&it); i++)
            check_container(a, causes, list, i, it.val, rv_arena_fmt(a, "%s.%s[%zu]", at, lists[k], i).p);
    }
}

void sb_validate_pod(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes) {
    (void)s;
    (void)old;
    struct rv_val v = rv_node_freeze(a, object);
    check_pod_spec(a, causes, rv_val_get(v, "spec"), "spec");
}

void sb_validate_template(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                          struct rv_node *causes) {
    (void)s;
    (void)old;
    static const char *const places[] = {"spec.template.spec", "spec.jobTemplate.spec.template.spec"};
    struct rv_val v = rv_node_freeze(a, object);
    size_t i = rv_val_present(rv_val_path(v, "spec.jobTemplate"));
    check_pod_spec(a, causes, rv_val_path(v, places[i]), places[i]);
}

/* A pod of a Job ends, so it must not be started again for ever. */
void sb_validate_job(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes) {
    static const char *const places[] = {"spec.template.spec.restartPolicy",
                                         "spec.jobTemplate.spec.template.spec.restartPolicy"};
    sb_validate_template(s, a, object, old, causes);
    for (size_t i = 0; i < RV_ARRAY_LEN(places); i++)
        if (rv_str_is(rv_node_text(rv_node_path(object, places[i])), "Always"))
            sb_cause(a, causes, "%s: Required value: valid values: \"OnFailure\", \"Never\"", places[i]);
}

/* ---- services ---- */

static const struct choice service_choices[] = {
    {"spec.type", {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort", NULL}},
    {"spec.sessionAffinity", {"ClientIP", "None", NULL}},
    {"spec.externalTrafficPolicy", {"Cluster", "Local", NULL}},
    {"spec.internalTrafficPolicy", {"Cluster", "Local", NULL}},
    {"spec.ipFamilyPolicy", {"PreferDualStack", "RequireDualStack", "SingleStack", NULL}},
};
static void check_port(struct rv_arena *a, struct rv_node *causes, struct rv_val ports, size_t i, struct rv_val p) {
    struct rv_str name = rv_path_str(p, "name");
    const char *why = name.n != 0 ? rv_name_dns1123_label(name) : NULL;
    if (name.n == 0 && rv_val_len(ports) > 1) sb_cause(a, causes, "spec.ports[%zu].name: Required value", i);
    if (why != NULL)
        sb_cause(a, causes, "spec.ports[%zu].name: Invalid value: \"" RV_STR_FMT "\": %s", i, RV_STR_ARG(name), why);
    check_number(a, causes, rv_arena_fmt(a, "spec.ports[%zu].port", i), rv_val_get(p, "port"));
    check_number(a, causes, rv_arena_fmt(a, "spec.ports[%zu].targetPort", i), rv_val_get(p, "targetPort"));
    int64_t node = rv_path_int(p, "nodePort", 0);
    if (node != 0 && (node < 30000 || node > 32767))
        sb_cause(a, causes,
                 "spec.ports[%zu].nodePort: Invalid value: %lld: provided port is not in the valid range. The range of "
                 "valid ports is 30000-32767",
                 i, (long long)node);
    check_choice(a, causes, rv_arena_fmt(a, "spec.ports[%zu].protocol", i).p, rv_path_str(p, "protocol"), &protocols);
    for (size_t j = 0; j < i; j++) {
        struct rv_val other = rv_val_at(ports, j);
        bool same = rv_path_int(other, "port", 0) == rv_path_int(p, "port", 0) &&
                    rv_str_eq(rv_path_str(other, "protocol"), rv_path_str(p, "protocol"));
        if (name.n != 0 && rv_str_eq(rv_path_str(other, "name"), name))
            sb_cause(a, causes, "spec.ports[%zu].name: Duplicate value: \"" RV_STR_FMT "\"", i, RV_STR_ARG(name));
        if (same)
            sb_cause(a, causes, "spec.ports[%zu]: Duplicate value: {\"port\":%lld,\"protocol\":\"" RV_STR_FMT "\"}", i,
                     (long long)rv_path_int(p, "port", 0), RV_STR_ARG(rv_path_str(p, "protocol")));
    }
}

static void check_external_name(struct rv_arena *a, struct rv_node *causes, struct rv_val spec) {
    struct rv_str name = rv_path_str(spec, "externalName");
    if (name.n != 0 && name.p[name.n - 1] == '.') name.n--;
    const char *why = name.n != 0 ? rv_name_dns1123_subdomain(name) : NULL;
    if (name.n == 0)
        sb_cause(a, causes, "spec.externalName: Required value");
    else if (why != NULL)
        sb_cause(a, causes, "spec.externalName: Invalid value: \"" RV_STR_FMT "\": %s", RV_STR_ARG(name), why);
    if (rv_str_is(rv_path_str(spec, "clusterIP"), "None"))
        sb_cause(a, causes,
                 "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for ExternalName services");
}

void sb_validate_service(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                         struct rv_node *causes) {
    (void)s;
    (void)old;
    struct rv_val v = rv_node_freeze(a, object), spec = rv_val_get(v, "spec"), ports = rv_val_get(spec, "ports");
    struct rv_str type = rv_path_str(spec, "type"), ip = rv_path_str(spec, "clusterIP");
    bool external = rv_str_is(type, "ExternalName"), headless = rv_str_is(ip, "None");
    bool balanced = rv_str_is(type, "LoadBalancer") || rv_str_is(type, "NodePort");
    for (size_t i = 0; i < RV_ARRAY_LEN(service_choices); i++) {
        struct rv_val value = rv_val_path(v, service_choices[i].path);
        if (rv_val_set(value)) check_choice(a, causes, service_choices[i].path, rv_val_str(value), &service_choices[i]);
    }
    if (external) check_external_name(a, causes, spec);
    if (balanced && headless)
        sb_cause(a, causes,
                 "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for " RV_STR_FMT " services",
                 RV_STR_ARG(type));
    if (rv_val_len(ports) == 0 && !external && !headless) sb_cause(a, causes, "spec.ports: Required value");
    size_t i = 0;
    for (struct rv_iter it = rv_iter(ports); rv_iter_next(&it); i++) check_port(a, causes, ports, i, it.val);
}
