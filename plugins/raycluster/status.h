/* status.h - the cluster's status: state, counts and conditions, as the smallest merge patch (see status.c). */
#ifndef RAYCLUSTER_STATUS_H
#define RAYCLUSTER_STATUS_H

#include "pass.h"

/* Requests a write of the status of this pass, if it differs from the stored one. */
void status_reconcile(struct cluster_pass *p);

#endif
