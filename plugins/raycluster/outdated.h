/* outdated.h - pods that were made of an older spec. Each pod carries a mark of what it was made of. */
#ifndef RAYCLUSTER_OUTDATED_H
#define RAYCLUSTER_OUTDATED_H

#include "pass.h"

/* The mark that a pod of the group carries. */
struct rv_str outdated_mark(struct cluster_pass *p, struct rv_str group);
/* Which pods are outdated, as a sentence; empty: none. */
struct rv_str outdated_pods(struct cluster_pass *p);
/* Pods of another version of the operator get a new mark when there is nothing else to do. */
void outdated_stamp(struct cluster_pass *p);

#endif
