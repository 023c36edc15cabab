/* client.h - sends one request to rayvisord's control socket. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "rayvisor/json.h"

/* Sends the request (JSON without a newline) and appends the answer to out as msgpack. If the answer has a member
 * "error", it is returned as an error. */
int ctl_ask(const char *socket_path, struct rv_str request, struct rv_buf *out, struct rv_error *err);

#endif
