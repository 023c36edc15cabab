/* states.c - the state machine of a RayJob (spec section 3.3).
 *
 *   New ─► Initializing ─► Running ─► Complete | Failed            (Interactive: Initializing ─► Waiting ─► Running)
 *            │  ▲   │          │            │
 *   Suspended│  │   └──────────┴► Suspending│─► Suspended ─► New
 *            └──┴──────────────────────────Retrying ─► New
 *
 * Each state is one function. Anything that takes long is requested, and a later pass continues. */
#include "states.h"

#include "builders.h"
#include "edits.h"
#include "fields.h"
#include "observe.h"
#include "plugins/ray/child_cluster.h"
#include "plugins/ray/dashboard.h"

#define DEADLINE "activeDeadlineSeconds"

void states_fail(struct job_pass *p, const char *reason, struct rv_str message) {
    p->now.phase = RJ_FAILED;
    p->now.reason = rv_str(reason);
    p->now.message = message;
}

/* ---- deadlines ----------------------------------------------------------------------------------------------------
 */

/* Returns true if the time has passed that a field of the spec gives an attempt. If not, plans a pass for that time. */
static bool deadline_passed(struct job_pass *p, const char *field, int64_t *ret_seconds) {
    int64_t seconds = rv_path_int(p->j->spec, field, 0), start = rc_time(p->now.start);
    *ret_seconds = seconds;
    if (seconds <= 0 || start == 0) return false;
    int64_t due = start + seconds * RC_SECOND;
    if (p->time < due) ctx_wake(&p->ctx, due);
    return p->time >= due;
}

bool states_deadline_over(struct job_pass *p) {
    int64_t seconds;
    return deadline_passed(p, DEADLINE, &seconds);
}

static bool fail_after_deadline(struct job_pass *p, const char *field, const char *reason, const char *what) {
    int64_t seconds;
    if (!deadline_passed(p, field, &seconds)) return false;
    struct rv_str why = p->waiting.n != 0 ? p->waiting : p->now.message;
    states_fail(p, reason,
                rv_arena_fmt(p->arena, "%s within spec.%s (%lld s)%s" RV_STR_FMT, what, field, (long long)seconds,
                             why.n != 0 ? ": " : "", RV_STR_ARG(why)));
    return true;
}

bool states_deadlines(struct job_pass *p, bool pre_running) {
    return fail_after_deadline(p, DEADLINE, RJ_REASON_DEADLINE, "The RayJob did not finish") ||
           (pre_running && fail_after_deadline(p, "preRunningDeadlineSeconds", RJ_REASON_PRERUNNING,
                                               "The RayJob did not begin to run"));
}

bool states_suspended(struct job_pass *p) {
    if (p->invalid.n != 0 || !rv_path_bool(p->j->spec, "suspend", false)) return false;
    p->now.phase = RJ_SUSPENDING;
    return true;
}

/* ---- the cluster --------------------------------------------------------------------------------------------------
 */

void states_stuck(struct job_pass *p, const char *reason, struct rv_str text) {
    struct rv_node *n = rv_node_str(p->arena, text);
    struct rv_hash h = rv_val_hash(rv_node_freeze(p->arena, n));
    if (h.hi == p->memo->stuck_reported.hi && h.lo == p->memo->stuck_reported.lo) return;
    p->memo->stuck_reported = h;
    ctx_event(&p->ctx, true, reason, "Wait", text);
}

bool states_may_try(struct job_pass *p) {
    bool waits = rc_backoff_waits(&p->memo->creation, p->time);
    if (waits) ctx_wake(&p->ctx, p->memo->creation.after);
    return !p->ctx.retry && !waits;
}

/* An object is being created. The text of an earlier failure stays until the object exists, so that a try does not
 * cause two writes. */
static void being_created(struct job_pass *p, const char *refusal, struct rv_str what) {
    struct rv_val c = rv_condition_find(p->now.conditions, RJ_CONDITION_RECONCILING);
    bool refused = rv_str_is(rv_path_str(c, "reason"), refusal);
    if (p->waiting.n != 0) return;
    p->waiting = refused ? rv_path_str(c, "message") : what;
    p->waiting_reason = refused ? refusal : "RayClusterNotReady";
}

