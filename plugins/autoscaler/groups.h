/* groups.h - the worker groups of a RayCluster as a decision needs them: limits, and what Ray will register of a new
 * node.
 *
 * What Ray registers follows from the flags of `ray start` that the controller of RayClusters writes, so the same
 * builder is asked for them (plugins/ray/start_params.h): numbers are whole, half a CPU is one.
 */
#ifndef AUTOSCALER_GROUPS_H
#define AUTOSCALER_GROUPS_H

#include "plugins/autoscaler/model.h"
#include "plugins/ray/cluster.h"

#define AS_RAY_LABEL_GROUP "ray.io/node-group"  /* of a Ray node, not of a pod */
#define AS_ANNOTATION_PRICE "rayvisor.io/price" /* on a group's template: of one node, any unit */

struct group_info {
    struct rv_val spec;    /* of the group */
    int64_t replicas;      /* what spec says now, within its limits: pods, not replicas */
    int64_t raw_replicas;  /* spec.replicas itself; -1: absent */
    bool conservative;     /* autoscalerOptions.upscalingMode */
    struct rv_str problem; /* why nothing can be planned for it; empty */
};

/* One of each entry of spec.workerGroupSpecs, in order. */
struct as_group *groups_read(struct rv_arena *a, const struct rc_cluster *c, struct group_info **ret_info,
                             size_t *ret_n);

#endif
