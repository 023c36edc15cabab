/* token.h - how a container gets the token of a cluster with authentication (spec raycluster.md section 9.8,
 * rayjob.md 4.2): from the cluster's Secret, or, with enableK8sTokenAuth, as the token of the pod's own ServiceAccount.
 */
#ifndef RC_TOKEN_H
#define RC_TOKEN_H

#include "cluster.h"
#include "rayvisor/tree.h"

/* Adds the environment variables and the mount that are missing. Does nothing where the cluster has no authentication.
 */
void rc_token_into(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *container);
/* Adds the volume for such a mount to the pod's spec, where it is missing and needed. */
void rc_token_volume(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod_spec);

#endif
