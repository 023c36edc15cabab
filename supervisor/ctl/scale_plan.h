/* scale_plan.h - what a change of a worker group's number means, or why it is refused. It depends on its arguments
 * only. */
#ifndef CTL_SCALE_PLAN_H
#define CTL_SCALE_PLAN_H

#include "rayvisor/value.h"

enum { SCALE_UNSET = -1 };

struct scale_wish {
    struct rv_str group;        /* empty: the only one */
    int64_t replicas, min, max; /* SCALE_UNSET: as it is */
};

struct scale_plan {
    struct rv_str group;
    int64_t index;         /* in spec.workerGroupSpecs */
    int64_t before, after; /* replicas */
    int64_t min_before, max_before, min, max;
    int64_t pods_before, pods_after; /* what the operator keeps, once nothing is suspended */
    bool nothing;                    /* it is as wanted already */
    bool waits;                      /* pods will follow: nothing is suspended, and no autoscaler decides */
    struct rv_val patch;             /* a JSON patch that does nothing to a group that has changed meanwhile */
    struct rv_str pods;              /* "2 pods more, which ask for 4 CPUs and 8Gi memory" */
    struct rv_str note;              /* what else should be known; or empty */
};

/* Returns -CTL_USAGE for a wish that nobody could fulfil, another error for one that this cluster refuses. */
int scale_plan(struct rv_arena *a, struct rv_val cluster, const struct scale_wish *w, struct scale_plan *ret,
               struct rv_error *err);

#endif
