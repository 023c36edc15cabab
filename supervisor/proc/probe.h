/* probe.h - asks a plugin itself whether it could run as configured, before anything is put at risk for it.
 *
 * A host is started for that alone (rayvisor-host --check --as-configured): behind the same sandbox it loads the
 * library and runs init with the kinds and settings of the configuration. What an entry of the configuration cannot
 * say, that a library fits its manifest, or that a feature gate exists, is found so. The call waits for the answer, for
 * a bounded time. */
#ifndef PROC_PROBE_H
#define PROC_PROBE_H

#include "supervisor/config/config.h"

enum { PROBE_MS = 3000 };
/* 0, or why not, with the place in the configuration. host: the program. */
int probe_plugin(const struct config *c, const struct config_plugin *p, const char *host, struct rv_error *err);

#endif
