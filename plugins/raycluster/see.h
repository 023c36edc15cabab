/* see.h - what is there: the pods that a cluster controls, its services, and what keeps it from being ready.
 *
 * Only objects whose controller owner is this cluster (by uid) count. Labels alone never do: they can be copied. */
#ifndef RAYCLUSTER_SEE_H
#define RAYCLUSTER_SEE_H

#include "cluster.h"

/* Kinds in the order of raycluster.yaml. */
enum {
    KIND_CLUSTER,
    KIND_POD,
    KIND_SERVICE,
    KIND_SERVE_SERVICE,
    KIND_HEADLESS_SERVICE,
    KIND_ACCOUNT,
    KIND_ROLE,
    KIND_ROLE_BINDING,
    KIND_INGRESS,
    KIND_SECRET,
    KIND_CLAIM,
    KIND_JOB,
    KIND_ROUTE,
    KIND_CERTIFICATE,
    KIND_VOLCANO_GROUP,
    KIND_PLUGINS_GROUP,
    KIND_WAS_WORKLOAD,
    KIND_WAS_GROUP
};

struct pass;

/* A pod that the cluster controls. */
struct pass_pod {
    struct rv_val value;
    struct rv_str name, uid, group, created;
    struct rv_str replica; /* multi-host: label of its replica */
    int64_t index;         /* replica index label, -1 none */
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
const struct pass_pod *see_head(const struct pass *p);
/* The first pod that is stuck, or else the first that is not ready. */
struct blocker see_blocker(struct pass *p);

#endif
