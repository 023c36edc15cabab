/* cluster.h - one RayCluster as it was read: its spec, its features, and the builders of its pods and services. Views
 * only: nothing here owns memory.
 *
 *   validate.c   is it a valid cluster?               start_params.c  `ray start` and its flags
 *   features.c   which optional features it asks for  names.c         what its objects are called
 *   pod.c        head and worker pods                 inject.c        what the features add to them
 *   service.c    head and serve services              objects.c       everything else that is created
 *   scheduler.c  batch schedulers                     settings.c      the settings of the operator */
#ifndef RAYCLUSTER_CLUSTER_H
#define RAYCLUSTER_CLUSTER_H

#include "features.h"
#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"
#include "settings.h"

struct rc_cluster {
    struct rv_val value, meta, spec, status;
    struct rv_str ns, name, uid;
    int64_t generation;
    const struct rc_settings *settings;
    struct rv_str creator; /* "RayCluster", "RayJob" or "RayService" (label originated-from-crd) */
    struct rc_features f;
    struct rv_val submitter; /* of a RayJob whose gang this is: {template} of the pod that submits, else absent */
};

/* Where a worker stands in its group. */
struct rc_place {
    int64_t index;         /* of the replica; -1: no label */
    struct rv_str replica; /* multi-host: the replica's name, else empty */
    int64_t host;          /* multi-host: which host of it */
};
void rc_cluster_read(struct rc_cluster *c, struct rv_val value, const struct rc_settings *s);
struct rv_str rc_annotation(const struct rc_cluster *c, const char *key);
struct rv_val rc_groups(const struct rc_cluster *c);         /* spec.workerGroupSpecs */
struct rv_val rc_head_container(const struct rc_cluster *c); /* containers[0] of the head */
bool rc_gpu_like(struct rv_str resource);                    /* counts as a GPU */
int64_t rc_group_hosts(struct rv_val group);                 /* numOfHosts, at least 1 */
int64_t rc_group_least(struct rv_val group);                 /* pods of minReplicas, as an int32 */
int64_t rc_group_desired(struct rv_val group);               /* spec section 8.4: pods, 0 when suspended */

/* ---- builders (pod.c, service.c): new trees in the arena, complete with owner reference ----------------- */

/* suffix: the five characters behind generateName; NULL with deterministic_head_name. metadata.name is set too, so that
 * a repeated create cannot make two pods. spec_hash may be empty. */
struct rv_node *rc_head_pod(struct rv_arena *a, const struct rc_cluster *c, const char *suffix,
                            struct rv_str spec_hash);
/* The same pod without what a batch scheduler wants: it is no member of the gang. */
struct rv_node *rc_unscheduled_head(struct rv_arena *a, const struct rc_cluster *c, const char *suffix,
                                    struct rv_str spec_hash);
struct rv_node *rc_worker_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_val group,
                              const struct rc_place *place, const char *suffix, struct rv_str spec_hash);
struct rv_node *rc_head_service(struct rv_arena *a, const struct rc_cluster *c);
/* Spec 7.6: possible only when the head has a port named serve or serve-... */
bool rc_serve_service_possible(const struct rc_cluster *c);
struct rv_node *rc_serve_service(struct rv_arena *a, const struct rc_cluster *c);
/* A part of the spec that goes into another object. Zero values that clients write out although nobody set them are
 * left out. */
struct rv_node *rc_without_zeros(struct rv_arena *a, struct rv_val v);
struct rv_str rc_head_service_name(struct rv_arena *a, const struct rc_cluster *c);
/* Names that several builders must agree on. */
struct rv_str rc_user_account(const struct rc_cluster *c); /* of the head's template, or empty */
struct rv_str rc_name_service_account(struct rv_arena *a, const struct rc_cluster *c);
struct rv_str rc_token_secret(struct rv_arena *a, const struct rc_cluster *c);
struct rv_str rc_gcs_claim(struct rv_arena *a, const struct rc_cluster *c);
struct rv_str rc_storage_namespace(const struct rc_cluster *c); /* in Redis */
/* What the batch scheduler of the settings wants on a pod (scheduler.c). */
void rc_schedule_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group);
/* Hash of the spec without what 8.7 leaves out, as 32 characters. */
void rc_spec_hash(const struct rc_cluster *c, char ret[33]);

/* ---- validation (validate.c) ------------------------------------------------------------------------------ */

/* Checks the spec in the order of the contract (sections 5.1 to 5.4). NULL when it is valid. Else the event's reason
 * (static), and in *message a sentence that names the field's path and what is accepted. */
const char *rc_validate(const struct rc_cluster *c, struct rv_buf *message);
#endif
