/* memo.h - what the controller remembers about one cluster between two passes. Correctness never depends on it, because
 * it is empty after a restart. */
#ifndef RAYCLUSTER_MEMO_H
#define RAYCLUSTER_MEMO_H

#include "creation_pace.h"
#include "plugins/ray/leak.h"
#include "plugins/ray/patch_memo.h"

/* The value that the provisioning metric shows. */
enum provisioned_metric { METRIC_NONE, METRIC_PROVISIONED, METRIC_UNPROVISIONED };

enum { MEMO_RULES = 12, PROBLEM_FINALIZER = MEMO_RULES };

/* The first failure of an object other than a pod, until it is over. The condition Reconciling shows it. */
struct memo_problem {
    size_t of;          /* number of a rule of owned_objects.c, or PROBLEM_FINALIZER */
    const char *reason; /* NULL if there is none */
    char *text;
};

/* How many pods may wait for the scheduler at a time (workers.c). */
struct window {
    uint8_t size;
    uint8_t looks; /* checks since the window was last adjusted */
    uint8_t least; /* the smallest number of waiting pods in these checks */
    uint8_t idle;  /* in how many of these checks no pod waited */
    bool full;     /* at the last check more pods were wanted than the window allowed */
};

/* The objects other than pods (owned_objects.c). Each set has one bit for each rule. */
struct memo_owned {
    uint32_t foreign;               /* another owner's object has the name */
    uint32_t foreign_seen;          /* the mirror has that object */
    uint32_t unseen;                /* it was created, but the mirror does not have it */
    bool service_refused;           /* it was told that the head service stays as it is */
    bool unbound;                   /* somebody else's role was told of, which is not bound */
    struct rc_backoff foreign_wait; /* when one of those names is tried again */
    struct rc_patch_memo patches[MEMO_RULES];
};

/* When the status was written, and which changes wait to be written (status.c). */
struct memo_status {
    int64_t first_pass;     /* wall clock, ns */
    int64_t progress_since; /* wall clock, ns: since when progress waits to be written; 0 if none */
    int64_t written_at;     /* wall clock, ns: when the last write of the status was requested; 0 if none */
    bool wrote_progress;    /* the last write contained nothing but progress */
    int64_t turn;           /* wall clock, ns: when the write budget allows the next progress; 0 if not asked */
};

struct cluster_memo {
    /* `last_pace` is the pace that was looked up last. */
    struct creation_pace *paces, *last_pace;
    uint32_t pace_ids;
    int64_t paced;       /* the generation that the paces are for */
    char paced_hash[33]; /* the hash of that generation's spec */
    struct window window;
    struct rc_backoff stamping; /* back-off for updating pods of another version of the operator */
    struct memo_owned owned;
    struct memo_status status;
    /* For a cluster that is being deleted: the head's environment variables that name its Redis. May be empty. */
    struct rv_buf redis;
    bool job_name_taken;   /* another object has the name of the Job that empties Redis */
    bool namespace_ends;   /* the namespace is being deleted */
    int64_t warned;        /* the generation for which warnings were sent; -1 if none */
    char *invalid;         /* the last reported error of the spec, or NULL */
    int64_t claim_warned;  /* the generation for which a claim that differs or is missing was reported; -1 if none */
    int64_t serve_warned;  /* the generation for which a missing serve port was reported; 0 if none */
    int64_t account_known; /* the generation for which the user's ServiceAccount was found; -1 if none */
    struct memo_problem problem;
    int64_t hash_generation;
    char hash[33]; /* hash of that generation's spec */
    enum provisioned_metric provisioned_metric;
    struct leak_memo leak; /* as in the metrics: workers without a head */
    char *owner_kind;      /* as in the metric of the cluster's existence; NULL until that metric was sent */
};

/* For struct rv_controller: initialises a new memo, and frees what it points to. */
void cluster_memo_begin(struct cluster_memo *m);
void cluster_memo_end(struct cluster_memo *m);

/* An object other than a pod has a failure, or has recovered. The first failure is shown until it is over. */
void problem_begins(struct cluster_memo *m, size_t of, const char *reason, struct rv_str text);
void problem_ends(struct cluster_memo *m, size_t of);
bool problem_is(const struct cluster_memo *m, size_t of);

#endif
