/* lane.h - one ordered, private connection between the supervisor and one host incarnation, over ZeroMQ.
 *
 * The supervisor binds a ROUTER on ipc://<dir>/lane (directory mode 0700), the host connects a DEALER. Sending never
 * blocks: when the peer's pipe is full, messages wait in the lane's own queue (bounded by the callers through credit)
 * and go out as the loop finds room. Order is kept. The peer's first message decides its identity; messages of any
 * other identity on the same socket are dropped. A malformed message is not delivered but reported through on_bad, and
 * everything behind it is dropped, because a peer that broke the protocol once cannot be trusted again. A turn of the
 * loop takes only so many messages and bytes of one lane, in the middle of a batch as well: the others have turns too.
 */
#ifndef RV_IPC_PROTOCOL_LANE_H
#define RV_IPC_PROTOCOL_LANE_H

#include "ipc/base/blob.h"
#include "ipc/base/loop.h"
#include "msg.h"

struct lane;
struct lane_context; /* owns the ZeroMQ context: one per process */
struct lane_context *lane_context_new(void);
struct lane_context *lane_context_free(struct lane_context *c);

struct lane_callbacks {
    void (*on_message)(void *arg, const struct msg *m);
    void (*on_bad)(void *arg, const struct rv_error *err); /* at most once; the caller ends the peer */
    void *arg;
};

struct lane *lane_bind(struct lane_context *c, struct rv_loop *l, const char *path, const struct lane_callbacks *cb,
                       struct rv_error *err);
struct lane *lane_connect(struct lane_context *c, struct rv_loop *l, const char *path, const struct lane_callbacks *cb,
                          struct rv_error *err);
struct lane *lane_free(struct lane *l); /* drops what is queued; removes the socket file (bind side) */
/* Assigns seq. m->payload is copied; with lane_send_blob the blob is referenced instead. It goes out before the
 * loop sleeps, together with all else that is sent in this turn, because every hand-over wakes two threads: ZeroMQ's
 * and the peer's. */
int lane_send(struct lane *l, struct msg *m);
int lane_send_blob(struct lane *l, struct msg *m, struct rv_blob *payload);
void lane_deafen(struct lane *l); /* drops all further messages: one that could be read broke the protocol */
void lane_push(struct lane *l);   /* gives the queue to ZeroMQ now, for a process that is about to end */
/* Connecting side: blocks until the connection stands. False when it does not. */
bool lane_wait_connected(struct lane *l, int64_t timeout_ms);
size_t lane_queued(const struct lane *l);            /* messages not yet handed to ZeroMQ */
size_t lane_queued_bytes(const struct lane *l);      /* of those */
bool lane_flush(struct lane *l, int64_t timeout_ms); /* blocks until the queue is empty; true when it is */

#endif
