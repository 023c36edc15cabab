/* batch.h - several messages in one ZeroMQ frame: what a turn of the loop sends wakes the other side once, and small
 * messages cost no frame of their own.
 *
 * A batch is a msgpack array with three elements for each message: header and body as bin, then the payload as bin
 * (empty: none), or nil for a payload that travels as the frame behind the batch, which only its last message may have.
 * No ZeroMQ in here, so that hostile bytes can be tried on it. */
#ifndef RV_IPC_PROTOCOL_BATCH_H
#define RV_IPC_PROTOCOL_BATCH_H

#include "rayvisor/value.h"

/* Appends to a batch, which an empty buffer is too. A NULL payload: it comes behind the batch. */
void batch_add(struct rv_buf *batch, struct rv_bytes header, struct rv_bytes body, const struct rv_bytes *payload);

struct batch_iter {
    struct rv_iter it;
    struct rv_bytes behind; /* the frame behind the batch; .p NULL: there is none */
    struct rv_bytes header, body, payload;
};
/* Begins reading a frame and the one behind it (or {NULL, 0}), which must outlive the reading. 0, or RV_E_PROTOCOL when
 * they are no batch; then no message of it is to be believed. */
int batch_iter(struct rv_bytes frame, struct rv_bytes behind, struct batch_iter *ret, struct rv_error *err);
bool batch_next(struct batch_iter *b); /* fills header, body and payload; false: that was all */

#endif
