/* pass.h - one reconcile pass: what was seen, what was decided, what went wrong. Shared by reconcile.c and status.c. */
#ifndef RAYCLUSTER_PASS_H
#define RAYCLUSTER_PASS_H

#include "cluster.h"

/* Kinds in the order of raycluster.yaml. */
enum { KIND_CLUSTER, KIND_POD, KIND_SERVICE, KIND_SERVE_SERVICE };

/* What an action was for; comes back in its result's tag. */
enum pass_tag {
    TAG_OTHER,
    TAG_HEAD_POD,
    TAG_WORKER_POD,
    TAG_SERVICE,
    TAG_DELETE_HEAD,
    TAG_DELETE_WORKER,
    TAG_DELETE_ALL,
    TAG_STATUS
};

/* A pod that the cluster controls. */
struct pass_pod {
    struct rv_val value;
    struct rv_str name, uid, group;
    bool head, deleting, running, ready, chosen; /* chosen: deleted by this pass */
    int64_t index;                               /* replica index label, -1 none */
    struct rv_str created;
};

/* What the plugin remembers between passes of one cluster. Never needed for correctness. */
struct memo {
    struct memo *next;
    char *uid, *ns, *name;
    uint32_t batch;         /* slow start: how many pods may be created at once */
    int64_t status_written; /* wall ns */
    int64_t said;           /* generation for which invalid or unsupported was reported, -1 none */
    int64_t hash_generation;
    char hash[33];
};

struct pass {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rv_arena *arena;
    const struct rc_cluster *c;
    struct memo *memo;
    struct pass_pod *pods;
    size_t pod_n;
    struct rv_val head_service; /* absent: not there yet */
    uint32_t creates, deletes;  /* asked for in this pass */
    const char *failure;        /* marker (reason of ReplicaFailure) of the first failed action, or NULL */
    struct rv_str failure_text;
    bool retry;                                 /* something failed in a way that another try may mend */
    struct rv_str stalled_reason, stalled_text; /* set: the cluster cannot go on as it is */
    bool status_delayed;
};

/* Sends the status that this pass makes, if it differs from what is stored (status.c). */
void pass_status(struct pass *p);
void pass_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note);
void pass_explain(struct pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* The first pod that keeps the cluster from being ready, and why (one line); empty when none does. */
struct rv_str pass_blocker(struct pass *p);
bool rc_gpu_like(struct rv_str resource);

#endif
