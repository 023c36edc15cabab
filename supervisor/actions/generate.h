/* generate.h - makes credentials that a plugin asks for but never sees. When a request to create a Secret is sent,
 * each value RV_GENERATE_TOKEN (rayvisor/plugin.h) in it becomes 32 random bytes in base64. */
#ifndef ACTIONS_GENERATE_H
#define ACTIONS_GENERATE_H

#include "rayvisor/plugin.h"

/* Replaces the values in the request's JSON; true when there was one: the buffer then holds a secret, and is the
 * caller's to wipe. */
bool generate_tokens(const struct rv_action *a, struct rv_buf *json);

#endif
