/* conflict.h - what follows a write that was refused because the object has changed (409). If the plugin tried again at
 * once, it would send the same write, because its copy of the object is still the old one. So the newest state is sent
 * to the plugin before the result. If the cache does not have it, it is read from the API server first. */
#ifndef ACTIONS_CONFLICT_H
#define ACTIONS_CONFLICT_H

#include "supervisor/supervisor.h"

/* The path to read before the result is sent. NULL if the plugin already gets a newer state, or if the write had no
 * condition. The caller frees it. */
char *conflict_path(struct store *s, const struct rv_action *a);
/* Stores the answer in the cache, which sends it to the plugins that read the object. */
void conflict_read(struct store *s, const struct rv_action *a, const struct kube_response *r);

#endif