bool states_need_cluster(struct job_pass *p) {
    if (has_cluster(p)) return true;
    if (p->j->selector) {
        p->waiting =
            rv_arena_fmt(p->arena, "RayCluster " RV_STR_FMT "/" RV_STR_FMT " of spec.clusterSelector does not exist",
                         RV_STR_ARG(p->j->ns), RV_STR_ARG(p->now.cluster));
        p->waiting_reason = "RayClusterNotFound";
        p->now.message = p->waiting;
        ctx_event(&p->ctx, true, "RayClusterNotFound", "Validate", p->waiting);
        p->ctx.retry = true;
        return false;
    }
    being_created(p, "FailedToCreateRayCluster", RV_STR("the RayCluster is being created"));
    if (!states_may_try(p)) return false;
    ctx_explain(&p->ctx, "creating RayCluster " RV_STR_FMT, RV_STR_ARG(p->now.cluster));
    ctx_create(&p->ctx, "ray.io/v1", "rayclusters", rj_cluster(p->arena, p->j, &p->now), TAG_CLUSTER_CREATE);
    return false;
}

bool states_need_submitter(struct job_pass *p) {
    struct rj_target t = {p->now.job_id, p->now.dashboard, &p->c};
    if (p->j->mode != RJ_K8S || p->submitter.there) return true;
    being_created(p, "FailedToCreateRayJobSubmitter", RV_STR("the submitter Job is being created"));
    if (!states_may_try(p)) return false;
    ctx_explain(&p->ctx, "creating the submitter Job");
    ctx_create(&p->ctx, "batch/v1", "jobs", rj_submitter_job(p->arena, p->j, &t), TAG_SUBMITTER_CREATE);
    return false;
}

/* The cluster's status as the RayJob shows it. The time of its last change is left out, because each change would be a
 * write. */
static struct rv_val cluster_status_shown(struct job_pass *p) {
    struct rv_val status = rv_val_get(p->cluster.value, "status");
    if (rv_val_type(status) != RV_MAP) return p->now.cluster_status;
    struct rv_node *n = rv_node_from(p->arena, status);
    rv_node_remove(n, "lastUpdateTime");
    return rv_node_freeze(p->arena, n);
}

/* The submitter in the head pod needs no workers. When it has ended, Ray knows the state of the job, even if the
 * cluster is not ready. */
static bool sidecar_has_ended(const struct job_pass *p) {
    return p->j->mode == RJ_SIDECAR && p->heads > 0 && p->submitter.finished && !rv_meta_deleting(p->cluster.value);
}

/* Returns true if the job can continue. Otherwise it says why not. */
static bool cluster_ready(struct job_pass *p) {
    const char *reason;
    bool stuck;
    if (p->now.dashboard.n != 0) return true;
    p->now.cluster_status = cluster_status_shown(p);
    if (cluster_is_ready(p) || sidecar_has_ended(p)) {
        p->now.dashboard = rc_dashboard_address(p->arena, &p->c);
        if (p->now.dashboard.n != 0) return true;
        p->waiting = RV_STR("the head Service of the RayCluster has no port named " RC_DASHBOARD_PORT_NAME
                            ": name one so in headGroupSpec's ports or headService");
        p->waiting_reason = "NoDashboardPort";
        states_stuck(p, p->waiting_reason, p->waiting);
    } else {
        struct rv_str why = cluster_obstacle(p, &reason, &stuck);
        p->waiting = rv_arena_fmt(p->arena, "RayCluster " RV_STR_FMT " is not ready: " RV_STR_FMT,
                                  RV_STR_ARG(p->now.cluster), RV_STR_ARG(why));
        p->waiting_reason = reason;
        if (stuck) states_stuck(p, reason, p->waiting);
    }
    p->now.message = p->waiting;
    return false;
}

/* ---- the states ---------------------------------------------------------------------------------------------------
 */

