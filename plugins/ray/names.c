/* names.c - see names.h. */
#include "names.h"

#include "rayvisor/k8s.h"

enum { NAME_MAX_BYTES = 50, ROUTE_MAX_BYTES = 51, POD_PREFIX_BYTES = 50 };

struct rv_str rc_name_checked(struct rv_arena *a, struct rv_str s) {
    return rv_name_legal_start(a, rv_name_last(s, NAME_MAX_BYTES), false);
}

struct rv_str rc_name_label(struct rv_arena *a, struct rv_str s) {
    return rv_name_to_label_value(a, s);
}

struct rv_str rc_name_route(struct rv_arena *a, struct rv_str s, struct rv_str ns) {
    size_t room = ns.n < ROUTE_MAX_BYTES ? ROUTE_MAX_BYTES - ns.n : 0;
    return rc_name_checked(a, rv_name_first(s, room));
}

/* The first 50 bytes of base, then the ending, all lower-case. */
static struct rv_str pod_name(struct rv_arena *a, struct rv_str base, const char *ending) {
    return rv_name_with_suffix(a, rv_name_lower(a, base), ending, POD_PREFIX_BYTES + strlen(ending));
}

struct rv_str rc_name_head_prefix(struct rv_arena *a, struct rv_str cluster) {
    return pod_name(a, cluster, "-head-");
}

struct rv_str rc_name_worker_prefix(struct rv_arena *a, struct rv_str cluster, struct rv_str group) {
    struct rv_str both = rv_arena_fmt(a, RV_STR_FMT "-" RV_STR_FMT, RV_STR_ARG(cluster), RV_STR_ARG(group));
    return pod_name(a, both, "-worker-");
}

struct rv_str rc_name_head_fixed(struct rv_arena *a, struct rv_str cluster) {
    return pod_name(a, cluster, "-head");
}

struct rv_str rc_name_head_service(struct rv_arena *a, struct rv_str cluster, struct rv_str custom) {
    if (custom.n != 0) return rv_arena_str(a, custom);
    return rv_arena_fmt(a, RV_STR_FMT "-head-svc", RV_STR_ARG(cluster));
}

struct rv_str rc_name_serve_service(struct rv_arena *a, struct rv_str cluster) {
    return rv_arena_fmt(a, RV_STR_FMT "-serve-svc", RV_STR_ARG(cluster));
}

struct rv_str rc_name_headless_service(struct rv_arena *a, struct rv_str cluster) {
    return rv_arena_fmt(a, RV_STR_FMT "-headless", RV_STR_ARG(cluster));
}

struct rv_str rc_name_policy(struct rv_arena *a, struct rv_str cluster, struct rv_str group) {
    uint64_t capitals = 0; /* which letters are: "GPU" and "gpu" are two groups */
    if (group.n == 0) return rv_arena_fmt(a, RV_STR_FMT "-head", RV_STR_ARG(cluster));
    for (size_t i = 0; i < group.n; i++)
        if (group.p[i] >= 'A' && group.p[i] <= 'Z') capitals |= UINT64_C(1) << (i % 64);
    struct rv_str name =
        rv_arena_fmt(a, RV_STR_FMT "-workers-" RV_STR_FMT, RV_STR_ARG(cluster), RV_STR_ARG(rv_name_lower(a, group)));
    return capitals == 0 ? name : rv_arena_fmt(a, RV_STR_FMT "-%llx", RV_STR_ARG(name), (unsigned long long)capitals);
}

struct rv_str rc_name_ingress(struct rv_arena *a, struct rv_str cluster) {
    return rc_name_checked(a, rv_arena_fmt(a, RV_STR_FMT "-head-ingress", RV_STR_ARG(cluster)));
}

struct rv_str rc_name_fqdn(struct rv_arena *a, struct rv_str service, struct rv_str ns, struct rv_str domain) {
    return rv_arena_fmt(a, RV_STR_FMT "." RV_STR_FMT ".svc." RV_STR_FMT, RV_STR_ARG(service), RV_STR_ARG(ns),
                        RV_STR_ARG(domain));
}
