/* beside.c - the objects beside the clusters: the stable Services, for shared
 * traffic a serve Service of each cluster, the Gateway and its routes, and the
 * head pod's label. All are kept as they should be at every pass. */
#include "fields.h"
#include "pass.h"
#include "plugins/ray/names.h"

#define GATEWAY_API "gateway.networking.k8s.io/v1"
static const struct ensure services = {KIND_SERVICE, "v1", "services", TAG_SERVICE_CREATE, TAG_SERVICE_UPDATE};
static const struct ensure gateways = {KIND_GATEWAY, GATEWAY_API, "gateways", TAG_GATEWAY_CREATE, TAG_GATEWAY_UPDATE};
static const struct ensure http_routes = {KIND_HTTP_ROUTE, GATEWAY_API, "httproutes", TAG_ROUTE_CREATE,
                                          TAG_ROUTE_UPDATE};
static const struct ensure grpc_routes = {KIND_GRPC_ROUTE, GATEWAY_API, "grpcroutes", TAG_ROUTE_CREATE,
                                          TAG_ROUTE_UPDATE};

/* ---- head label
 * --------------------------------------------------------------------------------------------------
 */

static void keep_label(struct pass *p, int side) {
    const struct seen *s = &p->side[side];
    const struct heard *h = heard_of(p, side);
    if (s->head.size == 0 || (!h->proxy_known && !p->s->exclude_head)) return;
    const char *want = !p->s->exclude_head && h->proxy_ok ? "true" : "false";
    struct rv_str have = rv_val_str(rv_val_get(rv_val_path(s->head.value, "metadata.labels"), RC_LABEL_SERVE));
    if (rv_str_is(have, want) || !pass_may_try(p)) return;
    struct rv_node *body = rv_node_map(p->arena);
    rv_node_set_cstr(p->arena, rv_node_ensure_map(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "labels"),
                     RC_LABEL_SERVE, want);
    pass_patch(p, RV_VERB_MERGE_PATCH, "v1", "pods", &s->head, body, TAG_LABEL);
}

/* ---- Gateway and routes
 * ------------------------------------------------------------------------------------------
 */

static bool route_there(const struct pass *p, struct rv_object *ret) {
    struct rv_str name = rv_arena_fmt(p->arena, RV_STR_FMT "-httproute", RV_STR_ARG(p->s->name));
    return p->api->get(p->host, KIND_HTTP_ROUTE, p->s->ns, name, ret) == 0 && see_owned(p, ret);
}

bool beside_uses_gateway(const struct pass *p) {
    struct rv_object o = {.size = sizeof o};
    return p->s->traffic == RS_VIA_GATEWAY || route_there(p, &o);
}

static void see_gateway(struct pass *p) {
    struct rv_str ns, name, section;
    struct rv_object o = {.size = sizeof o};
    rs_gateway_ref(p->arena, p->s, &ns, &name, &section);
    bool there = p->api->get(p->host, KIND_GATEWAY, ns, name, &o) == 0;
    struct rv_val conditions = there ? rv_val_path(o.value, "status.conditions") : RV_VAL_ABSENT;
    p->gateway_ready =
        rv_condition_is(conditions, "Accepted", "True") && rv_condition_is(conditions, "Programmed", "True");
    if (!p->gateway_ready)
        p->gateway_why = rv_arena_fmt(p->arena, "Gateway " RV_STR_FMT "/" RV_STR_FMT " is not %s", RV_STR_ARG(ns),
                                      RV_STR_ARG(name), there ? "accepted and programmed" : "there");
}

static bool accepted(const struct pass *p, struct rv_val route) {
    struct rv_str ns, name, section;
    rs_gateway_ref(p->arena, p->s, &ns, &name, &section);
    for (struct rv_iter it = rv_iter(rv_val_path(route, "status.parents")); rv_iter_next(&it);) {
        struct rv_str in = rv_path_str(it.val, "parentRef.namespace");
        struct rv_val conditions = rv_val_get(it.val, "conditions");
        if (rv_str_eq(rv_path_str(it.val, "parentRef.name"), name) && (in.n == 0 || rv_str_eq(in, ns)) &&
            rv_condition_is(conditions, "Accepted", "True") && rv_condition_is(conditions, "ResolvedRefs", "True"))
            return true;
    }
    return false;
}

