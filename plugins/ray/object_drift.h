/* object_drift.h - does an object still say what it should? Each function compares the object that is there with the
 * one that is wanted, and gives the merge patch that repairs it, or NULL when there is nothing to repair.
 *
 * In lists that are ours alone (ports, rules, selectors) every difference counts. In maps that others write too
 * (labels, annotations, a Service's spec) only our keys count, and what others added stays. A key that came from the
 * user must go when the user takes it back. Such keys are recorded in an annotation of the object, so that an operator
 * that has been restarted since still knows them. */
#ifndef RAY_OBJECT_DRIFT_H
#define RAY_OBJECT_DRIFT_H

#include "rayvisor/k8s.h"

typedef struct rv_node *rc_drift_fn(struct rv_arena *a, struct rv_val have, struct rv_node *want);

rc_drift_fn rc_drift_service, rc_drift_ingress, rc_drift_role, rc_drift_role_binding;
/* Of any other kind: the fields of its spec one by one, and what it has beside a spec as a whole. */
rc_drift_fn rc_drift_object;

/* Writes the record of the user's keys into an object that will be created or compared, if it has any. */
void rc_record_user_keys(struct rv_arena *a, struct rv_node *want);
/* The service cannot become what is wanted, because its address cannot change: it must be deleted and made again.
 * user_address: spec.clusterIP as the user wants it, or empty. */
bool rc_service_needs_replacing(struct rv_val have, struct rv_node *want, struct rv_str user_address);

#endif
