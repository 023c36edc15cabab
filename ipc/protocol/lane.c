/* lane.c - one ordered connection between the supervisor and a host (see lane.h).
 *
 * ZeroMQ's descriptor is edge-triggered: it signals a change only once. So epoll alone does not say whether the socket
 * is ready. A prepare hook reads ZMQ_EVENTS before every sleep, and so does every send. Messages that ZeroMQ does not
 * accept stay in the lane's queue, in order, until the next turn. */
#include "lane.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "batch.h"
#include "tsan.h"
#include "zmtp_proxy.h"

enum {
    HIGH_WATER = 16,        /* batches in ZeroMQ's pipe */
    BATCH_BYTES = 64 << 10, /* about this size: the message that exceeds it is the last of its batch */
    INLINE_MAX = 16 << 10,  /* larger payloads are sent as the frame after their batch, without a copy */
    PER_TURN = 32,          /* units of work: one for a message, and one for each UNIT_BYTES of it */
    UNIT_BYTES = 16 << 10,
    CONNECT_LOOK_MS = 5,
    COMMANDS_MAX = 8, /* a handshake has one or two */
    FRAMES_MAX = 3,
    PROXY_FRAMES = 8, /* one more than a message may have, so that a message with one frame too many is refused with its
                        own error */
    /* The longest batch that our own host makes: a full batch and then the largest message. */
    FRAME_MAX = BATCH_BYTES + MSG_MAX_BODY + INLINE_MAX + 4096,
    /* How many batches of the host ZeroMQ holds. Each may have a payload of 16 MiB. */
    SERVER_HIGH_WATER = 2,
    PATH_LIMIT = 107
};

struct lane_context {
    void *zmq;
};

struct outgoing { /* one batch */
    struct outgoing *next;
    struct rv_buf bytes;
    size_t messages;
    struct blob *payload; /* the payload of the last message, which is sent after the batch */
};

struct incoming {
    zmq_msg_t frames[FRAMES_MAX];
    size_t n;
    bool too_many;
};

struct lane {
    void *socket;
    struct zmtp_proxy *proxy;    /* only on the server's side */
    struct rv_error proxy_error; /* the error that the proxy found; code 0 means none */
    struct loop *loop;
    struct loop_watch *watch;
    struct loop_prepare *prepare;
    struct lane_callbacks cb;
    char *path;
    bool server, dead, input_dropped, in_callback;
    uint8_t peer[256]; /* ROUTER only: the identity of the one peer */
    size_t peer_n;
    uint64_t sent, received;
    struct outgoing *first, *last; /* messages are still added to the last one */
    struct rv_buf header, body;    /* for encoding */
    size_t queued, queued_bytes;
    bool reading; /* part of a batch has been read: */
    struct incoming in;
    struct batch_iter batch;
};

struct lane_context *lane_context_new(void) {
    struct lane_context *c = rv_alloc(sizeof *c);
    c->zmq = zmq_ctx_new();
    if (c->zmq == NULL) rv_oom();
    zmq_ctx_set(c->zmq, ZMQ_IO_THREADS, 1);
    zmq_ctx_set(c->zmq, ZMQ_MAX_SOCKETS, 256);
    return c;
}

struct lane_context *lane_context_free(struct lane_context *c) {
    if (c == NULL) return NULL;
    zmq_ctx_term(c->zmq);
    free(c);
    return NULL;
}

void *lane_context_zmq(const struct lane_context *c) { return c->zmq; }

/* ---- sending -------------------------------------------------------------------------------------------- */

/* ZeroMQ drops the last reference on its own thread. */
static void blob_release(void *data, void *hint) {
    (void)data;
    TSAN_TAKE_OVER(hint);
    blob_unref(hint);
}

static bool send_copy(struct lane *l, const void *p, size_t n, int flags) {
    return zmq_send(l->socket, p, n, flags | ZMQ_DONTWAIT) >= 0;
}

static bool send_payload(struct lane *l, struct blob *blob) {
    zmq_msg_t m;
    struct rv_bytes bytes = blob_bytes(blob_ref(blob));
    TSAN_HAND_OVER(blob);
    /* ZeroMQ's parameter is not const, but ZeroMQ only reads. */
    if (zmq_msg_init_data(&m, (void *)(uintptr_t)bytes.p, bytes.n, blob_release, blob) != 0) rv_oom();
    if (zmq_msg_send(&m, l->socket, ZMQ_DONTWAIT) >= 0) return true;
    zmq_msg_close(&m);
    return false;
}

