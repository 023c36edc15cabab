/* see.h - what is there: the pods that a cluster controls, its services, and what keeps it from being ready.
 *
 * Only objects whose controller owner is this cluster (by uid) count. Labels alone never do: they can be copied. */
#ifndef RAYCLUSTER_SEE_H
#define RAYCLUSTER_SEE_H

#include "plugins/ray/cluster.h"
#include "raycluster_kinds.h"

struct pass;

/* A pod that the cluster controls. */
struct pass_pod {
    struct rv_val value;
    struct rv_str name, uid, group, created;
    struct rv_str replica; /* multi-host: label of its replica */
    int64_t index, host;   /* labels of its replica and of its place in it, -1 none */
    int64_t made;          /* wall ns */
    bool head, deleting, running, ready;
    bool queued; /* no scheduler has looked at it yet */
    bool ended;  /* for good: a new one must take its place */
    bool chosen; /* deleted by this pass */
};

/* Why a cluster is not ready, in one word and one line. */
struct blocker {
    struct rv_str reason; /* CamelCase, fit for a condition; empty: nothing blocks */
    struct rv_str text;   /* which pod, and what it waits for */
    bool stuck;           /* will not mend itself: image, scheduling, crash loop, quota */
};

void see(struct pass *p);
/* The oldest head that is not being deleted, or else any. */
const struct pass_pod *see_head(const struct pass *p);
/* The workers of a group, those of one replica together and in the order of their hosts. */
struct pod_range {
    struct pass_pod **list;
    size_t n;
};
struct pod_range see_group(const struct pass *p, struct rv_str group);
/* How a pod that has ended did so, for people. */
struct rv_str see_end(struct pass *p, const struct pass_pod *pod);
/* What keeps the pods from being ready: the first that is stuck, or else the first that is not ready, the head before
 * workers, the older before the younger. Judged once a pass, when all has been asked for. */
struct blocker see_blocker(struct pass *p);
/* What keeps pods from being gone long after they should be. */
struct blocker see_lingering(struct pass *p);

#endif
