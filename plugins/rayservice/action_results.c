/* action_results.c - what became of the last pass's actions, by one table (spec section 11). */
#include "fields.h"
#include "pass.h"
#include "plugins/ray/action_report.h"

enum { TRY_MAX_S = 60, NAMESPACE_ENDS_S = 600 };

static const struct rc_action_report reports[] = {
    [TAG_CLUSTER_CREATE] = RC_REPORT_CREATE("the RayCluster", "RayCluster", KIND_CLUSTER),
    [TAG_CLUSTER_UPDATE] = RC_REPORT_UPDATE("the RayCluster", "RayCluster"),
    [TAG_CLUSTER_DELETE] = RC_REPORT_DELETE("the RayCluster", "RayCluster"),
    [TAG_SERVICE_CREATE] = RC_REPORT_CREATE("the Service", "Service", KIND_SERVICE),
    [TAG_SERVICE_UPDATE] = RC_REPORT_UPDATE("the Service", "Service"),
    [TAG_SERVICE_DELETE] = RC_REPORT_DELETE("the Service", "Service"),
    [TAG_GATEWAY_CREATE] = RC_REPORT_CREATE("the Gateway", "Gateway", KIND_GATEWAY),
    [TAG_GATEWAY_UPDATE] = RC_REPORT_UPDATE("the Gateway", "Gateway"),
    [TAG_GATEWAY_DELETE] = RC_REPORT_DELETE("the Gateway", "Gateway"),
    [TAG_ROUTE_CREATE] = RC_REPORT_CREATE("the HTTPRoute", "HTTPRoute", KIND_HTTP_ROUTE),
    [TAG_ROUTE_UPDATE] = RC_REPORT_UPDATE("the HTTPRoute", "HTTPRoute"),
    [TAG_ROUTE_DELETE] = RC_REPORT_DELETE("the HTTPRoute", "HTTPRoute"),
    [TAG_SLICE_CREATE] = {"the EndpointSlice", NULL, "FailedToCreateEndpointSlice", "Create", "create", "", KIND_SLICE},
    [TAG_SLICE_UPDATE] = {"the EndpointSlice", NULL, "FailedToUpdateEndpointSlice", "Update", "update", "", RC_NO_KIND},
    [TAG_SLICE_DELETE] = {"the EndpointSlice", NULL, "FailedToDeleteEndpointSlice", "Delete", "delete", "", RC_NO_KIND},
    [TAG_LABEL] = RC_REPORT_UPDATE("the serve label of head pod", "HeadPodServeLabel"),
};

static const char namespace_ends[] = "NamespaceTerminating";

/* Does this success show that what failed before works? */
static bool mends(const struct service_memo *m, const struct rc_action_report *t, const struct rv_result *r) {
    if (m->failed == namespace_ends) return r->verb == RV_VERB_CREATE;
    return m->failed != NULL && strcmp(m->failed, t->failed) == 0;
}

/* What failed is asked for again later and later. */
static void take_action_result(struct service_pass *p, const struct rc_action_report *t, const struct rv_result *r) {
    struct rc_backoff *b = &p->memo->creation;
    if (r->code == 0) {
        b->tries = 0;
        if (mends(p->memo, t, r)) service_memo_failed(p->memo, NULL, RV_STR(""));
        rc_report_success(&p->ctx, t, r, rs_condition_is(&p->now, RS_SUSPENDING, "True") ? " during suspend" : "");
        return;
    }
    if (rc_made_before(&p->ctx, t, r) || rc_overtaken(r)) return;
    if (r->verb == RV_VERB_CREATE && rc_namespace_ends(r)) { /* such a namespace is never usable again */
        b->after = p->time + NAMESPACE_ENDS_S * RC_SECOND;
        service_memo_failed(p->memo, namespace_ends, RV_STR("the namespace is being deleted and takes nothing new"));
        return;
    }
    rc_backoff_failed(b, p->time, TRY_MAX_S);
    ctx_wake(&p->ctx, b->after);
    service_memo_failed(p->memo, t->failed, rc_report_failure(&p->ctx, t, r));
}

/* Until the pause is over, and in the pass that tries again. Where that one has no result it was not needed any more.
 */
static void tell_failure(struct service_pass *p) {
    struct service_memo *m = p->memo;
    if (m->tried_again) service_memo_failed(m, NULL, RV_STR(""));
    if (m->failed == NULL) return;
    m->tried_again = !rc_backoff_waits(&m->creation, p->time);
    p->stuck_reason = m->failed;
    p->stuck = rv_arena_str(p->arena, rv_str(m->failed_why));
}

void action_results_take(struct service_pass *p) {
    const struct rv_result *r;
    for (size_t i = 0; (r = ctx_result(&p->ctx, i)) != NULL; i++) {
        bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
        if (r->verb == RV_VERB_HTTP)
            serve_requests_take_result(p, r);
        else if (r->tag < RV_ARRAY_LEN(reports) && reports[r->tag].what != NULL)
            take_action_result(p, &reports[r->tag], r);
        else if (r->code != 0 && !gone)
            p->ctx.retry = true;
    }
    tell_failure(p);
}
