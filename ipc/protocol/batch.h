/* batch.h - several messages in one ZeroMQ frame, so that all messages of one turn of the loop wake the other side
 * once, and a small message costs no frame of its own.
 *
 * A batch is a msgpack array with three elements for each message: header and body as bin, then the payload as bin
 * (empty: none), or nil where the payload is the frame behind the batch. Only the last message may have a nil.
 * ZeroMQ is not used in here, so that the fuzzer can call it with any bytes. */
#ifndef RV_IPC_PROTOCOL_BATCH_H
#define RV_IPC_PROTOCOL_BATCH_H

#include "rayvisor/value.h"

/* Appends a message. An empty buffer is an empty batch. payload NULL: it is sent as the frame behind the batch. */
void batch_add(struct rv_buf *batch, struct rv_bytes header, struct rv_bytes body, const struct rv_bytes *payload);

struct batch_iter {
    struct rv_iter it;
    struct rv_bytes behind; /* the frame behind the batch; .p NULL: there is none */
    struct rv_bytes header, body, payload;
};
/* Begins reading a frame and the one behind it (or {NULL, 0}), which must outlive the reading. 0, or RV_E_PROTOCOL when
 * they are no batch; then none of its messages may be used. */
int batch_iter(struct rv_bytes frame, struct rv_bytes behind, struct batch_iter *ret, struct rv_error *err);
bool batch_next(struct batch_iter *b); /* fills header, body and payload; false: that was all */

#endif
