/* jobs.h - what the two files of the Job controller share: jobs.c follows pods and decides, jobwrite.c creates and
 * deletes pods and writes the status. */
#ifndef RV_SANDBOX_SIM_JOBS_H
#define RV_SANDBOX_SIM_JOBS_H

#include "pods.h"

enum job_pod_state { JOB_POD_ACTIVE, JOB_POD_SUCCEEDED, JOB_POD_FAILED, JOB_POD_DISMISSED };
struct job_pod {
    struct sim_entry entry; /* by uid */
    char *name;
    enum job_pod_state state;
    bool terminating, ready, gone, counted, dismissed;
    /* `index` is -1 if the Job is not indexed. */
    int64_t restarts, index;
};
struct job {
    struct sim_entry entry; /* by uid */
    struct sim_link link;
    struct sim_timer timer; /* for the back-off, the deadline or the time to live */
    char *ns, *name;
    struct sim_map pods;
    int64_t succeeded, failed, failed_seen, not_before;
    int64_t *indexes; /* completed indexes */
    size_t n_indexes;
};
struct jobs {
    struct sim_map map;
    struct sim_queue queue;
};
struct job_sums {
    int64_t active, ready, terminating, restarts;
};
struct job_verdict {
    /* `failure` is the reason; NULL if the Job has not failed. */
    const char *failure, *message;
    bool success, suspended;
};
void sim_job_create(struct sim *m, struct job *j, struct sb_object *o, int64_t n);
void sim_job_dismiss(struct sim *m, struct job *j, struct sb_object *o, int64_t n);
void sim_job_status(struct sim *m, struct job *j, struct sb_object *o, const struct job_sums *s,
                    const struct job_verdict *v);

#endif
