/* child_cluster.h - a RayCluster that is made for another Ray object: a RayJob makes one, and a RayService makes one or
 * two. Its labels say whose it is, and its owner reference takes it along when the owner goes. */
#ifndef RAY_CHILD_CLUSTER_H
#define RAY_CHILD_CLUSTER_H

#include "cluster.h"
#include "context.h"

/* For whom it is made. */
struct rc_cluster_owner {
    const char *kind; /* "RayJob" or "RayService" */
    struct rv_str ns, name, uid;
    struct rv_val meta; /* the owner's metadata: its labels and annotations are the cluster's too */
};

/* "<owner>-<five random characters>" */
struct rv_str rc_child_cluster_name(struct rc_context *x);
/* The whole RayCluster: names, labels, annotations, owner, and the spec (taken over). */
struct rv_node *rc_child_cluster(struct rv_arena *a, const struct rc_cluster_owner *o, struct rv_str name,
                                 struct rv_node *spec_take);
/* The cluster as its builders and its validation read it, before it exists. */
void rc_child_cluster_read(struct rv_arena *a, const struct rc_cluster_owner *o, struct rv_str name, struct rv_val spec,
                           const struct rc_settings *s, struct rc_cluster *ret);
/* The labels that name the owner. */
void rc_set_origin_labels(struct rv_arena *a, struct rv_node *labels, const char *kind, struct rv_str name);

/* "<owner>-head-svc" */
struct rv_str rc_child_head_service_name(struct rv_arena *a, struct rv_str owner);
/* The head's service under the owner's own name: it selects the head of that cluster and belongs to the owner. */
struct rv_node *rc_child_head_service(struct rv_arena *a, const struct rc_cluster_owner *o,
                                      const struct rc_cluster *cluster);

#endif
