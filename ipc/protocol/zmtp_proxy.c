/* zmtp_proxy.c - see zmtp_proxy.h. */
#include "zmtp_proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- counting ---------------------------------------------------------------------------------------------- */

enum { GREETING = 64, SIGNATURE_END = 9, VERSION_AT = 10, ZMTP = 3 };
enum { FLAG_MORE = 1, FLAG_LONG = 2, FLAG_COMMAND = 4 };

static int read_greeting(struct zmtp_reader *r, uint8_t byte, struct rv_error *err) {
    uint64_t at = r->at++;
    bool wrong =
        (at == 0 && byte != 0xff) || (at == SIGNATURE_END && byte != 0x7f) || (at == VERSION_AT && byte < ZMTP);
    if (wrong) return rv_error_set(err, RV_E_PROTOCOL, "the peer does not speak ZMTP 3");
    if (r->at < GREETING) return 0;
    r->at = 0;
    r->greeted = true;
    return 0;
}

static int check_frame(struct zmtp_reader *r, const struct zmtp_bounds *b, struct rv_error *err) {
    uint8_t flags = r->head[0];
    r->left = 0;
    for (size_t i = 1; i < r->at; i++) r->left = r->left << 8 | r->head[i];
    if (r->left > b->frame)
        return rv_error_set(err, RV_E_PROTOCOL, "a frame of %llu bytes", (unsigned long long)r->left);
    if ((flags & FLAG_COMMAND) != 0)
        return ++r->commands > b->commands ? rv_error_set(err, RV_E_PROTOCOL, "more commands than a handshake has") : 0;
    if (++r->frames > b->frames)
        return rv_error_set(err, RV_E_PROTOCOL, "a message of more than %zu frames", b->frames);
    if ((flags & FLAG_MORE) == 0) r->frames = 0;
    return 0;
}

static int read_head(struct zmtp_reader *r, const struct zmtp_bounds *b, uint8_t byte, struct rv_error *err) {
    r->head[r->at++] = byte;
    if (r->at == 1 && (byte & ~(FLAG_MORE | FLAG_LONG | FLAG_COMMAND)) != 0)
        return rv_error_set(err, RV_E_PROTOCOL, "a frame with unknown flags");
    if (r->at < ((r->head[0] & FLAG_LONG) != 0 ? 9U : 2U)) return 0;
    int code = check_frame(r, b, err);
    r->at = 0;
    return code;
}

int zmtp_read(struct zmtp_reader *r, const struct zmtp_bounds *b, const uint8_t *p, size_t n, struct rv_error *err) {
    for (size_t i = 0; i < n;) {
        if (r->left > 0) {
            size_t skip = r->left < n - i ? (size_t)r->left : n - i;
            r->left -= skip;
            i += skip;
            continue;
        }
        int code = r->greeted ? read_head(r, b, p[i], err) : read_greeting(r, p[i], err);
        if (code != 0) return code;
        i++;
    }
    return 0;
}

/* ---- connections ------------------------------------------------------------------------------------------- */

enum { CONNECTIONS_MAX = 4, BUFFER = 64 << 10 };

struct side {
    int fd;
    struct loop_watch *watch;
    uint8_t *bytes; /* bytes that were read from here and are not yet written to the other side */
    size_t begin, end;
    bool ended; /* the end of the input was reached */
};

struct connection {
    struct zmtp_proxy *proxy;
    struct side sides[2]; /* [0] is the host, [1] is ZeroMQ */
    struct zmtp_reader reader;
};

struct zmtp_proxy {
    struct loop *loop;
    struct loop_watch *watch;
    /* `zmq_socket` is an O_PATH descriptor of ZeroMQ's socket, whose file name has been removed. */
    int listener, zmq_socket;
    char *path;
    struct zmtp_bounds bounds;
    struct connection *list[CONNECTIONS_MAX]; /* [0] is the first connection, the peer's */
    bool reported;
    void (*on_bad)(void *arg, const struct rv_error *err);
    void *arg;
};

static void connection_free(struct connection *c) {
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (c->proxy->list[i] == c) c->proxy->list[i] = NULL;
    for (int i = 0; i < 2; i++) {
        loop_watch_free(c->sides[i].watch);
        rv_closep(&c->sides[i].fd);
        free(c->sides[i].bytes);
    }
    free(c);
}

