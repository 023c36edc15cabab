/* job.h - follows a RayJob until it has ended. */
#ifndef CTL_JOB_H
#define CTL_JOB_H

#include "job_log.h"

struct job_watch {
    struct ctl_context *c;
    struct job_log *log; /* NULL: it is not shown */
    bool stops;          /* that it ends is what is wanted, however it ends */
    bool suspends;       /* that it is suspended is wanted, too */
};
/* Returns 0 if the job has succeeded, or ended as wanted. timeout_ms 0: it may take for ever. */
int job_watch(struct job_watch *w, struct api *api, const char *ns, struct rv_str name, int64_t timeout_ms);

#endif
