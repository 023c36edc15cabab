/* fields.h - the words of the RayCronJob contract, beside those of RayJobs (plugins/rayjob/fields.h), and of what goes
 * beyond it. Users' tools match on them; none may change. */
#ifndef RAYCRONJOB_FIELDS_H
#define RAYCRONJOB_FIELDS_H

#define CRON_LABEL_NAME "ray.io/cronjob-name"
#define CRON_ANNOTATION_TIME "ray.io/cronjob-scheduled-timestamp"

/* Annotations of a RayCronJob: what a Kubernetes CronJob has in its spec and the contract has not. */
#define CRON_CONCURRENCY "rayvisor.io/concurrency-policy"               /* Allow, Forbid, Replace */
#define CRON_DEADLINE "rayvisor.io/starting-deadline-seconds"           /* later than this a run is left out */
#define CRON_KEEP_SUCCEEDED "rayvisor.io/successful-jobs-history-limit" /* RayJobs to keep; without it all */
#define CRON_KEEP_FAILED "rayvisor.io/failed-jobs-history-limit"

/* status.conditions: there only while it is True. */
#define CRON_CONDITION_STALLED "Stalled"
/* Its reasons, and those of events. */
#define CRON_REASON_INVALID "InvalidRayCronJobSpec"
#define CRON_REASON_NEVER "NeverDue"
#define CRON_REASON_CREATED "CreatedRayJob"
#define CRON_REASON_CREATE_FAILED "FailedToCreateRayJob"
#define CRON_REASON_DELETED "DeletedRayJob"
#define CRON_REASON_DELETE_FAILED "FailedToDeleteRayJob"
#define CRON_REASON_SUSPENDED "SuspendedRayCronJob"
#define CRON_REASON_LEFT_OUT "TooManyMissedRuns"
#define CRON_REASON_TOO_LATE "MissSchedule" /* the word of Kubernetes' CronJobs */

enum { CRON_NAME_MAX = 36 /* a RayJob's 47 less a dash and ten digits */ };

#endif
