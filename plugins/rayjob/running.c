/* running.c - the state Running: the submitter, what Ray says about the job, and which of them decides.
 *
 * Ray is asked first, and its answer decides. The end of the submitter decides only if Ray has no answer. If a
 * dashboard does not answer for a while, nothing changes. A job whose head is gone is lost, unless GCS fault tolerance
 * keeps what Ray knew. This is better than the reference (deploy/COMPATIBILITY.md). */
#include "states.h"

#include "builders.h"
#include "fields.h"
#include "ipc/base/utf8.h"
#include "job_requests.h"
#include "observe.h"
#include "plugins/ray/dashboard.h"
#include "plugins/ray/keep_object.h"
#include "plugins/ray/service_limits.h"
#include "verdict.h"

#define UNREACHABLE "DashboardUnreachable"
#define REFUSED "JobNotAccepted"
#define NOT_ASKED "DashboardNotAsked"
#define LOG_NOT_FOLLOWED "LogNotFollowed"
enum {
    UNKNOWN_MAX = 3,     /* a job is unknown for good if Ray did not know it so often ... */
    UNKNOWN_MIN_S = 30,  /* ... and for so long; before that Ray may still be loading its state */
    CLOCKS_DIFFER_S = 2, /* how much the clocks of Ray's host and of the API server may differ */
    SILENT_MIN = 2       /* how many requests without an answer are needed before a time limit decides */
};

#define MS INT64_C(1000000)

static bool has_submitter(const struct job_pass *p) { return p->j->mode == RJ_K8S || p->j->mode == RJ_SIDECAR; }

static bool was_known(const struct job_pass *p) { return p->now.job_status.n != 0; }

/* ---- the head service under the job's name ---------------------------------------------------------------------- */

/* Only the fields that lead to the head count as drift. The others cannot be changed while a service is in use. */
static struct rv_node *drift_of_way(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_node *way = rv_node_map(a), *spec = rv_node_ensure_map(a, way, "spec");
    struct rv_val type = rv_val_path(have, "spec.type");
    rv_node_set(a, spec, "selector", rv_node_path(want, "spec.selector"));
    rv_node_set(a, spec, "ports", rv_node_path(want, "spec.ports"));
    if (rv_val_set(type)) rv_node_set(a, spec, "type", rv_node_from(a, type));
    return rc_drift_service(a, have, way);
}

/* The plugin raycluster tells it of the cluster, which has the same template. */
static bool service_refused(struct job_pass *p) {
    rv_autobuf struct rv_buf why = {0};
    return has_cluster(p) && rc_head_service_refused(&p->c, &why);
}

static void keep_service(struct job_pass *p) {
    if (p->j->selector || service_refused(p)) return;
    struct rc_wanted w = {.kind = KIND_SERVICE,
                          .api_version = "v1",
                          .resource = "services",
                          .object = rj_head_service(p->arena, p->j, p->now.cluster, p->head_value),
                          .drift = drift_of_way,
                          .create_tag = TAG_SERVICE_CREATE,
                          .patch_tag = TAG_SERVICE_UPDATE,
                          .may_create = !p->ctx.retry && !rc_backoff_waits(&p->memo->creation, p->time)};
    if (rc_keep_object(&p->ctx, &w) == RC_KEPT_CREATING && !w.may_create) ctx_wake(&p->ctx, p->memo->creation.after);
}

/* ---- a job that is lost -------------------------------------------------------------------------------------------
 */

/* The job's own status stays as Ray last reported it. */
static void fail_lost_job(struct job_pass *p, struct rv_str why) {
    states_fail(p, RJ_REASON_APP, why);
    ctx_event(&p->ctx, true, "RayJobLost", "Watch", why);
}

static bool head_replaced(const struct job_pass *p) {
    const struct rj_head *then = &p->now.head, *now = &p->head;
    if (then->uid.n == 0 || now->uid.n == 0) return false;
    return !rv_str_eq(then->uid, now->uid) || now->restarts > then->restarts;
}

