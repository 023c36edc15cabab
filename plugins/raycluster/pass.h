/* pass.h - one reconcile pass: what was seen, what was decided, what went wrong; and the ways of asking for things.
 *
 * A pass looks at what is there and asks for everything that is missing or too much, all at once; the next pass sees
 * the results. Nothing here waits. */
#ifndef RAYCLUSTER_PASS_H
#define RAYCLUSTER_PASS_H

#include "plugins/ray/obstacle.h"
#include "see.h"

/* What an action was for; comes back in its result's tag. */
enum pass_tag {
    TAG_OTHER,
    TAG_HEAD_POD,
    TAG_WORKER_POD,
    TAG_DELETE_HEAD,
    TAG_DELETE_WORKER,
    TAG_DELETE_GROUP, /* all of a group */
    TAG_DELETE_ALL,
    TAG_STAMP,
    TAG_STATUS,
    TAG_FINALIZER,
    TAG_CLEANUP_JOB,
    TAG_ACCOUNT_LOOKUP,
    TAG_CLAIM_LOOKUP,
    TAG_SUB = 64 /* and up: sub.c's own */
};

/* The upper half of a tag on pods: the pace that the action belongs to. */
#define TAG_KIND(tag) ((uint32_t)(tag))
#define TAG_PACE(tag) ((uint32_t)((tag) >> 32))

/* A thing that failed is tried again after a second, doubling to max_s. */
struct backoff {
    uint32_t tries; /* in a row */
    int64_t after;  /* wall ns */
};
void backoff_failed(struct backoff *b, int64_t now, int64_t max_s);

/* How fast the pods of one group are made; the head is a group of its own (pace.c). */
struct pace {
    struct pace *next;
    char *group;
    uint32_t id;
    uint32_t batch;          /* slow start: how many pods may be created at once */
    uint32_t asked, made;    /* in this pass; by its results */
    bool failed;             /* one of its results is a failure */
    struct backoff creation; /* no pod is created before; tries: failures */
    char *why;               /* the last failure's text */
    uint32_t ends;           /* pods that ended soon after their start, in a row */
    int64_t ended;           /* wall ns: when the last of them was seen */
    char *end_name, *end_text;
    struct unfinished *unfinished; /* replicas of several hosts that were never seen whole */
    uint64_t made_of;              /* generation for which hash is, + 1 */
    char hash[17];                 /* of what its pods are made of */
};
struct unfinished {
    struct unfinished *next;
    char *replica;
};

enum memo_told { TOLD_NOTHING, TOLD_PROVISIONED, TOLD_UNPROVISIONED };

/* What goes wrong beside the pods: the first thing that does, until it is over. The condition Reconciling tells it. */
struct memo_trouble {
    size_t of;          /* a rule of sub.c, or TROUBLE_FINALIZER */
    const char *reason; /* NULL: nothing */
    char *text;
};
enum { MEMO_RULES = 12, TROUBLE_FINALIZER = MEMO_RULES };

/* The last patch of an object beside the pods, and the version that it had after: hashes; 0: not answered. */
struct memo_patch {
    uint64_t patch, version;
};

/* How many pods the scheduler is given before it has looked at them (workers.c). */
struct window {
    uint8_t size;
    uint8_t looks; /* since it was last judged; */
    uint8_t least; /* of pods that waited at one of them, */
    uint8_t idle;  /* how many found none */
    bool full;     /* at the last look more were wanted than it let through */
};

/* What the plugin remembers between passes of one cluster. Never needed for correctness: after a restart it is empty.
 */
struct memo {
    struct memo *next;
    char *uid, *ns, *name;
    struct pace *paces, *last_pace; /* last_pace: that was asked for last; they are asked for in order */
    uint32_t pace_ids;
    int64_t paced;       /* generation that the paces are for */
    char paced_hash[33]; /* and its spec's hash */
    struct window window;
    struct backoff stamping;
    uint32_t foreign;       /* sub-objects whose name somebody else's object has (bit per rule) */
    uint32_t foreign_seen;  /* those of them that the mirror shows */
    uint32_t unseen;        /* made, and not to be seen in the mirror */
    uint32_t foreign_tries; /* in a row */
    int64_t foreign_after;  /* wall ns: none of those is asked for before */
    int64_t first_pass;     /* wall ns */
    int64_t progress_since; /* wall ns: mere progress that no status tells of yet; 0: none */
    int64_t told_at;        /* wall ns: the last status that was asked for; 0: none */
    bool told_progress;     /* it told of nothing but progress */
    bool job_name_taken;    /* of the Job that empties Redis */
    bool namespace_ends;    /* it is being deleted */
    int64_t said;           /* generation for which warnings were given, -1 none */
    char *invalid;          /* what was last said to be wrong, or NULL */
    int64_t claim_said;     /* the same for a claim that differs or is missing */
    int64_t serve_said;     /* the same for a serve service without a port; 0: possible */
    int64_t account_known;  /* generation for which the user's ServiceAccount was seen */
    struct memo_trouble trouble;
    struct memo_patch patches[MEMO_RULES];
    int64_t hash_generation;
    char hash[33];
    enum memo_told told; /* by the metric of provisioning */
    char *owner_kind;    /* as the metric of the cluster's existence has it; NULL: not told yet */
};

struct pass_group {
    struct rv_str name;
    struct rv_val value;
};