/* A side is read while its buffer is empty. It is written to while the buffer of the other side is not empty. */
static void watch_sides(struct connection *c) {
    for (int i = 0; i < 2; i++) {
        const struct side *own = &c->sides[i], *other = &c->sides[1 - i];
        unsigned events = 0;
        if (own->begin == own->end && !own->ended) events |= LOOP_READ;
        if (other->begin != other->end) events |= LOOP_WRITE;
        loop_watch_set(own->watch, events);
    }
}

/* Reads from side i. Returns false if the connection must be closed. */
static bool fill(struct connection *c, int i, struct rv_error *err) {
    struct side *s = &c->sides[i];
    if (s->begin != s->end || s->ended) return true;
    ssize_t n = read(s->fd, s->bytes, BUFFER);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    s->begin = 0;
    s->end = (size_t)n;
    s->ended = n == 0;
    return i == 1 || zmtp_read(&c->reader, &c->proxy->bounds, s->bytes, s->end, err) == 0;
}

static bool drain(struct connection *c, int i) {
    struct side *s = &c->sides[i];
    if (s->begin == s->end) return !s->ended; /* after the end of one side the connection is closed */
    ssize_t n = send(c->sides[1 - i].fd, s->bytes + s->begin, s->end - s->begin, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    s->begin += (size_t)n;
    return true;
}

static void on_ready(void *arg, int fd, unsigned events) {
    struct connection *c = arg;
    struct zmtp_proxy *g = c->proxy;
    struct rv_error err = {0};
    (void)fd;
    (void)events;
    bool alive = true;
    for (int i = 0; i < 2 && alive; i++) alive = fill(c, i, &err) && drain(c, i);
    if (alive) {
        watch_sides(c);
        return;
    }
    bool report = err.code != 0 && !g->reported && g->list[0] == c;
    connection_free(c);
    if (!report) return;
    g->reported = true;
    g->on_bad(g->arg, &err);
}

/* Connects to ZeroMQ's socket by its descriptor, because its name is gone. */
static int connect_zmq(const struct zmtp_proxy *g) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d", g->zmq_socket);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) rv_closep(&fd);
    return fd;
}

static void connection_new(struct zmtp_proxy *g, size_t place, int fd) {
    int other = connect_zmq(g);
    if (other < 0) {
        close(fd);
        return;
    }
    struct connection *c = rv_alloc(sizeof *c);
    c->proxy = g;
    for (int i = 0; i < 2; i++) {
        c->sides[i].fd = i == 0 ? fd : other;
        c->sides[i].bytes = rv_alloc(BUFFER);
        c->sides[i].watch = loop_fd(g->loop, c->sides[i].fd, LOOP_READ, on_ready, c);
    }
    g->list[place] = c;
}

static void on_connection(void *arg, int fd, unsigned events) {
    struct zmtp_proxy *g = arg;
    (void)events;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    size_t place = 0;
    if (peer < 0) return;
    while (place < CONNECTIONS_MAX && g->list[place] != NULL) place++;
    if (place == CONNECTIONS_MAX)
        close(peer);
    else
        connection_new(g, place, peer);
}

static int listen_at(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path) return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, CONNECTIONS_MAX) == 0) return fd;
    int code = -errno;
    rv_closep(&fd);
    return code;
}

struct zmtp_proxy *zmtp_proxy_open(struct loop *l, const char *path, const struct zmtp_bounds *b,
                                   void (*on_bad)(void *arg, const struct rv_error *err), void *arg,
                                   struct rv_error *err) {
    int zmq_socket = open(path, O_PATH | O_CLOEXEC), code = zmq_socket < 0 ? -errno : 0;
    if (code == 0 && unlink(path) != 0) code = -errno;
    int listener = code == 0 ? listen_at(path) : code;
    if (listener < 0) {
        rv_closep(&zmq_socket);
        rv_error_set(err, listener, "cannot listen at %s: %s", path, strerror(-listener));
        return NULL;
    }
    struct zmtp_proxy *g = rv_alloc(sizeof *g);
    *g = (struct zmtp_proxy){
        .loop = l, .listener = listener, .zmq_socket = zmq_socket, .bounds = *b, .on_bad = on_bad, .arg = arg};
    g->path = rv_strdup(rv_str(path));
    g->watch = loop_fd(l, listener, LOOP_READ, on_connection, g);
    return g;
}

struct zmtp_proxy *zmtp_proxy_free(struct zmtp_proxy *g) {
    if (g == NULL) return NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (g->list[i] != NULL) connection_free(g->list[i]);
    loop_watch_free(g->watch);
    rv_closep(&g->listener);
    rv_closep(&g->zmq_socket);
    unlink(g->path);
    free(g->path);
    free(g);
    return NULL;
}
