/* blocker.h - why a cluster is not ready, in one word and one line. */
#ifndef RAYCLUSTER_BLOCKER_H
#define RAYCLUSTER_BLOCKER_H

#include "rayvisor/base.h"

struct cluster_pass;
struct observed_pod;

struct blocker {
    struct rv_str reason; /* CamelCase, valid in a condition; empty if nothing blocks */
    struct rv_str text;   /* which pod it is, and what it waits for */
    bool stuck;           /* it will not recover by itself (image, scheduling, crash loop, quota) */
};

/* What keeps the pods from being ready: the first that is stuck, otherwise the first that is not ready. The head comes
 * before workers, and older pods before younger ones. It is computed once in a pass, after all requests were made. */
struct blocker cluster_blocker(struct cluster_pass *p);
/* What keeps a deleted pod from disappearing long after it should. */
struct blocker cluster_lingering_pod(struct cluster_pass *p);
/* How a pod has ended, as text for people. */
struct rv_str pod_end_text(struct cluster_pass *p, const struct observed_pod *pod);

#endif
