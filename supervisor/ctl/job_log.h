/* job_log.h - the log of a RayJob while it grows: of the pod that submits it, or, where none does, by Ray's dashboard
 * through the API server's proxy. */
#ifndef CTL_JOB_LOG_H
#define CTL_JOB_LOG_H

#include "follow.h"

struct job_log;
struct job_log *job_log_new(struct ctl_context *c, struct api *api, const char *ns);
struct job_log *job_log_free(struct job_log *l);
void job_log_freep(struct job_log **l);
#define job_log_auto __attribute__((cleanup(job_log_freep)))
/* Prints on standard output what has been added. `last`: also a line that has no end yet. An error says why nothing
 * could be read; the next call may succeed. */
int job_log_print(struct job_log *l, struct rv_val job, bool last, struct progress *p, struct rv_error *err);

/* The path below which Ray's dashboard has the job, with the given end ("/logs"), through the API server's proxy. In
 * the context's arena; NULL while the RayJob does not name the dashboard or the job's id. */
const char *job_ray_path(struct ctl_context *c, const char *ns, struct rv_val job, const char *end);

#endif
