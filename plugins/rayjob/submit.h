/* submit.h - what submit.c and objects.c build of each other's. Internal. */
#ifndef RAYJOB_SUBMIT_H
#define RAYJOB_SUBMIT_H

#include "job.h"

/* The container that submits from within the head pod. */
struct rv_node *rj_sidecar(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t);
/* {template} of the submitter, for a gang that counts it; empty where the mode has none. */
struct rv_node *rj_submitter_shape(struct rv_arena *a, const struct rj_job *j);

#endif