/* Without fault tolerance a job cannot outlive the head on which it was submitted. */
static bool lost_with_head(struct job_pass *p) {
    if (!was_known(p) || rj_job_ended(p->now.job_status)) return false;
    if (!has_cluster(p)) {
        fail_lost_job(p, RV_STR("the RayCluster was deleted while the job ran on it"));
        return true;
    }
    if (p->c.f.ft || !head_replaced(p)) return false;
    struct rv_str cause = head_end(p);
    const char *colon = cause.n != 0 ? ": " : "";
    if (rv_str_eq(p->now.head.uid, p->head.uid))
        fail_lost_job(
            p, rv_arena_fmt(p->arena,
                            "the Ray container of head pod " RV_STR_FMT
                            " was restarted while the job ran on it, and GCS fault tolerance is off%s" RV_STR_FMT,
                            RV_STR_ARG(p->head.pod), colon, RV_STR_ARG(cause)));
    else
        fail_lost_job(p, rv_arena_fmt(p->arena,
                                      "head pod " RV_STR_FMT " on which the job ran was replaced by " RV_STR_FMT
                                      ", and GCS fault tolerance is off%s" RV_STR_FMT,
                                      RV_STR_ARG(p->now.head.pod), RV_STR_ARG(p->head.pod), colon, RV_STR_ARG(cause)));
    return true;
}

static bool sidecar_without_head(struct job_pass *p) {
    if (p->j->mode != RJ_SIDECAR || p->heads > 0 || !has_cluster(p)) return false;
    struct rv_str cause = head_end(p);
    states_fail(p, RJ_REASON_APP,
                rv_arena_fmt(p->arena, "Ray head pod not found for RayCluster " RV_STR_FMT "%s" RV_STR_FMT,
                             RV_STR_ARG(p->now.cluster), cause.n != 0 ? ": " : "", RV_STR_ARG(cause)));
    return true;
}

/* ---- what Ray says ---------------------------------------------------------------------------------------------- */

static struct rv_str moment(struct job_pass *p, const char *field, struct rv_str old) {
    int64_t ms = rv_path_int(p->info_value, field, 0);
    if (ms <= 0 || ms > INT64_C(253402300799000)) return old; /* the year 9999 */
    return rc_time_text(p->arena, ms * 1000000);
}

/* The largest length of the job's message in the status, in bytes. */
enum { MESSAGE_MAX = 4096 };

/* True if somebody else submitted the job that Ray has under our id. It began before this RayJob existed. Or this
 * process has begun the attempt and has submitted nothing so far. In InteractiveMode somebody else always submits. */
static bool is_foreign_job(struct job_pass *p) {
    int64_t began = rv_path_int(p->info_value, "start_time", 0) * MS,
            made = rc_time(rv_path_str(p->j->meta, "creationTimestamp"));
    if (was_known(p) || p->j->mode == RJ_INTERACTIVE || rv_path_str(p->j->spec, "jobId").n == 0) return false;
    if (p->j->mode == RJ_HTTP && p->memo->began && !p->memo->submitted) return true;
    return began > 0 && made > 0 && began + CLOCKS_DIFFER_S * RC_SECOND < made;
}

/* The id belongs to another job, so nothing of it is shown, and it is not stopped. */
static void fail_foreign_job(struct job_pass *p) {
    struct rv_str why = rv_arena_fmt(
        p->arena,
        "RayCluster " RV_STR_FMT " already has a job " RV_STR_FMT
        ", which this RayJob did not submit (its entrypoint: " RV_STR_FMT
        "): give spec.jobId another value, or leave it out",
        RV_STR_ARG(p->now.cluster), RV_STR_ARG(p->now.job_id),
        RV_STR_ARG(rv_arena_str(p->arena, rv_val_str_or(rv_val_get(p->info_value, "entrypoint"), "not known"))));
    p->now.job_id = (struct rv_str){NULL, 0};
    states_fail(p, RJ_REASON_SUBMISSION, why);
}

