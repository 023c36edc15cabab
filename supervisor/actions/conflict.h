/* conflict.h - a write was refused because the object is another by now (409). Whoever tries again at once without
 * knowing that one asks the same again: so it is told first, or read where the cache has nothing newer. */
#ifndef ACTIONS_CONFLICT_H
#define ACTIONS_CONFLICT_H

#include "supervisor/supervisor.h"

/* The path to read before the result goes out; NULL: whoever asked knows better already, or set no condition. The
 * caller's. */
char *conflict_path(struct store *s, const struct rv_action *a);
/* What was read there goes into the cache, and to those who read it. */
void conflict_read(struct store *s, const struct rv_action *a, const struct kube_response *r);

#endif
