/* owned_objects.c - the objects beside the clusters: the stable Services, for shared traffic a serve Service of each
 * cluster, the Gateway and its routes, and the head pod's label. All are kept as they should be at every pass. */
#include "fields.h"
#include "pass.h"
#include "plugins/ray/child_cluster.h"
#include "plugins/ray/names.h"

/* An address is never changed under a service that is in use. */
static struct rv_node *drift_of_service(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_node *spec = rv_node_get(want, "spec");
    rv_node_remove(spec, "ipFamilies");
    rv_node_remove(spec, "ipFamilyPolicy");
    return rc_drift_service(a, have, want);
}

#define GATEWAY_API "gateway.networking.k8s.io/v1"
const struct owned_kind owned_service = {KIND_SERVICE,      "v1", "services", drift_of_service, TAG_SERVICE_CREATE,
                                         TAG_SERVICE_UPDATE},
                        owned_slice = {KIND_SLICE,      "discovery.k8s.io/v1", "endpointslices",
                                       rc_drift_object, TAG_SLICE_CREATE,      TAG_SLICE_UPDATE};
static const struct owned_kind gateways = {KIND_GATEWAY,    GATEWAY_API,        "gateways",
                                           rc_drift_object, TAG_GATEWAY_CREATE, TAG_GATEWAY_UPDATE},
                               http_routes = {KIND_HTTP_ROUTE, GATEWAY_API,      "httproutes",
                                              rc_drift_object, TAG_ROUTE_CREATE, TAG_ROUTE_UPDATE},
                               grpc_routes = {KIND_GRPC_ROUTE, GATEWAY_API,      "grpcroutes",
                                              rc_drift_object, TAG_ROUTE_CREATE, TAG_ROUTE_UPDATE};
static const struct rc_owner ours; /* the RayService */

bool may_write(struct service_pass *p) {
    if (!rc_backoff_waits(&p->memo->creation, p->time)) return true;
    ctx_wake(&p->ctx, p->memo->creation.after);
    return false;
}

bool owned_object_keep(struct service_pass *p, const struct owned_kind *k, struct rv_node *want,
                       struct rc_owner owner) {
    struct rc_wanted w = {.kind = k->kind,
                          .api_version = k->api_version,
                          .resource = k->resource,
                          .object = want,
                          .owner = owner,
                          .drift = k->drift,
                          .create_tag = k->create_tag,
                          .patch_tag = k->update_tag,
                          .may_create = true,
                          .hold = rc_backoff_waits(&p->memo->creation, p->time)};
    enum rc_kept kept = rc_keep_object(&p->ctx, &w);
    if (w.hold && (kept == RC_KEPT_CREATING || kept == RC_KEPT_PATCHING)) ctx_wake(&p->ctx, p->memo->creation.after);
    if (kept == RC_KEPT_OTHERS) {
        p->stuck_reason = "NameTaken";
        p->stuck = rv_arena_fmt(p->arena, "%s " RV_STR_FMT " exists and is not this RayService's: delete or rename it",
                                k->resource, RV_STR_ARG(rv_node_text(rv_node_path(want, "metadata.name"))));
    }
    return kept == RC_KEPT_AS_WANTED;
}

/* ---- head label -------------------------------------------------------------------------------------------------- */

static void keep_label(struct service_pass *p, int side) {
    const struct observed_cluster *s = &p->side[side];
    const struct serve_memo *h = serve_memo_of(p, side);
    if (s->head.size == 0 || (!h->proxy_known && !p->s->exclude_head)) return;
    const char *want = !p->s->exclude_head && h->proxy_ok ? "true" : "false";
    struct rv_str have = rv_val_str(rv_val_get(rv_val_path(s->head.value, "metadata.labels"), RC_LABEL_SERVE));
    if (rv_str_is(have, want) || !may_write(p)) return;
    struct rv_node *body = rv_node_map(p->arena);
    rv_node_set_cstr(p->arena, rv_node_ensure_map(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "labels"),
                     RC_LABEL_SERVE, want);
    ctx_patch(&p->ctx, "v1", "pods", s->head.name, s->head.uid, body, TAG_LABEL);
}

/* ---- Gateway and routes ------------------------------------------------------------------------------------------ */

static bool route_there(const struct service_pass *p, struct rv_object *ret) {
    struct rv_str name = rv_arena_fmt(p->arena, RV_STR_FMT "-httproute", RV_STR_ARG(p->s->name));
    return ctx_get(&p->ctx, KIND_HTTP_ROUTE, name, ret) && is_owned(p, ret);
}

bool owned_objects_use_gateway(const struct service_pass *p) {
    struct rv_object o = {.size = sizeof o};
    return p->s->traffic == RS_VIA_GATEWAY || route_there(p, &o);
}

/* Does its controller say so of the spec that is there now? Before, what it says is of shares that are over. A
 * controller that does not tell of which spec it speaks is believed. */
static bool holds(struct rv_val o, struct rv_val conditions, const char *type) {
    struct rv_val c = rv_condition_find(conditions, type);
    int64_t now = rv_path_int(o, "metadata.generation", 0);
    return rv_str_is(rv_path_str(c, "status"), "True") && rv_path_int(c, "observedGeneration", now) >= now;
}

