/* session.h - the control socket and its connections: one line of JSON in, one document out, then it is closed.
 *
 * A session lives from accept() until its answer is written, the client goes away, or it takes too long. Whoever
 * answers later than at once is told when the session is gone. */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include "ipc/base/json_writer.h"
#include "ipc/base/loop.h"

struct control_socket;
struct control_session;
/* A request, lent. It is answered by one of the functions below, at once or later. */
typedef void (*control_request_fn)(void *arg, struct control_session *s, struct rv_val request);
struct control_socket *control_socket_new(struct rv_loop *l, const char *path, control_request_fn on_request, void *arg,
                                          struct rv_error *err);
struct control_socket *control_socket_free(struct control_socket *c); /* its sessions end */

/* The answer; ends the session. */
void control_session_answer(struct control_session *s, struct rv_str json);
/* {"error":"WHY: WHAT"}; what may be NULL. */
void control_session_fail(struct control_session *s, const char *why, const char *what);

struct control_wait {
    void (*late)(void *arg); /* after the given time without an answer; answers now */
    void (*gone)(void *arg); /* the session ends, answered or not: nothing may be answered any more */
    void *arg;
};
/* The answer comes later. */
void control_session_wait(struct control_session *s, int64_t ms, const struct control_wait *w);

#endif
