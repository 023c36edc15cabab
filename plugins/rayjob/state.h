/* state.h - the status of a RayJob as a copy that a pass changes: its phase, where it was submitted, what comes
 * next. */
#ifndef RAYJOB_STATE_H
#define RAYJOB_STATE_H

#include "fields.h"
#include "plugins/ray/timestamp.h"
#include "rayvisor/k8s.h"

enum rj_phase {
    RJ_NEW,
    RJ_INITIALIZING,
    RJ_WAITING,
    RJ_RUNNING,
    RJ_COMPLETE,
    RJ_FAILED,
    RJ_INVALID,
    RJ_SUSPENDING,
    RJ_SUSPENDED,
    RJ_RETRYING,
    RJ_PHASE_UNKNOWN /* an unknown word; it counts as New */
};
const char *rj_phase_name(enum rj_phase p);

/* Where the job was submitted. Without GCS fault tolerance the job cannot outlive it. */
struct rj_head {
    struct rv_str pod, uid;
    int64_t restarts; /* of the Ray container */
};

struct rj_state {
    enum rj_phase phase;
    struct rv_str job_status, reason, message, job_id, cluster, dashboard;
    struct rv_str start, end, check_failure, info_start, info_end; /* RFC 3339, or empty */
    struct rv_str planned_time, planned_policy;
    struct rj_head head;
    struct rv_str made_cluster, made_submission; /* marks of what this attempt was created from (edits.h) */
    int64_t succeeded, failed;
    struct rv_val cluster_status, conditions;
};

void rj_state_read(struct rj_state *s, struct rv_val status);
/* The whole status as a tree, without conditions. */
struct rv_node *rj_state_node(struct rv_arena *a, const struct rj_state *s);
bool rj_job_ended(struct rv_str job_status); /* STOPPED, SUCCEEDED, FAILED */
bool rj_job_status_known(struct rv_str job_status);
static inline bool rj_phase_ended(enum rj_phase p) { return p == RJ_COMPLETE || p == RJ_FAILED; }

#endif
