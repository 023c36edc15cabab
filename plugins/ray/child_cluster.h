/* child_cluster.h - a RayCluster that is created for another Ray object. A RayJob creates one, and a RayService creates
 * one or two. Its labels name the owner, and its owner reference makes Kubernetes delete it with the owner. */
#ifndef RAY_CHILD_CLUSTER_H
#define RAY_CHILD_CLUSTER_H

#include "cluster.h"
#include "context.h"

/* The owner of the cluster. */
struct rc_cluster_owner {
    const char *kind; /* "RayJob" or "RayService" */
    struct rv_str ns, name, uid;
    struct rv_val meta; /* the owner's metadata; its labels and annotations are copied to the cluster */
};

/* "<owner>-<five random characters>" */
struct rv_str rc_child_cluster_name(struct rc_context *x);
/* The whole RayCluster: name, labels, annotations, owner and spec. */
struct rv_node *rc_child_cluster(struct rv_arena *a, const struct rc_cluster_owner *o, struct rv_str name,
                                 struct rv_node *spec_take);
/* The cluster as its builders and its validation see it, before it exists. */
void rc_child_cluster_read(struct rv_arena *a, const struct rc_cluster_owner *o, struct rv_str name, struct rv_val spec,
                           const struct rc_settings *s, struct rc_cluster *ret);
/* Sets the labels that name the owner. */
void rc_set_origin_labels(struct rv_arena *a, struct rv_node *labels, const char *kind, struct rv_str name);

/* "<owner>-head-svc" */
struct rv_str rc_child_head_service_name(struct rv_arena *a, struct rv_str owner);
/* The head service under the owner's own name. It selects the head of that cluster and belongs to the owner. */
struct rv_node *rc_child_head_service(struct rv_arena *a, const struct rc_cluster_owner *o,
                                      const struct rc_cluster *cluster);

#endif
