/* action_results.c - handles the results of the previous pass's actions, with one table (spec section 11). */
#include "status.h"

#include "fields.h"
#include "job_requests.h"
#include "plugins/ray/action_report.h"

enum { TRY_MAX_S = 60, NAMESPACE_ENDS_S = 600 };

static const struct rc_action_report reports[] = {
    [TAG_CLUSTER_CREATE] = RC_REPORT_CREATE("RayCluster", "RayCluster", KIND_CLUSTER),
    [TAG_CLUSTER_DELETE] = RC_REPORT_DELETE("RayCluster", "RayCluster"),
    [TAG_CLUSTER_UPDATE] = RC_REPORT_UPDATE("RayCluster", "RayCluster"),
    [TAG_SUBMITTER_CREATE] = RC_REPORT_CREATE("submitter Job", "RayJobSubmitter", KIND_SUBMITTER),
    [TAG_SUBMITTER_DELETE] = RC_REPORT_DELETE("submitter Job", "RayJobSubmitter"),
    [TAG_SUBMITTER_SUSPEND] = {"submitter Job", "SuspendedRayJobSubmitter", "FailedToSuspendRayJobSubmitter", "Suspend",
                               "suspend", "Suspended", RC_NO_KIND},
    [TAG_SERVICE_CREATE] = RC_REPORT_CREATE("Service", "Service", KIND_SERVICE),
    [TAG_SERVICE_UPDATE] = RC_REPORT_UPDATE("Service", "Service"),
    [TAG_GROUP_CREATE] = {"PodGroup", NULL, "FailedToCreatePodGroup", "Create", "create", "", KIND_GROUP},
    [TAG_GROUP_UPDATE] = {"PodGroup", "BatchSchedulerCleanedUp", "FailedToCleanupBatchScheduler", "Cleanup", "update",
                          "Updated", RC_NO_KIND},
    [TAG_SELF_DELETE] = {"RayJob", NULL, "FailedToDeleteRayJob", "Delete", "delete", "", RC_NO_KIND},
};

static void take_action_result(struct job_pass *p, const struct rc_action_report *t, const struct rv_result *r) {
    if (r->code == 0) {
        p->memo->creation.tries = 0;
        rc_report_success(&p->ctx, t, r, "");
        return;
    }
    if (rc_made_before(&p->ctx, t, r)) return;
    if (rc_overtaken(r)) { /* the mirror shows in a moment what comes next */
        p->ctx.retry = p->ctx.retry || r->code == RV_E_CONFLICT;
        return;
    }
    if (r->verb == RV_VERB_CREATE && rc_namespace_ends(r)) {
        p->waiting = RV_STR("the namespace is being deleted and takes nothing new");
        p->waiting_reason = "NamespaceTerminating";
        p->memo->creation.after = p->time + NAMESPACE_ENDS_S * RC_SECOND; /* such a namespace is never usable again */
        return;
    }
    p->ctx.retry = true;
    rc_backoff_failed(&p->memo->creation, p->time, TRY_MAX_S); /* it is requested again, at growing intervals */
    p->waiting = rc_report_failure(&p->ctx, t, r);
    p->waiting_reason = t->failed;
}

void action_results_take(struct job_pass *p) {
    const struct rv_result *r;
    for (uint64_t i = 0; (r = ctx_result(&p->ctx, i)) != NULL; i++) {
        bool gone = r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT;
        if (r->verb == RV_VERB_HTTP)
            job_requests_take_result(p, r);
        else if (r->tag < RV_ARRAY_LEN(reports) && reports[r->tag].what != NULL)
            take_action_result(p, &reports[r->tag], r);
        else if (r->code != 0 && !gone)
            p->ctx.retry = true;
    }
}
