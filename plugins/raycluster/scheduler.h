/* scheduler.h - batch schedulers behind one small interface (spec section 15): what a scheduler wants on every pod, and
 * the objects that describe the gang. The setting batchScheduler picks one row of the table in scheduler.c. */
#ifndef RAYCLUSTER_SCHEDULER_H
#define RAYCLUSTER_SCHEDULER_H

#include "cluster.h"

enum { RC_SCHEDULER_OBJECTS = 2 };

/* One object that the scheduler needs. */
struct rc_gang {
    unsigned kind; /* of the mirror (see.h) */
    const char *api_version, *resource;
    /* Not wanted for this cluster: one that is there is deleted. */
    bool (*wanted)(const struct rc_cluster *c);
    struct rv_node *(*build)(struct rv_arena *a, const struct rc_cluster *c);
    bool immutable; /* an outdated one is deleted and made again */
};

struct rc_scheduler {
    const char *name; /* value of the setting */
    void (*pod)(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group);
    struct rc_gang gangs[RC_SCHEDULER_OBJECTS]; /* api_version NULL: none */
};

/* The configured one, or NULL. */
const struct rc_scheduler *rc_scheduler_of(const struct rc_cluster *c);

#endif
