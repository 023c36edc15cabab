/* metrics.h - the reference operator's metrics of RayClusters, under its names and labels: dashboards and alerts that
 * users have go on working. */
#ifndef RAYCLUSTER_METRICS_H
#define RAYCLUSTER_METRICS_H

#include "pass.h"

/* After the status was computed: info, and from its conditions whether and how fast it was provisioned. Says only what
 * changed. */
void metrics_tell(struct pass *p, struct rv_val conditions);
void metrics_remove(const struct rv_host_api *api, struct rv_host *h, const struct memo *m);

#endif
