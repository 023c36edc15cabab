/* zmtp_proxy.h - a proxy between a host and the supervisor's ZeroMQ socket. It enforces bounds on messages.
 *
 * ZeroMQ collects all frames of a message before it delivers the message, and it has no option that bounds their
 * number. So a host could make the supervisor store a message of any size. This proxy owns the socket file and reads
 * the framing of ZMTP 3 (https://rfc.zeromq.org/spec/23/). It passes on what is within the bounds. It closes a
 * connection that exceeds them before ZeroMQ gets more of the message. It copies 64 KiB at a time and stores no
 * more. */
#ifndef RV_IPC_PROTOCOL_ZMTP_PROXY_H
#define RV_IPC_PROTOCOL_ZMTP_PROXY_H

#include "ipc/base/loop.h"

/* ---- the counting, by itself ------------------------------------------------------------------------------ */

struct zmtp_bounds {
    size_t frames;     /* of one message */
    uint64_t frame;    /* size of one frame in bytes */
    uint64_t commands; /* per connection; only the handshake has commands */
};
struct zmtp_reader { /* {0} is the state before the first byte */
    uint64_t at;     /* bytes read so far of the greeting or of the head of a frame */
    bool greeted;
    uint8_t head[9];
    uint64_t left; /* bytes of the frame that are still to come */
    size_t frames;
    uint64_t commands;
};
/* Reads the next n bytes. Returns 0, or RV_E_PROTOCOL if they are not ZMTP 3 or exceed the bounds. */
int zmtp_read(struct zmtp_reader *r, const struct zmtp_bounds *b, const uint8_t *p, size_t n, struct rv_error *err);

/* ---- the connections --------------------------------------------------------------------------------------- */

struct zmtp_proxy;
/* Takes over the socket file `path`, on which ZeroMQ already listens. Connections are forwarded to ZeroMQ. on_bad is
 * called at most once, when the first connection exceeds the bounds. Other connections that do so are only closed. */
struct zmtp_proxy *zmtp_proxy_open(struct loop *l, const char *path, const struct zmtp_bounds *b,
                                   void (*on_bad)(void *arg, const struct rv_error *err), void *arg,
                                   struct rv_error *err);
struct zmtp_proxy *zmtp_proxy_free(struct zmtp_proxy *g); /* removes the file; must not be called from on_bad */

#endif
