/* cluster.h - one RayCluster as a pass sees it, and the plugin's settings. Views only: nothing here owns memory.
 *
 *   validate.c   is it a valid cluster?               start_params.c  `ray start` and its flags
 *   pod.c        head and worker pods                 service.c       head and serve services
 *   status.c     what to say about it                 reconcile.c     what to do about it
 *   plugin.c     the vtable that the host calls
 */
#ifndef RAYCLUSTER_CLUSTER_H
#define RAYCLUSTER_CLUSTER_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"

/* The manifest's settings (raycluster.yaml), decoded once per change. Views into the host's settings value. */
struct rc_settings {
    bool init_container_injection, probes_injection; /* default true */
    bool login_shell, deterministic_head_name, head_cluster_ip_service, random_pod_delete;
    struct rv_str cluster_domain; /* "cluster.local" */
    int64_t requeue_seconds;      /* 300 */
    struct rv_val default_env, default_annotations, default_labels, head_sidecars, worker_sidecars;
    struct rv_val gates; /* map name -> bool */
};
bool rc_gate(const struct rc_settings *s, const char *name, bool fallback);

struct rc_cluster {
    struct rv_val value, meta, spec, status;
    struct rv_str ns, name, uid;
    int64_t generation;
    const struct rc_settings *settings;
    struct rv_str creator; /* "RayCluster", "RayJob" or "RayService" (label originated-from-crd) */
};
void rc_cluster_read(struct rc_cluster *c, struct rv_val value, const struct rc_settings *s);
struct rv_str rc_annotation(const struct rc_cluster *c, const char *key);
struct rv_val rc_groups(const struct rc_cluster *c);         /* spec.workerGroupSpecs */
struct rv_val rc_head_container(const struct rc_cluster *c); /* containers[0] of the head */
int64_t rc_group_desired(struct rv_val group);               /* spec section 8.4: pods, 0 when suspended */

/* ---- builders (pod.c, service.c): new trees in the arena, complete with owner reference ----------------- */

/* suffix: the five characters behind generateName (metadata.name is set too, so that a repeated create cannot make
 * two); NULL with deterministic_head_name. spec_hash may be empty. */
struct rv_node *rc_head_pod(struct rv_arena *a, const struct rc_cluster *c, const char *suffix,
                            struct rv_str spec_hash);
/* replica_index < 0: no index label. */
struct rv_node *rc_worker_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_val group,
                              int64_t replica_index, const char *suffix);
struct rv_node *rc_head_service(struct rv_arena *a, const struct rc_cluster *c);
/* NULL with err when no port is named serve (spec 7.6). */
struct rv_node *rc_serve_service(struct rv_arena *a, const struct rc_cluster *c, struct rv_error *err);
struct rv_str rc_head_service_name(struct rv_arena *a, const struct rc_cluster *c);
/* Hash of the spec without what 8.7 leaves out, as 32 characters. */
void rc_spec_hash(const struct rc_cluster *c, char ret[33]);

/* ---- validation (validate.c) ------------------------------------------------------------------------------ */

/* Sections 5.1 to 5.4 in the spec's order. NULL when valid; else the event reason (static), with the sentence in
 * *message: it names the field path and what is accepted. */
const char *rc_validate(const struct rc_cluster *c, struct rv_buf *message);
/* Fields that this version does not act on. Calls fn for each field path; harmful: going on would make an insecure or
 * wrong cluster (auth token, TLS, GCS fault tolerance, network policy), so the caller stops with a condition. */
void rc_unsupported(const struct rc_cluster *c, void (*fn)(void *arg, const char *path, bool harmful), void *arg);

#endif
