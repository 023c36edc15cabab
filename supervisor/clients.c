/* clients.c - see clients.h. */
#include "clients.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/base/rate_limit.h"

/* LINGER: what a client still sends after its answer is read and dropped for so long, or closing would reset the
 * connection and take the answer with it. PAUSE: without a file descriptor to accept with. */
enum { READ_SIZE = 4096, TLS_READ = 16384, ACCEPT_MAX = 16, LINGER_MS = 1000, LINGER_MAX = 64 << 10, PAUSE_MS = 200 };

enum state { ASKING, WAITING, ANSWERING, LINGERING };

struct client {
    struct clients *owner;
    struct client *next, *prev; /* the oldest is first */
    uint64_t peer[2];
    int fd;
    struct tls_socket *tls; /* NULL: in clear text */
    enum state state;
    int64_t until, moved; /* mono ns: until when at the latest; when it last took something */
    struct loop_watch *watch;
    struct loop_timer *timeout;
    struct rv_buf in, out;
    size_t dropped; /* bytes that came after the request */
    struct client_wait wait;
    struct client_source source;
};

struct clients {
    struct clients_opts o;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *pause;
    struct rate_limit coming;
    size_t bytes; /* of all that is being asked */
    struct client *first, *last;
    struct clients_stats stats;
};

/* ---- a client's life ------------------------------------------------------------------------------------ */

static void end_source(struct client *c) {
    struct client_source s = c->source;
    c->source = (struct client_source){0};
    if (s.gone != NULL) s.gone(s.arg);
}

static void end_wait(struct client *c) {
    struct client_wait w = c->wait;
    c->wait = (struct client_wait){0};
    if (w.gone != NULL) w.gone(w.arg);
}

static void forget_request(struct client *c) {
    c->owner->bytes -= c->in.n;
    rv_buf_free(&c->in);
}

static void client_close(struct client *c) {
    struct clients *o = c->owner;
    *(c->prev != NULL ? &c->prev->next : &o->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &o->last) = c->prev;
    o->stats.open--;
    end_wait(c);
    end_source(c);
    loop_watch_free(c->watch);
    loop_timer_free(c->timeout);
    tls_socket_free(c->tls);
    rv_closep(&c->fd);
    forget_request(c);
    rv_buf_free(&c->out);
    free(c);
}

static void cut_off(struct client *c) {
    c->owner->stats.cut_off++;
    client_close(c);
}

/* It gets so long in this state, and less where it stalls. */
static void enter(struct client *c, enum state state, int64_t ms) {
    c->state = state;
    c->moved = clock_monotonic();
    c->until = c->moved + ms * INT64_C(1000000);
    loop_timer_arm(c->timeout, state == ANSWERING && c->owner->o.stall_ms < ms ? c->owner->o.stall_ms : ms);
}

static void linger(struct client *c) {
    end_source(c);
    rv_buf_free(&c->out);
    if (c->tls != NULL) tls_socket_end(c->tls);
    if (shutdown(c->fd, SHUT_WR) != 0) {
        client_close(c);
        return;
    }
    loop_watch_set(c->watch, LOOP_READ);
    enter(c, LINGERING, LINGER_MS);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static bool refill(struct client *c) {
    while (c->out.n == 0 && c->source.more != NULL)
        if (!c->source.more(c->source.arg, &c->out)) c->source.more = NULL;
    return c->out.n != 0;
}

/* One chunk for each turn of the loop: others have theirs. */
static void flush(struct client *c) {
    if (!refill(c)) {
        linger(c);
        return;
    }
    unsigned events = LOOP_WRITE;
    ssize_t n = c->tls != NULL ? tls_socket_write(c->tls, c->out.p, c->out.n, &events)
                               : send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        client_close(c);
        return;
    }
    int64_t now = clock_monotonic();
    if (n > 0) {
        rv_buf_consume(&c->out, (size_t)n);
        c->moved = now;
    }
    if (c->out.n == 0 && c->source.more == NULL)
        linger(c);
    else
        loop_watch_set(c->watch, events);
}

static void begin_answer(struct client *c) {
    c->wait.late = NULL;
    forget_request(c);
    enter(c, ANSWERING, c->owner->o.answer_ms);
    flush(c);
}