static void take_job_info(struct job_pass *p) {
    struct rj_state *s = &p->now;
    if (is_foreign_job(p)) {
        fail_foreign_job(p);
        return;
    }
    s->check_failure = (struct rv_str){NULL, 0};
    s->job_status = rv_arena_str(p->arena, rv_path_str(p->info_value, "status"));
    s->message = rv_arena_str(p->arena, utf8_clip(rv_path_str(p->info_value, "message"), MESSAGE_MAX));
    s->info_start = moment(p, "start_time", s->info_start);
    s->info_end = moment(p, "end_time", s->info_end);
    p->memo->unknown = 0;
    p->memo->polled_since_end = p->submitter.finished && p->memo->asked_after_end;
    if (p->head.uid.n != 0 && (s->head.uid.n == 0 || p->c.f.ft)) s->head = p->head;
    if (has_cluster(p)) {
        struct rv_node *n = rv_node_from(p->arena, rv_val_get(p->cluster.value, "status"));
        rv_node_remove(n, "lastUpdateTime");
        if (n != NULL) s->cluster_status = rv_node_freeze(p->arena, n);
    }
}

static void report_no_answer(struct job_pass *p, enum answer what, bool submitted) {
    bool asked = what != ANSWER_NOT_SENT;
    if (!asked)
        p->now.check_failure = (struct rv_str){NULL, 0};
    else if (p->now.check_failure.n == 0)
        p->now.check_failure = rc_time_text(p->arena, p->time);
    p->waiting =
        rv_arena_fmt(p->arena, "the dashboard at " RV_STR_FMT " %s: " RV_STR_FMT, RV_STR_ARG(p->now.dashboard),
                     asked && submitted ? "does not take the job" : "cannot be asked", RV_STR_ARG(p->ray_error));
    p->waiting_reason = !asked ? NOT_ASKED : submitted ? REFUSED : UNREACHABLE;
}

/* Between two requests the last failure is still shown. */
static void still_no_answer(struct job_pass *p) {
    struct rv_val c = rv_condition_find(p->now.conditions, RJ_CONDITION_RECONCILING);
    struct rv_str reason = rv_path_str(c, "reason");
    bool timed = p->now.check_failure.n != 0, answered = p->info == ANSWER_KNOWN || p->info == ANSWER_UNKNOWN_JOB;
    const char *word = timed && rv_str_is(reason, UNREACHABLE)     ? UNREACHABLE
                       : timed && rv_str_is(reason, REFUSED)       ? REFUSED
                       : !answered && rv_str_is(reason, NOT_ASKED) ? NOT_ASKED
                                                                   : NULL;
    if (word == NULL || p->waiting.n != 0 || p->submitted == ANSWER_KNOWN) return;
    p->waiting = rv_path_str(c, "message");
    p->waiting_reason = word;
}

/* True if Ray does not know the job for good. */
static bool unknown_for_long(struct job_pass *p) {
    struct job_memo *m = p->memo;
    if (m->unknown++ == 0) m->unknown_since = p->time;
    return m->unknown >= UNKNOWN_MAX && p->time >= m->unknown_since + UNKNOWN_MIN_S * RC_SECOND;
}

static void submit_job(struct job_pass *p) {
    ctx_explain(&p->ctx, "submitting the job to " RV_STR_FMT, RV_STR_ARG(p->now.dashboard));
    p->memo->submitted = true;
    request_job_submission(p);
}

/* Ray answers and has no such job. In HTTPMode this does not mean that it would accept one. */
static void unknown_job(struct job_pass *p) {
    bool submitter_done = has_submitter(p) && p->submitter.finished && p->memo->asked_after_end;
    if (p->j->mode != RJ_HTTP || was_known(p)) p->now.check_failure = (struct rv_str){NULL, 0};
    if (!was_known(p) && p->j->mode == RJ_HTTP) submit_job(p);
    if (!was_known(p) && !submitter_done) {
        p->memo->unknown = 0;
        return;
    }
    if (!unknown_for_long(p)) return;
    if (was_known(p))
        fail_lost_job(p, RV_STR("Ray no longer knows the job: its head was restarted, or the job was deleted there"));
    else if (p->submitter.failed)
        states_fail(p, RJ_REASON_SUBMISSION, p->submitter.why);
    else
        states_fail(p, RJ_REASON_APP, RV_STR("the submitter has finished, but Ray does not know the job"));
}

