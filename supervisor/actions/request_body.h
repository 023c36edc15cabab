/* request_body.h - the JSON of requests whose body is not simply the action's own. Preconditions are written where the
 * API server checks them. */
#ifndef ACTIONS_REQUEST_BODY_H
#define ACTIONS_REQUEST_BODY_H

#include "rayvisor/plugin.h"

/* Writes a merge, JSON or apply patch with its preconditions. The API server answers 409 if they do not hold. */
void request_body_patch(const struct rv_action *a, struct rv_buf *json);
/* Writes DeleteOptions: propagation, grace period and preconditions. */
void request_body_delete(const struct rv_action *a, struct rv_buf *json);
/* The path of the request. The caller frees it. */
char *request_path(const struct rv_action *a, const char *plugin);

#endif
