/* metrics.h - kuberay_job_*: the reference operator's metrics of RayJobs, under its names and labels. */
#ifndef RAYJOB_METRICS_H
#define RAYJOB_METRICS_H

#include "pass.h"

/* Sends what changed in this pass. */
void metrics_update(struct job_pass *p);
void metrics_remove(const struct rv_host_api *api, struct rv_host *h, struct job_memo *m);

#endif
