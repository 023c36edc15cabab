/* reconcile.h - the decision (see reconcile.c). */
#ifndef RAYCLUSTER_RECONCILE_H
#define RAYCLUSTER_RECONCILE_H

#include "pass.h"

/* p is filled in but for what the pass itself finds (api, host, arena, c, memo). */
void rc_reconcile(struct pass *p, struct rv_outcome *out);

#endif
