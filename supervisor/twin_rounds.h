/* twin_rounds.h - a twin is told by the hosts when the last round of each key began. */
#ifndef SUPERVISOR_TWIN_ROUNDS_H
#define SUPERVISOR_TWIN_ROUNDS_H

#include "supervisor.h"

/* Makes s->twin, if the mode is twin. */
void twin_rounds_start(struct supervisor *s);

#endif
