/* health.h - whether the supervisor is ready: what /readyz and the status document say. */
#ifndef SUPERVISOR_HEALTH_H
#define SUPERVISOR_HEALTH_H

#include "supervisor.h"

/* Why the supervisor is not ready; NULL when it is. The text may lie in *room and is valid until the next call. */
const char *health_not_ready(const struct supervisor *s, struct rv_buf *room);
/* Why the configuration file, as it is now, is not wholly in force: it was refused, or a plugin refused its settings.
 * The operator goes on with what was valid, but would not start with this file. NULL: it is in force. */
const char *health_config_refused(const struct supervisor *s);

#endif
