/* jobs.h - what the Job controller's two halves share: jobs.c follows and decides, jobwrite.c makes pods, removes them
 * and writes the status. */
#ifndef RV_SANDBOX_SIM_JOBS_H
#define RV_SANDBOX_SIM_JOBS_H

#include "pods.h"

enum job_pod_state { JOB_POD_ACTIVE, JOB_POD_SUCCEEDED, JOB_POD_FAILED, JOB_POD_DISMISSED };
struct job_pod {
    struct sim_entry entry; /* by uid */
    char *name;
    enum job_pod_state state;
    bool terminating, ready, gone, counted, dismissed;
    int64_t restarts, index; /* index -1: not an indexed Job's */
};
struct job {
    struct sim_entry entry; /* by uid */
    struct sim_link link;
    struct sim_timer timer; /* back-off, deadline or time to live, whichever it waits for */
    char *ns, *name;
    struct sim_map pods;
    int64_t succeeded, failed, failed_seen, not_before;
    int64_t *indexes; /* completed ones */
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
    const char *failure, *message; /* reason; NULL: not failed */
    bool success, suspended;
};
void sim_job_create(struct sim *m, struct job *j, struct sb_object *o, int64_t n);
void sim_job_dismiss(struct sim *m, struct job *j, struct sb_object *o, int64_t n);
void sim_job_status(struct sim *m, struct job *j, struct sb_object *o, const struct job_sums *s,
                    const struct job_verdict *v);

#endif
