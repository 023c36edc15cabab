/* slicing.c - the stable Service without a selector, and the EndpointSlice that we keep for it (RS_TRAFFIC_ENDPOINTS).
 *
 * Nothing is ever without an endpoint: our slice is there before the selector goes, and goes only after the control
 * plane has made its own again. What it made before is deleted once ours is in force, its Endpoints object too, or the
 * mirroring controller would keep the pods of that day for ever. */
#include <stdlib.h>

#include "fields.h"
#include "pass.h"
#include "plugins/ray/objects.h"

enum { ENDPOINTS_MAX = 1000 /* of one EndpointSlice */ };

struct pods {
    struct rv_arena *a;
    struct rv_object *list;
    size_t n, cap;
};

static bool add_pod(void *arg, const struct rv_object *o) {
    struct pods *l = arg;
    struct rv_val labels = rv_val_path(o->value, "metadata.labels");
    bool ready = takes_requests(o->value) && rv_path_str(o->value, "status.podIP").n != 0;
    if (!ready || !rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_SERVE)), "true") || l->n == ENDPOINTS_MAX)
        return true;
    if (l->n == l->cap) {
        struct rv_object *more = rv_arena_alloc(l->a, 2 * (l->cap + 8) * sizeof *more);
        if (l->n > 0) memcpy(more, l->list, l->n * sizeof *more);
        l->list = more;
        l->cap = 2 * (l->cap + 8);
    }
    l->list[l->n++] = *o;
    return true;
}

static int by_name(const void *a, const void *b) {
    return rv_str_cmp(((const struct rv_object *)a)->name, ((const struct rv_object *)b)->name);
}

static struct pods pods_of(struct service_pass *p, int side) {
    struct pods l = {.a = p->arena};
    const struct observed_cluster *s = &p->side[side];
    if (cluster_there(s) && !s->deleting) ctx_list_owned(&p->ctx, KIND_POD, s->cluster.uid, add_pod, &l);
    if (l.n > 1) qsort(l.list, l.n, sizeof *l.list, by_name);
    return l;
}

static void add_endpoint(struct rv_arena *a, struct rv_node *list, const struct rv_object *pod) {
    struct rv_node *n = rv_node_map(a), *conditions = rv_node_ensure_map(a, n, "conditions"),
                   *ref = rv_node_ensure_map(a, n, "targetRef");
    rv_node_append(a, rv_node_ensure_array(a, n, "addresses"), rv_node_str(a, rv_path_str(pod->value, "status.podIP")));
    rv_node_set_bool(a, conditions, "ready", true);
    rv_node_set_bool(a, conditions, "serving", true);
    rv_node_set_bool(a, conditions, "terminating", false);
    rv_node_set_cstr(a, ref, "kind", "Pod");
    rv_node_set_str(a, ref, "namespace", pod->ns);
    rv_node_set_str(a, ref, "name", pod->name);
    rv_node_set_str(a, ref, "uid", pod->uid);
    struct rv_str node = rv_path_str(pod->value, "spec.nodeName");
    if (node.n != 0) rv_node_set_str(a, n, "nodeName", node);
    rv_node_append(a, list, n);
}

static struct rv_node *slice_ports(struct rv_arena *a, struct rv_node *service) {
    static const char *const same[] = {"name", "protocol", "appProtocol"};
    struct rv_node *ports = rv_node_array(a), *given = rv_node_path(service, "spec.ports");
    for (size_t i = 0; i < rv_node_len(given); i++) {
        struct rv_node *n = rv_node_map(a), *from = rv_node_at(given, i);
        int64_t target = rv_node_to_int(rv_node_get(from, "targetPort"), rv_node_to_int(rv_node_get(from, "port"), 0));
        for (size_t k = 0; k < RV_ARRAY_LEN(same); k++) {
            struct rv_str v = rv_node_text(rv_node_get(from, same[k]));
            if (v.n != 0) rv_node_set_str(a, n, same[k], v);
        }
        rv_node_set_int(a, n, "port", target);
        rv_node_append(a, ports, n);
    }
    return ports;
}

