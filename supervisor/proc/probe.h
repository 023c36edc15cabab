/* probe.h - tests whether a plugin could run as configured, before anything depends on it.
 *
 * It starts a host only for the test (rayvisor-host --check --as-configured). The host has the same sandbox. It loads
 * the library and runs init() with the kinds and settings of the configuration. So it finds what the configuration
 * cannot show: whether the library fits the manifest, or whether a feature gate exists. The call blocks until the
 * answer, for a bounded time. */
#ifndef PROC_PROBE_H
#define PROC_PROBE_H

#include "supervisor/config/config.h"

enum { PROBE_MS = 3000 };
/* Returns 0, or the reason with the place in the configuration. `host` is the path of the host program. */
int probe_plugin(const struct config *c, const struct config_plugin *p, const char *host, struct rv_error *err);

#endif
