/* body.h - the JSON of requests that is not simply the action's own body: preconditions go where the API server judges
 * them. */
#ifndef ACTIONS_BODY_H
#define ACTIONS_BODY_H

#include "rayvisor/plugin.h"

/* A merge, JSON or apply patch with its preconditions in it: the API server answers 409 when they do not hold. */
void body_patch(const struct rv_action *a, struct rv_buf *json);
/* DeleteOptions: propagation, grace, preconditions. */
void body_delete(const struct rv_action *a, struct rv_buf *json);
/* Where it is sent. The caller's. */
char *body_path(const struct rv_action *a, const char *plugin);

#endif
