/* metrics.h - the reference operator's metrics of RayClusters, with its names and labels. So users' dashboards and
 * alerts continue to work. */
#ifndef RAYCLUSTER_METRICS_H
#define RAYCLUSTER_METRICS_H

#include "pass.h"

/* Call it after the status was computed. It sends what has changed: that the cluster exists, whether it is provisioned,
 * and how long that took. */
void metrics_update(struct cluster_pass *p, struct rv_val conditions);
/* The cluster of the context has been deleted. */
void metrics_remove(const struct rc_context *x, struct cluster_memo *m);

#endif
