/* drift.h - does an object beside the pods still say what we want it to? Each function returns the merge patch that
 * mends what is there, or NULL.
 *
 * Of lists that are ours alone (ports, rules, selectors) every difference counts. Of maps that others write too
 * (labels, annotations, a Service's spec) only our keys do: what others add stays. Keys that come from the user and may
 * go again are kept on record in an annotation of the object (drift_record()), so that they can be taken back even by
 * an operator that has been restarted since. */
#ifndef RAYCLUSTER_DRIFT_H
#define RAYCLUSTER_DRIFT_H

#include "pass.h"

typedef struct rv_node *drift_fn(struct pass *p, struct rv_val have, struct rv_node *want);

drift_fn drift_service, drift_ingress, drift_route, drift_role, drift_binding, drift_claim, drift_gang,
    drift_fixed_gang;

/* Puts the record of the user's keys into what will be created, if there are any. */
void drift_record(struct rv_arena *a, struct rv_node *want);
/* The service cannot become what is wanted, because its address cannot change: it must be made again. */
bool drift_readdress(struct pass *p, struct rv_val have, struct rv_node *want);

#endif
