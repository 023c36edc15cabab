/* frames.h - WebSocket frames (RFC 6455) as a client reads and writes them. A push parser of outside bytes: it takes
 * any pieces, holds at most one control frame, and hands on the content of text and binary messages as it comes. */
#ifndef SUBMITTER_FRAMES_H
#define SUBMITTER_FRAMES_H

#include "rayvisor/base.h"

enum frames_event {
    FRAMES_DATA,  /* a piece of a message */
    FRAMES_PING,  /* answer with a pong of the same content */
    FRAMES_CLOSE, /* the end; content: two bytes of code and a reason, or nothing */
};

struct frames {
    uint8_t head[14];
    size_t head_n;
    uint64_t left; /* of the payload */
    uint8_t op;
    bool in_payload;
    uint8_t control[125];
    size_t control_n;
};
typedef void (*frames_fn)(void *arg, enum frames_event event, const uint8_t *p, size_t n);

/* 0, or RV_E_PARSE: not what a server may send (masked, reserved bits, unknown or oversized frames). */
int frames_feed(struct frames *f, const uint8_t *p, size_t n, frames_fn fn, void *arg);
/* One whole frame from us, masked as a client's must be. */
void frames_write(struct rv_buf *out, uint8_t op, const uint8_t *p, size_t n, const uint8_t mask[4]);
enum { FRAMES_OP_CLOSE = 8, FRAMES_OP_PONG = 10 };

#endif
