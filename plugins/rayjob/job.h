/* job.h - one RayJob as a pass sees it: its spec (views), its status (a copy that the pass changes), the settings.
 *
 *   validate.c     is it a valid job?                runtime_env.c  YAML to JSON as the reference writes it
 *   text.c         quoting of shell and JSON         submit.c       command line, request and pod that submit
 *   objects.c      cluster, service, Job, PodGroup   see.c          what is there
 *   dashboard.c    asking Ray                        states.c       the states and what leads from one to the next
 *   running.c      the state Running                 ending.c       what is deleted when, after the end
 *   status.c       reading and writing the status    events.c       what became of actions
 *   metrics.c      kuberay_job_*                     plugin.c       the vtable that the host calls
 */
#ifndef RAYJOB_JOB_H
#define RAYJOB_JOB_H

#include "plugins/ray/cluster.h"

#define RJ_SECOND INT64_C(1000000000)

/* The manifest's settings (rayjob.yaml). Views into the host's settings value. */
struct rj_settings {
    struct rc_settings cluster; /* for what is built like a RayCluster's objects */
    bool delete_self;           /* shutdownAfterJobFinishes deletes the RayJob, not only the cluster */
    int64_t grace_s, check_timeout_s;
    struct rv_str submitter_image;
};

enum rj_mode { RJ_K8S, RJ_HTTP, RJ_INTERACTIVE, RJ_SIDECAR, RJ_MODE_UNKNOWN };

struct rj_job {
    struct rv_val value, meta, spec, status, cluster_spec;
    struct rv_str ns, name, uid;
    int64_t generation;
    const struct rj_settings *settings;
    enum rj_mode mode;       /* in which it is run */
    struct rv_str mode_text; /* as written */
    bool selector;           /* clusterSelector is given: an existing cluster is used */
    struct rv_str selected;  /* its name */
};

void rj_job_read(struct rj_job *j, struct rv_val value, const struct rj_settings *s);
struct rv_str rj_mode_name(enum rj_mode m); /* empty: RJ_MODE_UNKNOWN */
enum rj_mode rj_mode_of(struct rv_str name);
/* The RayJob as if it were its RayCluster, under the given name: for validation and builders. */
void rj_as_cluster(struct rv_arena *a, const struct rj_job *j, struct rv_str name, struct rc_cluster *ret);

/* ---- the status ------------------------------------------------------------------------------------------------ */

enum rj_phase {
    RJ_NEW,
    RJ_INITIALIZING,
    RJ_WAITING,
    RJ_RUNNING,
    RJ_COMPLETE,
    RJ_FAILED,
    RJ_INVALID,
    RJ_SUSPENDING,
    RJ_SUSPENDED,
    RJ_RETRYING,
    RJ_PHASE_UNKNOWN /* a word that somebody else wrote: taken for New */
};
const char *rj_phase_name(enum rj_phase p);

/* Where the job was submitted: without GCS fault tolerance it lives no longer than this. */
struct rj_head {
    struct rv_str pod, uid;
    int64_t restarts; /* of the Ray container */
};

struct rj_state {
    enum rj_phase phase;
    struct rv_str job_status, reason, message, job_id, cluster, dashboard;
    struct rv_str start, end, check_failure, info_start, info_end; /* RFC 3339, or empty */
    struct rv_str planned_time, planned_policy;
    struct rj_head head;
    int64_t succeeded, failed;
    struct rv_val cluster_status, conditions;
};

void rj_state_read(struct rj_state *s, struct rv_val status);
/* Whole status as a tree, without conditions. */
struct rv_node *rj_state_node(struct rv_arena *a, const struct rj_state *s);
bool rj_job_ended(struct rv_str job_status); /* STOPPED, SUCCEEDED, FAILED */
bool rj_job_status_known(struct rv_str job_status);
static inline bool rj_phase_ended(enum rj_phase p) { return p == RJ_COMPLETE || p == RJ_FAILED; }
/* Wall ns of a time text, or 0. */
int64_t rj_time(struct rv_str text);
struct rv_str rj_time_text(struct rv_arena *a, int64_t ns);

/* ---- validation (validate.c) ----------------------------------------------------------------------------------- */

/* Section 7 of the spec, in its order. NULL when valid; else the event reason (static), with the sentence in *message:
 * it names the field path and what is accepted. */
const char *rj_validate(const struct rj_job *j, struct rv_buf *message);
/* Only the spec (7.3): what a RayCronJob asks of its template. NULL or a static event reason. */
const char *rj_validate_spec(const struct rj_job *j, struct rv_buf *message);
/* Only what says what is deleted when. */
bool rj_deletion_valid(const struct rj_job *j);

/* ---- text (text.c, runtime_env.c) ------------------------------------------------------------------------------ */

/* Double-quoted with the escapes of the contract (spec 4.5): `$`, backtick and `!` stay for the shell. */
void rj_quote(struct rv_buf *out, struct rv_str s);
/* Compact JSON, keys sorted, `<`, `>` and `&` as \u003c...: byte for byte what the reference writes. */
void rj_json(struct rv_buf *out, struct rv_val v);
/* runtimeEnvYAML as an object. NULL with a message (line and reason) when it is none. An empty text is an empty map. */
struct rv_node *rj_runtime_env(struct rv_arena *a, struct rv_str yaml, struct rv_error *err);

/* ---- builders (submit.c, objects.c) ---------------------------------------------------------------------------- */

/* What a submitter must know. */
struct rj_target {
    struct rv_str job_id;
    struct rv_str dashboard;          /* host:port */
    const struct rc_cluster *cluster; /* the live cluster, for its head image and authentication */
};
/* The shell line that submits (spec 4.4). sidecar: from within the head pod, on its dashboard port. */
struct rv_str rj_command(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t, bool sidecar);
/* Body of POST /api/jobs/ as JSON text. */
struct rv_str rj_request(struct rv_arena *a, const struct rj_job *j, struct rv_str job_id);
/* The pod template of the submitter Job. */
struct rv_node *rj_submitter_template(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t);
struct rv_node *rj_submitter_job(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t);
struct rv_node *rj_cluster(struct rv_arena *a, const struct rj_job *j, const struct rj_state *s);
struct rv_node *rj_head_service(struct rv_arena *a, const struct rj_job *j, struct rv_str cluster);
struct rv_str rj_head_service_name(struct rv_arena *a, const struct rj_job *j);
/* "<service>.<ns>.svc.<domain>:<port>" of the cluster's head; empty when its service has no port named dashboard. */
struct rv_str rj_dashboard(struct rv_arena *a, const struct rj_job *j, struct rv_val cluster);
/* The gang that Volcano wants for a job with its cluster; NULL: none. */
struct rv_node *rj_pod_group(struct rv_arena *a, const struct rj_job *j, bool released);
struct rv_str rj_pod_group_name(struct rv_arena *a, const struct rj_job *j);

#endif
