/* policy.h - the NetworkPolicies that one RayCluster should have. */
#ifndef NETWORKPOLICY_POLICY_H
#define NETWORKPOLICY_POLICY_H

#include "rayvisor/k8s.h"

struct policy_cluster {
    struct rv_val value, meta, spec, policy;
    struct rv_str ns, name, uid;
};
void policy_cluster_read(struct policy_cluster *c, struct rv_val value);

/* group empty: the head's. New tree in the arena, complete with labels and owner reference. */
struct rv_node *policy_build(struct rv_arena *a, const struct policy_cluster *c, struct rv_str group);

/* What must change of a policy's spec to be as wanted, as a merge patch; NULL: it says the same. Exactly: a selector
 * that somebody narrowed, a port that the user took back count; what the API server fills in does not. */
struct rv_node *policy_spec_patch(struct rv_arena *a, struct rv_val have, struct rv_val want);

#endif