static void take_answers(struct job_pass *p) {
    if (!p->submitter.finished) p->memo->polled_since_end = false;
    if (p->info == ANSWER_KNOWN) take_job_info(p);
    if (p->submitted == ANSWER_KNOWN) p->now.check_failure = (struct rv_str){NULL, 0};
    if (p->info >= ANSWER_NOT_SENT) report_no_answer(p, p->info, false);
    if (p->submitted >= ANSWER_NOT_SENT) report_no_answer(p, p->submitted, true);
    if (p->info == ANSWER_UNKNOWN_JOB) unknown_job(p);
    if (p->submitted == ANSWER_REFUSED)
        states_fail(p, RJ_REASON_SUBMISSION,
                    rv_arena_fmt(p->arena, "Ray refuses the job: " RV_STR_FMT, RV_STR_ARG(p->ray_error)));
    still_no_answer(p);
}

/* ---- the end -------------------------------------------------------------------------------------------------------
 */

static void end_job(struct job_pass *p) {
    bool failed = rv_str_is(p->now.job_status, "FAILED");
    p->now.phase = failed ? RJ_FAILED : RJ_COMPLETE;
    p->now.reason = failed ? RV_STR(RJ_REASON_APP) : (struct rv_str){NULL, 0};
}

/* The submitter follows the log, so the whole log has been read only when it has ended. */
static bool log_drained(const struct job_pass *p) { return !has_submitter(p) || p->submitter.finished; }

/* The head is gone, so there is no log any more. A submitter that still followed it would find a Ray that does not know
 * the job. */
static bool head_gone(const struct job_pass *p) {
    if (!has_cluster(p) || (p->j->mode == RJ_SIDECAR && p->heads == 0)) return true;
    if (p->c.f.ft || p->now.head.uid.n == 0) return false;
    return p->heads == 0 || head_replaced(p);
}

static bool grace_over(struct job_pass *p) {
    int64_t end = rc_time(p->now.info_end), due = end + p->settings->grace_s * RC_SECOND;
    if (!rj_job_ended(p->now.job_status) || end == 0) return false;
    if (p->time < due) {
        ctx_wake(&p->ctx, due);
        char until[32];
        rv_time_format(due, until);
        p->waiting = rv_arena_fmt(
            p->arena, "the job has ended; the submitter still has to finish" RV_STR_FMT ", and is waited for until %s",
            RV_STR_ARG(submitter_running(p)), until);
        p->waiting_reason = "WaitingForSubmitter";
        return false;
    }
    bool failed = rv_str_is(p->now.job_status, "FAILED");
    p->now.phase = failed ? RJ_FAILED : RJ_COMPLETE;
    p->now.reason = RV_STR(RJ_REASON_GRACE);
    p->now.message =
        rv_arena_fmt(p->arena, "the job ended %lld s ago and its submitter has not finished since" RV_STR_FMT,
                     (long long)p->settings->grace_s, RV_STR_ARG(submitter_running(p)));
    return true;
}

static bool check_timed_out(struct job_pass *p) {
    int64_t since = rc_time(p->now.check_failure), due = since + p->settings->check_timeout_s * RC_SECOND;
    struct rv_str why = p->ray_error.n != 0 ? p->ray_error : p->waiting;
    if (since == 0) return false;
    if (p->time < due) {
        ctx_wake(&p->ctx, due);
        return false;
    }
    if (p->memo->failures + p->memo->refusals < SILENT_MIN) return false;
    states_fail(p, RJ_REASON_CHECK,
                rv_arena_fmt(p->arena, "the dashboard at " RV_STR_FMT " did not %s for %lld s%s" RV_STR_FMT,
                             RV_STR_ARG(p->now.dashboard), p->memo->refusals > 0 ? "take the job" : "answer",
                             (long long)p->settings->check_timeout_s, why.n != 0 ? ": " : "", RV_STR_ARG(why)));
    return true;
}

/* The submitter has ended and the job has not. As long as Ray says that the job is pending or runs, on the same head,
 * it continues; only nobody follows its log any more. Without a head nobody knows the job's state, and after a while
 * the job has failed. */