static struct rv_str name_of_ours(const struct service_pass *p, struct rv_str service) {
    return rv_arena_fmt(p->arena, RV_STR_FMT "-shared", RV_STR_ARG(service));
}

/* Owned by the Service, so that it goes with it. Whoever blocks the deletion of a Service needs the right to change its
 * finalizers, which we have not. */
static struct rv_node *slice(struct service_pass *p, struct rv_node *service, const struct rv_object *of) {
    struct rv_arena *a = p->arena;
    struct rv_str name = rv_node_text(rv_node_path(service, "metadata.name"));
    struct rv_node *n = rc_bare_object(a, p->s->ns, "discovery.k8s.io/v1", "EndpointSlice", name_of_ours(p, name)),
                   *meta = rv_node_get(n, "metadata"), *labels = rv_node_map(a), *list = rv_node_array(a);
    struct pods active = pods_of(p, ACTIVE), pending = pods_of(p, PENDING);
    int64_t from_a, from_b, weight = p->now.pending.traffic > 0 ? p->now.pending.traffic : 0;
    rv_node_set_str(a, labels, RS_LABEL_SLICE_SERVICE, name);
    rv_node_set_cstr(a, labels, RS_LABEL_SLICE_MANAGER, RS_MANAGED_SLICES);
    rv_node_set_str(a, labels, RC_LABEL_SERVE,
                    rv_node_text(rv_node_getn(rv_node_path(service, "metadata.labels"), RV_STR(RC_LABEL_SERVE))));
    rv_node_set_str(a, labels, RC_LABEL_ORIGIN_NAME, p->s->name);
    rv_node_set(a, meta, "labels", labels);
    rs_share_endpoints((int64_t)active.n, (int64_t)pending.n, weight, &from_a, &from_b);
    for (int64_t i = 0; i < from_a && i < (int64_t)active.n; i++) add_endpoint(a, list, &active.list[i]);
    for (int64_t i = 0; i < from_b && i < (int64_t)pending.n && (int64_t)rv_node_len(list) < ENDPOINTS_MAX; i++)
        add_endpoint(a, list, &pending.list[i]);
    struct rv_str ip = rv_node_text(rv_node_path(list, "[0].addresses[0]"));
    bool v6 = ip.n != 0 && memchr(ip.p, ':', ip.n) != NULL;
    rv_node_set_cstr(a, n, "addressType", v6 ? "IPv6" : "IPv4");
    rv_node_set(a, n, "ports", slice_ports(a, service));
    rv_node_set(a, n, "endpoints", list);
    rv_meta_set_controller(a, n, RV_STR("v1"), RV_STR("Service"), of->name, of->uid);
    rv_node_remove(rv_node_path(n, "metadata.ownerReferences[0]"), "blockOwnerDeletion");
    return n;
}

/* ---- does it act? ------------------------------------------------------------------------------------------------ */

/* Is that pod of a cluster that is to have no traffic? */
static bool is_of_none(struct service_pass *p, struct rv_str pod) {
    struct rv_object o = {.size = sizeof o};
    if (!ctx_get(&p->ctx, KIND_POD, pod, &o)) return false;
    struct rv_str cluster = rc_controller_name(o.value, "RayCluster");
    int64_t active = p->now.active.traffic, pending = p->now.pending.traffic;
    return (rv_str_eq(cluster, p->now.active.name) && active == 0) ||
           (rv_str_eq(cluster, p->now.pending.name) && pending <= 0);
}

