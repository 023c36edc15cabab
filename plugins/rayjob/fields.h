/* fields.h - the words of the RayJob contract (labels, annotations, conditions, names), beside those that RayClusters
 * share (plugins/ray/fields.h). Users' tools match on them; none may change. */
#ifndef RAYJOB_FIELDS_H
#define RAYJOB_FIELDS_H

#include "plugins/ray/fields.h"
#include "plugins/ray/job.h"

#define RJ_FINALIZER "ray.io/rayjob-finalizer"
#define RJ_SUBMITTER_CONTAINER RC_CONTAINER_SUBMITTER
#define RJ_HEALTH_PATH "api/gcs_healthz"
#define RJ_GATE_SIDECAR_RESTART "SidecarSubmitterRestart"

/* Condition types of status.conditions. kstatus reads the first two; each is there only while it is True. */
#define RJ_CONDITION_RECONCILING "Reconciling"
#define RJ_CONDITION_STALLED "Stalled"
#define RJ_CONDITION_COMPLETE "Complete"
#define RJ_CONDITION_FAILED "Failed"
#define RJ_CONDITION_OUTDATED "AttemptOutdated" /* ours; only while True */

/* status.reason */
#define RJ_REASON_SUBMISSION "SubmissionFailed"
#define RJ_REASON_APP "AppFailed"
#define RJ_REASON_DEADLINE "DeadlineExceeded"
#define RJ_REASON_PRERUNNING "PreRunningDeadlineExceeded"
#define RJ_REASON_GRACE "JobDeploymentStatusTransitionGracePeriodExceeded"
#define RJ_REASON_CHECK "JobStatusCheckTimeoutExceeded"
#define RJ_REASON_INVALID "ValidationFailed"

enum {
    RJ_POLL_S = 3,
    RJ_SUBMITTER_GRACE_S = 30,
    RJ_SUBMITTER_BACKOFF = 2,
    RJ_SIDECAR_RESTARTS = 2,
    /* The exit codes of our shell line, and of rayvisor-submit, for a job of which Ray says FAILED or STOPPED. Those of
     * the line are used by nothing else in it, so no other failure looks like them. */
    RJ_EXIT_FAILED = 81,
    RJ_EXIT_STOPPED = 82,
    RJ_EXIT_SMALL_FAILED = 1,
    RJ_EXIT_SMALL_STOPPED = 2,
};

#endif
