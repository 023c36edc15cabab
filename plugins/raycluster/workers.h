/* workers.h - the groups of workers: scaling, victims, failed pods. A group is judged by itself, so that one that is
 * stuck keeps no other from going on. */
#ifndef RAYCLUSTER_WORKERS_H
#define RAYCLUSTER_WORKERS_H

#include "pass.h"

void workers_reconcile(struct cluster_pass *p);
/* A group whose replicas are several hosts (replicas.c). */
void replicas_reconcile(struct cluster_pass *p, struct rv_val group);
/* How many pods of the group may be created now. */
uint32_t workers_room(struct cluster_pass *p, struct rv_val group);
/* False: this group may not shrink by our choice, because the autoscaler names its victims. */
bool workers_may_shrink(const struct cluster_pass *p);
/* A worker that is being deleted, by us in this pass or by whoever before, has its place and its index until the end of
 * its grace period, so that an ordinary deletion makes no pod too many. After that a node may be lost, and nothing
 * waits for it. A worker that has ended has none. */
bool workers_hold_place(struct cluster_pass *p, const struct observed_pod *pod);
bool workers_named_for_deletion(struct rv_val group, struct rv_str name);

#endif
