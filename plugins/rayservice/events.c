/* events.c - what became of the last pass's actions, by one table (spec section
 * 11). */
#include "fields.h"
#include "pass.h"

static const struct told {
    const char *what, *did, *failed, *action, *verb, *past;
    int kind; /* in which it is found when it was created by a request whose
                 answer got lost; -1 none */
} told[] = {
    [TAG_CLUSTER_CREATE] = {"RayCluster", "CreatedRayCluster", "FailedToCreateRayCluster", "Create", "create",
                            "Created", KIND_CLUSTER},
    [TAG_CLUSTER_UPDATE] = {"RayCluster", "UpdatedRayCluster", "FailedToUpdateRayCluster", "Update", "update",
                            "Updated", -1},
    [TAG_CLUSTER_DELETE] = {"RayCluster", "DeletedRayCluster", "FailedToDeleteRayCluster", "Delete", "delete",
                            "Deleted", -1},
    [TAG_SERVICE_CREATE] = {"Service", "CreatedService", "FailedToCreateService", "Create", "create", "Created",
                            KIND_SERVICE},
    [TAG_SERVICE_UPDATE] = {"Service", "UpdatedService", "FailedToUpdateService", "Update", "update", "Updated", -1},
    [TAG_SERVICE_DELETE] = {"Service", "DeletedService", "FailedToDeleteService", "Delete", "delete", "Deleted", -1},
    [TAG_GATEWAY_CREATE] = {"Gateway", "CreatedGateway", "FailedToCreateGateway", "Create", "create", "Created",
                            KIND_GATEWAY},
    [TAG_GATEWAY_UPDATE] = {"Gateway", "UpdatedGateway", "FailedToUpdateGateway", "Update", "update", "Updated", -1},
    [TAG_GATEWAY_DELETE] = {"Gateway", "DeletedGateway", "FailedToDeleteGateway", "Delete", "delete", "Deleted", -1},
    [TAG_ROUTE_CREATE] = {"HTTPRoute", "CreatedHTTPRoute", "FailedToCreateHTTPRoute", "Create", "create", "Created",
                          KIND_HTTP_ROUTE},
    [TAG_ROUTE_UPDATE] = {"HTTPRoute", "UpdatedHTTPRoute", "FailedToUpdateHTTPRoute", "Update", "update", "Updated",
                          -1},
    [TAG_ROUTE_DELETE] = {"HTTPRoute", "DeletedHTTPRoute", "FailedToDeleteHTTPRoute", "Delete", "delete", "Deleted",
                          -1},
    [TAG_SLICE_CREATE] = {"EndpointSlice", NULL, "FailedToCreateEndpointSlice", "Create", "create", "", KIND_SLICE},
    [TAG_SLICE_UPDATE] = {"EndpointSlice", NULL, "FailedToUpdateEndpointSlice", "Update", "update", "", -1},
    [TAG_SLICE_DELETE] = {"EndpointSlice", NULL, "FailedToDeleteEndpointSlice", "Delete", "delete", "", -1},
    [TAG_LABEL] = {"serve label of head pod", "UpdatedHeadPodServeLabel", "FailedToUpdateHeadPodServeLabel", "Update",
                   "update", "Updated", -1},
};

/* Created by a request of ours whose answer was lost. */
static bool ours_already(struct pass *p, const struct told *t, const struct rv_result *r) {
    struct rv_object o = {.size = sizeof o};
    return r->code == RV_E_EXISTS && t->kind >= 0 && p->api->get(p->host, (unsigned)t->kind, r->ns, r->name, &o) == 0 &&
           see_owned(p, &o);
}

/* What failed is asked for again later and later. */
static void put_off(struct pass *p) {
    enum { MOST_S = 60 };
    uint32_t n = p->memo->rejected++;
    int64_t seconds = n < 6 ? INT64_C(1) << n : MOST_S;
    p->memo->next_try = p->time + seconds * RC_SECOND;
    pass_wake(p, p->memo->next_try);
}

static void take(struct pass *p, const struct told *t, const struct rv_result *r) {
    struct rv_str why = r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code));
    bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
    if (r->code == 0) {
        p->memo->rejected = 0;
        if (t->did != NULL)
            pass_event(p, false, t->did, t->action,
                       rv_arena_fmt(p->arena, "%s the %s " RV_STR_FMT "/" RV_STR_FMT, t->past, t->what,
                                    RV_STR_ARG(r->ns), RV_STR_ARG(r->name)));
        return;
    }
    if (ours_already(p, t, r)) return;
    if (gone && r->verb != RV_VERB_CREATE) return; /* what comes next is seen in the mirror */
    put_off(p);
    if (r->code == RV_E_EXISTS)
        why = RV_STR("it exists and is not controlled by this RayService: delete "
                     "or rename it");
    p->stuck_reason = t->failed;
    p->stuck = rv_arena_fmt(p->arena, "Failed to %s the %s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, t->verb,
                            t->what, RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    pass_event(p, true, t->failed, t->action, p->stuck);
}

void events_take_results(struct pass *p) {
    const struct rv_result *r;
    for (uint64_t i = 0; (r = p->api->result(p->host, i)) != NULL; i++) {
        bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
        if (r->verb == RV_VERB_HTTP)
            dashboard_result(p, r);
        else if (r->tag < RV_ARRAY_LEN(told) && told[r->tag].what != NULL)
            take(p, &told[r->tag], r);
        else if (r->code != 0 && !gone)
            p->retry = true;
    }
}
