/* pass.h - one look at one RayCronJob.
 *
 *   plugin.c    the vtable, settings          validate.c  is it valid? what do its annotations say?
 *   run.c       the run that is due           jobs.c      the RayJobs that it made: seeing, making, deleting
 *   status.c    status and conditions */
#ifndef RAYCRONJOB_PASS_H
#define RAYCRONJOB_PASS_H

#include "fields.h"
#include "plugins/ray/job.h"
#include "plugins/ray/timestamp.h"
#include "raycronjob_kinds.h"
#include "rayvisor/plugin.h"
#include "schedule.h"

enum tag { TAG_STATUS = 1, TAG_DELETE, TAG_CREATE /* and up: the moment */ };

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rc_settings job;      /* for judging templates */
    const struct zone *zone;     /* of schedules that name none */
    struct rv_arena *zone_arena; /* where it lives */
    int64_t missed_limit;
    bool narrow_crd; /* the API server drops all of the status but lastScheduleTime: the CRD is the reference's */
};

enum concurrency { ALLOW, FORBID, REPLACE };

struct policy {
    enum concurrency concurrency;
    int64_t deadline;                    /* seconds; -1: none */
    int64_t keep_succeeded, keep_failed; /* -1: all */
};

enum job_state { JOB_ACTIVE, JOB_SUCCEEDED, JOB_FAILED };

/* A RayJob of this RayCronJob. */
struct job {
    struct rv_str name, uid;
    int64_t at; /* the moment that it is the run of */
    enum job_state state;
    bool deleting;
};

enum { CRON_LOOK_AGAIN_MS = 60000 }; /* somebody may set the clock, or mend what is in the way */

struct pass {
    struct controller *k;
    struct rv_arena *arena;
    struct rv_val meta, spec, status;
    struct rv_str ns, name, uid;
    int64_t generation, now_ns, now; /* now in Unix seconds */
    struct schedule schedule;
    const struct zone *zone;
    struct policy policy;
    struct job *jobs; /* the oldest run first */
    size_t job_n;
    /* the status as it will be */
    struct rv_str last, next;
    struct rv_str stalled_reason, stalled;
    bool undecided; /* an attempt is on its way: conditions stay as they are */
    /* of the results of the previous pass */
    bool status_written, create_failed, delete_failed;
    /* the outcome */
    bool retry;
    int64_t after_ms;
};

/* plugin.c */
/* By IANA name; NULL: there is none. It lives as long as the arena. */
const struct zone *cron_zone(const struct controller *k, struct rv_arena *a, struct rv_str name);
void cron_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note);
void cron_explain(struct pass *p, struct rv_str line);
struct rv_str cron_time_text(struct pass *p, int64_t unix_s);
/* validate.c: false: why stands in p->stalled. */
bool cron_valid(struct pass *p);
/* jobs.c */
void jobs_see(struct pass *p);
const struct job *jobs_find(const struct pass *p, int64_t minute);
const struct job *jobs_active(const struct pass *p);
void jobs_create(struct pass *p, int64_t at);
void jobs_delete_active(struct pass *p); /* all of them */
void jobs_delete_old(struct pass *p);    /* those that have ended and are more than are to be kept */
void jobs_take_result(struct pass *p, const struct rv_result *r);
/* run.c */
void run(struct pass *p);
/* status.c */
void status_write(struct pass *p);

#endif
