/* objects.h - what a RayCluster needs besides pods and services (spec section 7): accounts and roles for the
 * autoscaler, the token's Secret, Ingress or Route, the volume claim of the GCS, the Job that empties Redis. The
 * builders return new trees in the arena, with labels and owner reference. */
#ifndef RAYCLUSTER_OBJECTS_H
#define RAYCLUSTER_OBJECTS_H

#include "cluster.h"

struct rv_node *rc_service_account(struct rv_arena *a, const struct rc_cluster *c);
struct rv_node *rc_role(struct rv_arena *a, const struct rc_cluster *c);
struct rv_node *rc_role_binding(struct rv_arena *a, const struct rc_cluster *c);
/* The supervisor generates its token, so the plugin never sees it (rayvisor/plugin.h, RV_GENERATE_TOKEN). */
struct rv_node *rc_secret(struct rv_arena *a, const struct rc_cluster *c);
struct rv_node *rc_ingress(struct rv_arena *a, const struct rc_cluster *c);
struct rv_node *rc_route(struct rv_arena *a, const struct rc_cluster *c);
/* Owned by the cluster unless storage.deletionPolicy is Retain. */
struct rv_node *rc_claim(struct rv_arena *a, const struct rc_cluster *c);
struct rv_node *rc_headless_service(struct rv_arena *a, const struct rc_cluster *c);
struct rv_node *rc_cleanup_job(struct rv_arena *a, const struct rc_cluster *c);
/* The Job for the Redis that these environment variables name, whatever the spec says now. */
struct rv_node *rc_cleanup_job_with(struct rv_arena *a, const struct rc_cluster *c, struct rv_val env);

/* {apiVersion, kind, metadata: name, namespace, owner} */
/* An object of that kind with a name and a namespace, and nobody's. */
struct rv_node *rc_bare_object(struct rv_arena *a, struct rv_str ns, const char *api_version, const char *kind,
                               struct rv_str name);
struct rv_node *rc_new_object(struct rv_arena *a, const struct rc_cluster *c, const char *api_version, const char *kind,
                              struct rv_str name);
/* The three labels that nearly every object has. */
struct rv_node *rc_common_labels(struct rv_arena *a, const struct rc_cluster *c);

/* Names that depend on the spec. */
struct rv_str rc_cleanup_job_name(struct rv_arena *a, const struct rc_cluster *c);
/* Used if another owner's Job has that name. */
struct rv_str rc_cleanup_job_other_name(struct rv_arena *a, const struct rc_cluster *c);
struct rv_str rc_route_name(struct rv_arena *a, const struct rc_cluster *c);
bool rc_claim_retained(const struct rc_cluster *c);

#endif