static bool gateway_is_ready(struct service_pass *p) {
    struct rv_str ns, name, section;
    struct rv_object o = {.size = sizeof o};
    rs_gateway_ref(p->arena, p->s, &ns, &name, &section);
    bool there = p->ctx.api->get(p->ctx.host, KIND_GATEWAY, ns, name, &o) == 0; /* in any namespace */
    struct rv_val conditions = there ? rv_val_path(o.value, "status.conditions") : RV_VAL_ABSENT;
    bool ready = there && holds(o.value, conditions, "Accepted") && holds(o.value, conditions, "Programmed");
    if (!ready)
        p->shares_why = rv_arena_fmt(p->arena, "Gateway " RV_STR_FMT "/" RV_STR_FMT " is not %s", RV_STR_ARG(ns),
                                     RV_STR_ARG(name), there ? "accepted and programmed" : "there");
    return ready;
}

static bool accepted(const struct service_pass *p, struct rv_val route) {
    struct rv_str ns, name, section;
    rs_gateway_ref(p->arena, p->s, &ns, &name, &section);
    for (struct rv_iter it = rv_iter(rv_val_path(route, "status.parents")); rv_iter_next(&it);) {
        struct rv_str in = rv_path_str(it.val, "parentRef.namespace");
        struct rv_val conditions = rv_val_get(it.val, "conditions");
        if (rv_str_eq(rv_path_str(it.val, "parentRef.name"), name) && (in.n == 0 || rv_str_eq(in, ns)) &&
            holds(route, conditions, "Accepted") && holds(route, conditions, "ResolvedRefs"))
            return true;
    }
    return false;
}

static void shares_of(struct service_pass *p, struct rs_share shares[2]) {
    for (int side = 0; side < SIDES; side++) {
        const struct observed_cluster *s = &p->side[side];
        struct rs_side *now = side_now(p, side);
        shares[side] = (struct rs_share){.weight = now->traffic >= 0 ? now->traffic : side == ACTIVE ? 100 : 0};
        if (cluster_there(s) && !s->deleting) shares[side].service = rc_name_serve_service(p->arena, s->cluster.name);
    }
    if (shares[ACTIVE].service.n == 0) shares[PENDING].weight = 100;
    if (shares[PENDING].service.n == 0) shares[ACTIVE].weight = 100;
}

/* Weights act when the route that is there carries those of the status. */
static bool route_acts(struct service_pass *p) {
    struct rv_object o = {.size = sizeof o};
    struct rs_share shares[2];
    const struct observed_cluster *c = cluster_there(&p->side[ACTIVE]) ? &p->side[ACTIVE] : &p->side[PENDING];
    if (!gateway_is_ready(p)) return false;
    p->shares_why = RV_STR("the HTTPRoute with these weights is not accepted by the Gateway yet");
    if (!cluster_there(c) || !route_there(p, &o)) return false;
    shares_of(p, shares);
    struct rv_val want = rv_node_freeze(p->arena, rv_node_get(rs_http_route(p->arena, p->s, &c->c, shares), "spec"));
    return accepted(p, o.value) && rv_val_within(want, rv_val_get(o.value, "spec"));
}

void owned_objects_observe(struct service_pass *p) {
    p->shares_act = true;
    if (p->s->traffic == RS_VIA_GATEWAY) p->shares_act = route_acts(p);
    if (p->s->traffic == RS_VIA_SLICES) {
        p->shares_act = slicing_acts(p);
        p->shares_why = RV_STR("the EndpointSlice with these shares does not stand behind the Service yet");
    }
}

static void keep_gateway(struct service_pass *p, const struct observed_cluster *target) {
    struct rs_share shares[2];
    if (p->s->traffic == RS_VIA_GATEWAY) {
        struct rv_node *gateway = rs_gateway(p->arena, p->s);
        if (gateway != NULL) owned_object_keep(p, &gateways, gateway, ours);
    }
    for (int side = 0; side < SIDES; side++) {
        const struct observed_cluster *s = &p->side[side];
        struct rv_node *service =
            cluster_there(s) && !s->deleting ? rs_cluster_serve_service(p->arena, p->s, &s->c) : NULL;
        if (service != NULL)
            owned_object_keep(p, &owned_service, service, (struct rc_owner){"RayCluster", s->c.name, s->c.uid});
    }
    shares_of(p, shares);
    owned_object_keep(p, &http_routes, rs_http_route(p->arena, p->s, &target->c, shares), ours);
    struct rv_node *grpc = rs_grpc_route(p->arena, p->s, &target->c, shares);
    if (grpc != NULL) owned_object_keep(p, &grpc_routes, grpc, ours);
}

/* ---- stable Services --------------------------------------------------------------------------------------------- */

static void keep_serve(struct service_pass *p, const struct observed_cluster *target) {
    bool sliced = p->s->traffic == RS_VIA_SLICES;
    struct rv_node *n = rs_serve_service(p->arena, p->s, &target->c, !sliced);
    if (n == NULL) {
        p->stuck_reason = "NoServePort";
        p->stuck = RV_STR("Please specify a port named 'serve' (or 'serve-...') on the head's first container, or "
                          "spec.serveService with ports");
        return;
    }
    if (sliced)
        slicing_keep(p, n);
    else if (owned_object_keep(p, &owned_service, n, ours))
        slicing_end(p);
}

void owned_objects_keep(struct service_pass *p) {
    const struct observed_cluster *target = &p->side[p->plan.stable_pending ? PENDING : ACTIVE];
    struct rc_cluster_owner owner = rs_cluster_owner(p->s);
    for (int side = 0; side < SIDES; side++) keep_label(p, side);
    if (!cluster_there(target) || target->deleting) return;
    owned_object_keep(p, &owned_service, rc_child_head_service(p->arena, &owner, &target->c), ours);
    keep_serve(p, target);
    if (owned_objects_use_gateway(p)) keep_gateway(p, target);
}
