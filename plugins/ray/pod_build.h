/* pod_build.h - one pod under construction: what pod.c and inject.c share. The template's parts are views until
 * somebody writes to them. */
#ifndef RAYCLUSTER_POD_BUILD_H
#define RAYCLUSTER_POD_BUILD_H

#include "cluster.h"

struct pod_build {
    struct rv_arena *a;
    const struct rc_cluster *c;
    struct rv_val group, container; /* container: the Ray container as the user wrote it */
    bool head;
    struct rv_node *pod, *meta, *spec, *ray; /* ray: containers[0] of the tree */
    struct rv_str group_name, fqdn, service, address, command;
    struct rv_node *params, *notes; /* rayStartParams and annotations as they will be */
};

/* ---- small makers (pod.c) ---- */
void pod_env(struct pod_build *b, struct rv_node *env, const char *key, struct rv_str value);
void pod_env_field(struct pod_build *b, struct rv_node *env, const char *key, const char *path);
/* Only where the user did not set that name. */
void pod_env_default(struct pod_build *b, struct rv_node *env, const char *key, struct rv_str value);
struct rv_node *pod_shell(struct pod_build *b);
/* {cpu, memory} */
struct rv_node *pod_amounts(struct pod_build *b, const char *cpu, const char *memory);
/* A field of the user's Ray container, taken over. */
void pod_copy_field(struct pod_build *b, struct rv_node *to, const char *key);
void pod_mount(struct pod_build *b, struct rv_node *container, const char *volume, const char *path, bool read_only);
/* The volume of that name: there already, or appended and empty. *ret_new tells. */
struct rv_node *pod_volume(struct pod_build *b, const char *name, bool *ret_new);

/* ---- features, in the order in which they are applied (inject.c) ---- */
void inject_autoscaler(struct pod_build *b);
void inject_fault_tolerance(struct pod_build *b);
void inject_token(struct pod_build *b);
void inject_tls(struct pod_build *b);
void inject_collector(struct pod_build *b);
void inject_logs(struct pod_build *b);
/* Behind the rest of the Ray container's environment. */
void inject_collector_env(struct pod_build *b, struct rv_node *env);

#endif
