/* live_head.h - a cluster as its head pod runs, if that differs from its spec.
 *
 * An edit of the spec does not change a running pod. Objects for the running head must therefore follow that pod until
 * there is a head of the new spec: the selector and the ports of services, the backend of an ingress, the address for
 * new workers, the token of a request. The builders take a cluster, so they are given this one instead of the
 * spec's. */
#ifndef RAY_LIVE_HEAD_H
#define RAY_LIVE_HEAD_H

#include "cluster.h"

/* The cluster of which this head pod is made. It is *c itself where they agree, or where `head` is absent. `head` needs
 * its labels, its service account, and the names, ports and env of its containers. `older`: the pod is known to be made
 * of an older spec than this one. */
void rc_as_head_runs(struct rv_arena *a, const struct rc_cluster *c, struct rv_val head, bool older,
                     struct rc_cluster *ret);
/* The value with which the head was started for this flag of `ray start`; empty: without the flag. False: the pod does
 * not tell how it was started. `head` needs the env of its containers. */
bool rc_head_started_with(struct rv_arena *a, struct rv_val head, const char *flag, struct rv_str *ret);
/* The value of an environment variable of the pod's Ray container. Absent if it has none. */
struct rv_val rc_head_env(struct rv_val head, const char *name);
/* The environment variables that name the Redis in which the head keeps its state. NULL if there is none. */
struct rv_node *rc_head_redis(struct rv_arena *a, struct rv_val head);

#endif