bool slicing_acts(struct service_pass *p) {
    struct rv_object service = {.size = sizeof service}, slice = {.size = sizeof slice};
    struct rv_str name = rs_serve_service_name(p->arena, p->s);
    if (!ctx_get(&p->ctx, KIND_SERVICE, name, &service)) return false;
    if (rv_val_len(rv_val_path(service.value, "spec.selector")) > 0) return false;
    if (!ctx_get(&p->ctx, KIND_SLICE, name_of_ours(p, name), &slice) || rv_meta_deleting(slice.value)) return false;
    for (struct rv_iter it = rv_iter(rv_val_get(slice.value, "endpoints")); rv_iter_next(&it);)
        if (is_of_none(p, rv_path_str(it.val, "targetRef.name"))) return false;
    return true;
}

/* ---- in place of the control plane's own ------------------------------------------------------------------------- */

struct others {
    struct service_pass *p;
    size_t n, ready; /* slices, and endpoints in them */
    bool ours;       /* ours is there and has an endpoint */
    bool remove;
};

static bool each_slice(void *arg, const struct rv_object *o) {
    struct others *t = arg;
    struct rv_str manager = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RS_LABEL_SLICE_MANAGER));
    size_t n = 0;
    for (struct rv_iter it = rv_iter(rv_val_get(o->value, "endpoints")); rv_iter_next(&it);)
        n += rv_path_bool(it.val, "conditions.ready", false);
    bool ours = rv_str_is(manager, RS_MANAGED_SLICES);
    if (ours)
        t->ours = true;
    else {
        t->ready += n;
        t->n++;
    }
    if (t->remove && !ours && !rv_meta_deleting(o->value))
        ctx_delete(&t->p->ctx, "discovery.k8s.io/v1", "endpointslices", o->name, o->uid, TAG_SLICE_DELETE);
    return true;
}

static void each(struct service_pass *p, struct rv_str service_uid, struct others *t) {
    ctx_list_owned(&p->ctx, KIND_SLICE, service_uid, each_slice, t);
}

void slicing_keep(struct service_pass *p, struct rv_node *service) {
    struct rv_object o = {.size = sizeof o};
    struct others t = {.p = p};
    struct rv_str name = rv_node_text(rv_node_path(service, "metadata.name"));
    if (!ctx_get(&p->ctx, KIND_SERVICE, name, &o) || !is_owned(p, &o)) {
        owned_object_keep(p, &owned_service, service, (struct rc_owner){0});
        return;
    }
    bool selects = rv_val_len(rv_val_path(o.value, "spec.selector")) > 0;
    struct rv_node *mine = slice(p, service, &o);
    if (!owned_object_keep(p, &owned_slice, mine, (struct rc_owner){"Service", o.name, o.uid})) return;
    if (selects && rv_node_len(rv_node_get(mine, "endpoints")) > 0) {
        struct rv_node *body = rv_node_map(p->arena);
        rv_node_set(p->arena, rv_node_ensure_map(p->arena, body, "spec"), "selector", rv_node_null(p->arena));
        ctx_patch(&p->ctx, "v1", "services", o.name, o.uid, body, TAG_SERVICE_UPDATE);
        return;
    }
    owned_object_keep(p, &owned_service, service, (struct rc_owner){0});
    if (selects) return;
    each(p, o.uid, &t);
    if (t.n == 0) return;
    t.remove = true;
    each(p, o.uid, &t);
    ctx_delete(&p->ctx, "v1", "endpoints", name, RV_STR(""), TAG_SLICE_DELETE);
}

void slicing_end(struct service_pass *p) {
    struct rv_object o = {.size = sizeof o}, slice = {.size = sizeof slice};
    struct others t = {.p = p};
    struct rv_str name = rs_serve_service_name(p->arena, p->s);
    if (!ctx_get(&p->ctx, KIND_SLICE, name_of_ours(p, name), &slice) || rv_meta_deleting(slice.value)) return;
    if (!ctx_get(&p->ctx, KIND_SERVICE, name, &o)) return;
    each(p, o.uid, &t);
    if (t.ours && t.ready > 0)
        ctx_delete(&p->ctx, "discovery.k8s.io/v1", "endpointslices", slice.name, slice.uid, TAG_SLICE_DELETE);
}
