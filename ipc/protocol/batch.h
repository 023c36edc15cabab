/* batch.h - puts several messages into one ZeroMQ frame. So all messages of one turn of the loop wake the other side
 * once, and a small message needs no frame of its own.
 *
 * A batch is a msgpack array with three elements for each message: the header and the body as bin, then the payload.
 * The payload is bin (empty if there is none), or nil if it is the next frame. Only the last message may have a nil.
 * This file does not use ZeroMQ, so the fuzzer can call it with any bytes. */
#ifndef RV_IPC_PROTOCOL_BATCH_H
#define RV_IPC_PROTOCOL_BATCH_H

#include "rayvisor/value.h"

/* Appends a message. An empty buffer is an empty batch. If payload is NULL, the payload is sent as the next frame. */
void batch_add(struct rv_buf *batch, struct rv_bytes header, struct rv_bytes body, const struct rv_bytes *payload);

struct batch_iter {
    struct rv_iter it;
    struct rv_bytes behind; /* the frame after the batch; .p is NULL if there is none */
    struct rv_bytes header, body, payload;
};
/* Begins to read a frame and the frame after it (or {NULL, 0}). Both must live until the batch has been read. Returns
 * 0, or RV_E_PROTOCOL if they are not a valid batch; then no message of it may be used. */
int batch_iter(struct rv_bytes frame, struct rv_bytes behind, struct batch_iter *ret, struct rv_error *err);
bool batch_next(struct batch_iter *b); /* fills header, body and payload; returns false at the end */

#endif
