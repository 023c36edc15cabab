/* job.h - the spec of a RayJob: reading it, and checking whether the job can run. The RayJob controller runs it. The
 * RayCronJob controller checks its template with the same rules. These are views only: nothing here owns memory. */
#ifndef RAY_JOB_H
#define RAY_JOB_H

#include "child_cluster.h"
#include "fields.h"

#define RJ_SELECTOR_KEY RC_LABEL_CLUSTER /* the only key of spec.clusterSelector */

enum { RJ_NAME_MAX = 47 /* the 53 of a cluster, without a dash and five characters */ };

/* Who submits the job (spec.submissionMode). */
enum rj_mode { RJ_K8S, RJ_HTTP, RJ_INTERACTIVE, RJ_SIDECAR, RJ_MODE_UNKNOWN };

struct rj_job {
    struct rv_val value, meta, spec, status, cluster_spec;
    struct rv_str ns, name, uid;
    int64_t generation;
    const struct rc_settings *settings;
    enum rj_mode mode;             /* the mode in which it runs */
    struct rv_str mode_text;       /* as written in the spec */
    bool selector;                 /* true if clusterSelector is given: an existing cluster is used */
    struct rv_str selected;        /* its name */
    struct rv_str submitter_image; /* a setting of the RayJob controller; if empty, the head's image submits */
};

void rj_job_read(struct rj_job *j, struct rv_val value, const struct rc_settings *s);
struct rv_str rj_mode_name(enum rj_mode m); /* empty for RJ_MODE_UNKNOWN */
enum rj_mode rj_mode_of(struct rv_str name);
/* The job as the owner of its cluster. */
struct rc_cluster_owner rj_cluster_owner(const struct rj_job *j);
/* The RayJob as its RayCluster with the given name, for validation and builders. */
void rj_as_cluster(struct rv_arena *a, const struct rj_job *j, struct rv_str name, struct rc_cluster *ret);

/* ---- validation (job_validate.c) ---- */

/* Checks the whole RayJob in the contract's order (section 7). Returns NULL if it is valid. Otherwise it returns the
 * reason of the event (constant text), and *message gets a sentence that names the field's path and what is
 * accepted. */
const char *rj_validate(const struct rj_job *j, struct rv_buf *message);
/* Checks only the spec (7.3), for a template that has no name yet. Returns NULL or the reason of an event. */
const char *rj_validate_spec(const struct rj_job *j, struct rv_buf *message);
/* Checks only the fields that say what is deleted when. */
bool rj_deletion_valid(const struct rj_job *j);

/* ---- runtime environment (runtime_env.c) ---- */

/* runtimeEnvYAML as an object. Returns NULL with a message (line and reason) if it is malformed. An empty text is an
 * empty map. */
struct rv_node *rj_runtime_env(struct rv_arena *a, struct rv_str yaml, struct rv_error *err);

#endif
