/* pass.h - one reconcile pass over one RayCronJob.
 *
 *   plugin.c    the vtable, settings          validate.c    is it valid? what do its annotations say?
 *   due_run.c   the run that is due           owned_jobs.c  the RayJobs that it made
 *   status.c    status and conditions */
#ifndef RAYCRONJOB_PASS_H
#define RAYCRONJOB_PASS_H

#include "fields.h"
#include "plugins/ray/controller.h"
#include "plugins/ray/job.h"
#include "plugins/ray/timestamp.h"
#include "raycronjob_kinds.h"
#include "schedule.h"

enum action_tag { TAG_STATUS = 1, TAG_DELETE, TAG_CREATE /* and up: plus the moment of the run */ };

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rc_settings shared;   /* for judging templates */
    const struct zone *zone;     /* of schedules that name none */
    struct rv_arena *zone_arena; /* where it lives */
    int64_t missed_limit;
    bool narrow_crd; /* the CRD is the reference's: the API server drops all of the status but lastScheduleTime */
};

enum concurrency { ALLOW, FORBID, REPLACE };

struct policy {
    enum concurrency concurrency;
    int64_t deadline;                    /* seconds; -1: none */
    int64_t keep_succeeded, keep_failed; /* -1: all */
};

enum job_state { JOB_ACTIVE, JOB_SUCCEEDED, JOB_FAILED };

/* A RayJob of this RayCronJob. */
struct owned_job {
    struct rv_str name, uid;
    int64_t at; /* the moment that it is the run of */
    enum job_state state;
    bool deleting;
};

enum { CRON_LOOK_AGAIN_MS = 60000 }; /* somebody may set the clock, or repair what is in the way */

struct cron_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* that of ctx */
    struct controller *k;
    struct rv_val meta, spec, status;
    int64_t generation, now_ns, now; /* now in Unix seconds */
    struct schedule schedule;
    const struct zone *zone;
    struct policy policy;
    struct owned_job *jobs; /* the oldest run first */
    size_t job_n;
    /* the status as it will be */
    struct rv_str last, next;
    struct rv_str stalled_reason, stalled;
    bool undecided; /* an attempt is on its way: conditions stay as they are */
    /* of the results of the previous pass */
    bool status_written, create_failed, delete_failed;
    /* the outcome */
    int64_t after_ms;
};

/* ---- plugin.c ---- */
/* By IANA name; NULL: there is none. It lives as long as the arena. */
const struct zone *cron_zone(const struct controller *k, struct rv_arena *a, struct rv_str name);
struct rv_str cron_time_text(struct cron_pass *p, int64_t unix_s);
/* ---- validate.c. False: the reason stands in p->stalled. ---- */
bool cron_valid(struct cron_pass *p);
/* ---- owned_jobs.c ---- */
void owned_jobs_observe(struct cron_pass *p);
const struct owned_job *owned_jobs_find(const struct cron_pass *p, int64_t minute);
const struct owned_job *owned_jobs_active(const struct cron_pass *p);
void owned_jobs_create(struct cron_pass *p, int64_t at);
void owned_jobs_delete_active(struct cron_pass *p);
void owned_jobs_delete_old(struct cron_pass *p); /* those that have ended and are more than are to be kept */
void owned_jobs_take_result(struct cron_pass *p, const struct rv_result *r);
/* ---- due_run.c: begins the run that is due, or says when the next one will be ---- */
void due_run_step(struct cron_pass *p);
/* ---- status.c ---- */
void status_write(struct cron_pass *p);

#endif
