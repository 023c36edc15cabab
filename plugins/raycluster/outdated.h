/* outdated.h - pods that were created from an older spec. Each pod has an annotation with a hash of what it was created
 * from. */
#ifndef RAYCLUSTER_OUTDATED_H
#define RAYCLUSTER_OUTDATED_H

#include "pass.h"

/* The value of the annotation for a pod of the group. */
struct rv_str outdated_mark(struct cluster_pass *p, struct rv_str group);
/* True if this version of the operator made the pod, from another spec than the present one. */
bool outdated_pod(struct cluster_pass *p, const struct observed_pod *pod);
/* A sentence that says which pods are outdated; empty if there are none. */
struct rv_str outdated_pods(struct cluster_pass *p);
/* If there is nothing else to do, pods of another version of the operator get a new hash. */
void outdated_stamp(struct cluster_pass *p);

#endif