static bool submitter_over(struct job_pass *p) {
    const struct submitter *s = &p->submitter;
    if (!has_submitter(p) || !s->finished || rj_job_ended(p->now.job_status)) return false;
    if (p->heads > 0 && was_known(p) && p->memo->polled_since_end) {
        bool said = rv_str_is(rv_path_str(rv_condition_find(p->now.conditions, RJ_CONDITION_RECONCILING), "reason"),
                              LOG_NOT_FOLLOWED);
        p->waiting = rv_arena_fmt(
            p->arena, "Ray says " RV_STR_FMT ". The submitter has ended, so the log is no longer followed%s" RV_STR_FMT,
            RV_STR_ARG(p->now.job_status), s->why.n != 0 ? ": " : "", RV_STR_ARG(s->why));
        p->waiting_reason = LOG_NOT_FOLLOWED;
        if (!said) ctx_event(&p->ctx, true, LOG_NOT_FOLLOWED, "Watch", p->waiting);
        return false;
    }
    int64_t due = s->finished_at + RJ_SUBMITTER_GRACE_S * RC_SECOND;
    if (p->heads > 0) return false;
    if (p->time < due) {
        ctx_wake(&p->ctx, due);
        return false;
    }
    char at[32];
    rv_time_format(s->finished_at, at);
    states_fail(
        p, RJ_REASON_GRACE,
        rv_arena_fmt(p->arena,
                     "The RayJob submitter finished at %s but the ray job did not reach terminal state within %ds, "
                     "and its head pod is gone%s" RV_STR_FMT,
                     at, RJ_SUBMITTER_GRACE_S, s->why.n != 0 ? ": " : "", RV_STR_ARG(s->why)));
    return true;
}

/* ---- the state ------------------------------------------------------------------------------------------------------
 */

/* Says why the job has not been submitted yet. */
static void report_submitter(struct job_pass *p) {
    const char *reason = NULL;
    if (was_known(p) || p->j->mode != RJ_K8S || p->submitter.finished) return;
    struct rv_str why = submitter_obstacle(p, &reason);
    p->now.message = why;
    if (why.n == 0) return;
    p->waiting = why;
    p->waiting_reason = reason;
    states_stuck(p, reason, why);
}

static void ask_ray(struct job_pass *p) {
    bool ended_now = p->submitter.finished && !p->memo->asked_after_end && p->memo->failures == 0;
    if (!ended_now && p->time < p->memo->next_poll) {
        ctx_wake(&p->ctx, p->memo->next_poll);
        return;
    }
    if (p->now.job_id.n == 0) return;
    request_job_info(p);
}

/* No deadline decides before this process has asked Ray. A deadline may have passed while the operator was down, and
 * the job may have ended well before it. */
static bool must_ask_first(const struct job_pass *p) {
    if (rj_job_ended(p->now.job_status)) return false; /* this answer was final */
    return !p->memo->has_asked && has_cluster(p) && !cannot_ask_ray(p) && p->now.job_id.n != 0;
}

static bool out_of_time(struct job_pass *p) {
    return !must_ask_first(p) && (states_deadlines(p, false) || grace_over(p) || check_timed_out(p));
}

/* With fault tolerance a head of a newer spec continues the job, perhaps on another port. */
static void follow_dashboard(struct job_pass *p) {
    if (!has_cluster(p) || p->heads == 0 || !p->c.f.ft || !head_replaced(p)) return;
    struct rv_str now = rc_dashboard_address(p->arena, &p->c);
    if (now.n != 0) p->now.dashboard = now;
}

void running_step(struct job_pass *p) {
    if (states_suspended(p)) return;
    follow_dashboard(p);
    take_answers(p);
    if (p->now.phase != RJ_RUNNING) return;
    /* A deadline is for the job. For a job that has ended, it only ends the wait for the log. */
    if (rj_job_ended(p->now.job_status) && (log_drained(p) || head_gone(p) || states_deadline_over(p))) {
        end_job(p);
        return;
    }
    if (cannot_ask_ray(p)) verdict_take(p);
    if (p->now.phase != RJ_RUNNING || out_of_time(p) || lost_with_head(p) || sidecar_without_head(p)) return;
    if (!states_need_cluster(p) || submitter_over(p)) return;
    keep_service(p);
    if (states_need_submitter(p))
        report_submitter(p);
    else
        ctx_explain(&p->ctx, "the submitter Job is gone: it is made again");
    if (cannot_ask_ray(p)) return;
    if (!rj_job_ended(p->now.job_status) || p->submitter.finished) ask_ray(p);
}
