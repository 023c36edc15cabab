/* object_drift.h - compares an existing object with the wanted one. Each function returns the merge patch that corrects
 * the object, or NULL if nothing must be corrected.
 *
 * In lists that are ours alone (ports, rules, selectors) every difference counts. In maps that others write as well
 * (labels, annotations, a Service's spec) only our keys count, and keys of others stay. A key that came from the user
 * must be removed when the user removes it. Such keys are recorded in an annotation of the object, so that an operator
 * that has been restarted still knows them. */
#ifndef RAY_OBJECT_DRIFT_H
#define RAY_OBJECT_DRIFT_H

#include "rayvisor/k8s.h"

typedef struct rv_node *rc_drift_fn(struct rv_arena *a, struct rv_val have, struct rv_node *want);

rc_drift_fn rc_drift_service, rc_drift_ingress, rc_drift_role, rc_drift_role_binding;
/* Of any other kind: the fields of its spec one by one, and what it has beside a spec as a whole. */
rc_drift_fn rc_drift_object;

/* Writes the record of the user's keys, if there are any, into an object that will be created or compared. */
void rc_record_user_keys(struct rv_arena *a, struct rv_node *want);
/* True if the service cannot be changed as wanted, because its address cannot change. It must then be deleted and
 * created again. user_address is the user's spec.clusterIP, or empty. */
bool rc_service_needs_replacing(struct rv_val have, struct rv_node *want, struct rv_str user_address);

#endif