void client_answer(struct client *c, struct rv_str text) {
    rv_buf_add_str(&c->out, text);
    begin_answer(c);
}

void client_stream(struct client *c, struct rv_str text, const struct client_source *source) {
    rv_buf_add_str(&c->out, text);
    c->source = *source;
    begin_answer(c);
}

void client_wait(struct client *c, int64_t ms, const struct client_wait *w) {
    c->wait = *w;
    enter(c, WAITING, ms);
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static void ask(struct client *c) {
    const struct clients_opts *o = &c->owner->o;
    size_t n = o->whole(o->arg, rv_buf_str(&c->in));
    if (n == 0 && c->in.n <= o->request_max) return;
    loop_watch_set(c->watch, 0); /* a client that shuts its sending side down still gets its answer */
    c->state = WAITING;
    if (n != 0)
        o->on_request(o->arg, c, (struct rv_str){(const char *)c->in.p, n});
    else if (o->on_too_long != NULL)
        o->on_too_long(o->arg, c);
    else
        cut_off(c);
}

static ssize_t read_some(struct client *c, size_t most, unsigned *ret_events) {
    rv_buf_reserve(&c->in, most);
    ssize_t n = c->tls != NULL ? tls_socket_read(c->tls, c->in.p + c->in.n, most, ret_events)
                               : read(c->fd, c->in.p + c->in.n, most);
    if (n > 0) {
        c->in.n += (size_t)n;
        c->owner->bytes += (size_t)n;
    }
    return n;
}

/* One record of TLS at most, of which no rest is left behind that the socket would not tell of. */
static void take(struct client *c) {
    const struct clients_opts *o = &c->owner->o;
    unsigned events = LOOP_READ;
    ssize_t n = read_some(c, c->tls != NULL ? TLS_READ : READ_SIZE, &events);
    while (n > 0 && c->tls != NULL && tls_socket_pending(c->tls)) n = read_some(c, READ_SIZE, &events);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        loop_watch_set(c->watch, events);
    else if (n <= 0)
        client_close(c);
    else if (o->bytes_max != 0 && c->owner->bytes > o->bytes_max)
        cut_off(c);
    else {
        loop_watch_set(c->watch, LOOP_READ);
        ask(c);
    }
}

static void drop(struct client *c) {
    char bytes[READ_SIZE];
    ssize_t n = read(c->fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) c->dropped += (size_t)n;
    if (n <= 0 || c->dropped > LINGER_MAX) client_close(c);
}

static void on_client(void *arg, int fd, unsigned events) {
    struct client *c = arg;
    (void)fd;
    if (c->state == ASKING)
        take(c);
    else if (c->state == LINGERING)
        drop(c);
    else if (c->state == ANSWERING && (events & (c->tls != NULL ? LOOP_READ | LOOP_WRITE : LOOP_WRITE)) != 0)
        flush(c);
    else
        client_close(c); /* it is gone */
}

static void on_timeout(void *arg) {
    struct client *c = arg;
    int64_t now = clock_monotonic(), stalls = c->moved + c->owner->o.stall_ms * INT64_C(1000000);
    void (*late)(void *) = c->wait.late;
    c->wait.late = NULL;
    if (c->state == WAITING && late != NULL)
        late(c->wait.arg);
    else if (c->state == LINGERING)
        client_close(c);
    else if (c->state == ANSWERING && now < c->until && now < stalls)
        loop_timer_arm(c->timeout, clock_left_ms(stalls < c->until ? stalls : c->until));
    else
        cut_off(c);
}

/* ---- who comes in --------------------------------------------------------------------------------------- */

static void peer_of(const struct sockaddr_storage *a, uint64_t peer[2]) {
    peer[0] = peer[1] = 0;
    if (a->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, a, sizeof in);
        peer[1] = in.sin_addr.s_addr;
    } else if (a->ss_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, a, sizeof in);
        memcpy(peer, in.sin6_addr.s6_addr, IN6_IS_ADDR_V4MAPPED(&in.sin6_addr) ? sizeof(uint64_t[2]) : sizeof *peer);
    }
}

static size_t count_of(const struct clients *o, const uint64_t peer[2]) {
    size_t n = 0;
    for (const struct client *c = o->first; c != NULL; c = c->next) n += memcmp(c->peer, peer, sizeof c->peer) == 0;
    return n;
}

