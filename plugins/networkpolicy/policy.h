/* policy.h - the NetworkPolicies that one RayCluster should have. */
#ifndef NETWORKPOLICY_POLICY_H
#define NETWORKPOLICY_POLICY_H

#include "rayvisor/k8s.h"

struct policy_cluster {
    struct rv_val value, meta, spec, policy;
    struct rv_str ns, name, uid;
    struct rv_str autoscaler_mode; /* of clusters that do not say; empty: sidecar */
    struct rv_val head;            /* the head pod that lives; absent: there is none */
};
void policy_cluster_read(struct policy_cluster *c, struct rv_val value);

/* group empty: the head's. New tree in the arena, complete with labels and owner reference. */
struct rv_node *policy_build(struct rv_arena *a, const struct policy_cluster *c, struct rv_str group);

/* The merge patch that makes a policy's spec as wanted, or NULL when it is. A selector that somebody narrowed and a
 * port that the user took back count. What the API server fills in does not. */
struct rv_node *policy_spec_patch(struct rv_arena *a, struct rv_val have, struct rv_val want);

#endif
