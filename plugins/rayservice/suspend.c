/* suspend.c - spec.suspend (spec section 8). Which state it is stands in the conditions; once begun, a suspension is
 * carried to its end whatever the spec says by then. */
#include "fields.h"
#include "pass.h"
#include "plugins/ray/names.h"

static void all(struct service_pass *p, const char *reason, const char *ready) {
    status_condition(p, RS_READY, "False", reason, rv_str(ready));
    status_condition(p, RS_UPGRADE, "False", reason, RV_STR("No upgrade in progress."));
    status_condition(p, RS_ROLLBACK, "False", reason, RV_STR("No rollback in progress."));
}

static void begin(struct service_pass *p) {
    status_condition(p, RS_SUSPENDING, "True", "SuspendRequested", RV_STR("Spec.Suspend is true."));
    all(p, "SuspendInProgress", "RayService is suspending.");
    const struct rs_state none = {.active = {.capacity = -1, .traffic = -1},
                                  .pending = {.capacity = -1, .traffic = -1}};
    struct rv_val conditions = p->now.conditions;
    p->now = none;
    p->now.conditions = conditions;
}

struct sweep {
    struct service_pass *p;
    const char *api_version, *resource;
    uint64_t tag;
    size_t n;
    struct rv_str *one; /* the first of all, for people */
};

static bool sweep(void *arg, const struct rv_object *o) {
    struct sweep *w = arg;
    if (!is_owned(w->p, o)) return true;
    if (w->one->n == 0) *w->one = rv_arena_fmt(w->p->arena, "%s/" RV_STR_FMT, w->resource, RV_STR_ARG(o->name));
    w->n++;
    if (!rv_meta_deleting(o->value)) ctx_delete(&w->p->ctx, w->api_version, w->resource, o->name, o->uid, w->tag);
    return true;
}

static size_t remove_all(struct service_pass *p, struct rv_str *ret_one) {
    static const struct {
        unsigned kind;
        const char *api_version, *resource;
        uint64_t tag;
    } kinds[] = {{KIND_CLUSTER, "ray.io/v1", "rayclusters", TAG_CLUSTER_DELETE},
                 {KIND_SERVICE, "v1", "services", TAG_SERVICE_DELETE},
                 {KIND_GATEWAY, "gateway.networking.k8s.io/v1", "gateways", TAG_GATEWAY_DELETE},
                 {KIND_HTTP_ROUTE, "gateway.networking.k8s.io/v1", "httproutes", TAG_ROUTE_DELETE},
                 {KIND_GRPC_ROUTE, "gateway.networking.k8s.io/v1", "grpcroutes", TAG_ROUTE_DELETE}};
    size_t left = 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++) {
        struct sweep w = {p, kinds[i].api_version, kinds[i].resource, kinds[i].tag, 0, ret_one};
        ctx_list_owned(&p->ctx, kinds[i].kind, p->s->uid, sweep, &w);
        left += w.n;
    }
    return left;
}

static void go_on(struct service_pass *p) {
    struct rv_str one = {NULL, 0};
    size_t left = may_write(p) ? remove_all(p, &one) : 1;
    if (left > 0) {
        status_condition(p, RS_SUSPENDING, "True", "SuspendInProgress", RV_STR("Owned resources are being deleted."));
        ctx_explain(&p->ctx, "suspending: %zu objects are still there%s" RV_STR_FMT, left,
                    one.n != 0 ? ", such as " : "", RV_STR_ARG(one));
        return;
    }
    struct rv_str done = RV_STR("All owned resources have been deleted.");
    status_condition(p, RS_SUSPENDING, "False", "SuspendComplete", done);
    status_condition(p, RS_SUSPENDED, "True", "SuspendComplete", done);
    all(p, "SuspendComplete", "RayService is suspended.");
}

/* Conditions that are made anew have a fresh time: the initializing time-out begins again. */
static void resume(struct service_pass *p) {
    static const char *const anew[] = {RS_READY, RS_UPGRADE};
    status_condition(p, RS_SUSPENDED, "False", "RayServiceResumed",
                     RV_STR("Spec.Suspend is false; RayService has resumed."));
    for (size_t i = 0; i < RV_ARRAY_LEN(anew); i++) {
        rv_condition_remove(p->conditions, anew[i]);
        status_condition(p, anew[i], "False", RS_REASON_INITIALIZING,
                         RV_STR("RayService is initializing after resuming from suspend."));
    }
}

bool suspend_step(struct service_pass *p) {
    bool suspending = rs_condition_is(&p->now, RS_SUSPENDING, "True"),
         suspended = rs_condition_is(&p->now, RS_SUSPENDED, "True");
    if (suspending) {
        go_on(p);
        return true;
    }
    if (suspended && p->s->suspend) {
        ctx_explain(&p->ctx, "suspended");
        return true;
    }
    if (suspended) {
        resume(p);
        return false;
    }
    if (!p->s->suspend) return false;
    begin(p);
    return true;
}
