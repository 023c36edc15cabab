/* history.h - the answer to "history": what the supervisor still knows of what happened to one object.
 *
 *   {"kind":...,"namespace":...,"name":...,"deletedSecondsAgo":null,"entries":[...]}, the oldest entry first */
#ifndef CONTROL_HISTORY_H
#define CONTROL_HISTORY_H

#include "session.h"
#include "supervisor/supervisor.h"

/* `request` is {"kind":...,"namespace":...,"name":...}. Returns false if there is nothing, and then does not answer. */
bool history_answer(struct client *c, const struct supervisor *s, struct rv_val request);

#endif
