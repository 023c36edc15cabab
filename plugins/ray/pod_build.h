/* pod_build.h - one pod under construction, for pod.c and inject.c. The parts of the template are views until something
 * writes to them. */
#ifndef RAYCLUSTER_POD_BUILD_H
#define RAYCLUSTER_POD_BUILD_H

#include "cluster.h"

struct pod_build {
    struct rv_arena *a;
    const struct rc_cluster *c;
    /* `container` is the Ray container as the user wrote it. */
    struct rv_val group, container;
    bool head;
    /* `ray` is containers[0] of the tree. */
    struct rv_node *pod, *meta, *spec, *ray;
    struct rv_str group_name, fqdn, service, address, command;
    struct rv_node *params, *notes; /* the final rayStartParams and annotations */
};

/* ---- small makers (pod.c) ---- */
void pod_env(struct pod_build *b, struct rv_node *env, const char *key, struct rv_str value);
void pod_env_field(struct pod_build *b, struct rv_node *env, const char *key, const char *path);
/* Only if the user has not set that name. */
void pod_env_default(struct pod_build *b, struct rv_node *env, const char *key, struct rv_str value);
struct rv_node *pod_shell(struct pod_build *b);
/* {cpu, memory} */
struct rv_node *pod_amounts(struct pod_build *b, const char *cpu, const char *memory);
/* Copies a field of the user's Ray container. */
void pod_copy_field(struct pod_build *b, struct rv_node *to, const char *key);
void pod_mount(struct pod_build *b, struct rv_node *container, const char *volume, const char *path, bool read_only);
/* The volume of that name: an existing one, or a new empty one. *ret_new says which. */
struct rv_node *pod_volume(struct pod_build *b, const char *name, bool *ret_new);

/* ---- features, in the order in which they are applied (inject.c) ---- */
void inject_autoscaler(struct pod_build *b);
void inject_fault_tolerance(struct pod_build *b);
void inject_token(struct pod_build *b);
void inject_tls(struct pod_build *b);
void inject_collector(struct pod_build *b);
void inject_logs(struct pod_build *b);
/* Adds variables after the rest of the Ray container's environment. */
void inject_collector_env(struct pod_build *b, struct rv_node *env);

#endif
