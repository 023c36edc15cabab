/* pass.h - one reconcile pass over a RayCluster: what was observed, what was decided, and what failed.
 *
 * A pass reads the observed state and requests everything that is missing or superfluous, all at once. The next pass
 * gets the results. Nothing here waits. */
#ifndef RAYCLUSTER_PASS_H
#define RAYCLUSTER_PASS_H

#include "blocker.h"
#include "memo.h"
#include "observe.h"
#include "plugins/ray/cluster.h"
#include "plugins/ray/context.h"
#include "raycluster_kinds.h"
#include "write_budget.h"

/* A worker group of the spec. */
struct spec_group {
    struct rv_str name;
    struct rv_val value;
};

struct cluster_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* the arena of ctx */
    const struct rc_cluster *c;
    struct cluster_memo *memo;
    struct write_budget *budget; /* shared by all clusters */
    struct observed_pod *pods;
    size_t pod_n;
    struct pod_range workers;  /* sorted by group */
    struct spec_group *groups; /* sorted by name; see cluster_group() */
    size_t group_n;
    struct rv_val head_service; /* absent if there is none yet */
    /* The head with all its fields (KIND_HEAD); absent if there is none or if the mirror does not have it yet. */
    struct rv_val head_pod;
    struct rc_cluster runs;    /* the cluster as its head runs (live_head.h); without a head, as in the spec */
    bool head_unseen;          /* there is a head, but the mirror does not have all its fields yet */
    uint32_t creates, deletes; /* pods that this pass has requested to create or delete */
    uint32_t queued;           /* pods that no scheduler has examined; valid if `windowed` */
    bool windowed;             /* the window was adjusted in this pass */
    const char *failure;       /* the reason of ReplicaFailure: the first failed action on pods; NULL if none */
    struct rv_str failure_text;
    bool owned_retry;       /* an action on another object failed: this pass makes no requests about such objects */
    struct rv_str hold;     /* why no pods are created in this pass; empty if they may be */
    struct blocker blocker; /* valid if blocker_known */
    bool blocker_known;
    struct rv_str stalled_reason, stalled_text; /* if set, the cluster cannot continue as it is */
    struct rv_str going;                        /* if set, the cluster is being deleted and waits for this */
    int64_t status_delay_ms;                    /* the status must be written after this time; 0 if not */
    int64_t after_ms; /* for a teardown: the next pass comes after this time; 0 if not needed */
};

/* ---- the spec (spec.c) ---- */
struct rv_str cluster_spec_hash(struct cluster_pass *p);
struct rv_val cluster_group(struct cluster_pass *p, struct rv_str name); /* a worker group of the spec, or absent */
bool cluster_recreates(const struct cluster_pass *p);                    /* True for upgradeStrategy Recreate */
/* The spec's hash for worker pods. It is empty if it is never compared. */
struct rv_str cluster_worker_hash(struct cluster_pass *p);

#endif
