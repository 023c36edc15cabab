/* h2_transport.c - see h2_transport.h. */
#include "h2_transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 16384, CHUNKS = 4, WHY_MAX = 256 };

enum state { CONNECTING, SHAKING_HANDS, OPEN, BROKEN };

struct h2_transport {
    struct loop *loop;
    int fd;
    enum state state;
    struct loop_watch *watch;
    unsigned events;
    bool wants_write; /* the caller has more to send */
    SSL *ssl;
    const struct h2_transport_events *on;
    void *arg;
};

static void set_events(struct h2_transport *t, unsigned events) {
    if (events == t->events) return;
    t->events = events;
    loop_watch_set(t->watch, events);
}

static void closed(struct h2_transport *t, const char *why) {
    t->state = BROKEN;
    t->watch = loop_watch_free(t->watch);
    t->on->on_closed(t->arg, why);
}

/* ---- TLS ------------------------------------------------------------------------------------------------ */

SSL_CTX *h2_transport_tls(void) {
    static const unsigned char protocols[] = "\x02h2";
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL) rv_oom();
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_verify_paths(c);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_protos(c, protocols, sizeof protocols - 1);
    return c;
}

static SSL *tls_new(SSL_CTX *ctx, const struct client_identity *identity, int fd, const char *host) {
    struct in6_addr address;
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) rv_oom();
    bool is_address = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    if (is_address) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    } else {
        SSL_set1_host(ssl, host);
        SSL_set_tlsext_host_name(ssl, host);
    }
    if (identity != NULL) client_identity_use(identity, ssl);
    SSL_set_connect_state(ssl);
    return ssl;
}

static void tls_reason(struct h2_transport *t, char why[WHY_MAX]) {
    long verified = SSL_get_verify_result(t->ssl);
    unsigned long error = ERR_peek_last_error();
    const char *text = error != 0 ? ERR_reason_error_string(error) : NULL;
    if (verified != X509_V_OK)
        snprintf(why, WHY_MAX, H2_TRANSPORT_TLS "%s", X509_verify_cert_error_string(verified));
    else
        snprintf(why, WHY_MAX, H2_TRANSPORT_TLS "%s", text != NULL ? text : "the peer closed the connection");
    ERR_clear_error();
}

static bool speaks_h2(struct h2_transport *t) {
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(t->ssl, &name, &n);
    return n == 2 && memcmp(name, "h2", 2) == 0;
}

static void opened(struct h2_transport *t) {
    t->state = OPEN;
    set_events(t, LOOP_READ);
    t->on->on_open(t->arg);
}

static void shake_hands(struct h2_transport *t) {
    char why[WHY_MAX];
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    int what = SSL_get_error(t->ssl, done);
    if (done == 1 && !speaks_h2(t)) {
        closed(t, H2_TRANSPORT_TLS "the peer does not offer HTTP/2");
    } else if (done == 1) {
        opened(t);
    } else if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) {
        set_events(t, what == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE);
    } else {
        tls_reason(t, why);
        closed(t, why);
    }
}

/* ---- bytes ---------------------------------------------------------------------------------------------- */

/* Returns the number of bytes that were read, 0 if there are none, or -1 with the reason if the connection has
 * ended. */
static ssize_t read_some(struct h2_transport *t, uint8_t *to, size_t capacity, char why[WHY_MAX]) {
    if (t->ssl == NULL) {
        ssize_t n = recv(t->fd, to, capacity, 0);
        if (n > 0) return n;
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
        snprintf(why, WHY_MAX, "%s", n == 0 ? "the server closed the connection" : strerror(errno));
        return -1;
    }
    ERR_clear_error();
    int n = SSL_read(t->ssl, to, (int)capacity);
    int what = SSL_get_error(t->ssl, n);
    if (n > 0) return n;
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) return 0;
    if (what == SSL_ERROR_ZERO_RETURN)
        snprintf(why, WHY_MAX, "the server closed the connection");
    else
        tls_reason(t, why);
    return -1;
}

/* Reads a limited number of chunks in each turn, so that other connections have their turns. */
static void read_all(struct h2_transport *t) {
    uint8_t chunk[CHUNK];
    char why[WHY_MAX];
    for (int i = 0; i < CHUNKS; i++) {
        ssize_t n = read_some(t, chunk, sizeof chunk, why);
        if (n < 0) closed(t, why);
        if (n <= 0) return;
        if (!t->on->on_bytes(t->arg, (struct rv_bytes){chunk, (size_t)n})) return;
        if (t->ssl == NULL && (size_t)n < sizeof chunk) return;
    }
}

static void connected(struct h2_transport *t) {
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0) error = errno;
    if (error != 0) {
        closed(t, strerror(error));
    } else if (t->ssl != NULL) {
        t->state = SHAKING_HANDS;
        shake_hands(t);
    } else {
        opened(t);
    }
}

static void on_event(void *arg, int fd, unsigned events) {
    struct h2_transport *t = arg;
    (void)fd;
    if (t->state == CONNECTING) {
        connected(t);
    } else if (t->state == SHAKING_HANDS) {
        shake_hands(t);
    } else if ((events & LOOP_WRITE) != 0 && t->wants_write && (events & LOOP_ERROR) == 0) {
        t->wants_write = false;
        set_events(t, LOOP_READ);
        t->on->on_writable(t->arg); /* bytes to read are reported in the next turn */
    } else {
        read_all(t);
    }
}

static size_t taken(struct h2_transport *t, struct rv_bytes bytes) {
    if (t->ssl == NULL) {
        ssize_t n = send(t->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        return n > 0 ? (size_t)n : 0;
    }
    ERR_clear_error();
    int n = SSL_write(t->ssl, bytes.p, bytes.n < INT32_MAX ? (int)bytes.n : INT32_MAX);
    return n > 0 ? (size_t)n : 0;
}

/* If the connection has failed, the reader sees it as well, and the loop reports it. */
size_t h2_transport_write(struct h2_transport *t, struct rv_bytes bytes) {
    if (t->state != OPEN || bytes.n == 0) return 0;
    size_t n = taken(t, bytes);
    t->wants_write = n < bytes.n;
    set_events(t, t->wants_write ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    return n;
}

struct h2_transport *h2_transport_new(struct loop *l, const struct sockaddr *to, SSL_CTX *tls,
                                      const struct client_identity *identity, const char *host,
                                      const struct h2_transport_events *events, void *arg, struct rv_error *err) {
    int one = 1, fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t n = to->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (fd < 0) {
        rv_error_set(err, -errno, "no socket: %s", strerror(errno));
        return NULL;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (connect(fd, to, n) != 0 && errno != EINPROGRESS) {
        rv_error_set(err, -errno, "%s", strerror(errno));
        close(fd);
        return NULL;
    }
    struct h2_transport *t = rv_alloc(sizeof *t);
    *t = (struct h2_transport){.loop = l, .fd = fd, .events = LOOP_WRITE, .on = events, .arg = arg};
    if (tls != NULL) t->ssl = tls_new(tls, identity, fd, host);
    t->watch = loop_fd(l, fd, LOOP_WRITE, on_event, t);
    return t;
}

struct h2_transport *h2_transport_free(struct h2_transport *t) {
    if (t == NULL) return NULL;
    loop_watch_free(t->watch);
    if (t->ssl != NULL && t->state == OPEN) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
    }
    SSL_free(t->ssl);
    close(t->fd);
    free(t);
    return NULL;
}
