/* status.h - the cluster's status: state, counts and conditions, as the smallest merge patch (see status.c). */
#ifndef RAYCLUSTER_STATUS_H
#define RAYCLUSTER_STATUS_H

#include "pass.h"

/* Asks for the status that this pass makes, if it differs from the stored one. */
void status_reconcile(struct cluster_pass *p);

#endif
