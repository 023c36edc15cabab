/* generate.h - makes credentials that a plugin requests but never sees. When a request to create a Secret is sent, each
 * value RV_GENERATE_TOKEN (rayvisor/plugin.h) in it is replaced by 32 random bytes in base64. */
#ifndef ACTIONS_GENERATE_H
#define ACTIONS_GENERATE_H

#include "rayvisor/plugin.h"

/* Replaces the values in the JSON of the request. Returns true if there was one. The buffer then contains a secret, and
 * the caller must wipe it. */
bool generate_tokens(const struct rv_action *a, struct rv_buf *json);

#endif
