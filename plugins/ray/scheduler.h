/* scheduler.h - batch schedulers behind one small interface (spec section 15): what a scheduler needs on every pod, and
 * the objects that describe the gang. The setting batchScheduler selects one row of the table in scheduler.c. */
#ifndef RAYCLUSTER_SCHEDULER_H
#define RAYCLUSTER_SCHEDULER_H

#include "cluster.h"

enum { RC_SCHEDULER_OBJECTS = 2 };

/* One object that the scheduler needs. */
struct rc_gang {
    const char *api_version, *resource;
    /* True if the object is wanted for this cluster. If not, an existing one is deleted. */
    bool (*wanted)(const struct rc_cluster *c);
    struct rv_node *(*build)(struct rv_arena *a, const struct rc_cluster *c);
    /* An outdated object is deleted and created again. The later objects of a scheduler refer to the earlier ones. */
    bool immutable;
};

/* The finalizer by which Kubernetes keeps a group that pods still name. */
#define RC_FINALIZER_GROUP "scheduling.k8s.io/podgroup-protection"

struct rc_scheduler {
    const char *name; /* the value of the setting */
    void (*pod)(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group);
    /* Checks the labels of the cluster that this scheduler reads. Returns true if one is invalid; then `out` has a
     * sentence. NULL means that there is nothing to check. */
    bool (*rejects)(const struct rc_cluster *c, struct rv_buf *out);
    struct rc_gang gangs[RC_SCHEDULER_OBJECTS]; /* api_version NULL marks the end */
};

/* The configured scheduler, or NULL. */
const struct rc_scheduler *rc_scheduler_of(const struct rc_cluster *c);
bool rc_scheduler_rejects(const struct rc_cluster *c, struct rv_buf *out);
/* The patch that corrects the size of a group, {spec: ...}, or NULL. All other fields of a group belong to its owner
 * once it exists. */
struct rv_node *rc_gang_patch(struct rv_arena *a, struct rv_val have, struct rv_val want);

#endif
