/* due_run.c - starts the run that is due, or says when the next one will be. Missed runs are started one in each pass,
 * the oldest first. */
#include "missed_runs.h"
#include "pass.h"
#include "rayvisor/k8s.h"

enum { DAY_MS = 86400000 };

static int64_t unix_seconds(struct rv_str text) { return rc_time(text) / RC_SECOND; }

/* The first missed run that was not reported yet. A run that the status announced is reported when it is missed, and
 * then another one is announced. While the RayCronJob was suspended or invalid, none was announced; then the first pass
 * over the new spec reports it. */
static int64_t first_unreported(struct cron_pass *p, int64_t from) {
    int64_t announced = unix_seconds(rv_path_str(p->status, "nextScheduleTime")),
            observed = rv_path_int(p->status, "observedGeneration", 0);
    bool first_look = announced == 0 && observed != 0 && observed != p->generation;
    if (announced > from) return announced;
    return first_look ? schedule_next(&p->schedule, p->zone, from) : 0;
}

static int64_t leave_out_late(struct cron_pass *p, int64_t from) {
    int64_t begin = runs_not_before(&p->schedule, from, p->now - p->policy.deadline),
            missed = first_unreported(p, from);
    if (missed != 0 && missed <= begin)
        ctx_event(&p->ctx, true, CRON_REASON_TOO_LATE, "Schedule",
                  rv_arena_fmt(p->arena, "The run of " RV_STR_FMT " was not begun within %lld seconds: it is left out",
                               RV_STR_ARG(cron_time_text(p, missed)), (long long)p->policy.deadline));
    return begin;
}

/* Leaves out old missed runs if newer ones begin beside them or replace them. */
static int64_t leave_out_many(struct cron_pass *p, int64_t from) {
    int64_t limit = p->policy.concurrency == ALLOW ? p->k->missed_limit : 1,
            newest = runs_newest(&p->schedule, p->zone, from, p->now, limit);
    if (newest != from && !p->create_failed)
        ctx_event(&p->ctx, true, CRON_REASON_LEFT_OUT, "Schedule",
                  rv_arena_fmt(p->arena,
                               "More than %lld runs were missed since " RV_STR_FMT ": the older ones are left out",
                               (long long)limit, RV_STR_ARG(cron_time_text(p, from))));
    return newest;
}

/* The time after which the next run is searched. */
static int64_t last_run(struct cron_pass *p) {
    int64_t from = unix_seconds(p->last.n != 0 ? p->last : rv_path_str(p->meta, "creationTimestamp"));
    if (p->policy.deadline >= 0) from = leave_out_late(p, from);
    int64_t first = schedule_next(&p->schedule, p->zone, from);
    int64_t second = first != 0 && first <= p->now ? schedule_next(&p->schedule, p->zone, first) : 0;
    if (second == 0 || second > p->now) return from; /* at most one run is due */
    if (p->policy.concurrency == FORBID && owned_jobs_active(p) != NULL) return from;
    return leave_out_many(p, from);
}

static void wait_for(struct cron_pass *p, int64_t next) {
    int64_t ms = next * 1000 - p->now_ns / 1000000;
    p->after_ms = ms < CRON_LOOK_AGAIN_MS ? (ms > 0 ? ms : 1) : CRON_LOOK_AGAIN_MS;
    p->next = cron_time_text(p, next);
    int64_t second = schedule_next(&p->schedule, p->zone, next),
            third = second != 0 ? schedule_next(&p->schedule, p->zone, second) : 0;
    ctx_explain(&p->ctx, "the next RayJob is due at " RV_STR_FMT, RV_STR_ARG(p->next));
    if (third != 0)
        ctx_explain(&p->ctx, "the following ones at " RV_STR_FMT " and " RV_STR_FMT,
                    RV_STR_ARG(cron_time_text(p, second)), RV_STR_ARG(cron_time_text(p, third)));
}

static void begin_run(struct cron_pass *p, int64_t next) {
    const struct owned_job *active = owned_jobs_active(p);
    p->next = rv_path_str(p->status, "nextScheduleTime"); /* reported when the RayJob exists */
    struct rv_val stalled = rv_condition_find(rv_val_get(p->status, "conditions"), CRON_CONDITION_STALLED);
    if (rv_str_is(rv_path_str(stalled, "reason"), CRON_REASON_NAMESPACE_ENDS)) owned_jobs_namespace_ends(p);
    if (p->create_failed) return; /* the next try, if there is one, comes after the back-off */
    if (active != NULL && p->policy.concurrency == FORBID) {
        p->after_ms = CRON_LOOK_AGAIN_MS;
        p->next = cron_time_text(p, next);
        ctx_explain(&p->ctx, "the run of " RV_STR_FMT " waits for the end of RayJob " RV_STR_FMT, RV_STR_ARG(p->next),
                    RV_STR_ARG(active->name));
        return;
    }
    if (p->policy.concurrency == REPLACE && !p->delete_failed) owned_jobs_delete_active(p);
    owned_jobs_create(p, next);
    p->undecided = p->stalled.n == 0;
}

void due_run_step(struct cron_pass *p) {
    int64_t next = schedule_next(&p->schedule, p->zone, last_run(p));
    /* The RayJob may exist already. The operator may have ended before it could write the status, or several runs may
     * fall into one minute. */
    while (next != 0 && next <= p->now && owned_jobs_find(p, next / 60) != NULL) {
        p->last = cron_time_text(p, next);
        next = schedule_next(&p->schedule, p->zone, next);
    }
    if (next == 0) {
        p->stalled_reason = RV_STR(CRON_REASON_NEVER);
        p->stalled = RV_STR("spec.schedule names no moment of the next five years");
        p->after_ms = DAY_MS;
        ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(p->stalled));
    } else if (next > p->now) {
        wait_for(p, next);
    } else {
        begin_run(p, next);
    }
}
