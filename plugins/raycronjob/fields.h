/* fields.h - the names of the RayCronJob contract, besides those in plugins/ray/fields.h, and of what goes beyond
 * it. Users' tools match on them, so none may change. */
#ifndef RAYCRONJOB_FIELDS_H
#define RAYCRONJOB_FIELDS_H

#define CRON_ANNOTATION_TIME "ray.io/cronjob-scheduled-timestamp"

/* Annotations of a RayCronJob. A Kubernetes CronJob has these fields in its spec, but the contract does not. */
#define CRON_CONCURRENCY "rayvisor.io/concurrency-policy"     /* Allow, Forbid, Replace */
#define CRON_DEADLINE "rayvisor.io/starting-deadline-seconds" /* a run that would begin later than this is left out */
#define CRON_KEEP_SUCCEEDED "rayvisor.io/successful-jobs-history-limit" /* how many RayJobs are kept; all if absent */
#define CRON_KEEP_FAILED "rayvisor.io/failed-jobs-history-limit"

/* A condition type of status.conditions. The condition exists only while it is True. */
#define CRON_CONDITION_STALLED "Stalled"
/* The reasons of the condition and of events. */
#define CRON_REASON_INVALID "InvalidRayCronJobSpec"
#define CRON_REASON_NEVER "NeverDue"
#define CRON_REASON_CREATED "CreatedRayJob"
#define CRON_REASON_NAMESPACE_ENDS "NamespaceTerminating"
#define CRON_REASON_CREATE_FAILED "FailedToCreateRayJob"
#define CRON_REASON_DELETED "DeletedRayJob"
#define CRON_REASON_DELETE_FAILED "FailedToDeleteRayJob"
#define CRON_REASON_SUSPENDED "SuspendedRayCronJob"
#define CRON_REASON_LEFT_OUT "TooManyMissedRuns"
#define CRON_REASON_TOO_LATE "MissSchedule" /* the reason that Kubernetes CronJobs use */

enum { CRON_NAME_MAX = 36 /* the 47 of a RayJob, without a dash and ten digits */ };

#endif
