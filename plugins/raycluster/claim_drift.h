/* claim_drift.h - the volume claim of the GCS: only its owner reference is kept as wanted. Its size and its class are
 * told when they differ, and not changed. */
#ifndef RAYCLUSTER_CLAIM_DRIFT_H
#define RAYCLUSTER_CLAIM_DRIFT_H

#include "pass.h"

/* The merge patch that repairs the owner reference, or NULL. */
struct rv_node *claim_drift(struct cluster_pass *p, struct rv_val have, struct rv_node *want);

#endif