/* Sends all frames of one batch. ZeroMQ can refuse only the first frame, and then nothing was sent. */
static bool send_one(struct lane *l, struct outgoing *o) {
    if (l->server) {
        if (l->peer_n == 0) return false;
        if (!send_copy(l, l->peer, l->peer_n, ZMQ_SNDMORE)) return false;
    }
    bool more = o->payload != NULL;
    if (!send_copy(l, o->bytes.p, o->bytes.n, more ? ZMQ_SNDMORE : 0)) return false;
    return !more || send_payload(l, o->payload);
}

static size_t outgoing_bytes(const struct outgoing *o) {
    return o->bytes.n + (o->payload != NULL ? blob_bytes(o->payload).n : 0);
}

static void outgoing_free(struct outgoing *o) {
    rv_buf_free(&o->bytes);
    blob_unref(o->payload);
    free(o);
}

/* Sends what ZeroMQ accepts. Returns true if something was sent. */
static bool pump_out(struct lane *l) {
    bool any = false;
    while (l->first != NULL && send_one(l, l->first)) {
        struct outgoing *o = l->first;
        l->first = o->next;
        if (l->first == NULL) l->last = NULL;
        l->queued -= o->messages;
        l->queued_bytes -= outgoing_bytes(o);
        outgoing_free(o);
        any = true;
    }
    return any;
}

static struct outgoing *open_batch(struct lane *l) {
    struct outgoing *o = l->last;
    if (o != NULL && o->payload == NULL && o->bytes.n < BATCH_BYTES) return o;
    o = rv_alloc(sizeof *o);
    if (l->last != NULL)
        l->last->next = o;
    else
        l->first = o;
    return l->last = o;
}

/* Takes over the reference `behind`, a payload that is sent after the batch. */
static int enqueue(struct lane *l, struct msg *m, struct rv_bytes payload, struct blob *behind) {
    struct outgoing *o = open_batch(l);
    size_t before = outgoing_bytes(o);
    m->seq = ++l->sent;
    rv_buf_clear(&l->header);
    rv_buf_clear(&l->body);
    msg_encode(m, &l->header, &l->body);
    batch_add(&o->bytes, rv_buf_bytes(&l->header), rv_buf_bytes(&l->body), behind == NULL ? &payload : NULL);
    o->payload = behind;
    o->messages++;
    l->queued++;
    l->queued_bytes += outgoing_bytes(o) - before;
    loop_again(l->loop);
    return 0;
}

int lane_send(struct lane *l, struct msg *m) {
    return enqueue(l, m, m->payload, m->payload.n > INLINE_MAX ? blob_new(m->payload) : NULL);
}

int lane_send_blob(struct lane *l, struct msg *m, struct blob *payload) {
    struct rv_bytes bytes = payload != NULL ? blob_bytes(payload) : (struct rv_bytes){NULL, 0};
    return enqueue(l, m, bytes, bytes.n > INLINE_MAX ? blob_ref(payload) : NULL);
}

void lane_drop_input(struct lane *l) { l->input_dropped = true; }

void lane_push(struct lane *l) { pump_out(l); }

size_t lane_queued(const struct lane *l) { return l->queued; }
size_t lane_queued_bytes(const struct lane *l) { return l->queued_bytes; }

bool lane_flush(struct lane *l, int64_t timeout_ms) {
    int64_t end = clock_monotonic() + timeout_ms * 1000000;
    while (pump_out(l), l->queued > 0) {
        int64_t left = (end - clock_monotonic()) / 1000000;
        if (left <= 0) return false;
        zmq_pollitem_t item = {.socket = l->socket, .events = ZMQ_POLLOUT};
        zmq_poll(&item, 1, left < 20 ? (long)left : 20);
    }
    return true;
}

/* Runs the loop while it waits, because the other end may be on the same loop. */
bool lane_wait_connected(struct lane *l, int64_t timeout_ms) {
    zmq_pollitem_t item = {.socket = l->socket, .events = ZMQ_POLLOUT};
    int64_t end = clock_monotonic() + timeout_ms * 1000000;
    while (zmq_poll(&item, 1, CONNECT_LOOK_MS) <= 0) {
        if (clock_monotonic() >= end) return false;
        loop_turn(l->loop, 0);
    }
    return true;
}

/* ---- receiving ------------------------------------------------------------------------------------------ */

static void incoming_close(struct incoming *in) {
    for (size_t i = 0; i < in->n; i++) zmq_msg_close(&in->frames[i]);
}

