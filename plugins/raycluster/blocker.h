/* blocker.h - why a cluster is not ready, in one word and one line. */
#ifndef RAYCLUSTER_BLOCKER_H
#define RAYCLUSTER_BLOCKER_H

#include "rayvisor/base.h"

struct cluster_pass;
struct observed_pod;

struct blocker {
    struct rv_str reason; /* CamelCase, fit for a condition; empty: nothing blocks */
    struct rv_str text;   /* which pod, and what it waits for */
    bool stuck;           /* it will not recover by itself: image, scheduling, crash loop, quota */
};

/* What keeps the pods from being ready: the first that is stuck, or else the first that is not ready. The head comes
 * before workers, and the older before the younger. It is found once in a pass, when everything has been asked for. */
struct blocker cluster_blocker(struct cluster_pass *p);
/* What keeps a deleted pod from being gone long after it should be. */
struct blocker cluster_lingering_pod(struct cluster_pass *p);
/* How a pod that has ended did so, for people. */
struct rv_str pod_end_text(struct cluster_pass *p, const struct observed_pod *pod);

#endif
