/* pass.h - one reconcile pass over a RayCluster: what was observed, what was decided, and what went wrong.
 *
 * A pass looks at what is there and asks for everything that is missing or too much, all at once. The next pass sees
 * the results. Nothing here waits. */
#ifndef RAYCLUSTER_PASS_H
#define RAYCLUSTER_PASS_H

#include "blocker.h"
#include "memo.h"
#include "observe.h"
#include "plugins/ray/cluster.h"
#include "plugins/ray/context.h"
#include "raycluster_kinds.h"

/* A worker group of the spec. */
struct spec_group {
    struct rv_str name;
    struct rv_val value;
};

struct cluster_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* that of ctx */
    const struct rc_cluster *c;
    struct cluster_memo *memo;
    struct observed_pod *pods;
    size_t pod_n;
    struct pod_range workers;  /* by group */
    struct spec_group *groups; /* by name; see cluster_group() */
    size_t group_n;
    struct rv_val head_service; /* absent: there is none yet */
    struct rv_val head_pod;     /* the head as KIND_HEAD shows it; absent: there is none, or it is not shown yet */
    struct rc_cluster runs;     /* the cluster as its head runs (live_head.h); without a head: as its spec says */
    bool head_unseen;           /* there is a head, and what it was made of is not shown yet */
    uint32_t creates, deletes;  /* pods that this pass asked for */
    uint32_t queued;            /* pods that no scheduler has looked at, once windowed */
    bool windowed;              /* the window has been judged in this pass */
    const char *failure;        /* reason of ReplicaFailure: the first failed action on pods; NULL: none */
    struct rv_str failure_text;
    bool owned_retry;       /* an action on an object beside the pods failed: this pass asks for nothing there */
    struct rv_str hold;     /* why no pods are created now; empty: they may be */
    struct blocker blocker; /* once blocker_known */
    bool blocker_known;
    struct rv_str stalled_reason, stalled_text; /* set: the cluster cannot go on as it is */
    struct rv_str going;                        /* set: it is being deleted, and waits for this */
    int64_t status_delay_ms;                    /* a status is due in so long; 0: none */
    int64_t after_ms;                           /* of a teardown: look again in so long; 0: no need */
};

/* ---- the spec (spec.c) ---- */
struct rv_str cluster_spec_hash(struct cluster_pass *p);
struct rv_val cluster_group(struct cluster_pass *p, struct rv_str name); /* a worker group, or absent */
bool cluster_recreates(const struct cluster_pass *p);                    /* upgradeStrategy Recreate */
/* The spec's hash for worker pods: empty unless it would ever be compared. */
struct rv_str cluster_worker_hash(struct cluster_pass *p);

#endif