static bool receive(struct lane *l, struct incoming *in) {
    in->n = 0;
    in->too_many = false;
    for (bool more = true; more;) {
        zmq_msg_t surplus, *m = in->n < FRAMES_MAX ? &in->frames[in->n] : &surplus;
        zmq_msg_init(m);
        if (zmq_msg_recv(m, l->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            return false; /* this happens only before the first frame, because ZeroMQ delivers messages whole */
        }
        more = zmq_msg_more(m) != 0;
        if (m == &surplus) {
            in->too_many = true;
            zmq_msg_close(m);
        } else {
            in->n++;
        }
    }
    return true;
}

static struct rv_bytes frame(struct incoming *in, size_t i) {
    if (i >= in->n) return (struct rv_bytes){NULL, 0}; /* zmq_msg_data() is never NULL */
    return (struct rv_bytes){zmq_msg_data(&in->frames[i]), zmq_msg_size(&in->frames[i])};
}

/* The first peer that sends anything is the peer. Messages of others are dropped without an error. An error would let a
 * stranger have the right peer killed. */
static bool is_peer(struct lane *l, struct rv_bytes id) {
    if (id.n == 0) return false;
    if (l->peer_n == 0 && id.n <= sizeof l->peer) {
        memcpy(l->peer, id.p, id.n);
        l->peer_n = id.n;
    }
    return l->peer_n == id.n && memcmp(l->peer, id.p, id.n) == 0;
}

static int parse(struct lane *l, const struct batch_iter *b, struct msg *m, struct rv_error *err) {
    int r = msg_decode(b->header, b->body, b->payload, l->server, m, err);
    if (r != 0) return r;
    if (m->seq != l->received + 1)
        r = rv_error_set(err, RV_E_PROTOCOL, "%s message has number %llu, expected %llu", msg_type_name(m->type),
                         (unsigned long long)m->seq, (unsigned long long)l->received + 1);
    else
        l->received = m->seq;
    return r;
}

static int unpack(struct lane *l, struct incoming *in, struct batch_iter *ret, struct rv_error *err) {
    size_t first = l->server ? 1 : 0;
    if (in->too_many || in->n < first + 1 || in->n > first + 2)
        return rv_error_set(err, RV_E_PROTOCOL, "message of %s frames than 1 or 2",
                            in->n < first + 1 ? "fewer" : "more");
    if (frame(in, first).n > FRAME_MAX)
        return rv_error_set(err, RV_E_PROTOCOL, "batch of %zu bytes, more than %d", frame(in, first).n, (int)FRAME_MAX);
    return batch_iter(frame(in, first), frame(in, first + 1), ret, err);
}

static void refuse(struct lane *l, const struct rv_error *err) {
    l->input_dropped = true;
    l->cb.on_bad(l->cb.arg, err);
}

static void end_batch(struct lane *l) {
    if (l->reading) incoming_close(&l->in);
    l->reading = false;
}

/* Returns 0 if nothing has arrived. */
static int begin_batch(struct lane *l) {
    struct rv_error err = {0};
    if (!receive(l, &l->in)) return 0;
    l->reading = true;
    bool heeded = !l->input_dropped && (!l->server || is_peer(l, frame(&l->in, 0)));
    if (heeded && unpack(l, &l->in, &l->batch, &err) == 0) return 1;
    end_batch(l);
    if (heeded) refuse(l, &err);
    return 1;
}

/* Delivers the next message of a batch. Returns its cost in units. The batch ends here if it has no more messages, if
 * one was bad, or if a callback freed the lane. */
static int deliver_one(struct lane *l) {
    struct msg m;
    struct rv_error err = {0};
    if (l->dead || l->input_dropped || !batch_next(&l->batch)) {
        end_batch(l);
        return 1;
    }
    size_t bytes = l->batch.body.n + l->batch.payload.n;
    if (parse(l, &l->batch, &m, &err) != 0)
        refuse(l, &err);
    else
        l->cb.on_message(l->cb.arg, &m);
    return 1 + (int)(bytes / UNIT_BYTES);
}

/* Returns 0 if nothing has arrived. A batch may be continued in the next turn, so that other sources have their
 * turns. */
static int receive_some(struct lane *l) { return l->reading ? deliver_one(l) : begin_batch(l); }

static void lane_destroy(struct lane *l);

/* Makes the socket process the commands of ZeroMQ's thread. Without this a full pipe seems full for ever and an arrived
 * message is not seen. Sending does it only now and then, so it is done here. */
static void refresh(struct lane *l) {
    int events = 0;
    size_t size = sizeof events;
    (void)zmq_getsockopt(l->socket, ZMQ_EVENTS, &events, &size);
}

/* Returns true if anything happened. The loop then runs the hooks once more before it sleeps. Any call on a socket may
 * consume the one edge that announces a message, even a send by another lane's callback. Only a round in which nothing
 * happened proves that nothing is left. */
static bool pump(void *arg) {
    struct lane *l = arg;
    if (l->in_callback || l->dead) return false;
    l->in_callback = true;
    refresh(l);
    bool any = pump_out(l);
    if (l->proxy_error.code != 0 && !l->input_dropped) refuse(l, &l->proxy_error);
    int budget = PER_TURN;
    for (int n = 1; n > 0 && budget > 0 && !l->dead; budget -= n) n = receive_some(l);
    /* Receiving may have shown that the pipe has space again. */
    if (!l->dead && pump_out(l)) any = true;
    l->in_callback = false;
    if (l->dead) {
        lane_destroy(l);
        return true;
    }
    return any || budget < PER_TURN;
}

/* The error is reported from the prepare hook, where the lane may be freed. */
static void on_proxy_error(void *arg, const struct rv_error *err) {
    struct lane *l = arg;
    l->proxy_error = *err;
    loop_again(l->loop);
}

static void on_readable(void *arg, int fd, unsigned events) {
    (void)fd;
    (void)events;
    (void)arg; /* the prepare hook, which runs before the next sleep, does the work */
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void set_int(void *socket, int option, int value) { (void)zmq_setsockopt(socket, option, &value, sizeof value); }

static struct lane *lane_open(struct lane_context *c, struct loop *loop, const char *path, bool server,
                              const struct lane_callbacks *cb, struct rv_error *err) {
    if (strlen(path) > PATH_LIMIT) {
        rv_error_set(err, -ENAMETOOLONG, "socket path %s is longer than %d characters: choose a shorter runtimeDir",
                     path, PATH_LIMIT);
        return NULL;
    }
    struct lane *l = rv_alloc(sizeof *l);
    l->socket = zmq_socket(c->zmq, server ? ZMQ_ROUTER : ZMQ_DEALER);
    if (l->socket == NULL) rv_oom();
    l->loop = loop;
    l->server = server;
    l->cb = *cb;
    l->path = rv_strdup(rv_str(path));
    set_int(l->socket, ZMQ_LINGER, 0);
    set_int(l->socket, ZMQ_SNDHWM, HIGH_WATER);
    set_int(l->socket, ZMQ_RCVHWM, server ? SERVER_HIGH_WATER : HIGH_WATER);
    /* Notice when the peer is gone. The connecting side has a pipe only once there is a connection. */
    if (server)
        set_int(l->socket, ZMQ_ROUTER_MANDATORY, 1);
    else
        set_int(l->socket, ZMQ_IMMEDIATE, 1);
    int64_t max = MSG_MAX_PAYLOAD + 1024;
    (void)zmq_setsockopt(l->socket, ZMQ_MAXMSGSIZE, &max, sizeof max);
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "ipc://%s", path);
    int r = server ? zmq_bind(l->socket, rv_buf_cstr(&url)) : zmq_connect(l->socket, rv_buf_cstr(&url));
    if (r != 0) {
        rv_error_set(err, -zmq_errno(), "cannot %s %s: %s", server ? "bind" : "connect to", path,
                     zmq_strerror(zmq_errno()));
        lane_destroy(l);
        return NULL;
    }
    const struct zmtp_bounds bounds = {PROXY_FRAMES, (uint64_t)max, COMMANDS_MAX};
    if (server && (l->proxy = zmtp_proxy_open(loop, path, &bounds, on_proxy_error, l, err)) == NULL) {
        lane_destroy(l);
        return NULL;
    }
    int fd = -1;
    size_t size = sizeof fd;
    zmq_getsockopt(l->socket, ZMQ_FD, &fd, &size);
    l->watch = loop_fd(loop, fd, LOOP_READ, on_readable, l);
    l->prepare = loop_prepare(loop, pump, l);
    return l;
}

struct lane *lane_bind(struct lane_context *c, struct loop *l, const char *path, const struct lane_callbacks *cb,
                       struct rv_error *err) {
    return lane_open(c, l, path, true, cb, err);
}

struct lane *lane_connect(struct lane_context *c, struct loop *l, const char *path, const struct lane_callbacks *cb,
                          struct rv_error *err) {
    return lane_open(c, l, path, false, cb, err);
}

static void lane_destroy(struct lane *l) {
    loop_watch_free(l->watch);
    loop_prepare_free(l->prepare);
    end_batch(l);
    zmtp_proxy_free(l->proxy);
    zmq_close(l->socket);
    if (l->server) unlink(l->path);
    while (l->first != NULL) {
        struct outgoing *o = l->first;
        l->first = o->next;
        outgoing_free(o);
    }
    rv_buf_free(&l->header);
    rv_buf_free(&l->body);
    free(l->path);
    free(l);
}

struct lane *lane_free(struct lane *l) {
    if (l == NULL || l->dead) return NULL;
    l->dead = true;
    if (!l->in_callback) lane_destroy(l); /* otherwise pump() does it when the callback has returned */
    return NULL;
}
