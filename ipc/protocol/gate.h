/* gate.h - what stands between a host's connection and the supervisor's ZeroMQ socket: it counts.
 *
 * ZeroMQ takes a message as a whole before anybody is told of it, however many frames it has, and there is no option
 * that bounds their number. So a host could make the supervisor keep a message without end. The gate has the socket
 * file; it reads the framing of ZMTP 3 (https://rfc.zeromq.org/spec/23/) and passes on what is within bounds: a
 * connection whose peer exceeds them is closed before ZeroMQ has more of it. It copies 64 KiB at a time and keeps no
 * more. */
#ifndef RV_IPC_PROTOCOL_GATE_H
#define RV_IPC_PROTOCOL_GATE_H

#include "ipc/base/loop.h"

/* ---- the counting, by itself ------------------------------------------------------------------------------ */

struct gate_bounds {
    size_t frames;     /* of one message */
    uint64_t frame;    /* bytes of one frame */
    uint64_t commands; /* in all; only the handshake has any */
};
struct gate_reader { /* {0}: nothing was read yet */
    uint64_t at;     /* bytes of the greeting, or of a frame's head, that were read */
    bool greeted;
    uint8_t head[9];
    uint64_t left; /* of the frame */
    size_t frames;
    uint64_t commands;
};
/* Reads on. 0, or RV_E_PROTOCOL: what comes is not ZMTP 3, or exceeds the bounds. */
int gate_read(struct gate_reader *r, const struct gate_bounds *b, const uint8_t *p, size_t n, struct rv_error *err);

/* ---- the connections --------------------------------------------------------------------------------------- */

struct gate;
/* Takes the place of the socket file `path`, at which somebody listens already: connections to it are passed on to that
 * one. on_bad: the first one exceeded the bounds; at most once. Others are only closed. */
struct gate *gate_open(struct rv_loop *l, const char *path, const struct gate_bounds *b,
                       void (*on_bad)(void *arg, const struct rv_error *err), void *arg, struct rv_error *err);
struct gate *gate_free(struct gate *g); /* removes the file; not from within on_bad */

#endif
