/* session.h - the control socket: one line of JSON in, one document out, then the connection is closed. Who may hold
 * how much of it: clients.h. Whoever answers later than at once says client_wait(), and is told when the client is
 * gone. */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include "ipc/base/json_writer.h"
#include "supervisor/clients.h"

struct control_socket;
/* A request, lent. It is answered by one of the functions below, at once or later. */
typedef void (*control_request_fn)(void *arg, struct client *c, struct rv_val request);
struct control_socket *control_socket_new(struct rv_loop *l, const char *path, control_request_fn on_request, void *arg,
                                          struct rv_error *err);
struct control_socket *control_socket_free(struct control_socket *c); /* its clients are cut off */

/* The answer; ends the connection. */
void control_session_answer(struct client *c, struct rv_str json);
/* {"error":"WHY: WHAT"}; what may be NULL. */
void control_session_fail(struct client *c, const char *why, const char *what);

#endif
