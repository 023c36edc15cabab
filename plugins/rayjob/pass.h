/* pass.h - one reconcile pass over a RayJob: what was observed, what the status will be, what was asked for.
 *
 * A pass takes one step of the machine at most. It changes `now`, a copy of the status. Whatever differs at its end is
 * written in one patch. Actions and the write go out together, and every action may be repeated without harm, because
 * names are in the status before anything of that name is created. */
#ifndef RAYJOB_PASS_H
#define RAYJOB_PASS_H

#include "memo.h"
#include "plugins/ray/context.h"
#include "plugins/ray/job.h"
#include "rayjob_kinds.h"
#include "state.h"

/* The settings that only this controller has (rayjob.yaml), and those that it shares. */
struct rj_settings {
    struct rc_settings shared;
    bool delete_self; /* shutdownAfterJobFinishes deletes the RayJob, not only the cluster */
    int64_t grace_s, check_timeout_s;
    struct rv_str submitter_image;
};

/* What an action was for; comes back in its result's tag. */
enum action_tag {
    TAG_OTHER,
    TAG_CLUSTER_CREATE,
    TAG_CLUSTER_DELETE,
    TAG_CLUSTER_UPDATE,
    TAG_SUBMITTER_CREATE,
    TAG_SUBMITTER_DELETE,
    TAG_SUBMITTER_SUSPEND,
    TAG_SERVICE_CREATE,
    TAG_SERVICE_UPDATE,
    TAG_GROUP_CREATE,
    TAG_GROUP_UPDATE,
    TAG_SELF_DELETE,
    TAG_FINALIZER,
    TAG_STATUS,
    TAG_INFO,   /* request to Ray: how is the job? */
    TAG_SUBMIT, /* request to Ray: here is the job */
    TAG_STOP,   /* request to Ray: stop the job */
};

/* The submitter Job, or the submitter container in the head pod. */
struct submitter {
    bool there, deleting, suspended, failed, finished;
    int64_t finished_at; /* wall ns */
    int64_t made;        /* wall ns */
    struct rv_str why;   /* how it failed */
    struct rv_str uid;
};

/* What Ray answered. */
enum answer {
    ANSWER_NONE,
    ANSWER_KNOWN,
    ANSWER_UNKNOWN_JOB,
    ANSWER_REFUSED,   /* the job itself is wrong: it will never be taken */
    ANSWER_NOT_ASKED, /* the question never left: no credential, no grant, too many at once */
    ANSWER_ERROR
};

struct job_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* that of ctx */
    const struct rj_settings *settings;
    const struct rj_job *j;
    struct job_memo *memo;
    struct rj_state was, now;
    int64_t time; /* wall ns */
    /* observed (observe.c) */
    struct rv_object cluster; /* without a name: none */
    struct rc_cluster c;      /* as its head runs (live_head.h) */
    struct rj_head head;      /* uid empty: there is no head pod */
    struct rv_val head_value;
    size_t heads;
    struct submitter submitter;
    /* what Ray said (job_requests.c) */
    enum answer info, submitted;
    struct rv_val info_value;
    struct rv_str ray_error;
    /* the outcome */
    struct rv_str invalid; /* set: what is wrong with the spec, while an attempt goes on */
    struct rv_str waiting; /* what it waits for, for the condition and `explain`; empty: nothing */
    const char *waiting_reason;
};

#endif