static void shares_of(struct pass *p, struct rs_share shares[2]) {
    for (int side = 0; side < SIDES; side++) {
        const struct seen *s = &p->side[side];
        struct rs_side *now = side_now(p, side);
        shares[side] = (struct rs_share){.weight = now->traffic >= 0 ? now->traffic : side == ACTIVE ? 100 : 0};
        if (seen_there(s) && !s->deleting) shares[side].service = rc_name_serve_service(p->arena, s->cluster.name);
    }
    if (shares[ACTIVE].service.n == 0) shares[PENDING].weight = 100;
    if (shares[PENDING].service.n == 0) shares[ACTIVE].weight = 100;
}

/* Weights have an effect when the route that is there carries those of the
 * status. */
void beside_see(struct pass *p) {
    struct rv_object o = {.size = sizeof o};
    struct rs_share shares[2];
    if (!beside_uses_gateway(p)) return;
    see_gateway(p);
    const struct seen *c = seen_there(&p->side[ACTIVE]) ? &p->side[ACTIVE] : &p->side[PENDING];
    if (!seen_there(c) || !route_there(p, &o)) return;
    shares_of(p, shares);
    struct rv_val want = rv_node_freeze(p->arena, rv_node_get(rs_http_route(p->arena, p->s, &c->c, shares), "spec"));
    p->route_ready = accepted(p, o.value) && rv_val_within(want, rv_val_get(o.value, "spec"));
    if (p->gateway_why.n == 0 && !p->route_ready)
        p->gateway_why = RV_STR("the HTTPRoute with these weights is not accepted by the Gateway yet");
}

static void keep_gateway(struct pass *p, const struct seen *target) {
    struct rs_share shares[2];
    if (p->s->traffic == RS_VIA_GATEWAY) {
        struct rv_node *gateway = rs_gateway(p->arena, p->s);
        if (gateway != NULL) pass_ensure(p, &gateways, gateway, p->s->uid);
    }
    for (int side = 0; side < SIDES; side++) {
        const struct seen *s = &p->side[side];
        struct rv_node *service =
            seen_there(s) && !s->deleting ? rs_cluster_serve_service(p->arena, p->s, &s->c) : NULL;
        if (service != NULL) pass_ensure(p, &services, service, s->cluster.uid);
    }
    shares_of(p, shares);
    pass_ensure(p, &http_routes, rs_http_route(p->arena, p->s, &target->c, shares), p->s->uid);
    struct rv_node *grpc = rs_grpc_route(p->arena, p->s, &target->c, shares);
    if (grpc != NULL) pass_ensure(p, &grpc_routes, grpc, p->s->uid);
}

/* ---- stable Services
 * ---------------------------------------------------------------------------------------------
 */

static void keep_serve(struct pass *p, const struct seen *target) {
    bool sliced = p->s->traffic == RS_VIA_SLICES;
    struct rv_node *n = rs_serve_service(p->arena, p->s, &target->c, !sliced);
    if (n == NULL) {
        p->stuck_reason = "NoServePort";
        p->stuck = RV_STR("Please specify a port named 'serve' (or 'serve-...') on "
                          "the head's first container, or "
                          "spec.serveService with ports");
        return;
    }
    if (sliced)
        slicing_keep(p, n);
    else if (pass_ensure(p, &services, n, p->s->uid))
        slicing_end(p);
}

void beside_keep(struct pass *p) {
    const struct seen *target = &p->side[p->plan.stable_pending ? PENDING : ACTIVE];
    for (int side = 0; side < SIDES; side++) keep_label(p, side);
    if (!seen_there(target) || target->deleting) return;
    pass_ensure(p, &services, rs_head_service(p->arena, p->s, &target->c), p->s->uid);
    keep_serve(p, target);
    if (beside_uses_gateway(p)) keep_gateway(p, target);
}
