/* builders.h - the objects that a RayJob creates. submit.c builds what submits, and objects.c builds the cluster, the
 * service and the gang. Each builder returns a new tree in the arena. */
#ifndef RAYJOB_BUILDERS_H
#define RAYJOB_BUILDERS_H

#include "plugins/ray/job.h"
#include "state.h"

/* What a submitter needs. */
struct rj_target {
    struct rv_str job_id;
    struct rv_str dashboard;          /* host:port */
    const struct rc_cluster *cluster; /* the live cluster, for its head image and authentication */
};
/* The shell line that submits (spec 4.4). `sidecar`: it runs in the head pod and uses the dashboard port there. */
struct rv_str rj_command(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t, bool sidecar);
/* The body of POST /api/jobs/ as JSON text. */
struct rv_str rj_request(struct rv_arena *a, const struct rj_job *j, struct rv_str job_id);
/* The pod template of the submitter Job. */
struct rv_node *rj_submitter_template(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t);
struct rv_node *rj_submitter_job(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t);
struct rv_node *rj_cluster(struct rv_arena *a, const struct rj_job *j, const struct rj_state *s);
/* head: the pod that the service leads to, or absent. */
struct rv_node *rj_head_service(struct rv_arena *a, const struct rj_job *j, struct rv_str cluster, struct rv_val head);
/* The gang that Volcano needs for a job with its cluster. NULL if there is none. */
struct rv_node *rj_pod_group(struct rv_arena *a, const struct rj_job *j, bool released);
struct rv_str rj_pod_group_name(struct rv_arena *a, const struct rj_job *j);
/* The container that submits from within the head pod. */
struct rv_node *rj_sidecar(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t);
/* The {template} of the submitter, for a gang that includes it. Empty if the mode has no submitter. */
struct rv_node *rj_submitter_shape(struct rv_arena *a, const struct rj_job *j);

#endif
