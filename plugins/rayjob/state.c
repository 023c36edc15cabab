/* state.c - reads and writes the status of a RayJob (see state.h). */
#include "state.h"

static const char *const phases[] = {"",       "Initializing",     "Waiting",    "Running",   "Complete",
                                     "Failed", "ValidationFailed", "Suspending", "Suspended", "Retrying"};

const char *rj_phase_name(enum rj_phase p) { return phases[p]; }

static enum rj_phase phase_of(struct rv_str text) {
    for (size_t i = 0; i < RV_ARRAY_LEN(phases); i++)
        if (rv_str_is(text, phases[i])) return (enum rj_phase)i;
    return RJ_PHASE_UNKNOWN;
}

/* Room for one more. */
static int64_t counter(struct rv_val status, const char *key) {
    int64_t n = rv_path_int(status, key, 0);
    return n < 0 ? 0 : n < INT32_MAX ? n : INT32_MAX - 1;
}

void rj_state_read(struct rj_state *s, struct rv_val status) {
    struct rv_val head = rv_val_get(status, "submittedTo");
    *s = (struct rj_state){.phase = phase_of(rv_path_str(status, "jobDeploymentStatus")),
                           .job_status = rv_path_str(status, "jobStatus"),
                           .reason = rv_path_str(status, "reason"),
                           .message = rv_path_str(status, "message"),
                           .job_id = rv_path_str(status, "jobId"),
                           .cluster = rv_path_str(status, "rayClusterName"),
                           .dashboard = rv_path_str(status, "dashboardURL"),
                           .start = rv_path_str(status, "startTime"),
                           .end = rv_path_str(status, "endTime"),
                           .check_failure = rv_path_str(status, "jobStatusCheckFailureStartTime"),
                           .info_start = rv_path_str(status, "rayJobInfo.startTime"),
                           .info_end = rv_path_str(status, "rayJobInfo.endTime"),
                           .planned_time = rv_path_str(status, "plannedDeletion.time"),
                           .planned_policy = rv_path_str(status, "plannedDeletion.policy"),
                           .head = {.pod = rv_path_str(head, "podName"),
                                    .uid = rv_path_str(head, "podUID"),
                                    .restarts = rv_path_int(head, "restarts", 0)},
                           .made_cluster = rv_path_str(status, "attemptSpec.cluster"),
                           .made_submission = rv_path_str(status, "attemptSpec.submission"),
                           .succeeded = counter(status, "succeeded"),
                           .failed = counter(status, "failed"),
                           .cluster_status = rv_val_get(status, "rayClusterStatus"),
                           .conditions = rv_val_get(status, "conditions")};
}

static void set(struct rv_arena *a, struct rv_node *n, const char *key, struct rv_str text) {
    if (text.n != 0) rv_node_set_str(a, n, key, text);
}

struct rv_node *rj_state_node(struct rv_arena *a, const struct rj_state *s) {
    struct rv_node *n = rv_node_map(a), *info = rv_node_ensure_map(a, n, "rayJobInfo");
    set(a, info, "startTime", s->info_start);
    set(a, info, "endTime", s->info_end);
    set(a, n, "jobId", s->job_id);
    set(a, n, "rayClusterName", s->cluster);
    set(a, n, "dashboardURL", s->dashboard);
    set(a, n, "jobStatus", s->job_status);
    set(a, n, "jobDeploymentStatus", rv_str(rj_phase_name(s->phase)));
    set(a, n, "reason", s->reason);
    set(a, n, "message", s->message);
    set(a, n, "startTime", s->start);
    set(a, n, "endTime", s->end);
    set(a, n, "jobStatusCheckFailureStartTime", s->check_failure);
    rv_node_set_int(a, n, "succeeded", s->succeeded);
    rv_node_set_int(a, n, "failed", s->failed);
    rv_node_set(a, n, "rayClusterStatus",
                rv_val_type(s->cluster_status) == RV_MAP ? rv_node_from(a, s->cluster_status) : rv_node_map(a));
    if (s->planned_time.n != 0) {
        struct rv_node *planned = rv_node_ensure_map(a, n, "plannedDeletion");
        set(a, planned, "time", s->planned_time);
        set(a, planned, "policy", s->planned_policy);
    }
    if (s->head.uid.n != 0) {
        struct rv_node *head = rv_node_ensure_map(a, n, "submittedTo");
        set(a, head, "podName", s->head.pod);
        set(a, head, "podUID", s->head.uid);
        rv_node_set_int(a, head, "restarts", s->head.restarts);
    }
    if (s->made_cluster.n + s->made_submission.n != 0) {
        struct rv_node *made = rv_node_ensure_map(a, n, "attemptSpec");
        set(a, made, "cluster", s->made_cluster);
        set(a, made, "submission", s->made_submission);
    }
    return n;
}

bool rj_job_ended(struct rv_str s) {
    return rv_str_is(s, "STOPPED") || rv_str_is(s, "SUCCEEDED") || rv_str_is(s, "FAILED");
}

bool rj_job_status_known(struct rv_str s) {
    return rj_job_ended(s) || rv_str_is(s, "PENDING") || rv_str_is(s, "RUNNING");
}
