/* observe.h - the observed state: the cluster that the job uses, its head pod and the submitter; and why they are not
 * ready. */
#ifndef RAYJOB_OBSERVE_H
#define RAYJOB_OBSERVE_H

#include "pass.h"

void observe(struct job_pass *p);

static inline bool has_cluster(const struct job_pass *p) { return p->cluster.name.n != 0; }
/* True if Ray requires a Kubernetes token. The operator has none to send, so it cannot ask Ray. */
static inline bool cannot_ask_ray(const struct job_pass *p) {
    return has_cluster(p) && p->c.f.token && p->c.f.kubernetes_token;
}
bool cluster_is_ready(const struct job_pass *p);
bool cluster_is_ours(const struct job_pass *p); /* true if this RayJob controls it */
/* Why the cluster is not ready: one line, and a reason for the condition. *ret_stuck is true if it will not recover by
 * itself. */
struct rv_str cluster_obstacle(struct job_pass *p, const char **ret_reason, bool *ret_stuck);
/* How the head on which the job was submitted has ended, if that was seen; otherwise empty. */
struct rv_str head_end(const struct job_pass *p);
/* A text such as " (container x of pod y runs)" about the submitter Job; empty if no container is known to run. */
struct rv_str submitter_running(struct job_pass *p);
/* Why no pod of the submitter Job runs. Empty if one runs or is just starting. */
struct rv_str submitter_obstacle(struct job_pass *p, const char **ret_reason);

#endif
