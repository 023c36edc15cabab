/* denied.h - remembers which refusals were reported lately. Each is reported once an hour, however often the plugin
 * asks for the same thing. A plugin that asks for ever new things has a limit of its own: 20 reports, then one a
 * minute. */
#ifndef ACTIONS_DENIED_H
#define ACTIONS_DENIED_H

#include "rayvisor/base.h"

struct denied;
struct denied *denied_new(void);
struct denied *denied_free(struct denied *d);
/* Returns true if this refusal was not reported within the last hour, and remembers it as reported. `kind` says what
 * was asked for, without names and namespaces. `now` is monotonic, in ns. */
bool denied_first_report(struct denied *d, const char *plugin, const char *kind, int64_t now);

#endif
