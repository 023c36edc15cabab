/* metrics.h - kuberay_job_*: the reference operator's metrics of RayJobs, under its names and labels. */
#ifndef RAYJOB_METRICS_H
#define RAYJOB_METRICS_H

#include "pass.h"

/* Sends what has changed in this pass. */
void metrics_update(struct job_pass *p);
/* The job of the context has been deleted. */
void metrics_remove(const struct rc_context *x, struct job_memo *m);

#endif
