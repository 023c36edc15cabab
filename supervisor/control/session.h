/* session.h - the control socket and its connections. Each connection has one line of JSON in and one document out.
 *
 * A session lives from accept() until its answer is written, the client disconnects, or its time is over. A function
 * that answers later is told when the session has ended. */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include "ipc/base/json_writer.h"
#include "supervisor/clients.h"

struct control_socket;
/* Gets a request, which is borrowed. One of the functions below answers it, at once or later. */
typedef void (*control_request_fn)(void *arg, struct client *c, struct rv_val request);
struct control_socket *control_socket_new(struct loop *l, const char *path, control_request_fn on_request, void *arg,
                                          struct rv_error *err);
struct control_socket *control_socket_free(struct control_socket *c); /* its clients are cut off */

/* The answer; ends the connection. */
void control_session_answer(struct client *c, struct rv_str json);
/* Answers {"error":"WHY: WHAT"}. `what` may be NULL. */
void control_session_fail(struct client *c, const char *why, const char *what);

#endif
