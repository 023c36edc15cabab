/* conflict.h - what happens after a write that was refused because the object has changed (409). A plugin that tried
 * again at once would send the same write again, for its copy of the object is still the old one. So the newest
 * object is told to the plugin before the result; where the cache does not have it, it is read from the API server
 * first. */
#ifndef ACTIONS_CONFLICT_H
#define ACTIONS_CONFLICT_H

#include "supervisor/supervisor.h"

/* The path to read before the result goes out; NULL: whoever asked knows better already, or set no condition. The
 * caller's. */
char *conflict_path(struct store *s, const struct rv_action *a);
/* What was read there goes into the cache, and to those who read it. */
void conflict_read(struct store *s, const struct rv_action *a, const struct kube_response *r);

#endif
