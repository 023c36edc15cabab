/* owned_objects.h - the objects other than pods: services, roles, ingress, claim, the scheduler's pod groups. They are
 * created, kept as wanted, and deleted when they are no longer wanted. */
#ifndef RAYCLUSTER_OWNED_OBJECTS_H
#define RAYCLUSTER_OWNED_OBJECTS_H

#include "pass.h"

/* It also runs after a failure, without making requests, because the reasons to hold pods back must be found in every
 * pass. */
void owned_objects_reconcile(struct cluster_pass *p);
void owned_objects_take_result(struct cluster_pass *p, const struct rv_result *r);

/* ---- what pods need that others make (prerequisites.c) ---- */
/* The user's ServiceAccount and claim, certificates, network policies: pods are not created before they exist. */
void prerequisites_check(struct cluster_pass *p);
void prerequisites_take_result(struct cluster_pass *p, const struct rv_result *r);

/* No pods are created in this pass. The first reason is kept. */
void hold_pods(struct cluster_pass *p, struct rv_str why);

#endif
