/* verdict.c - see verdict.h. */
#include "verdict.h"

#include "edits.h"
#include "fields.h"
#include "observe.h"
#include "states.h"

/* The Job tells that it failed, perhaps a moment before its pod tells how. */
enum { EXIT_CODE_WAIT_S = 5 };

/* The command that the submitter ran. */
enum command { COMMAND_UNKNOWN, COMMAND_USERS, COMMAND_LINE, COMMAND_SMALL };

static enum command command_of(struct job_pass *p) {
    struct rv_val given = rv_val_path(p->j->spec, "submitterPodTemplate.spec.containers[0].command");
    if (edits_of_submission(p)) return COMMAND_UNKNOWN; /* the spec may not say what ran */
    if (p->j->mode == RJ_SIDECAR)
        return rc_gate(p->j->settings, RJ_GATE_SIDECAR_RESTART, false) ? COMMAND_UNKNOWN : COMMAND_LINE;
    if (rv_val_len(given) > 0) return COMMAND_USERS;
    return p->submitter.small ? COMMAND_SMALL : COMMAND_LINE;
}

/* What Ray has told the submitter, as the word of Ray. Empty: that is not known. */
static struct rv_str said_by_ray(struct job_pass *p, enum command command) {
    const struct submitter *s = &p->submitter;
    static const struct {
        enum command command;
        int64_t code;
        const char *status;
    } answers[] = {{COMMAND_LINE, RJ_EXIT_FAILED, "FAILED"},
                   {COMMAND_LINE, RJ_EXIT_STOPPED, "STOPPED"},
                   {COMMAND_SMALL, RJ_EXIT_SMALL_FAILED, "FAILED"},
                   {COMMAND_SMALL, RJ_EXIT_SMALL_STOPPED, "STOPPED"}};
    bool ours = command == COMMAND_LINE || command == COMMAND_SMALL;
    if (ours && !s->failed) return RV_STR("SUCCEEDED");
    for (size_t i = 0; i < RV_ARRAY_LEN(answers); i++)
        if (s->failed && command == answers[i].command && s->exit_code == answers[i].code && p->j->mode != RJ_SIDECAR)
            return rv_str(answers[i].status);
    return (struct rv_str){NULL, 0};
}

static struct rv_str why_not_asked(struct job_pass *p) {
    return rv_arena_fmt(p->arena,
                        "The operator itself cannot ask Ray, because RayCluster " RV_STR_FMT
                        " takes only Kubernetes tokens (authOptions.enableK8sTokenAuth).",
                        RV_STR_ARG(p->now.cluster));
}

/* The submitter has ended well or badly, and Ray's word on the job is not known. */
static void end_without_word(struct job_pass *p, enum command command) {
    const struct submitter *s = &p->submitter;
    struct rv_str reason = why_not_asked(p);
    if (!s->failed) {
        p->now.phase = RJ_COMPLETE;
        p->now.reason = (struct rv_str){NULL, 0};
        p->now.message = rv_arena_fmt(
            p->arena,
            "The submitter has ended without an error. %s, so this does not prove how the job ended. " RV_STR_FMT,
            command == COMMAND_USERS ? "Its command is that of spec.submitterPodTemplate"
                                     : "What it ran is not known, because the spec was changed since",
            RV_STR_ARG(reason));
        return;
    }
    states_fail(p, RJ_REASON_SUBMISSION,
                rv_arena_fmt(p->arena,
                             "The submitter has failed: " RV_STR_FMT
                             ". It is not known whether the job has ended, and how; it may still run. " RV_STR_FMT,
                             RV_STR_ARG(s->why.n != 0 ? s->why : RV_STR("its Job does not say why")),
                             RV_STR_ARG(reason)));
}

static void end_as_ray_said(struct job_pass *p, struct rv_str status) {
    bool failed = rv_str_is(status, "FAILED");
    p->now.job_status = status;
    p->now.phase = failed ? RJ_FAILED : RJ_COMPLETE;
    p->now.reason = failed ? RV_STR(RJ_REASON_APP) : (struct rv_str){NULL, 0};
    p->now.message = rv_arena_fmt(p->arena,
                                  "Ray has told the submitter that the job is " RV_STR_FMT
                                  "; the submitter's log says more. " RV_STR_FMT,
                                  RV_STR_ARG(status), RV_STR_ARG(why_not_asked(p)));
}

void verdict_take(struct job_pass *p) {
    const struct submitter *s = &p->submitter;
    p->waiting = RV_STR("only the submitter knows how the job is: its RayCluster asks for Kubernetes tokens");
    p->waiting_reason = "DashboardNotAsked";
    if (!s->finished) return;
    int64_t told = s->finished_at + EXIT_CODE_WAIT_S * RC_SECOND;
    if (s->failed && s->exit_code < 0 && p->time < told) {
        ctx_wake(&p->ctx, told);
        return;
    }
    enum command command = command_of(p);
    struct rv_str status = said_by_ray(p, command);
    p->waiting = (struct rv_str){NULL, 0};
    if (status.n != 0)
        end_as_ray_said(p, status);
    else
        end_without_word(p, command);
}