/* Nobody works for it: it has not asked, or does not take its answer. */
static bool is_idle(const struct client *c) {
    return c->state == ASKING || c->state == LINGERING ||
           (c->state == ANSWERING && clock_monotonic() - c->moved > LINGER_MS * INT64_C(1000000));
}

/* Who goes to make room for one of this peer; NULL: the newcomer. own: only one of the same peer. */
static struct client *whom_to_cut_off(const struct clients *o, const uint64_t peer[2], bool own) {
    struct client *found = NULL;
    size_t mine = count_of(o, peer) + 1, most = 0;
    for (struct client *c = o->first; c != NULL; c = c->next) {
        if (own && memcmp(c->peer, peer, sizeof c->peer) != 0) continue;
        size_t n = count_of(o, c->peer);
        if (!is_idle(c) && (own || n <= mine)) continue;
        size_t score = 2 * n + is_idle(c);
        if (score > most) {
            most = score;
            found = c;
        }
    }
    return found;
}

static bool make_room(struct clients *o, const uint64_t peer[2]) {
    bool own = o->o.max_of_peer != 0 && count_of(o, peer) >= o->o.max_of_peer;
    if (!own && o->stats.open < o->o.max) return true;
    struct client *c = whom_to_cut_off(o, peer, own);
    if (c != NULL) cut_off(c);
    return c != NULL;
}

static void admit(struct clients *o, int fd, const struct sockaddr_storage *from) {
    uint64_t peer[2];
    peer_of(from, peer);
    o->stats.accepted++;
    if (!make_room(o, peer)) {
        o->stats.cut_off++;
        close(fd);
        return;
    }
    struct client *c = rv_alloc(sizeof *c);
    c->owner = o;
    c->fd = fd;
    if (o->o.tls != NULL) c->tls = tls_socket_new(o->o.tls, fd);
    memcpy(c->peer, peer, sizeof peer);
    c->prev = o->last;
    *(o->last != NULL ? &o->last->next : &o->first) = c;
    o->last = c;
    o->stats.open++;
    c->watch = loop_fd(o->o.loop, fd, LOOP_READ, on_client, c);
    c->timeout = loop_timer(o->o.loop, on_timeout, c);
    enter(c, ASKING, o->o.ask_ms);
}

static void on_pause_over(void *arg) { loop_watch_set(((struct clients *)arg)->watch, LOOP_READ); }

static void rest(struct clients *o) {
    loop_watch_set(o->watch, 0);
    loop_timer_arm(o->pause, PAUSE_MS);
}

/* A handshake costs much more than the connection. */
static bool may_come(struct clients *o) {
    double each = o->o.per_second != 0 ? 1e9 / (double)o->o.per_second : 0;
    if (o->o.per_second == 0 || rate_limit_has(&o->coming, clock_monotonic(), each, (double)o->o.per_second))
        return true;
    rest(o);
    return false;
}

static void on_connect(void *arg, int fd, unsigned events) {
    struct clients *o = arg;
    (void)events;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        if (!may_come(o)) return;
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof from;
        int client_fd = accept4(fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client_fd >= 0) {
            o->coming.tokens -= 1;
            admit(o, client_fd, &from);
            continue;
        }
        if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
        rest(o); /* it would be told again at once, without end */
        return;
    }
}

struct clients *clients_new(int listening_fd, const struct clients_opts *opts) {
    struct clients *o = rv_alloc(sizeof *o);
    o->o = *opts;
    o->fd = listening_fd;
    o->watch = loop_fd(opts->loop, listening_fd, LOOP_READ, on_connect, o);
    o->pause = loop_timer(opts->loop, on_pause_over, o);
    return o;
}

struct clients *clients_free(struct clients *o) {
    if (o == NULL) return NULL;
    while (o->first != NULL) client_close(o->first); /* NOLINT(clang-analyzer-unix.Malloc): closing unlinks it */
    loop_watch_free(o->watch);
    loop_timer_free(o->pause);
    rv_closep(&o->fd);
    free(o);
    return NULL;
}

void clients_stats(const struct clients *o, struct clients_stats *ret) { *ret = o->stats; }
