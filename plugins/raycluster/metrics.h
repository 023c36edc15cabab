/* metrics.h - the reference operator's metrics of RayClusters, under its names and labels, so that the dashboards and
 * alerts that users have go on working. */
#ifndef RAYCLUSTER_METRICS_H
#define RAYCLUSTER_METRICS_H

#include "pass.h"

/* After the status was computed. Sends what changed: that the cluster exists, whether it is provisioned, and how long
 * that took. */
void metrics_update(struct cluster_pass *p, struct rv_val conditions);
/* The cluster of the context is gone. */
void metrics_remove(const struct rc_context *x, const struct cluster_memo *m);

#endif