static void step_new(struct job_pass *p) {
    struct rj_state *s = &p->now;
    if (!rv_meta_has_finalizer(
            p->j->meta,
            /* This write is alone, because it makes a new version, and the names must be written to a known version. */
            RJ_FINALIZER)) {
        ctx_set_finalizer(&p->ctx, "rayjobs", p->j->meta, RJ_FINALIZER, true, TAG_FINALIZER);
        return;
    }
    if (p->j->mode != RJ_INTERACTIVE && s->job_id.n == 0) {
        struct rv_str given = rv_path_str(p->j->spec, "jobId");
        s->job_id = given.n != 0 ? given
                                 : rv_arena_fmt(p->arena, RV_STR_FMT "-" RV_STR_FMT, RV_STR_ARG(p->j->name),
                                                RV_STR_ARG(ctx_suffix(&p->ctx)));
    }
    if (s->cluster.n == 0) s->cluster = p->j->selector ? p->j->selected : rc_child_cluster_name(&p->ctx);
    s->phase = RJ_INITIALIZING;
    s->start = rc_time_text(p->arena, p->time);
    p->memo->began = true;
    p->memo->submitted = false;
    memo_forget_head(p->memo);
    s->message = s->reason = (struct rv_str){NULL, 0};
}

/* True if the operator cannot ask Ray, and no submitter can either. */
static bool nobody_can_ask_ray(struct job_pass *p) {
    if (!cannot_ask_ray(p) || (p->j->mode != RJ_HTTP && p->j->mode != RJ_INTERACTIVE)) return false;
    states_fail(p, RJ_REASON_SUBMISSION,
                rv_arena_fmt(p->arena,
                             "spec.submissionMode " RV_STR_FMT " is not supported on RayCluster " RV_STR_FMT
                             " of spec.clusterSelector: its authOptions.enableK8sTokenAuth asks for Kubernetes tokens, "
                             "which the operator does not send; use K8sJobMode",
                             RV_STR_ARG(rj_mode_name(p->j->mode)), RV_STR_ARG(p->now.cluster)));
    return true;
}

static void step_initializing(struct job_pass *p) {
    if (states_suspended(p) || nobody_can_ask_ray(p)) return;
    ending_group(p, true);
    edits_mark(p, !has_cluster(p), p->j->mode == RJ_SIDECAR ? !has_cluster(p) : !p->submitter.there);
    bool ready = states_need_cluster(p) && cluster_ready(p) && states_need_submitter(p);
    if (!ready && p->waiting.n != 0) p->now.message = p->waiting;
    if (states_deadlines(p, true) || !ready) return;
    p->now.phase = p->j->mode == RJ_INTERACTIVE ? RJ_WAITING : RJ_RUNNING;
    p->now.message = (struct rv_str){NULL, 0};
}

static void step_waiting(struct job_pass *p) {
    struct rv_str id = rv_path_str(p->j->spec, "jobId");
    if (states_suspended(p)) return;
    p->waiting = RV_STR("spec.jobId must be set to the id of the job that was submitted");
    p->waiting_reason = "WaitingForJobId";
    if (states_deadlines(p, true) || id.n == 0) return;
    p->now.job_id = id;
    p->now.phase = RJ_RUNNING;
    p->waiting = (struct rv_str){NULL, 0};
}

static void step_suspended(struct job_pass *p) {
    if (rv_path_bool(p->j->spec, "suspend", false)) {
        ctx_explain(&p->ctx, "suspended: waiting for spec.suspend to be false");
        return;
    }
    p->now.job_status = (struct rv_str){NULL, 0};
    p->now.phase = RJ_NEW;
}

/* The spec was corrected, or the state is an unknown word. The job begins again. */
static void step_renew(struct job_pass *p) {
    p->now.phase = RJ_NEW;
    p->now.reason = p->now.message = (struct rv_str){NULL, 0};
}

void states_step(struct job_pass *p) {
    static void (*const steps[])(struct job_pass *) = {
        [RJ_NEW] = step_new,          [RJ_INITIALIZING] = step_initializing, [RJ_WAITING] = step_waiting,
        [RJ_RUNNING] = running_step,  [RJ_COMPLETE] = ending_step,           [RJ_FAILED] = ending_step,
        [RJ_INVALID] = step_renew,    [RJ_SUSPENDING] = ending_clear,        [RJ_SUSPENDED] = step_suspended,
        [RJ_RETRYING] = ending_clear, [RJ_PHASE_UNKNOWN] = step_renew};
    steps[p->now.phase](p);
}
