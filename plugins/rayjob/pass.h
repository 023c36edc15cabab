/* pass.h - one reconcile pass over a RayJob: what was observed, what the new status is, and which requests were made.
 *
 * A pass takes at most one step of the state machine. It changes `now`, a copy of the status. At its end, all
 * differences are written in one patch. Actions and the write are sent together, and every action may be repeated
 * without harm, because the status has a name before an object with that name is created. */
#ifndef RAYJOB_PASS_H
#define RAYJOB_PASS_H

#include "memo.h"
#include "plugins/ray/context.h"
#include "plugins/ray/job.h"
#include "rayjob_kinds.h"
#include "state.h"

/* The settings that only this controller has (rayjob.yaml), and the shared ones. */
struct rj_settings {
    struct rc_settings shared;
    bool delete_self; /* shutdownAfterJobFinishes deletes the RayJob, and not only the cluster */
    int64_t grace_s, check_timeout_s;
    struct rv_str submitter_image;
    bool post_mortem; /* an Event about each attempt that failed */
};

/* What an action was for. The tag of its result has this value. */
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
    TAG_INFO,   /* request to Ray: the state of the job */
    TAG_SUBMIT, /* request to Ray: submit the job */
    TAG_STOP,   /* request to Ray: stop the job */
    TAG_LOG,    /* request to Ray: the log of the job, for a post-mortem */
};

/* The submitter Job, or the submitter container in the head pod. */
struct submitter {
    bool there, deleting, suspended, failed, finished;
    int64_t finished_at; /* wall clock, ns */
    int64_t made;        /* wall clock, ns */
    int64_t exit_code;   /* of its last container that failed; -1: not known */
    bool small;          /* it runs rayvisor-submit, and no shell line */
    struct rv_str why;   /* how it failed */
    struct rv_str uid;
};

/* The answer of Ray. */
enum answer {
    ANSWER_NONE,
    ANSWER_KNOWN,
    ANSWER_UNKNOWN_JOB,
    ANSWER_REFUSED,  /* the job itself is invalid and will never be accepted */
    ANSWER_NOT_SENT, /* the request was not sent: no credential, no grant, or too many at once */
    ANSWER_ERROR
};

struct job_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* the arena of ctx */
    const struct rj_settings *settings;
    const struct rj_job *j;
    struct job_memo *memo;
    struct rj_state was, now;
    int64_t time; /* wall clock, ns */
    /* observed (observe.c) */
    struct rv_object cluster; /* has no name if there is none */
    struct rc_cluster c;      /* as its head runs (live_head.h) */
    struct rj_head head;      /* its uid is empty if there is no head pod */
    struct rv_val head_value;
    size_t heads;
    struct submitter submitter;
    /* the answers of Ray (job_requests.c) */
    enum answer info, submitted;
    struct rv_val info_value;
    struct rv_str ray_error;
    /* the outcome */
    struct rv_str invalid; /* if set, what is wrong with the spec while an attempt continues */
    struct rv_str waiting; /* what it waits for, for the condition and `explain`; empty for nothing */
    const char *waiting_reason;
};

#endif
