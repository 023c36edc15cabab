/* teardown.h - the deletion of a cluster whose state is in a Redis that must be emptied (see teardown.c). */
#ifndef RAYCLUSTER_TEARDOWN_H
#define RAYCLUSTER_TEARDOWN_H

#include "pass.h"

/* Adds the finalizer that such a cluster needs. If it returns true, this pass does nothing else. */
bool teardown_guard(struct cluster_pass *p);
/* One pass over a cluster that is being deleted. */
void teardown_reconcile(struct cluster_pass *p, struct rv_outcome *out);
void teardown_take_result(struct cluster_pass *p, const struct rv_result *r);

#endif
