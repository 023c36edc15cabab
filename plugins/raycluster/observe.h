/* observe.h - the observed state: the pods that a cluster controls and its head service.
 *
 * Only objects whose controller owner is this cluster (by uid) count. Labels alone do not count, because they can be
 * copied. */
#ifndef RAYCLUSTER_OBSERVE_H
#define RAYCLUSTER_OBSERVE_H

#include "rayvisor/k8s.h"

struct cluster_pass;

/* A pod that the cluster controls. */
struct observed_pod {
    struct rv_val value;
    struct rv_str name, uid, group, created;
    struct rv_str replica; /* multi-host: the label with the name of its replica */
    int64_t index, host;   /* from labels: the number of its replica, and of its host in that replica; -1 if absent */
    int64_t made;          /* wall clock, ns */
    bool head, deleting, running, ready;
    bool queued; /* no scheduler has examined it yet */
    bool ended;  /* it has ended for good, and a new pod must replace it */
    bool chosen; /* this pass deletes it */
};

/* Some of the observed worker pods. */
struct pod_range {
    struct observed_pod **list;
    size_t n;
};

void observe(struct cluster_pass *p);
/* The oldest head that is not being deleted, otherwise any head. NULL if there is none. */
const struct observed_pod *observed_head(const struct cluster_pass *p);
/* The workers of a group. Those of one replica are adjacent, in the order of their hosts. */
struct pod_range observed_group(const struct cluster_pass *p, struct rv_str group);
/* The order in which pods are reported: pods that stay come before those that are being deleted, and older pods come
 * first. */
bool observed_before(const struct observed_pod *a, const struct observed_pod *b);

/* The pod that a cluster is said to wait for, to be gone or to be ready: a head that is not ready, or else the youngest
 * pod. The youngest, because pods mostly follow in the order in which they were made, and a text that changed with each
 * of them would be a write each time. NULL: there is none. */
const struct observed_pod *observed_waited_for(const struct cluster_pass *p, bool gone);

#endif
