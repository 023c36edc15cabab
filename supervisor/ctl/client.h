/* client.h - one question to rayvisord's control socket. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "rayvisor/json.h"

/* Sends the request (JSON without a newline) and reads the answer as msgpack into out. An answer with "error" is an
 * error. */
int ctl_ask(const char *socket_path, struct rv_str request, struct rv_buf *out, struct rv_error *err);

#endif
