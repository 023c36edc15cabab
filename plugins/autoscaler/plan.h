/* plan.h - what is to be done about a decision: which Ray nodes are drained, and the one patch of the RayCluster.
 *
 * A node with Ray on it is drained first, and only when Ray accepts that is its pod named for deletion. A pod without
 * Ray is named at once. The patch holds for the very spec that was read: it tests the object's generation and the
 * groups' names, because its paths count places in lists.
 */
#ifndef AUTOSCALER_PLAN_H
#define AUTOSCALER_PLAN_H

#include "plugins/autoscaler/decision.h"
#include "plugins/autoscaler/observe.h"
#include "rayvisor/tree.h"

struct plan_drain {
    size_t pod;  /* of the seen pods */
    size_t node; /* of the state, for its verdict */
};

struct plan {
    struct plan_drain *drains;
    size_t n_drains;
    size_t *removes; /* pods that may be deleted at once */
    size_t n_removes;
    size_t *orphans; /* of these and of drained ones, those whose group is gone: no list of the spec can name them */
    size_t n_orphans;
    int64_t *launches; /* of each group, after the limits of its policy */
    /* Of each group: pods that Kubernetes takes away and that are still there, when all pods that `replicas` asks for
     * are there too. The number falls by them, so that nobody makes another pod for each when it goes; 0: it stays. */
    int64_t *outgoing;
};

/* shrink: may anything be removed in this round? drained: of each pod, whether Ray accepted its drain. */
void plan_make(struct rv_arena *a, const struct seen *s, const struct as_decision *d, bool shrink, const bool *drained,
               struct plan *ret);

/* The operations of a JSON patch; NULL when nothing is to change. tidy: lists of which every pod is gone are emptied.
 */
struct rv_node *plan_patch(struct rv_arena *a, const struct seen *s, const struct plan *p, int64_t generation);

/* How many pods the group will have after the patch. */
int64_t plan_target(const struct seen *s, const struct plan *p, size_t group);

#endif
