/* listen.h - a listening socket from a key of the configuration. */
#ifndef SUPERVISOR_LISTEN_H
#define SUPERVISOR_LISTEN_H

#include "rayvisor/base.h"

/* bind_to: "127.0.0.1:8082", "[::1]:8082", ":8082", or with port 0 for any. A socket that listens, or -1; *ret_port
 * gets its port. */
int listen_on(const char *key, struct rv_str bind_to, unsigned *ret_port, struct rv_error *err);

#endif
