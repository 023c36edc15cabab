/* h2_server.c - see h2_server.h. */
#include "h2_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct peer *peer;
    int32_t id;
    char path[64];
    struct rv_buf body;
    size_t at;
    bool trailers;
    struct request *next, **back;
};

struct peer {
    struct h2_server *server;
    struct peer *next, **back;
    int fd;
    struct loop_watch *watch;
    SSL *ssl;
    nghttp2_session *ng;
    struct rv_buf out;
    struct request *requests;
    bool cut;
};

struct h2_server {
    struct loop *loop;
    int fd;
    unsigned port;
    struct loop_watch *watch;
    SSL_CTX *ctx;
    struct peer *peers;
    size_t accepted, open, requests, resets;
    unsigned refused;
    bool hang;
    struct rv_buf header;
    char client[64];
    struct rv_buf said; /* the body for other paths */
};

static void must(bool ok) {
    if (ok) return;
    ERR_print_errors_fp(stderr);
    abort();
}

/* ---- answers -------------------------------------------------------------------------------------------- */

#define NV(n, v)                                                                                                       \
    { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE }

static void send_trailers(struct request *r) {
    char names[40][16];
    nghttp2_nv nv[40] = {NV("grpc-status", "0")};
    size_t n = 1;
    for (; strcmp(r->path, "/many") == 0 && n < RV_ARRAY_LEN(nv); n++) {
        snprintf(names[n], sizeof names[n], "x-%zu", n);
        nv[n] = (nghttp2_nv)NV(names[n], "v");
    }
    must(nghttp2_submit_trailer(r->peer->ng, r->id, nv, n) == 0);
}

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *arg) {
    struct request *r = source->ptr;
    (void)ng;
    (void)id;
    (void)arg;
    size_t n = r->body.n - r->at < room ? r->body.n - r->at : room;
    if (n != 0) memcpy(to, r->body.p + r->at, n);
    r->at += n;
    if (r->at == r->body.n) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (r->trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            send_trailers(r);
        }
    }
    return (ssize_t)n;
}

static void respond(struct request *r, const char *type, bool trailers) {
    nghttp2_nv nv[] = {NV(":status", "200"), NV("content-type", type)};
    nghttp2_data_provider body = {.source = {.ptr = r}, .read_callback = read_body};
    r->trailers = trailers;
    must(nghttp2_submit_response(r->peer->ng, r->id, nv, 2, &body) == 0);
}

static void say_ok(struct request *r) { respond(r, "application/grpc", true); }

static void say_early(struct request *r) {
    nghttp2_nv nv[] = {NV(":status", "200"), NV("content-type", "application/grpc"), NV("grpc-status", "5"),
                       NV("grpc-message", "no%20such")};
    must(nghttp2_submit_response(r->peer->ng, r->id, nv, 4, NULL) == 0);
}

static void say_json(struct request *r) {
    rv_buf_clear(&r->body);
    rv_buf_adds(&r->body, "{\"a\":1}");
    respond(r, "application/json", false);
}

static void say_big(struct request *r) {
    rv_buf_clear(&r->body);
    for (int i = 0; i < 4096; i++) rv_buf_addc(&r->body, 'x');
    say_ok(r);
}

static void say_huge(struct request *r) {
    static char value[4097];
    nghttp2_nv nv[11] = {NV(":status", "200")};
    memset(value, 'v', sizeof value - 1);
    for (size_t i = 1; i < 11; i++) nv[i] = (nghttp2_nv)NV("x-long", value);
    must(nghttp2_submit_response(r->peer->ng, r->id, nv, 11, NULL) == 0);
}

static void say_nothing(struct request *r) { (void)r; }

static void say_reset(struct request *r) {
    (void)nghttp2_submit_rst_stream(r->peer->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_INTERNAL_ERROR);
}

static bool first_time(struct request *r) { return r->peer->server->refused++ == 0; }

static void say_refuse(struct request *r) {
    if (first_time(r))
        (void)nghttp2_submit_rst_stream(r->peer->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_REFUSED_STREAM);
    else
        say_ok(r);
}

static void say_away(struct request *r) {
    if (first_time(r))
        (void)nghttp2_submit_goaway(r->peer->ng, NGHTTP2_FLAG_NONE, r->id - 2 > 0 ? r->id - 2 : 0,
                                    NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)"too_many_pings", 14);
    else
        say_ok(r);
}

static void say_cut(struct request *r) {
    if (first_time(r))
        r->peer->cut = true;
    else
        say_ok(r);
}

static const struct {
    const char *path;
    void (*say)(struct request *r);
} answers[] = {{"/ok", say_ok},         {"/early", say_early}, {"/json", say_json},      {"/big", say_big},
               {"/huge", say_huge},     {"/many", say_ok},     {"/silent", say_nothing}, {"/reset", say_reset},
               {"/refuse", say_refuse}, {"/away", say_away},   {"/cut", say_cut}};

