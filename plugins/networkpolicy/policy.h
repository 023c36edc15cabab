/* policy.h - the NetworkPolicies that one RayCluster should have. */
#ifndef NETWORKPOLICY_POLICY_H
#define NETWORKPOLICY_POLICY_H

#include "rayvisor/k8s.h"

struct policy_cluster {
    struct rv_val value, meta, spec, policy;
    struct rv_str ns, name, uid;
    struct rv_str autoscaler_mode; /* for clusters without the annotation; empty means sidecar */
    struct rv_val head;            /* the head pod that lives; absent: there is none */
};
void policy_cluster_read(struct policy_cluster *c, struct rv_val value);

/* An empty group means the head. Returns a new tree in the arena, complete with labels and owner reference. */
struct rv_node *policy_build(struct rv_arena *a, const struct policy_cluster *c, struct rv_str group);

/* The merge patch that corrects a policy's spec, or NULL if it is correct. A selector that somebody narrowed and a port
 * that the user removed are corrected. Values that the API server fills in are ignored. */
struct rv_node *policy_spec_patch(struct rv_arena *a, struct rv_val have, struct rv_val want);

#endif
