/* say_kinds.c - the questions of each kind (say_parts.h), in the order in which they matter. */
#include "plugins/ray/fields.h"
#include "plugins/ray/timestamp.h"
#include "say_parts.h"

/* ---- RayCluster ------------------------------------------------------------------------------------------------- */

static bool cluster_suspended(struct saying *s) {
    return say_is(s, RC_CONDITION_SUSPENDED, "True") &&
           say_it(s, SAY_RESTS, "it is suspended (spec.suspend) and has no pods");
}

static bool cluster_suspending(struct saying *s) {
    return say_is(s, RC_CONDITION_SUSPENDING, "True") &&
           say_it(s, SAY_WAITS, "it is being suspended and waits until its pods are gone");
}

static bool cluster_failure(struct saying *s) {
    return say_by(s, RC_CONDITION_REPLICA_FAILURE, "True", SAY_FAULTY, "its pods cannot be made: ");
}

static bool cluster_reconciling(struct saying *s) { return say_by(s, RC_CONDITION_RECONCILING, "True", SAY_WAITS, ""); }

static bool cluster_head(struct saying *s) {
    return say_by(s, RC_CONDITION_HEAD_READY, "False", SAY_WAITS, "its head pod is not ready: ");
}

static bool cluster_failed_state(struct saying *s) {
    struct rv_str why = rv_path_str(s->status, "reason");
    return rv_str_is(rv_path_str(s->status, "state"), "failed") &&
           say_it(s, SAY_FAULTY, "it has failed: " RV_STR_FMT, RV_STR_ARG(why));
}

static bool cluster_workers(struct saying *s) {
    long long wanted = (long long)rv_path_int(s->status, "desiredWorkerReplicas", 0),
              ready = (long long)rv_path_int(s->status, "readyWorkerReplicas", 0);
    bool is = rv_str_is(rv_path_str(s->status, "state"), "ready");
    if (is && ready < wanted)
        return say_it(s, SAY_WAITS, "its head is ready, and %lld of %lld workers are", ready, wanted);
    if (!is) return say_it(s, SAY_WAITS, "not all of its pods are ready yet: %lld of %lld workers are", ready, wanted);
    struct rv_str old = say_message(s, RC_CONDITION_OUTDATED);
    return say_it(s, SAY_WELL, "it is ready, with %lld of %lld workers%s" RV_STR_FMT, ready, wanted,
                  old.n != 0 ? "; some pods are older than its spec: " : "", RV_STR_ARG(old));
}

const say_question say_raycluster[] = {cluster_suspended,    cluster_suspending, cluster_failure, cluster_reconciling,
                                       cluster_failed_state, cluster_head,       cluster_workers, NULL};

/* ---- RayJob ----------------------------------------------------------------------------------------------------- */

static struct rv_str job_phase(const struct saying *s) { return rv_path_str(s->status, "jobDeploymentStatus"); }

/* Its own words, for how it ended. */
static struct rv_str job_why(const struct saying *s) {
    struct rv_str reason = rv_path_str(s->status, "reason"), message = rv_path_str(s->status, "message");
    return rv_arena_fmt(s->arena, "%s" RV_STR_FMT "%s" RV_STR_FMT, reason.n != 0 ? ": " : "", RV_STR_ARG(reason),
                        message.n != 0 ? ": " : "", RV_STR_ARG(message));
}

static void job_deletion(struct saying *s) {
    struct rv_val spec = rv_val_get(s->object, "spec");
    struct rv_str policy = rv_path_str(s->status, "plannedDeletion.policy");
    int64_t end = rc_time(rv_path_str(s->status, "endTime"));
    s->said.since = end;
    if (policy.n != 0) {
        say_next(s, rc_time(rv_path_str(s->status, "plannedDeletion.time")),
                 rv_arena_fmt(s->arena, "the deletion rule " RV_STR_FMT " applies", RV_STR_ARG(policy)).p);
    } else if (end != 0 && rv_path_bool(spec, "shutdownAfterJobFinishes", false)) {
        int64_t at = end + rv_path_int(spec, "ttlSecondsAfterFinished", 0) * RC_SECOND;
        say_next(s, at > s->now ? at : 0, "its RayCluster is deleted");
    }
}

