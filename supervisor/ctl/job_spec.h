/* job_spec.h - a RayJob from what was asked for on the command line, and how one is stopped. It depends on its
 * arguments only. */
#ifndef CTL_JOB_SPEC_H
#define CTL_JOB_SPEC_H

#include "rayvisor/value.h"

struct job_wish {
    const char *ns, *name; /* name NULL: the API server makes one */
    const char *cluster;   /* the name of a RayCluster that is used; NULL: one is made */
    const char *image, *ray_version, *mode;
    const char *working_dir;             /* a URI that Ray reads; NULL */
    struct rv_str runtime_env;           /* YAML; empty */
    const char *cpus, *gpus, *resources; /* of the entrypoint; NULL */
    const char *head_cpu, *head_memory, *head_gpu, *worker_cpu, *worker_memory, *worker_gpu; /* NULL: the default */
    int64_t workers, ttl_s; /* -1: the default; no time */
    bool keep_cluster;
    int word_n;
    char *const *words; /* the entrypoint; a single word is a line for a shell as it stands */
};

/* Makes the object, and checks it by the rules by which the operator would refuse it. */
int job_spec(struct rv_arena *a, const struct job_wish *w, struct rv_val *ret, struct rv_error *err);

enum job_stop {
    JOB_STOP_RAY,     /* Ray has the job: it is asked to stop it. The RayJob ends as Complete, and its record stays */
    JOB_STOP_SUSPEND, /* Ray has not got it yet: spec.suspend takes its cluster away and keeps the RayJob */
    JOB_STOP_OVER,    /* it has ended, or is suspended */
    JOB_STOP_REFUSED  /* Ray has not got it yet, and its spec allows no suspension */
};
/* `suspend`: it is wanted that the job is suspended, whatever Ray has. *ret_why is a sentence about the answer. */
enum job_stop job_stop_how(struct rv_arena *a, struct rv_val job, bool suspend, struct rv_str *ret_why);

#endif
