/* owned_objects.h - the objects beside the pods: services, roles, ingress, claim, the scheduler's groups. They are
 * created, kept as wanted, and deleted when they are no longer wanted. */
#ifndef RAYCLUSTER_OWNED_OBJECTS_H
#define RAYCLUSTER_OWNED_OBJECTS_H

#include "pass.h"

/* Runs also after a failure, when nothing is asked for: what holds the pods back must hold them in every pass. */
void owned_objects_reconcile(struct cluster_pass *p);
void owned_objects_take_result(struct cluster_pass *p, const struct rv_result *r);

/* ---- what pods need that others make (prerequisites.c) ---- */
/* The user's ServiceAccount and claim, certificates, network policies: pods are held until they are there. */
void prerequisites_check(struct cluster_pass *p);
void prerequisites_take_result(struct cluster_pass *p, const struct rv_result *r);

/* No pods are created in this pass. The first reason counts. */
void hold_pods(struct cluster_pass *p, struct rv_str why);

#endif
