/* denial_log.h - remembers which refusals were reported lately. Each is reported once an hour, however often the plugin
 * asks for the same thing. A plugin that asks for ever new things has a limit of its own: 20 reports, then one a
 * minute. */
#ifndef ACTIONS_DENIAL_LOG_H
#define ACTIONS_DENIAL_LOG_H

#include "rayvisor/base.h"

struct denied;
struct denied *denial_log_new(void);
struct denied *denial_log_free(struct denied *d);
/* Returns true if this refusal was not reported within the last hour, and remembers it as reported. `kind` says what
 * was asked for, without names and namespaces. `now` is monotonic, in ns. */
bool denial_log_is_first(struct denied *d, const char *plugin, const char *kind, int64_t now);

#endif
