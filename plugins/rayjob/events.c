/* events.c - what became of the last pass's actions, by one table (spec section 11). */
#include "fields.h"
#include "pass.h"

static const struct told {
    const char *what, *did, *failed, *action, *verb, *past;
} told[] = {
    [TAG_CLUSTER_CREATE] = {"RayCluster", "CreatedRayCluster", "FailedToCreateRayCluster", "Create", "create",
                            "Created"},
    [TAG_CLUSTER_DELETE] = {"RayCluster", "DeletedRayCluster", "FailedToDeleteRayCluster", "Delete", "delete",
                            "Deleted"},
    [TAG_CLUSTER_UPDATE] = {"RayCluster", "UpdatedRayCluster", "FailedToUpdateRayCluster", "Update", "update",
                            "Updated"},
    [TAG_SUBMITTER_CREATE] = {"submitter Job", "CreatedRayJobSubmitter", "FailedToCreateRayJobSubmitter", "Create",
                              "create", "Created"},
    [TAG_SUBMITTER_DELETE] = {"submitter Job", "DeletedRayJobSubmitter", "FailedToDeleteRayJobSubmitter", "Delete",
                              "delete", "Deleted"},
    [TAG_SUBMITTER_SUSPEND] = {"submitter Job", "SuspendedRayJobSubmitter", "FailedToSuspendRayJobSubmitter", "Suspend",
                               "suspend", "Suspended"},
    [TAG_SERVICE_CREATE] = {"Service", "CreatedService", "FailedToCreateService", "Create", "create", "Created"},
    [TAG_SERVICE_UPDATE] = {"Service", "UpdatedService", "FailedToUpdateService", "Update", "update", "Updated"},
    [TAG_GROUP_CREATE] = {"PodGroup", NULL, "FailedToCreatePodGroup", "Create", "create", ""},
    [TAG_GROUP_UPDATE] = {"PodGroup", "BatchSchedulerCleanedUp", "FailedToCleanupBatchScheduler", "Cleanup", "update",
                          "Updated"},
    [TAG_SELF_DELETE] = {"RayJob", NULL, "FailedToDeleteRayJob", "Delete", "delete", ""},
};

/* The object that was asked for exists and is somebody else's: nothing of ours can be called so. */
static struct rv_str taken(struct pass *p, const struct told *t, const struct rv_result *r) {
    return rv_arena_fmt(
        p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT " exists and is not controlled by this RayJob: delete or rename it",
        t->what, RV_STR_ARG(r->ns), RV_STR_ARG(r->name));
}

/* Created by a request of ours whose answer was lost. */
static bool ours_already(struct pass *p, const struct rv_result *r) {
    static const unsigned kinds[] = {[TAG_CLUSTER_CREATE] = KIND_CLUSTER,
                                     [TAG_SUBMITTER_CREATE] = KIND_SUBMITTER,
                                     [TAG_SERVICE_CREATE] = KIND_SERVICE,
                                     [TAG_GROUP_CREATE] = KIND_GROUP};
    struct rv_object o = {.size = sizeof o};
    return r->code == RV_E_EXISTS && r->tag < RV_ARRAY_LEN(kinds) &&
           p->api->get(p->host, kinds[r->tag], r->ns, r->name, &o) == 0 &&
           rv_str_eq(rv_meta_controller_uid(o.value), p->j->uid);
}

/* What failed is asked for again later and later. */
static void put_off(struct pass *p) {
    enum { MOST_S = 60 };
    uint32_t n = p->memo->rejected++;
    int64_t seconds = n < 6 ? INT64_C(1) << n : MOST_S;
    p->memo->next_try = p->time + seconds * RC_SECOND;
}

static void take(struct pass *p, const struct rv_result *r) {
    const struct told *t = &told[r->tag];
    struct rv_str why = r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code));
    bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
    if (r->code == 0) {
        p->memo->rejected = 0;
        if (t->did != NULL)
            pass_event(p, false, t->did, t->action,
                       rv_arena_fmt(p->arena, "%s %s " RV_STR_FMT "/" RV_STR_FMT, t->past, t->what, RV_STR_ARG(r->ns),
                                    RV_STR_ARG(r->name)));
        return;
    }
    if (ours_already(p, r)) return;
    if (gone && r->verb != RV_VERB_CREATE) { /* what comes next is seen in the mirror, a little later */
        p->retry = p->retry || r->code == RV_E_CONFLICT;
        return;
    }
    p->retry = true;
    put_off(p);
    if (r->code == RV_E_EXISTS) why = taken(p, t, r);
    struct rv_str note = rv_arena_fmt(p->arena, "Failed to %s %s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, t->verb,
                                      t->what, RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    p->waiting = note;
    p->waiting_reason = t->failed;
    pass_event(p, true, t->failed, t->action, note);
}

void events_take_results(struct pass *p) {
    const struct rv_result *r;
    for (uint64_t i = 0; (r = p->api->result(p->host, i)) != NULL; i++) {
        bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
        if (r->verb == RV_VERB_HTTP)
            dashboard_result(p, r);
        else if (r->tag < RV_ARRAY_LEN(told) && told[r->tag].what != NULL)
            take(p, r);
        else if (r->code != 0 && !gone)
            p->retry = true;
    }
}
