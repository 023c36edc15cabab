/* start_params.h - the flags of `ray start`: those of the user, those that resources and labels imply, and those that
 * are always present (spec sections 9.3 and 9.4). */
#ifndef RAYCLUSTER_START_PARAMS_H
#define RAYCLUSTER_START_PARAMS_H

#include "cluster.h"

/* All parameters of one group as a map of texts, not sorted yet. `address` (of the GCS) is for workers; the head does
 * not use it. */
struct rv_node *rc_start_params(struct rv_arena *a, struct rv_val group, bool head, struct rv_str address);
/* "ray start --head  --block  --num-cpus=1 ": sorted by key. */
struct rv_str rc_start_command(struct rv_arena *a, struct rv_node *params, bool head);
/* The head's GCS port as text ("6379" unless rayStartParams.port says otherwise). */
struct rv_str rc_gcs_port(const struct rc_cluster *c);

#endif
