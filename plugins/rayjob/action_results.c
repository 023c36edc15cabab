/* action_results.c - what became of the last pass's actions, by one table (spec section 11). */
#include "status.h"

#include "fields.h"
#include "job_requests.h"

enum { TRY_MAX_S = 60, NAMESPACE_ENDS_S = 600 };

static const struct report {
    const char *what, *did, *failed, *action, *verb, *past;
} reports[] = {
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

/* The object that was asked for exists and is not ours, so the name cannot be used. */
static struct rv_str name_taken(struct job_pass *p, const struct report *t, const struct rv_result *r) {
    return rv_arena_fmt(
        p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT " exists and is not controlled by this RayJob: delete or rename it",
        t->what, RV_STR_ARG(r->ns), RV_STR_ARG(r->name));
}

/* Created by a request of ours whose answer was lost. */
static bool ours_already(struct job_pass *p, const struct rv_result *r) {
    static const unsigned kinds[] = {[TAG_CLUSTER_CREATE] = KIND_CLUSTER,
                                     [TAG_SUBMITTER_CREATE] = KIND_SUBMITTER,
                                     [TAG_SERVICE_CREATE] = KIND_SERVICE,
                                     [TAG_GROUP_CREATE] = KIND_GROUP};
    struct rv_object o = {.size = sizeof o};
    return r->code == RV_E_EXISTS && r->tag < RV_ARRAY_LEN(kinds) && ctx_get(&p->ctx, kinds[r->tag], r->name, &o) &&
           rv_str_eq(rv_meta_controller_uid(o.value), p->j->uid);
}

static void take_action_result(struct job_pass *p, const struct rv_result *r) {
    const struct report *t = &reports[r->tag];
    struct rv_str why = rc_result_text(r);
    bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
    if (r->code == 0) {
        p->memo->creation.tries = 0;
        if (t->did != NULL)
            ctx_event(&p->ctx, false, t->did, t->action,
                      rv_arena_fmt(p->arena, "%s %s " RV_STR_FMT "/" RV_STR_FMT, t->past, t->what, RV_STR_ARG(r->ns),
                                   RV_STR_ARG(r->name)));
        return;
    }
    if (ours_already(p, r)) return;
    if (gone && r->verb != RV_VERB_CREATE) { /* what comes next is seen in the mirror, a little later */
        p->ctx.retry = p->ctx.retry || r->code == RV_E_CONFLICT;
        return;
    }
    if (r->verb == RV_VERB_CREATE && rc_namespace_ends(r)) {
        p->waiting = RV_STR("the namespace is being deleted and takes nothing new");
        p->waiting_reason = "NamespaceTerminating";
        p->memo->creation.after = p->time + NAMESPACE_ENDS_S * RC_SECOND; /* it does not come back */
        return;
    }
    p->ctx.retry = true;
    rc_backoff_failed(&p->memo->creation, p->time, TRY_MAX_S); /* asked for again later and later */
    if (r->code == RV_E_EXISTS) why = name_taken(p, t, r);
    struct rv_str note = rv_arena_fmt(p->arena, "Failed to %s %s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, t->verb,
                                      t->what, RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    p->waiting = note;
    p->waiting_reason = t->failed;
    ctx_event(&p->ctx, true, t->failed, t->action, note);
}

void action_results_take(struct job_pass *p) {
    const struct rv_result *r;
    for (uint64_t i = 0; (r = ctx_result(&p->ctx, i)) != NULL; i++) {
        bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
        if (r->verb == RV_VERB_HTTP)
            job_requests_take_result(p, r);
        else if (r->tag < RV_ARRAY_LEN(reports) && reports[r->tag].what != NULL)
            take_action_result(p, r);
        else if (r->code != 0 && !gone)
            p->ctx.retry = true;
    }
}