static bool job_ended(struct saying *s) {
    struct rv_str phase = job_phase(s), status = rv_path_str(s->status, "jobStatus");
    bool complete = rv_str_is(phase, "Complete");
    if (!complete && !rv_str_is(phase, "Failed")) return false;
    job_deletion(s);
    if (complete)
        return say_it(s, rv_str_is(status, "SUCCEEDED") ? SAY_WELL : SAY_RESTS, "the job has ended: " RV_STR_FMT,
                      RV_STR_ARG(status));
    return say_it(s, SAY_FAULTY, "the job has failed" RV_STR_FMT, RV_STR_ARG(job_why(s)));
}

static bool job_invalid(struct saying *s) {
    return rv_str_is(job_phase(s), "ValidationFailed") &&
           say_it(s, SAY_FAULTY, "its spec is not accepted" RV_STR_FMT, RV_STR_ARG(job_why(s)));
}

static bool job_suspended(struct saying *s) {
    if (rv_str_is(job_phase(s), "Suspending"))
        return say_it(s, SAY_WAITS, "it is being suspended and waits until its RayCluster is gone");
    return rv_str_is(job_phase(s), "Suspended") &&
           say_it(s, SAY_RESTS, "it is suspended (spec.suspend) and has no RayCluster");
}

static void job_deadlines(struct saying *s) {
    struct rv_val spec = rv_val_get(s->object, "spec");
    int64_t start = rc_time(rv_path_str(s->status, "startTime")),
            active = rv_path_int(spec, "activeDeadlineSeconds", 0),
            before = rv_path_int(spec, "preRunningDeadlineSeconds", 0);
    bool runs = rv_str_is(job_phase(s), "Running");
    if (start == 0) return;
    if (active > 0) say_next(s, start + active * RC_SECOND, "it fails with DeadlineExceeded, if it has not ended");
    if (before > 0 && !runs)
        say_next(s, start + before * RC_SECOND, "it fails with PreRunningDeadlineExceeded, if it does not run");
}

static bool job_runs(struct saying *s) {
    struct rv_str status = rv_path_str(s->status, "jobStatus");
    if (!rv_str_is(job_phase(s), "Running")) return false;
    job_deadlines(s);
    s->said.since = rc_time(rv_path_str(s->status, "startTime"));
    if (rv_str_is(status, "RUNNING")) return say_it(s, SAY_WELL, "the job runs");
    struct rv_val c = say_condition(s, RC_CONDITION_RECONCILING);
    struct rv_str what = rv_path_str(c, "message");
    if (rv_str_is(rv_path_str(c, "reason"), "Running")) what = RV_STR(""); /* that it is submitted, or runs */
    if (status.n == 0 || rv_str_is(status, "PENDING"))
        return say_it(s, SAY_WAITS, "the job does not run yet%s" RV_STR_FMT, what.n != 0 ? ": " : "", RV_STR_ARG(what));
    return say_it(s, SAY_WAITS, "the job is " RV_STR_FMT " and about to be ended", RV_STR_ARG(status));
}

static bool job_before(struct saying *s) {
    struct rv_str cluster = rv_path_str(s->status, "rayClusterName"), phase = job_phase(s);
    job_deadlines(s);
    if (rv_str_is(phase, "Retrying"))
        return say_it(s, SAY_WAITS, "an attempt has failed, and the next one is prepared" RV_STR_FMT,
                      RV_STR_ARG(job_why(s)));
    if (rv_str_is(phase, "Waiting"))
        return say_it(s, SAY_WAITS, "its RayCluster is ready, and somebody has to submit the job and set spec.jobId");
    struct rv_str what = say_message(s, RC_CONDITION_RECONCILING);
    if (what.n != 0) return say_by(s, RC_CONDITION_RECONCILING, "True", SAY_WAITS, "");
    return say_it(s, SAY_WAITS, "its RayCluster%s" RV_STR_FMT " is not ready yet", cluster.n != 0 ? " " : "",
                  RV_STR_ARG(cluster));
}

const say_question say_rayjob[] = {job_ended, job_invalid, job_suspended, job_runs, job_before, NULL};

/* ---- RayService ------------------------------------------------------------------------------------------------- */

static bool service_suspended(struct saying *s) {
    if (say_is(s, "Suspended", "True"))
        return say_it(s, SAY_RESTS, "it is suspended (spec.suspend) and serves nothing");
    return say_is(s, "Suspending", "True") &&
           say_it(s, SAY_WAITS, "it is being suspended and waits until its RayClusters are gone");
}

