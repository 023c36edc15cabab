/* claim_drift.h - the volume claim of the GCS. Only its owner reference is corrected. If its size or its class differ,
 * this is reported and not changed. */
#ifndef RAYCLUSTER_CLAIM_DRIFT_H
#define RAYCLUSTER_CLAIM_DRIFT_H

#include "pass.h"

/* The merge patch that corrects the owner reference, or NULL. */
struct rv_node *claim_drift(struct cluster_pass *p, struct rv_val have, struct rv_node *want);

#endif
