/* reconcile.h - one pass over a cluster that is not being deleted (see reconcile.c). */
#ifndef RAYCLUSTER_RECONCILE_H
#define RAYCLUSTER_RECONCILE_H

#include "pass.h"

/* p has its context, c and memo. The pass fills in the rest. */
void raycluster_reconcile(struct cluster_pass *p, struct rv_outcome *out);

#endif