static void service_times(struct saying *s) {
    say_next(s, rc_time(rv_path_str(s->status, "upgrade.deadline")), "the upgrade is ended or reported as late");
    for (struct rv_iter it = rv_iter(rv_val_get(s->status, "retiredClusters")); rv_iter_next(&it);)
        say_next(s, rc_time(rv_path_str(it.val, "until")),
                 rv_arena_fmt(s->arena, "the old RayCluster " RV_STR_FMT " is deleted",
                              RV_STR_ARG(rv_path_str(it.val, "rayClusterName")))
                     .p);
}

static bool service_reconciling(struct saying *s) {
    bool serves = say_is(s, "Ready", "True");
    service_times(s);
    return say_by(s, RC_CONDITION_RECONCILING, "True", SAY_WAITS,
                  serves ? "it serves, and " : "it does not serve yet: ");
}

static bool service_serves(struct saying *s) {
    long long endpoints = (long long)rv_path_int(s->status, "numServeEndpoints", 0);
    struct rv_str upgrade = say_is(s, "UpgradeInProgress", "True") ? RV_STR("; an upgrade is under way") : RV_STR("");
    bool serves = say_is(s, "Ready", "True") || (!rv_val_present(say_condition(s, "Ready")) &&
                                                 rv_str_is(rv_path_str(s->status, "serviceStatus"), "Running"));
    return serves && say_it(s, upgrade.n != 0 ? SAY_WAITS : SAY_WELL, "it serves, with %lld endpoint%s" RV_STR_FMT,
                            endpoints, endpoints == 1 ? "" : "s", RV_STR_ARG(upgrade));
}

static bool service_not_ready(struct saying *s) {
    return say_by(s, "Ready", "False", SAY_WAITS, "it does not serve: ");
}

const say_question say_rayservice[] = {service_suspended, service_reconciling, service_serves, service_not_ready, NULL};

/* ---- RayCronJob ------------------------------------------------------------------------------------------------- */

static bool cron_suspended(struct saying *s) {
    return rv_path_bool(s->object, "spec.suspend", false) &&
           say_it(s, SAY_RESTS, "it is suspended (spec.suspend) and starts no jobs");
}

static bool cron_goes_on(struct saying *s) {
    struct rv_val active = rv_val_get(s->status, "active");
    struct rv_str last = rv_path_str(s->status, "lastScheduleTime");
    int64_t next = rc_time(rv_path_str(s->status, "nextScheduleTime"));
    say_next(s, next, "its next RayJob is started");
    if (rv_val_len(active) > 0)
        return say_it(s, SAY_WELL, "its RayJob " RV_STR_FMT " goes on%s", RV_STR_ARG(rv_val_str(rv_val_at(active, 0))),
                      rv_val_len(active) > 1 ? ", and others do" : "");
    if (last.n == 0) return say_it(s, SAY_WELL, "it has not started a RayJob yet");
    return say_it(s, SAY_WELL, "no RayJob of it goes on; the last one was due " RV_STR_FMT,
                  RV_STR_ARG(say_time(s->arena, rc_time(last), s->now)));
}

const say_question say_raycronjob[] = {cron_suspended, cron_goes_on, NULL};

/* ---- the kind's own word ---------------------------------------------------------------------------------------- */

struct rv_str say_status_word(const struct ctl_kind *k, struct rv_val object) {
    static const char *const paths[] = {[CTL_RAYCLUSTER] = "status.state",
                                        [CTL_RAYJOB] = "status.jobDeploymentStatus",
                                        [CTL_RAYSERVICE] = "status.serviceStatus",
                                        [CTL_RAYCRONJOB] = ""};
    struct rv_str word = {0};
    if (k == &ctl_kinds[CTL_RAYCRONJOB])
        word = rv_path_bool(object, "spec.suspend", false)            ? RV_STR("Suspended")
               : rv_val_len(rv_val_path(object, "status.active")) > 0 ? RV_STR("Active")
                                                                      : RV_STR("Scheduled");
    else
        word = rv_path_str(object, paths[k - ctl_kinds]);
    return word.n != 0 ? word : RV_STR("-");
}
