/* frames.h - reads and writes WebSocket frames (RFC 6455) as a client. It is a push parser for bytes from outside: it
 * takes pieces of any size, stores at most one control frame, and passes on the content of text and binary messages as
 * it arrives. */
#ifndef SUBMITTER_FRAMES_H
#define SUBMITTER_FRAMES_H

#include "rayvisor/base.h"

enum frames_event {
    FRAMES_DATA,  /* a piece of a message */
    FRAMES_PING,  /* must be answered with a pong of the same content */
    FRAMES_CLOSE, /* the end; the content is two bytes of code and a reason, or empty */
};

struct frames {
    uint8_t head[14];
    size_t head_n;
    uint64_t left; /* bytes of the payload that are still to come */
    uint8_t op;
    bool in_payload;
    uint8_t control[125];
    size_t control_n;
};
typedef void (*frames_fn)(void *arg, enum frames_event event, const uint8_t *p, size_t n);

/* Returns 0, or RV_E_PARSE for frames that a server may not send (masked, reserved bits, unknown or too long). */
int frames_feed(struct frames *f, const uint8_t *p, size_t n, frames_fn fn, void *arg);
/* Appends one whole frame, masked as a client's must be. */
void frames_write(struct rv_buf *out, uint8_t op, const uint8_t *p, size_t n, const uint8_t mask[4]);
enum { FRAMES_OP_CLOSE = 8, FRAMES_OP_PONG = 10 };

#endif
