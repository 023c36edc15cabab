/* gate.c - see gate.h. */
#include "gate.h"

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

static int read_greeting(struct gate_reader *r, uint8_t byte, struct rv_error *err) {
    uint64_t at = r->at++;
    bool wrong =
        (at == 0 && byte != 0xff) || (at == SIGNATURE_END && byte != 0x7f) || (at == VERSION_AT && byte < ZMTP);
    if (wrong) return rv_error_set(err, RV_E_PROTOCOL, "the peer does not speak ZMTP 3");
    if (r->at < GREETING) return 0;
    r->at = 0;
    r->greeted = true;
    return 0;
}

static int judge_frame(struct gate_reader *r, const struct gate_bounds *b, struct rv_error *err) {
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

static int read_head(struct gate_reader *r, const struct gate_bounds *b, uint8_t byte, struct rv_error *err) {
    r->head[r->at++] = byte;
    if (r->at == 1 && (byte & ~(FLAG_MORE | FLAG_LONG | FLAG_COMMAND)) != 0)
        return rv_error_set(err, RV_E_PROTOCOL, "a frame with unknown flags");
    if (r->at < ((r->head[0] & FLAG_LONG) != 0 ? 9U : 2U)) return 0;
    int code = judge_frame(r, b, err);
    r->at = 0;
    return code;
}

int gate_read(struct gate_reader *r, const struct gate_bounds *b, const uint8_t *p, size_t n, struct rv_error *err) {
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
    struct rv_watch *watch;
    uint8_t *bytes; /* read here, and not yet written to the other side */
    size_t begin, end;
    bool ended; /* nothing more will be read */
};

struct connection {
    struct gate *gate;
    struct side sides[2]; /* 0: the host, 1: ZeroMQ */
    struct gate_reader reader;
};

struct gate {
    struct rv_loop *loop;
    struct rv_watch *watch;
    int listener, behind; /* behind: O_PATH of ZeroMQ's socket, which has no name any more */
    char *path;
    struct gate_bounds bounds;
    struct connection *list[CONNECTIONS_MAX]; /* 0: the peer */
    bool told;
    void (*on_bad)(void *arg, const struct rv_error *err);
    void *arg;
};

static void connection_free(struct connection *c) {
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (c->gate->list[i] == c) c->gate->list[i] = NULL;
    for (int i = 0; i < 2; i++) {
        rv_watch_free(c->sides[i].watch);
        rv_closep(&c->sides[i].fd);
        free(c->sides[i].bytes);
    }
    free(c);
}

/* Each side is read while its buffer is empty, and written to while the other's is not. */
static void watch_sides(struct connection *c) {
    for (int i = 0; i < 2; i++) {
        const struct side *own = &c->sides[i], *other = &c->sides[1 - i];
        unsigned events = 0;
        if (own->begin == own->end && !own->ended) events |= RV_LOOP_READ;
        if (other->begin != other->end) events |= RV_LOOP_WRITE;
        rv_watch_set(own->watch, events);
    }
}

/* False: it is over. */
static bool fill(struct connection *c, int i, struct rv_error *err) {
    struct side *s = &c->sides[i];
    if (s->begin != s->end || s->ended) return true;
    ssize_t n = read(s->fd, s->bytes, BUFFER);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    s->begin = 0;
    s->end = (size_t)n;
    s->ended = n == 0;
    return i == 1 || gate_read(&c->reader, &c->gate->bounds, s->bytes, s->end, err) == 0;
}

static bool drain(struct connection *c, int i) {
    struct side *s = &c->sides[i];
    if (s->begin == s->end) return !s->ended; /* one side that has ended has nothing to hear either */
    ssize_t n = send(c->sides[1 - i].fd, s->bytes + s->begin, s->end - s->begin, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    s->begin += (size_t)n;
    return true;
}

static void on_ready(void *arg, int fd, unsigned events) {
    struct connection *c = arg;
    struct gate *g = c->gate;
    struct rv_error err = {0};
    (void)fd;
    (void)events;
    bool alive = true;
    for (int i = 0; i < 2 && alive; i++) alive = fill(c, i, &err) && drain(c, i);
    if (alive) {
        watch_sides(c);
        return;
    }
    bool tell = err.code != 0 && !g->told && g->list[0] == c;
    connection_free(c);
    if (!tell) return;
    g->told = true;
    g->on_bad(g->arg, &err);
}

/* The descriptor of a socket that has no name leads to it all the same. */
static int connect_behind(const struct gate *g) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d", g->behind);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) rv_closep(&fd);
    return fd;
}

static void connection_new(struct gate *g, size_t place, int fd) {
    int other = connect_behind(g);
    if (other < 0) {
        close(fd);
        return;
    }
    struct connection *c = rv_alloc(sizeof *c);
    c->gate = g;
    for (int i = 0; i < 2; i++) {
        c->sides[i].fd = i == 0 ? fd : other;
        c->sides[i].bytes = rv_alloc(BUFFER);
        c->sides[i].watch = rv_loop_fd(g->loop, c->sides[i].fd, RV_LOOP_READ, on_ready, c);
    }
    g->list[place] = c;
}

static void on_connection(void *arg, int fd, unsigned events) {
    struct gate *g = arg;
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

struct gate *gate_open(struct rv_loop *l, const char *path, const struct gate_bounds *b,
                       void (*on_bad)(void *arg, const struct rv_error *err), void *arg, struct rv_error *err) {
    int behind = open(path, O_PATH | O_CLOEXEC), code = behind < 0 ? -errno : 0;
    if (code == 0 && unlink(path) != 0) code = -errno;
    int listener = code == 0 ? listen_at(path) : code;
    if (listener < 0) {
        rv_closep(&behind);
        rv_error_set(err, listener, "cannot listen at %s: %s", path, strerror(-listener));
        return NULL;
    }
    struct gate *g = rv_alloc(sizeof *g);
    *g = (struct gate){.loop = l, .listener = listener, .behind = behind, .bounds = *b, .on_bad = on_bad, .arg = arg};
    g->path = rv_strdup(rv_str(path));
    g->watch = rv_loop_fd(l, listener, RV_LOOP_READ, on_connection, g);
    return g;
}

struct gate *gate_free(struct gate *g) {
    if (g == NULL) return NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (g->list[i] != NULL) connection_free(g->list[i]);
    rv_watch_free(g->watch);
    rv_closep(&g->listener);
    rv_closep(&g->behind);
    unlink(g->path);
    free(g->path);
    free(g);
    return NULL;
}
