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

/* The position of a worker in its group. */
struct rc_place {
    int64_t index;         /* the index of the replica; -1 without a label */
    struct rv_str replica; /* multi-host: the name of the replica; otherwise empty */
    int64_t host;          /* multi-host: the index of the host in the replica */
};
void rc_cluster_read(struct rc_cluster *c, struct rv_val value, const struct rc_settings *s);
struct rv_str rc_annotation(const struct rc_cluster *c, const char *key);
struct rv_val rc_groups(const struct rc_cluster *c);         /* spec.workerGroupSpecs */
struct rv_val rc_head_container(const struct rc_cluster *c); /* containers[0] of the head */
bool rc_gpu_like(struct rv_str resource);                    /* counts as a GPU */
/* Calls fn for each resource that a pod of the group's template asks for, once for each container: its requests, and
 * its limits where there is no request. `q` is multiplied by the number of pods. What is no quantity is left out. */
typedef void (*rc_request_fn)(void *arg, struct rv_str resource, struct rv_quantity q);
void rc_each_request(struct rv_val group, int64_t pods, rc_request_fn fn, void *arg);
int64_t rc_group_hosts(struct rv_val group);   /* numOfHosts, at least 1 */
int64_t rc_group_least(struct rv_val group);   /* the number of pods for minReplicas, as an int32 */
int64_t rc_group_desired(struct rv_val group); /* the number of pods (spec section 8.4); 0 if suspended */

/* ---- builders (pod.c, service.c): new trees in the arena, complete with owner reference ----------------- */

/* `suffix` is the five characters after generateName, or NULL with deterministic_head_name. metadata.name is set as
 * well, so that a repeated create cannot make two pods. spec_hash may be empty. */
struct rv_node *rc_head_pod(struct rv_arena *a, const struct rc_cluster *c, const char *suffix,
                            struct rv_str spec_hash);
/* The same pod without the fields for a batch scheduler, because it is no member of the gang. */
struct rv_node *rc_unscheduled_head(struct rv_arena *a, const struct rc_cluster *c, const char *suffix,
                                    struct rv_str spec_hash);
struct rv_node *rc_worker_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_val group,
                              const struct rc_place *place, const char *suffix, struct rv_str spec_hash);
struct rv_node *rc_head_service(struct rv_arena *a, const struct rc_cluster *c);
/* Spec 7.6: possible only when the head has a port named serve or serve-... */
bool rc_serve_service_possible(const struct rc_cluster *c);
struct rv_node *rc_serve_service(struct rv_arena *a, const struct rc_cluster *c);
/* A part of the spec for another object, without zero values. Some clients write zero values although nobody has set
 * them. */
struct rv_node *rc_without_zeros(struct rv_arena *a, struct rv_val v);
struct rv_str rc_head_service_name(struct rv_arena *a, const struct rc_cluster *c);
/* Names on which several builders must agree. */
struct rv_str rc_user_account(const struct rc_cluster *c); /* from the head's template, or empty */
struct rv_str rc_name_service_account(struct rv_arena *a, const struct rc_cluster *c);
struct rv_str rc_token_secret(struct rv_arena *a, const struct rc_cluster *c);
struct rv_str rc_gcs_claim(struct rv_arena *a, const struct rc_cluster *c);
struct rv_str rc_storage_namespace(const struct rc_cluster *c); /* in Redis */
/* What the batch scheduler of the settings wants on a pod (scheduler.c). */
void rc_schedule_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group);
/* The hash of the spec without the fields that 8.7 leaves out, as 32 characters. */
void rc_spec_hash(const struct rc_cluster *c, char ret[33]);

/* ---- validation (validate.c) ------------------------------------------------------------------------------ */

/* Checks the spec in the order of the contract (sections 5.1 to 5.4). Returns NULL if it is valid. Otherwise it returns
 * the reason of the event (constant text), and *message gets a sentence that names the field's path and what is
 * accepted. */
const char *rc_validate(const struct rc_cluster *c, struct rv_buf *message);
/* What is valid and probably not meant. Adds one sentence for each, to which `add` gets the path of its field in the
 * cluster's own spec. */
typedef void (*rc_warning_fn)(void *arg, const char *text);
void rc_warnings(const struct rc_cluster *c, rc_warning_fn add, void *arg);
#endif
