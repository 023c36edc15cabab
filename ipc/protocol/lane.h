/* lane.h - one ordered, private connection between the supervisor and one host process, over ZeroMQ.
 *
 * The supervisor binds a ROUTER on ipc://<dir>/lane (the directory has mode 0700), and the host connects a DEALER.
 * Sending never blocks. When the peer's pipe is full, messages wait in the lane's own queue and are sent later, in
 * order. The callers bound that queue with credit.
 *
 * The peer's first message fixes its identity. Messages of any other identity on the same socket are dropped. A
 * malformed message is reported through on_bad and is not delivered. Everything after it is dropped, because a peer
 * that broke the protocol once cannot be trusted again. One turn of the loop handles only a limited number of messages
 * and bytes of a lane, so that other lanes have their turns. */
#ifndef RV_IPC_PROTOCOL_LANE_H
#define RV_IPC_PROTOCOL_LANE_H

#include "ipc/base/blob.h"
#include "ipc/base/loop.h"
#include "msg.h"

struct lane;
struct lane_context; /* owns the ZeroMQ context; a process has one */
struct lane_context *lane_context_new(void);
struct lane_context *lane_context_free(struct lane_context *c);
void *lane_context_zmq(const struct lane_context *c); /* for a socket that is no lane */

struct lane_callbacks {
    void (*on_message)(void *arg, const struct msg *m);
    void (*on_bad)(void *arg, const struct rv_error *err); /* called at most once; the caller ends the peer */
    void *arg;
};

struct lane *lane_bind(struct lane_context *c, struct loop *l, const char *path, const struct lane_callbacks *cb,
                       struct rv_error *err);
struct lane *lane_connect(struct lane_context *c, struct loop *l, const char *path, const struct lane_callbacks *cb,
                          struct rv_error *err);
struct lane *lane_free(struct lane *l); /* drops queued messages; the binding side removes the socket file */
/* Queues a message and assigns its seq. Copies m->payload; lane_send_blob references the blob instead. The message is
 * sent before the loop sleeps, together with the others of this turn. That saves work, because each transfer wakes two
 * threads: ZeroMQ's and the peer's. */
int lane_send(struct lane *l, struct msg *m);
int lane_send_blob(struct lane *l, struct msg *m, struct blob *payload);
void lane_drop_input(struct lane *l); /* drops all further messages from the peer, after a message that was readable but
                                     broke the protocol */
void lane_push(struct lane *l);       /* passes the queue to ZeroMQ now, for a process that is about to end */
/* For the connecting side: blocks until the connection is established. Returns false if it is not in time. */
bool lane_wait_connected(struct lane *l, int64_t timeout_ms);
size_t lane_queued(const struct lane *l);            /* messages that ZeroMQ has not yet accepted */
size_t lane_queued_bytes(const struct lane *l);      /* their bytes */
bool lane_flush(struct lane *l, int64_t timeout_ms); /* blocks until the queue is empty; returns true if it is */

#endif
