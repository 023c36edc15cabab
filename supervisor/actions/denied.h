/* denied.h - remembers which refusals were reported lately. Each is reported once an hour, however often the plugin
 * asks for the same thing. */
#ifndef ACTIONS_DENIED_H
#define ACTIONS_DENIED_H

#include "rayvisor/base.h"

struct denied;
struct denied *denied_new(void);
struct denied *denied_free(struct denied *d);
/* Has this not been said within the hour? Then it counts as said. now: mono ns */
bool denied_first_report(struct denied *d, const char *plugin, const char *why, int64_t now);

#endif
