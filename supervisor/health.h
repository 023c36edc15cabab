/* health.h - whether the supervisor is ready: what /readyz and the status document say. */
#ifndef SUPERVISOR_HEALTH_H
#define SUPERVISOR_HEALTH_H

#include "supervisor.h"

/* Why the supervisor is not ready; NULL when it is. The text may lie in *room and is valid until the next call. */
const char *health_not_ready(const struct supervisor *s, struct rv_buf *room);

#endif
