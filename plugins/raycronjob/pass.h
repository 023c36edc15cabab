/* pass.h - one reconcile pass over one RayCronJob.
 *
 *   plugin.c      the plugin's functions, settings
 *   validate.c    whether it is valid, and its annotations
 *   due_run.c     the run that is due
 *   owned_jobs.c  the RayJobs that it created
 *   status.c      status and conditions */
#ifndef RAYCRONJOB_PASS_H
#define RAYCRONJOB_PASS_H

#include "fields.h"
#include "plugins/ray/controller.h"
#include "plugins/ray/job.h"
#include "plugins/ray/timestamp.h"
#include "raycronjob_kinds.h"
#include "schedule.h"

enum action_tag { TAG_STATUS = 1, TAG_DELETE, TAG_CREATE /* TAG_CREATE and up: plus the time of the run */ };

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rc_settings shared;   /* for validating templates */
    const struct zone *zone;     /* for schedules that name no zone */
    struct rv_arena *zone_arena; /* the arena of the zone */
    int64_t missed_limit;
    bool narrow_crd; /* the CRD is the reference's, so the API server drops all of the status but lastScheduleTime */
};

enum concurrency { ALLOW, FORBID, REPLACE };

struct policy {
    enum concurrency concurrency;
    int64_t deadline;                    /* in seconds; -1 if none */
    int64_t keep_succeeded, keep_failed; /* -1 means all */
};

enum job_state { JOB_ACTIVE, JOB_SUCCEEDED, JOB_FAILED };

/* A RayJob of this RayCronJob. */
struct owned_job {
    struct rv_str name, uid;
    int64_t at; /* the time of its run */
    enum job_state state;
    bool deleting;
};

enum { CRON_LOOK_AGAIN_MS = 60000 }; /* the next pass, because somebody may set the clock or correct the problem */

struct cron_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* the arena of ctx */
    struct controller *k;
    struct rv_val meta, spec, status;
    /* `now` is in Unix seconds. */
    int64_t generation, now_ns, now;
    struct schedule schedule;
    const struct zone *zone;
    struct policy policy;
    struct owned_job *jobs; /* sorted by run, the oldest first */
    size_t job_n;
    /* the new status */
    struct rv_str last, next;
    struct rv_str stalled_reason, stalled;
    bool undecided; /* an attempt is in flight, so the conditions stay as they are */
    /* from the results of the previous pass */
    bool status_written, create_failed, delete_failed;
    /* the outcome */
    int64_t after_ms;
};

/* ---- plugin.c ---- */
/* Finds a zone by its IANA name. Returns NULL if there is none. It lives as long as the arena. */
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
void owned_jobs_delete_old(struct cron_pass *p);     /* deletes RayJobs that have ended and exceed the number to keep */
void owned_jobs_namespace_ends(struct cron_pass *p); /* notes it as the reason why no run begins */
void owned_jobs_take_result(struct cron_pass *p, const struct rv_result *r);
/* ---- due_run.c: begins the run that is due, or says when the next one will be ---- */
void due_run_step(struct cron_pass *p);
/* ---- status.c ---- */
void status_write(struct cron_pass *p);

#endif
