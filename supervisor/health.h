/* health.h - whether the supervisor is ready, for /readyz and the status document. */
#ifndef SUPERVISOR_HEALTH_H
#define SUPERVISOR_HEALTH_H

#include "supervisor.h"

/* Why the supervisor is not ready, or NULL if it is. The text may be in *scratch and is valid until the next call. */
const char *health_not_ready(const struct supervisor *s, struct rv_buf *scratch);
/* Why the present configuration file is not completely in force: it was refused, or a plugin refused its settings. The
 * operator continues with the last valid configuration, but it could not start with this file. NULL if the file is in
 * force. */
const char *health_config_refused(const struct supervisor *s);

#endif