/* ---- HTTP/2 --------------------------------------------------------------------------------------------- */

static void request_free(struct request *r) {
    *r->back = r->next;
    if (r->next != NULL) r->next->back = r->back;
    rv_buf_free(&r->body);
    free(r);
}

static int on_begin(nghttp2_session *ng, const nghttp2_frame *f, void *arg) {
    struct peer *p = arg;
    if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct request *r = rv_alloc(sizeof *r);
    r->peer = p;
    r->id = f->hd.stream_id;
    r->next = p->requests;
    if (r->next != NULL) r->next->back = &r->next;
    r->back = &p->requests;
    p->requests = r;
    rv_buf_clear(&p->server->header);
    (void)nghttp2_session_set_stream_user_data(ng, r->id, r);
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *arg) {
    struct peer *p = arg;
    struct request *r = nghttp2_session_get_stream_user_data(ng, f->hd.stream_id);
    (void)flags;
    if (name_n == 5 && memcmp(name, ":path", 5) == 0)
        snprintf(r->path, sizeof r->path, "%.*s", (int)value_n, (const char *)value);
    else
        rv_buf_addf(&p->server->header, "%.*s: %.*s\n", (int)name_n, (const char *)name, (int)value_n,
                    (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *bytes, size_t n, void *arg) {
    struct request *r = nghttp2_session_get_stream_user_data(ng, id);
    (void)flags;
    (void)arg;
    rv_buf_add(&r->body, bytes, n);
    return 0;
}

static void note_client(struct peer *p) {
    X509 *x = p->ssl != NULL ? SSL_get1_peer_certificate(p->ssl) : NULL;
    p->server->client[0] = 0;
    if (x != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, p->server->client,
                                  (int)sizeof p->server->client);
    X509_free(x);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *f, void *arg) {
    struct peer *p = arg;
    bool ends =
        (f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct request *r = ends ? nghttp2_session_get_stream_user_data(ng, f->hd.stream_id) : NULL;
    if (r == NULL) return 0;
    p->server->requests++;
    note_client(p);
    for (size_t i = 0; i < RV_ARRAY_LEN(answers); i++)
        if (strcmp(answers[i].path, r->path) == 0) {
            answers[i].say(r);
            return 0;
        }
    if (p->server->said.n == 0) return 0;
    rv_buf_clear(&r->body);
    rv_buf_add(&r->body, p->server->said.p, p->server->said.n);
    say_ok(r);
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t error, void *arg) {
    struct request *r = nghttp2_session_get_stream_user_data(ng, id);
    struct peer *p = arg;
    p->server->resets += error == NGHTTP2_CANCEL;
    if (r != NULL) request_free(r);
    return 0;
}

static nghttp2_session *session_new(struct peer *p) {
    nghttp2_session_callbacks *c;
    nghttp2_session *ng;
    must(nghttp2_session_callbacks_new(&c) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
    must(nghttp2_session_server_new(&ng, c, p) == 0);
    nghttp2_session_callbacks_del(c);
    must(nghttp2_submit_settings(ng, NGHTTP2_FLAG_NONE, NULL, 0) == 0);
    return ng;
}

/* ---- connections ---------------------------------------------------------------------------------------- */

static void peer_free(struct peer *p) {
    *p->back = p->next;
    if (p->next != NULL) p->next->back = p->back;
    p->server->open--;
    nghttp2_session_del(p->ng);
    while (p->requests != NULL) request_free(p->requests);
    loop_watch_free(p->watch);
    SSL_free(p->ssl);
    close(p->fd);
    rv_buf_free(&p->out);
    free(p);
}

static ssize_t put(struct peer *p, const uint8_t *bytes, size_t n) {
    return p->ssl != NULL ? SSL_write(p->ssl, bytes, (int)n) : send(p->fd, bytes, n, MSG_NOSIGNAL);
}

static void flush(struct peer *p) {
    const uint8_t *bytes;
    for (ssize_t n; (n = nghttp2_session_mem_send(p->ng, &bytes)) > 0;) rv_buf_add(&p->out, bytes, (size_t)n);
    ssize_t n = p->out.n != 0 ? put(p, p->out.p, p->out.n) : 0;
    if (n > 0) rv_buf_consume(&p->out, (size_t)n);
    ERR_clear_error();
    loop_watch_set(p->watch, p->out.n != 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    if (p->out.n == 0) rv_buf_free(&p->out);
}

/* Returns false if the connection is over. */
static bool take(struct peer *p) {
    uint8_t chunk[16384];
    ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, chunk, sizeof chunk) : recv(p->fd, chunk, sizeof chunk, 0);
    int why = p->ssl != NULL ? SSL_get_error(p->ssl, (int)n) : 0;
    ERR_clear_error();
    if (n < 0 && (p->ssl == NULL || why == SSL_ERROR_WANT_READ)) return true;
    return n > 0 && nghttp2_session_mem_recv(p->ng, chunk, (size_t)n) >= 0;
}

static void on_peer(void *arg, int fd, unsigned events) {
    struct peer *p = arg;
    (void)fd;
    bool alive = (events & (LOOP_READ | LOOP_ERROR)) == 0 || take(p);
    if (alive && (p->ssl == NULL || SSL_is_init_finished(p->ssl))) flush(p);
    if (!alive || p->cut || (nghttp2_session_want_read(p->ng) == 0 && nghttp2_session_want_write(p->ng) == 0))
        peer_free(p);
}

static void on_accept(void *arg, int fd, unsigned events) {
    struct h2_server *s = arg;
    (void)events;
    int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (one < 0) return;
    struct peer *p = rv_alloc(sizeof *p);
    p->server = s;
    p->fd = one;
    p->next = s->peers;
    if (p->next != NULL) p->next->back = &p->next;
    p->back = &s->peers;
    s->peers = p;
    s->accepted++;
    s->open++;
    if (s->ctx != NULL) {
        p->ssl = SSL_new(s->ctx);
        must(p->ssl != NULL && SSL_set_fd(p->ssl, one) == 1);
        SSL_set_accept_state(p->ssl);
    }
    p->ng = session_new(p);
    p->watch = loop_fd(s->loop, one, s->hang ? 0 : LOOP_READ, on_peer, p);
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned in_n,
                  void *arg) {
    (void)ssl;
    (void)arg;
    return nghttp2_select_next_protocol((unsigned char **)(uintptr_t)out, n, in, in_n) == 1 ? SSL_TLSEXT_ERR_OK
                                                                                            : SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *tls_context(const struct tls_pair *own) {
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    BIO *cert = BIO_new_mem_buf(own->cert.p, (int)own->cert.n), *pem = BIO_new_mem_buf(own->key.p, (int)own->key.n);
    X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
    must(SSL_CTX_use_certificate(c, x) == 1 && SSL_CTX_use_PrivateKey(c, key) == 1);
    SSL_CTX_set_mode(c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_alpn_select_cb(c, choose, NULL);
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(cert);
    BIO_free(pem);
    return c;
}

struct h2_server *h2_server_new(struct loop *l, const struct tls_pair *own) {
    struct h2_server *s = rv_alloc(sizeof *s);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    s->loop = l;
    if (own != NULL) s->ctx = tls_context(own);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&in, size) == 0 && listen(s->fd, 64) == 0 &&
         getsockname(s->fd, (struct sockaddr *)&in, &size) == 0);
    s->port = ntohs(in.sin_port);
    s->watch = loop_fd(l, s->fd, LOOP_READ, on_accept, s);
    return s;
}

struct h2_server *h2_server_free(struct h2_server *s) {
    if (s == NULL) return NULL;
    h2_server_drop_all(s);
    h2_server_stop_listening(s);
    SSL_CTX_free(s->ctx);
    rv_buf_free(&s->header);
    rv_buf_free(&s->said);
    free(s);
    return NULL;
}

void h2_server_want_clients(struct h2_server *s, const struct tls_pair *issuer, int at_most) {
    BIO *b = BIO_new_mem_buf(issuer->cert.p, (int)issuer->cert.n);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    must(x != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(s->ctx), x) == 1);
    must(SSL_CTX_set_max_proto_version(s->ctx, at_most) == 1);
    SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_free(x);
    BIO_free(b);
}

const char *h2_server_client(const struct h2_server *s) { return s->client; }
unsigned h2_server_port(const struct h2_server *s) { return s->port; }
size_t h2_server_accepted(const struct h2_server *s) { return s->accepted; }
size_t h2_server_open(const struct h2_server *s) { return s->open; }
size_t h2_server_resets(const struct h2_server *s) { return s->resets; }
size_t h2_server_requests(const struct h2_server *s) { return s->requests; }
const char *h2_server_header(const struct h2_server *s) { return rv_buf_cstr((struct rv_buf *)(uintptr_t)&s->header); }

void h2_server_say(struct h2_server *s, struct rv_bytes body) {
    rv_buf_clear(&s->said);
    rv_buf_add(&s->said, body.p, body.n);
}

void h2_server_hang(struct h2_server *s, bool hang) {
    s->hang = hang;
    for (struct peer *p = s->peers; p != NULL; p = p->next) loop_watch_set(p->watch, hang ? 0 : LOOP_READ);
}

void h2_server_drop_all(struct h2_server *s) {
    while (s->peers != NULL) peer_free(s->peers);
}

void h2_server_goaway_all(struct h2_server *s) {
    for (struct peer *p = s->peers; p != NULL; p = p->next) {
        (void)nghttp2_submit_goaway(p->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(p->ng),
                                    NGHTTP2_NO_ERROR, NULL, 0);
        flush(p);
    }
}

void h2_server_stop_listening(struct h2_server *s) {
    s->watch = loop_watch_free(s->watch);
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}
