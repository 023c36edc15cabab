/* workers.h - the groups of workers: scaling, choosing pods to delete, failed pods. A group is handled by itself, so a
 * group that is stuck does not delay another. */
#ifndef RAYCLUSTER_WORKERS_H
#define RAYCLUSTER_WORKERS_H

#include "pass.h"

void workers_reconcile(struct cluster_pass *p);
/* A group whose replicas are several hosts (replicas.c). */
void replicas_reconcile(struct cluster_pass *p, struct rv_val group);
/* How many pods of the group may be created now. */
uint32_t creation_budget(struct cluster_pass *p, struct rv_val group);
/* Returns false if the operator must not choose pods to delete in this group, because the autoscaler names them. */
bool workers_may_shrink(const struct cluster_pass *p);
/* True if a worker that is being deleted still holds its place and its index. It does so until the end of its grace
 * period, so that an ordinary deletion does not create a pod too many. After that the node may be lost, and nothing
 * waits for it. A worker that has ended holds no place. */
bool workers_hold_place(struct cluster_pass *p, const struct observed_pod *pod);
bool workers_named_for_deletion(struct rv_val group, struct rv_str name);

#endif
