/* memo.h - what the controller remembers of one cluster between two passes. It is never needed for correctness: after a
 * restart it is empty. */
#ifndef RAYCLUSTER_MEMO_H
#define RAYCLUSTER_MEMO_H

#include "creation_pace.h"
#include "plugins/ray/patch_memo.h"

/* What the metric of provisioning says. */
enum memo_told { TOLD_NOTHING, TOLD_PROVISIONED, TOLD_UNPROVISIONED };

enum { MEMO_RULES = 12, TROUBLE_FINALIZER = MEMO_RULES };

/* The first failure beside the pods, until it is over. The condition Reconciling tells it. */
struct memo_trouble {
    size_t of;          /* number of a rule of owned_objects.c, or TROUBLE_FINALIZER */
    const char *reason; /* NULL: there is none */
    char *text;
};

/* How many pods the scheduler is given before it has looked at them (workers.c). */
struct window {
    uint8_t size;
    uint8_t looks; /* since the window was last judged */
    uint8_t least; /* the least number of pods that waited at one of those looks */
    uint8_t idle;  /* at how many of those looks no pod waited */
    bool full;     /* at the last look more pods were wanted than it let through */
};

/* The objects beside the pods (owned_objects.c). Each set has one bit per rule. */
struct memo_owned {
    uint32_t foreign;               /* somebody else's object has the name */
    uint32_t foreign_seen;          /* the mirror shows that object */
    uint32_t unseen;                /* it was created, and the mirror does not show it */
    bool service_refused;           /* it was told that the head service stays as it is */
    bool unbound;                   /* somebody else's role was told of, which is not bound */
    struct rc_backoff foreign_wait; /* when one of those names is tried again */
    struct rc_patch_memo patches[MEMO_RULES];
};

/* When the status was written, and what waits to be written (status.c). */
struct memo_status {
    int64_t first_pass;     /* wall ns */
    int64_t progress_since; /* wall ns: mere progress that no status tells of yet; 0: none */
    int64_t told_at;        /* wall ns: the last status that was asked for; 0: none */
    bool told_progress;     /* the last status told of nothing but progress */
};

struct cluster_memo {
    struct creation_pace *paces, *last_pace; /* last_pace: the one that was asked for last */
    uint32_t pace_ids;
    int64_t paced;       /* the generation that the paces are for */
    char paced_hash[33]; /* the hash of that generation's spec */
    struct window window;
    struct rc_backoff stamping; /* of pods that another version of the operator made */
    struct memo_owned owned;
    struct memo_status status;
    struct rv_buf redis;   /* of a cluster that is being deleted: the head's variables that name its Redis; or empty */
    bool job_name_taken;   /* another object has the name of the Job that empties Redis */
    bool namespace_ends;   /* the namespace is being deleted */
    int64_t warned;        /* the generation for which warnings were given; -1: none */
    char *invalid;         /* what was last said to be wrong with the spec, or NULL */
    int64_t claim_warned;  /* the generation for which a claim that differs or is missing was told; -1: none */
    int64_t serve_warned;  /* the generation for which a missing serve port was told; 0: none */
    int64_t account_known; /* the generation for which the user's ServiceAccount was found; -1: none */
    struct memo_trouble trouble;
    int64_t hash_generation;
    char hash[33]; /* of that generation's spec */
    enum memo_told told;
    char *owner_kind; /* as the metric of the cluster's existence has it; NULL: that metric was not sent yet */
};

/* For struct rv_controller: what a new memo holds, and freeing what hangs on one. */
void cluster_memo_begin(struct cluster_memo *m);
void cluster_memo_end(struct cluster_memo *m);

/* Something beside the pods fails, or no longer does. The first failure is told until it is over. */
void trouble_begins(struct cluster_memo *m, size_t of, const char *reason, struct rv_str text);
void trouble_ends(struct cluster_memo *m, size_t of);
bool trouble_is(const struct cluster_memo *m, size_t of);

#endif
