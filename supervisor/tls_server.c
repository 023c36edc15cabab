/* tls_server.c - see tls_server.h. */
#include "tls_server.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "ipc/base/loop.h"

struct tls_server {
    SSL_CTX *context;
};

struct tls_socket {
    SSL *ssl;
    bool broken;
};

/* No session is kept: a client that comes again shakes hands again, and leaves nothing here. */
static SSL_CTX *new_context(void) {
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (c == NULL) rv_oom();
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c, 0);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return c;
}

struct tls_server *tls_server_new(void) {
    struct tls_server *t = rv_alloc(sizeof *t);
    t->context = new_context();
    return t;
}

struct tls_server *tls_server_free(struct tls_server *t) {
    if (t == NULL) return NULL;
    SSL_CTX_free(t->context);
    free(t);
    return NULL;
}

static BIO *bio_of(struct rv_str text) {
    BIO *b = text.n <= INT_MAX ? BIO_new_mem_buf(text.n != 0 ? text.p : "", (int)text.n) : NULL;
    if (b == NULL) rv_oom();
    return b;
}

int tls_server_use(struct tls_server *t, struct rv_str certificate, struct rv_str key, struct rv_error *err) {
    BIO *cert_text = bio_of(certificate), *key_text = bio_of(key);
    X509 *x = PEM_read_bio_X509(cert_text, NULL, NULL, NULL);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    SSL_CTX *c = new_context();
    bool good = x != NULL && k != NULL && SSL_CTX_use_certificate(c, x) == 1 && SSL_CTX_use_PrivateKey(c, k) == 1 &&
                SSL_CTX_check_private_key(c) == 1;
    ERR_clear_error();
    if (good) {
        SSL_CTX_free(t->context);
        t->context = c;
    } else {
        SSL_CTX_free(c);
    }
    BIO_free(cert_text);
    BIO_free(key_text);
    X509_free(x);
    EVP_PKEY_free(k);
    return good ? 0 : rv_error_set(err, RV_E_PARSE, "the certificate and its key are no pair in PEM");
}

/* ---- one connection ------------------------------------------------------------------------------------- */

struct tls_socket *tls_socket_new(struct tls_server *t, int fd) {
    struct tls_socket *s = rv_alloc(sizeof *s);
    s->ssl = SSL_new(t->context);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, fd) != 1) rv_oom();
    SSL_set_accept_state(s->ssl);
    return s;
}

struct tls_socket *tls_socket_free(struct tls_socket *s) {
    if (s == NULL) return NULL;
    SSL_free(s->ssl);
    free(s);
    return NULL;
}

/* What a call that moved no bytes means. */
static ssize_t explain(struct tls_socket *s, int r, unsigned *ret_events) {
    int what = SSL_get_error(s->ssl, r);
    ERR_clear_error();
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) {
        *ret_events = what == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE;
        errno = EAGAIN;
        return -1;
    }
    s->broken = what != SSL_ERROR_ZERO_RETURN;
    errno = EPIPE;
    return what == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t tls_socket_read(struct tls_socket *s, void *to, size_t n, unsigned *ret_events) {
    ERR_clear_error();
    int r = SSL_read(s->ssl, to, n < INT_MAX ? (int)n : INT_MAX);
    return r > 0 ? r : explain(s, r, ret_events);
}

ssize_t tls_socket_write(struct tls_socket *s, const void *from, size_t n, unsigned *ret_events) {
    ERR_clear_error();
    int r = SSL_write(s->ssl, from, n < INT_MAX ? (int)n : INT_MAX);
    return r > 0 ? r : explain(s, r, ret_events);
}

bool tls_socket_pending(const struct tls_socket *s) { return SSL_pending(s->ssl) > 0; }

void tls_socket_end(struct tls_socket *s) {
    if (!s->broken) (void)SSL_shutdown(s->ssl);
    ERR_clear_error();
}
