/* status.c - writes the status at the end of a pass (spec section 3.6). Unlike the reference, it writes every
 * difference. */
#include "status.h"

#include "edits.h"
#include "fields.h"

/* Counters and the decision to retry (spec section 3.4). They are in the same write as what they count. */
static void count_attempts(struct job_pass *p) {
    struct rj_state *s = &p->now;
    int64_t limit = rv_path_int(p->j->spec, "backoffLimit", -1);
    if (s->phase == p->was.phase) return;
    if (s->phase == RJ_COMPLETE && rv_str_is(s->job_status, "SUCCEEDED")) s->succeeded++;
    if (s->phase == RJ_FAILED) s->failed++;
    if (s->phase == RJ_FAILED && limit >= 0 && s->failed <= limit && p->invalid.n == 0 && !p->j->selector &&
        !rv_str_is(s->reason, RJ_REASON_DEADLINE) && !rv_str_is(s->reason, RJ_REASON_CHECK)) {
        s->phase = RJ_RETRYING;
        ctx_event(&p->ctx, true, "Retrying", "Retry",
                  rv_arena_fmt(p->arena, "Attempt %lld of %lld failed: " RV_STR_FMT ": " RV_STR_FMT,
                               (long long)s->failed, (long long)limit + 1, RV_STR_ARG(s->reason),
                               RV_STR_ARG(s->message)));
    }
    if (rj_phase_ended(s->phase)) s->end = rc_time_text(p->arena, p->time);
}

/* One event for each step that people wait for. */
static void report_phase(struct job_pass *p) {
    static const struct {
        enum rj_phase phase;
        bool warning;
        const char *reason, *note;
    } reports[] = {{RJ_RUNNING, false, "RayJobRunning", "The RayCluster is ready; the job is being submitted"},
                   {RJ_WAITING, false, "RayJobWaiting", "The RayCluster is ready; waiting for spec.jobId"},
                   {RJ_COMPLETE, false, "RayJobComplete", "The job has ended"},
                   {RJ_FAILED, true, "RayJobFailed", "The job has failed"},
                   {RJ_SUSPENDED, false, "RayJobSuspended", "Suspended: its cluster is gone"}};
    if (p->now.phase == p->was.phase) return;
    for (size_t i = 0; i < RV_ARRAY_LEN(reports); i++) {
        if (reports[i].phase != p->now.phase) continue;
        struct rv_str why = rj_phase_ended(p->now.phase) ? p->now.message : (struct rv_str){NULL, 0},
                      word = p->now.reason.n != 0 ? p->now.reason : p->now.job_status;
        ctx_event(&p->ctx, reports[i].warning, reports[i].reason, "Run",
                  why.n == 0 ? rv_str(reports[i].note)
                             : rv_arena_fmt(p->arena, "%s: " RV_STR_FMT "%s" RV_STR_FMT, reports[i].note,
                                            RV_STR_ARG(word), word.n != 0 ? ": " : "", RV_STR_ARG(why)));
    }
}

/* ---- conditions */

static void set_condition(struct job_pass *p, struct rv_node *list, const char *type, bool is, struct rv_str reason,
                          struct rv_str message) {
    if (!is)
        rv_condition_remove(list, type);
    else
        rv_condition_set(p->arena, list, type, "True", reason, message, p->time);
}

static struct rv_node *conditions(struct job_pass *p) {
    const struct rj_state *s = &p->now;
    struct rv_node *list =
        rv_val_len(s->conditions) > 0 ? rv_node_from(p->arena, s->conditions) : rv_node_array(p->arena);
    bool over = rj_phase_ended(s->phase) || s->phase == RJ_INVALID || s->phase == RJ_SUSPENDED;
    struct rv_str word = rv_str(s->phase == RJ_NEW ? "New" : rj_phase_name(s->phase)), what = p->waiting;
    if (p->waiting_reason != NULL && p->waiting.n != 0) word = rv_str(p->waiting_reason);
    if (what.n == 0 && s->phase == RJ_RUNNING) what = RV_STR("The job is being submitted, or runs");
    struct rv_str reason = s->reason.n != 0 ? s->reason : s->job_status.n != 0 ? s->job_status : RV_STR("Ended");
    set_condition(p, list, RJ_CONDITION_RECONCILING, !over, word, what);
    set_condition(p, list, RJ_CONDITION_COMPLETE, s->phase == RJ_COMPLETE, reason, s->message);
    set_condition(p, list, RJ_CONDITION_FAILED, s->phase == RJ_FAILED, reason, s->message);
    struct rv_str edits = edits_not_followed(p);
    if (edits.n != 0) ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(edits));
    set_condition(p, list, RJ_CONDITION_OUTDATED, edits.n != 0, RV_STR("SpecChanged"), edits);
    set_condition(p, list, RJ_CONDITION_STALLED, p->invalid.n != 0 || s->phase == RJ_INVALID, RV_STR(RJ_REASON_INVALID),
                  p->invalid.n != 0 ? p->invalid : s->message);
    return list;
}

/* ---- the patch */

void status_write(struct job_pass *p) {
    if (p->now.phase == RJ_NEW && p->was.phase == RJ_NEW) return; /* only the finalizer was added so far */
    count_attempts(p);
    report_phase(p);
    struct rv_node *fresh = rj_state_node(p->arena, &p->now), *list = conditions(p);
    if (rv_node_len(list) > 0) rv_node_set(p->arena, fresh, "conditions", list);
    rv_node_set_int(p->arena, fresh, "observedGeneration", p->j->generation);
    struct rv_node *patch = rv_node_merge_patch(p->arena, p->j->status, rv_node_freeze(p->arena, fresh));
    if (patch == NULL) return;
    /* A step is based on the status that was read, or it is not taken. If an earlier write has ended the job and its
     * answer was lost, the job stays ended. Names that are in the status stay as well. */
    struct rv_str version =
        p->now.phase != p->was.phase ? rv_path_str(p->j->meta, "resourceVersion") : (struct rv_str){NULL, 0};
    ctx_patch_status(&p->ctx, "rayjobs", patch, version, TAG_STATUS);
}
