/* obstacle.h - why a pod does not run, as a reason and one line, for controllers that wait for it. */
#ifndef RAYCLUSTER_OBSTACLE_H
#define RAYCLUSTER_OBSTACLE_H

#include "cluster.h"

enum { RC_OBSTACLE_TEXT_MAX = 200, RC_OBSTACLE_LONG_S = 60 };

struct rc_obstacle {
    struct rv_str reason; /* CamelCase, valid in a condition; empty if nothing blocks */
    struct rv_str text;
};

/* What keeps the pod from running, or from being ready for longer than usual. An empty reason means that it is just
 * starting. *ret_again (wall clock, ns) is then when that will have taken too long. */
struct rc_obstacle rc_pod_obstacle(struct rv_arena *a, struct rv_val pod, int64_t now, int64_t *ret_again);
/* The text for a pod that is not ready and gives no reason. `late`: it was created more than a minute ago. */
struct rc_obstacle rc_pod_not_ready(struct rv_arena *a, struct rv_val pod, bool late);
/* A text such as "Error, exit code 1" from a container's terminated state. */
struct rv_str rc_terminated(struct rv_arena *a, struct rv_val terminated);

#endif
