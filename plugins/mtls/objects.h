/* objects.h - the cert-manager objects of one RayCluster (spec section 14). */
#ifndef MTLS_OBJECTS_H
#define MTLS_OBJECTS_H

#include "rayvisor/k8s.h"

struct mtls_cluster {
    struct rv_val value, spec;
    struct rv_str ns, name, uid, domain;
    const struct rv_str *services; /* of the head, beside the one that the spec names */
    size_t service_n;
};
void mtls_cluster_read(struct mtls_cluster *c, struct rv_val value, struct rv_str domain);

enum mtls_object { MTLS_SELF_ISSUER, MTLS_CA, MTLS_CA_ISSUER, MTLS_HEAD, MTLS_WORKER, MTLS_OBJECTS };
struct rv_str mtls_name(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which);
/* The Secret that a Certificate fills. */
struct rv_str mtls_secret(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which);
/* `addresses` are those of the pods, sorted, for MTLS_HEAD and MTLS_WORKER. Returns a new tree in the arena. */
struct rv_node *mtls_build(struct rv_arena *a, const struct mtls_cluster *c, enum mtls_object which,
                           const struct rv_str *addresses, size_t n);

#endif
