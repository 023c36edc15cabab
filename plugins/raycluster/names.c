/* names.c - see names.h. Bytes are compared as ASCII: the locale has no say in what an object is called. */
#include "plugins/raycluster/names.h"

enum { NAME_MAX_BYTES = 50, LABEL_MAX_BYTES = 63, ROUTE_MAX_BYTES = 51, POD_PREFIX_BYTES = 50 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_punctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

static struct rv_str first_bytes(struct rv_str s, size_t max) { return s.n > max ? (struct rv_str){s.p, max} : s; }

static struct rv_str last_bytes(struct rv_str s, size_t max) {
    return s.n > max ? (struct rv_str){s.p + (s.n - max), max} : s;
}

/* Copies s; a first byte that the rule forbids becomes 'r'. */
static struct rv_str with_good_start(struct rv_arena *a, struct rv_str s, bool digit_allowed) {
    if (s.n == 0 || (!is_punctuation(s.p[0]) && (digit_allowed || !is_digit(s.p[0])))) return rv_arena_str(a, s);
    return rv_arena_fmt(a, "r" RV_STR_FMT, (int)(s.n - 1), s.p + 1);
}

struct rv_str rc_name_checked(struct rv_arena *a, struct rv_str s) {
    return with_good_start(a, last_bytes(s, NAME_MAX_BYTES), false);
}

struct rv_str rc_name_label(struct rv_arena *a, struct rv_str s) {
    return with_good_start(a, last_bytes(s, LABEL_MAX_BYTES), true);
}

struct rv_str rc_name_route(struct rv_arena *a, struct rv_str s, struct rv_str ns) {
    size_t room = ns.n < ROUTE_MAX_BYTES ? ROUTE_MAX_BYTES - ns.n : 0;
    return rc_name_checked(a, first_bytes(s, room));
}

static struct rv_str lower(struct rv_arena *a, struct rv_str s) {
    char *out = rv_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
    return (struct rv_str){out, s.n};
}

/* The first 50 bytes of base, then the ending, all lower-case. */
static struct rv_str pod_name(struct rv_arena *a, struct rv_str base, const char *ending) {
    return rv_arena_fmt(a, RV_STR_FMT "%s", RV_STR_ARG(lower(a, first_bytes(base, POD_PREFIX_BYTES))), ending);
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
        rv_arena_fmt(a, RV_STR_FMT "-workers-" RV_STR_FMT, RV_STR_ARG(cluster), RV_STR_ARG(lower(a, group)));
    return capitals == 0 ? name : rv_arena_fmt(a, RV_STR_FMT "-%llx", RV_STR_ARG(name), (unsigned long long)capitals);
}

struct rv_str rc_name_ingress(struct rv_arena *a, struct rv_str cluster) {
    return rc_name_checked(a, rv_arena_fmt(a, RV_STR_FMT "-head-ingress", RV_STR_ARG(cluster)));
}

struct rv_str rc_name_fqdn(struct rv_arena *a, struct rv_str service, struct rv_str ns, struct rv_str domain) {
    return rv_arena_fmt(a, RV_STR_FMT "." RV_STR_FMT ".svc." RV_STR_FMT, RV_STR_ARG(service), RV_STR_ARG(ns),
                        RV_STR_ARG(domain));
}
