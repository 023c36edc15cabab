/* pass.h - one reconcile pass over a RayJob: what was seen, what the status will be, what was asked for.
 *
 * A pass takes one step of the machine at most. It changes `now`, a copy of the status; whatever differs at its end is
 * written in one patch. Actions and the write go out together: every action may be repeated without harm, because names
 * are in the status before anything of that name is created. */
#ifndef RAYJOB_PASS_H
#define RAYJOB_PASS_H

#include "fields.h"
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
enum pass_tag {
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
    TAG_INFO,   /* HTTP: how is the job? */
    TAG_SUBMIT, /* HTTP: here is the job */
    TAG_STOP,   /* HTTP: stop the job */
};

/* What the plugin remembers of one RayJob between passes. Never needed for correctness: after a restart it is empty. */
struct memo {
    struct memo *next;
    char *ns, *name, *uid;
    char *selected;        /* clusterSelector's cluster, for mapping its events; or NULL */
    int64_t next_poll;     /* wall ns */
    uint32_t failures;     /* polls in a row without an answer */
    uint32_t refusals;     /* submissions in a row that Ray did not take */
    uint32_t unknown;      /* answers in a row that know nothing of a job that was there */
    int64_t unknown_since; /* wall ns of the first of them */
    bool heard;            /* since this process began Ray was asked, with or without success */
    bool asked_after_end;  /* the last question was put after the submitter had ended */
    bool polled_since_end; /* and Ray has answered it */
    uint32_t rejected;     /* actions in a row that failed */
    int64_t next_try;      /* wall ns: nothing is created before */
    int64_t next_stop;     /* wall ns: when the job is told again to stop */
    bool stopped;          /* Ray has heard it */
    int64_t said_invalid;  /* generation for which the event was sent, -1 none */
    struct rv_hash said_stuck;
    int told_phase;   /* by the metrics, -1 none */
    int64_t attempts; /* so many have ended: the metrics may speak of each */
};

struct submitter {
    bool there, deleting, suspended, failed, finished;
    int64_t finished_at; /* wall ns */
    int64_t made;
    struct rv_str why;
    struct rv_str uid;
};

enum answer {
    ANSWER_NONE,
    ANSWER_KNOWN,
    ANSWER_UNKNOWN_JOB,
    ANSWER_REFUSED,   /* the job itself is wrong: it will never be taken */
    ANSWER_NOT_ASKED, /* the question never left: no credential, no grant, too many at once */
    ANSWER_ERROR
};

struct pass {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rv_arena *arena;
    const struct rj_settings *settings;
    const struct rj_job *j;
    struct memo *memo;
    struct rj_state was, now;
    int64_t time; /* wall ns */
    /* what is there (see.c) */
    struct rv_object cluster; /* without a name: none */
    struct rc_cluster c;
    struct rj_head head; /* uid empty: no head pod */
    struct rv_val head_value;
    size_t heads;
    struct submitter submitter;
    /* what Ray said (dashboard.c) */
    enum answer info, submitted;
    struct rv_val info_value;
    struct rv_str ray_error;
    /* the outcome */
    bool retry;
    struct rv_str invalid; /* set: what is wrong with the spec, while an attempt goes on */
    int64_t wake;          /* wall ns of the earliest reason to look again, 0 none */
    struct rv_str waiting; /* what it waits for, for the condition and `explain`; empty: nothing */
    const char *waiting_reason;
};

/* ---- asking and saying (pass.c) ---- */
void pass_create(struct pass *p, const char *api_version, const char *resource, struct rv_node *object, uint64_t tag);
void pass_delete(struct pass *p, const char *api_version, const char *resource, struct rv_str name, struct rv_str uid,
                 uint64_t tag);
void pass_patch(struct pass *p, uint32_t verb, const char *api_version, const char *resource, struct rv_str name,
                struct rv_str uid, struct rv_node *body, uint64_t tag);
/* Only the version that was read. */
void pass_patch_version(struct pass *p, uint32_t verb, const char *api_version, const char *resource,
                        const struct rv_object *o, struct rv_node *body, uint64_t tag);
void pass_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note);
void pass_explain(struct pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* Look again at this moment at the latest. */
void pass_wake(struct pass *p, int64_t when);
/* Five characters for a generated name. */
struct rv_str pass_suffix(struct pass *p);
/* Adds the finalizer, or takes it away. */
void pass_finalizer(struct pass *p, bool present);
bool pass_has_finalizer(const struct pass *p);

/* ---- what is there (see.c) ---- */
void see(struct pass *p);
static inline bool see_cluster(const struct pass *p) { return p->cluster.name.n != 0; }
/* Ray wants a Kubernetes token there, and this process has none to send: nobody can be asked. */
static inline bool see_cluster_mute(const struct pass *p) {
    return see_cluster(p) && p->c.f.token && p->c.f.kubernetes_token;
}
bool see_cluster_ready(const struct pass *p);
bool see_cluster_ours(const struct pass *p); /* controlled by this RayJob */
/* Why it is not ready: one line, and a word for the condition. *stuck: it will not mend itself. */
struct rv_str see_obstacle(struct pass *p, const char **ret_reason, bool *ret_stuck);

/* Why no pod of the submitter Job runs, likewise. Empty: one does, or is just starting. */
struct rv_str see_submitter_obstacle(struct pass *p, const char **ret_reason);

/* ---- Ray (dashboard.c) ---- */
void dashboard_result(struct pass *p, const struct rv_result *r);
void dashboard_ask(struct pass *p);
void dashboard_submit(struct pass *p);
/* Tells the job to stop, again and again until Ray has heard it or the moment has come. False: nothing more to do. */
bool dashboard_stop(struct pass *p, int64_t until);

/* ---- the machine ---- */
/* Results of the last pass: events, failures (events.c). */
void events_take_results(struct pass *p);
void states_step(struct pass *p); /* states.c */
void states_fail(struct pass *p, const char *reason, struct rv_str message);
bool states_deadlines(struct pass *p, bool pre_running); /* true: it has failed */
bool states_deadline_over(struct pass *p);               /* activeDeadlineSeconds, whatever that means for the job */
/* The user wants it suspended, and may: true, and that is the next state. */
bool states_suspended(struct pass *p);
/* Creates the cluster if there is none. False: there is nothing to go on with yet. */
bool states_need_cluster(struct pass *p);
/* Creates the submitter Job if the mode has one and there is none. False: it is not there yet. */
bool states_need_submitter(struct pass *p);
/* May something be created? Not at once after a failure. */
bool states_may_try(struct pass *p);
/* Why a thing that is wanted is not there; what was said of another obstacle is not said again. */
void states_stuck(struct pass *p, const char *reason, struct rv_str text);
void running_step(struct pass *p);  /* running.c */
void ending_step(struct pass *p);   /* ending.c: Complete and Failed */
void ending_clear(struct pass *p);  /* Suspending and Retrying */
void ending_strays(struct pass *p); /* clusters of ours that the status does not name */
void ending_group(struct pass *p, bool wanted);
void ending_deleted(struct pass *p, struct rv_outcome *out); /* deletionTimestamp is set */
/* Writes what differs (status.c). */
void status_write(struct pass *p);

/* ---- metrics.c ---- */
void metrics_tell(struct pass *p);
void metrics_forget(const struct rv_host_api *api, struct rv_host *h, struct memo *m);

#endif
