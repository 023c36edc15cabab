/* denied.h - what was refused lately: each thing is said once an hour, however often it is asked for. */
#ifndef ACTIONS_DENIED_H
#define ACTIONS_DENIED_H

#include "rayvisor/base.h"

struct denied;
struct denied *denied_new(void);
struct denied *denied_free(struct denied *d);
/* Has this not been said within the hour? Then it counts as said. now: mono ns */
bool denied_first_report(struct denied *d, const char *plugin, const char *why, int64_t now);

#endif
