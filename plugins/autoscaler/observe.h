/* observe.h - one cluster as it is: the RayCluster, its pods, and what the control store says, joined into the state of
 * a decision.
 *
 * The join key is the pod's name, which Ray reports as the node's instance_id. A restarted Ray in the same pod has
 * another node id, so only nodes that live count. Whatever is in doubt is said in `doubt`, and then nothing is scaled
 * down.
 */
#ifndef AUTOSCALER_OBSERVE_H
#define AUTOSCALER_OBSERVE_H

#include "plugins/autoscaler/gcs.h"
#include "plugins/autoscaler/groups.h"

struct seen_pod {
    struct rv_str name, uid, group, replica;
    bool head, deleting, ended, sidecar, ready;
    bool started;             /* its containers run: Ray may join at any moment */
    bool unschedulable;       /* the scheduler says so */
    int64_t unschedulable_at; /* since, wall ns */
    int64_t made;             /* wall ns */
    int64_t gone_at;          /* deleting: when it will be killed, wall ns */
    struct rv_str problem;    /* why it does not run, for people */
    bool to_delete;           /* named in its group's workersToDelete */
    int32_t node;             /* index of its live Ray node; -1 */
    int32_t ray;              /* the same, or that of one that drains; -1 */
    struct rv_str machine;    /* the Kubernetes node that it is on */
    struct rv_str reclaimed;  /* why it is taken away soon, for people; empty: it is not */
    int64_t reclaimed_at;     /* the moment until which it has time, as far as Kubernetes tells, wall ns; 0: unknown */
    int64_t grace;            /* between its deletion and its end, ns; -1: unknown */
    bool broken;   /* another host of its replica has ended or is being deleted: it is deleted too, and replaced */
    bool was_node; /* it has a Ray node that is dead or draining, and none that lives */
};

struct observe_policy {
    int64_t now;        /* wall ns */
    int64_t release_ns; /* a pod that cannot be scheduled for so long holds no demand back; 0: for ever */
    int64_t max_launches;
};

struct seen {
    struct as_state state;
    struct as_group *groups;
    struct group_info *info;
    size_t n_groups;
    struct seen_pod *pods;
    size_t n_pods;
    const struct seen_pod *head; /* that lives; NULL */
    int32_t *pod_of;             /* of each node of the state: index of the pod; -1: not made yet, or nobody's */
    int32_t *gcs_of;             /* of each node of the state: index of the Ray node; -1 */
    int64_t joined;              /* worker pods with a live Ray node */
    int64_t blocked;             /* pods that cannot be scheduled */
    const char *doubt;           /* why nothing may be decided from this; NULL */
};

/* Pods are added one by one (from the mirror), then observe_join() makes the state. What runs on a pod that is being
 * taken away is demand: it will need another node. */
void observe_cluster(struct rv_arena *a, const struct rc_cluster *c, struct seen *ret);
void observe_add_pod(struct rv_arena *a, struct seen *s, struct rv_str name, struct rv_str uid, struct rv_val pod,
                     size_t room);
/* The first of these taints (keys) that a Kubernetes node has; empty: none. */
struct rv_str observe_removal_taint(struct rv_val machine, struct rv_val taints);
/* The pod's machine has one of the taints (a list of keys) that announce its removal. */
void observe_machine(struct rv_arena *a, struct seen_pod *pod, struct rv_val machine, struct rv_val taints);
/* After the last pod: what is taken away of a replica of several hosts takes the whole replica with it. */
void observe_replicas(struct rv_arena *a, struct seen *s);
void observe_join(struct rv_arena *a, struct seen *s, const struct gcs_state *g, const struct observe_policy *policy);

#endif