struct pass {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rv_arena *arena;
    const struct rc_cluster *c;
    struct memo *memo;
    struct pass_pod *pods;
    size_t pod_n;
    struct pod_range workers;  /* by group */
    struct pass_group *groups; /* of the spec, by name; pass_group() */
    size_t group_n;
    struct rv_val head_service; /* absent: not there yet */
    uint32_t creates, deletes;  /* pods asked for in this pass */
    uint32_t queued;            /* pods no scheduler has looked at, once windowed */
    bool windowed;              /* the window has been judged in this pass */
    const char *failure;        /* marker (reason of ReplicaFailure) of the first failed action on pods, or NULL */
    struct rv_str failure_text;
    bool retry;             /* something failed in a way that another try may mend: no pods now */
    bool sub_retry;         /* the same of an object beside the pods: nothing is asked for there in this pass */
    struct rv_str hold;     /* set: why no pods are created now */
    struct blocker blocker; /* see_blocker(), once it was asked for */
    bool blocker_known;
    struct rv_str stalled_reason, stalled_text; /* set: the cluster cannot go on as it is */
    int64_t status_delay_ms;                    /* a status is due in so long; 0: none */
    int64_t after_ms;                           /* look again so soon; 0: as usual */
};

/* ---- asking (pass.c) ---- */
void pass_create(struct pass *p, const char *api_version, const char *resource, struct rv_node *object, uint64_t tag);
void pass_delete(struct pass *p, const char *api_version, const char *resource, struct rv_str name, struct rv_str uid,
                 uint64_t tag);
void pass_patch(struct pass *p, const char *api_version, const char *resource, struct rv_str name, struct rv_str uid,
                struct rv_node *body, uint64_t tag);
void pass_get(struct pass *p, const char *api_version, const char *resource, struct rv_str name, uint64_t tag);
void pass_create_pod(struct pass *p, struct rv_str group, struct rv_node *pod, enum pass_tag tag);
void pass_delete_pod(struct pass *p, struct pass_pod *pod, enum pass_tag tag);
size_t pass_delete_pods(struct pass *p); /* all; how many were not being deleted already */
/* Five characters for a generated name. */
void pass_suffix(struct pass *p, char out[6]);
/* To be looked at again then, or sooner. */
void pass_wake(struct pass *p, int64_t at_ns);
struct rv_str pass_spec_hash(struct pass *p);
struct rv_val pass_group(struct pass *p, struct rv_str name); /* a worker group of the spec, or absent */
bool pass_recreates(const struct pass *p);                    /* upgradeStrategy Recreate */
/* Of the worker pods: empty unless it would ever be compared. */
struct rv_str pass_worker_hash(struct pass *p);

/* ---- saying (pass.c) ---- */
void pass_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note);
void pass_explain(struct pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* Something beside the pods goes wrong, or no longer does. */
void pass_trouble(struct pass *p, size_t of, const char *reason, struct rv_str text);
void pass_trouble_over(struct pass *p, size_t of);

/* ---- the parts, each in its file ---- */
/* The pace of a group (pace.c). A failure holds its own group only. */
void pace_begin(struct pass *p);
void pace_grow(struct pass *p); /* where everything that was asked for was made */
struct pace *pace_of(struct pass *p, struct rv_str group);
struct pace *pace_by_id(struct pass *p, uint32_t id); /* NULL: of a group that is gone */
void pace_free(struct pace *pace);
void pace_failed(struct pass *p, struct pace *pace, struct rv_str why);
/* Nothing is to be created in the group: what failed is past. */
void pace_content(struct pace *pace);
/* Whether the group's creations have to wait; explained. */
bool pace_waits(struct pass *p, struct pace *pace);
/* A pod of the group has ended and is being deleted: those that do so at once are not made again at once. */
void pace_ended(struct pass *p, struct pace *pace, const struct pass_pod *pod);
/* The first group whose creations fail, as p->failure. */
void pace_tell_failure(struct pass *p);
/* The first group whose pods end again and again. */
struct blocker pace_blocker(struct pass *p);
/* Replicas that are incomplete because they are still being made, not because they lost a host. */
void pace_unfinished(struct pace *pace, struct rv_str replica);
void pace_finished(struct pace *pace, struct rv_str replica);
bool pace_is_unfinished(const struct pace *pace, struct rv_str replica);
/* Results of the last pass's actions on pods: events, failure, growing or shrinking batches (outcome.c). */
void pass_take_results(struct pass *p);
/* The objects beside the pods: created, kept as wanted, deleted when no longer wanted (sub.c). */
void sub_reconcile(struct pass *p);
void sub_result(struct pass *p, const struct rv_result *r);
/* Groups of workers (workers.c), and those whose replicas are several hosts (replicas.c). */
void workers_reconcile(struct pass *p);
void replicas_reconcile(struct pass *p, struct rv_val group);
/* How many pods of the group may be created now. */
uint32_t workers_room(struct pass *p, struct rv_val group);
/* False: this group may not shrink by our choice (the autoscaler names its victims). */
bool workers_may_shrink(const struct pass *p);
bool workers_named_for_deletion(struct rv_val group, struct rv_str name);
/* Pods of an older spec (outdated.c). The mark is what a pod of the group carries; the text says which are outdated, or
 * is empty. Pods of another version of the operator are stamped anew when there is nothing else to do. */
struct rv_str outdated_mark(struct pass *p, struct rv_str group);
struct rv_str outdated_pods(struct pass *p);
void outdated_stamp(struct pass *p);
/* The finalizer that a Redis which must be emptied asks for (teardown.c). True: nothing else in this pass. */
bool teardown_guard(struct pass *p);
void teardown(struct pass *p, struct rv_outcome *out);
void teardown_result(struct pass *p, const struct rv_result *r);
/* Sends the status that this pass makes, if it differs from what is stored (status.c). */
void pass_status(struct pass *p);

#endif
