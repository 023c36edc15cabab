/* scheduler.h - batch schedulers behind one small interface (spec section 15): what a scheduler wants on every pod, and
 * the objects that describe the gang. The setting batchScheduler picks one row of the table in scheduler.c. */
#ifndef RAYCLUSTER_SCHEDULER_H
#define RAYCLUSTER_SCHEDULER_H

#include "cluster.h"

enum { RC_SCHEDULER_OBJECTS = 2 };

/* One object that the scheduler needs. */
struct rc_gang {
    const char *api_version, *resource;
    /* Not wanted for this cluster: one that is there is deleted. */
    bool (*wanted)(const struct rc_cluster *c);
    struct rv_node *(*build)(struct rv_arena *a, const struct rc_cluster *c);
    /* An outdated one is deleted and made again; later ones of a scheduler refer to earlier ones. */
    bool immutable;
};

/* By which Kubernetes keeps a group that pods still name. */
#define RC_FINALIZER_GROUP "scheduling.k8s.io/podgroup-protection"

struct rc_scheduler {
    const char *name; /* value of the setting */
    void (*pod)(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group);
    /* A label of the cluster that cannot be what it says; the sentence goes to out. NULL: never. */
    bool (*complains)(const struct rc_cluster *c, struct rv_buf *out);
    struct rc_gang gangs[RC_SCHEDULER_OBJECTS]; /* api_version NULL: none */
};

/* The configured one, or NULL. */
const struct rc_scheduler *rc_scheduler_of(const struct rc_cluster *c);
bool rc_scheduler_complains(const struct rc_cluster *c, struct rv_buf *out);
/* What mends the size of a group, {spec: ...}, or NULL: the rest of it is its owner's once it is made. */
struct rv_node *rc_gang_patch(struct rv_arena *a, struct rv_val have, struct rv_val want);

#endif
