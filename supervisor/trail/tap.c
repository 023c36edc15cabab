/* tap.c - see tap.h. The socket is an XPUB, which is a PUB that says whether anybody listens. */
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zmq.h>

enum {
    SUBSCRIPTION_MAX = 256,
    SUBSCRIPTIONS_MAX = 1000,
    SUBSCRIPTIONS_AT_ONCE = 64,
    HANDSHAKE_MS = 5000,
    KERNEL_BYTES = 32 << 10
};

struct tap {
    void *socket;
    char *endpoint;
    uint64_t epoch, seq, of[HAPPENING_COUNT];
    size_t wanted; /* different subscriptions */
    struct rv_buf text;
};

static void set_int(void *socket, int option, int value) { (void)zmq_setsockopt(socket, option, &value, sizeof value); }

/* Nobody but this user may connect to the file, from its first moment on. */
static int bind_private(void *socket, const char *endpoint) {
    mode_t old = umask(0177);
    int r = zmq_bind(socket, endpoint);
    int why = zmq_errno();
    umask(old);
    return r == 0 ? 0 : why;
}

struct tap *tap_open(struct lane_context *c, const char *endpoint, int64_t queue, uint64_t epoch,
                     struct rv_error *err) {
    int64_t most = SUBSCRIPTION_MAX;
    void *socket = zmq_socket(lane_context_zmq(c), ZMQ_XPUB);
    if (socket == NULL) {
        rv_error_set(err, -zmq_errno(), "no socket for the tap: %s", zmq_strerror(zmq_errno()));
        return NULL;
    }
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_SNDHWM, (int)queue);
    set_int(socket, ZMQ_RCVHWM, SUBSCRIPTIONS_AT_ONCE);
    set_int(socket, ZMQ_SNDBUF, KERNEL_BYTES);
    set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    (void)zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    int why = bind_private(socket, endpoint);
    if (why != 0) {
        rv_error_set(err, -why, "cannot bind the tap to %s: %s", endpoint, zmq_strerror(why));
        zmq_close(socket);
        return NULL;
    }
    struct tap *t = rv_alloc(sizeof *t);
    *t = (struct tap){.socket = socket, .endpoint = rv_strdup(rv_str(endpoint)), .epoch = epoch};
    return t;
}

struct tap *tap_close(struct tap *t) {
    if (t == NULL) return NULL;
    zmq_close(t->socket);
    rv_buf_free(&t->text);
    free(t->endpoint);
    free(t);
    return NULL;
}

const char *tap_endpoint(const struct tap *t) { return t->endpoint; }
uint64_t tap_published(const struct tap *t) { return t->seq; }

bool tap_has_observers(struct tap *t) {
    uint8_t message[SUBSCRIPTION_MAX];
    for (int i = 0; i < SUBSCRIPTIONS_AT_ONCE && zmq_recv(t->socket, message, sizeof message, ZMQ_DONTWAIT) > 0; i++) {
        if (message[0] == 1) t->wanted++;
        if (message[0] == 0 && t->wanted > 0) t->wanted--;
    }
    return t->wanted > 0;
}

/* Both numbers count also what is dropped, so a gap shows how much an observer has missed. */
bool tap_is_flooded(const struct tap *t) { return t->wanted > SUBSCRIPTIONS_MAX; }

void tap_publish(struct tap *t, const struct happening *h) {
    const char *topic = happening_name(h->what);
    struct jsonw w = {.out = &t->text};
    t->seq++;
    t->of[h->what]++;
    if (!tap_has_observers(t)) return;
    rv_buf_clear(&t->text);
    jsonw_begin_object(&w, NULL);
    jsonw_fmt(&w, "epoch", "%016llx", (unsigned long long)t->epoch);
    jsonw_uint(&w, "seq", t->seq);
    jsonw_uint(&w, "topicSeq", t->of[h->what]);
    happening_write(h, &w);
    jsonw_end_object(&w);
    if (zmq_send(t->socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        (void)zmq_send(t->socket, t->text.p, t->text.n, ZMQ_DONTWAIT);
}
