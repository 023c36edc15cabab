/* job.h - the spec of a RayJob: reading it, and judging whether it can be run. The RayJob controller runs it; the
 * RayCronJob controller judges its template with the same rules. Views only: nothing here owns memory. */
#ifndef RAY_JOB_H
#define RAY_JOB_H

#include "child_cluster.h"

#define RJ_SELECTOR_KEY "ray.io/cluster" /* the one key of spec.clusterSelector */

enum { RJ_NAME_MAX = 47 /* a cluster's 53 less a dash and five characters */ };

/* Who submits the job (spec.submissionMode). */
enum rj_mode { RJ_K8S, RJ_HTTP, RJ_INTERACTIVE, RJ_SIDECAR, RJ_MODE_UNKNOWN };

struct rj_job {
    struct rv_val value, meta, spec, status, cluster_spec;
    struct rv_str ns, name, uid;
    int64_t generation;
    const struct rc_settings *settings;
    enum rj_mode mode;             /* in which it is run */
    struct rv_str mode_text;       /* as written */
    bool selector;                 /* clusterSelector is given: an existing cluster is used */
    struct rv_str selected;        /* its name */
    struct rv_str submitter_image; /* the RayJob controller's setting; empty: the head's image submits */
};

void rj_job_read(struct rj_job *j, struct rv_val value, const struct rc_settings *s);
struct rv_str rj_mode_name(enum rj_mode m); /* empty: RJ_MODE_UNKNOWN */
enum rj_mode rj_mode_of(struct rv_str name);
/* As the owner of its cluster. */
struct rc_cluster_owner rj_cluster_owner(const struct rj_job *j);
/* The RayJob as if it were its RayCluster, under the given name: for validation and builders. */
void rj_as_cluster(struct rv_arena *a, const struct rj_job *j, struct rv_str name, struct rc_cluster *ret);

/* ---- validation (job_validate.c) ---- */

/* The whole RayJob, in the contract's order (section 7). NULL when it is valid. Else the event's reason (static), and
 * in *message a sentence that names the field's path and what is accepted. */
const char *rj_validate(const struct rj_job *j, struct rv_buf *message);
/* Only the spec (7.3), as of a template that has no name yet. NULL or a static event reason. */
const char *rj_validate_spec(const struct rj_job *j, struct rv_buf *message);
/* Only the fields that say what is deleted when. */
bool rj_deletion_valid(const struct rj_job *j);

/* ---- runtime environment (runtime_env.c) ---- */

/* runtimeEnvYAML as an object. NULL with a message (line and reason) when it is none. An empty text is an empty map. */
struct rv_node *rj_runtime_env(struct rv_arena *a, struct rv_str yaml, struct rv_error *err);

#endif
