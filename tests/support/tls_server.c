/* tls_server.c - see tls_server.h. */
#include "tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS_MAX = 64 };

struct peer {
    struct tls_server *server;
    struct peer *next, **back;
    int fd;
    struct loop_watch *watch;
    SSL *ssl;
    struct rv_buf in;
    bool done; /* its request has been read */
};

struct tls_server {
    struct loop *loop;
    int fd;
    unsigned port;
    struct loop_watch *watch;
    SSL_CTX *ctx;
    struct peer *peers;
    unsigned statuses[REQUESTS_MAX];
    size_t status_n, status_at, request_n;
    char clients[REQUESTS_MAX][64];
};

/* ---- certificates --------------------------------------------------------------------------------------- */

static void must(bool ok) {
    if (ok) return;
    ERR_print_errors_fp(stderr);
    abort();
}

static X509 *read_cert(const struct tls_pair *p) {
    BIO *b = BIO_new_mem_buf(p->cert.p, (int)p->cert.n);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    BIO_free(b);
    must(x != NULL);
    return x;
}

static EVP_PKEY *read_key(const struct tls_pair *p) {
    BIO *b = BIO_new_mem_buf(p->key.p, (int)p->key.n);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
    BIO_free(b);
    must(k != NULL);
    return k;
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(e != NULL && X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static void take_bio(BIO *b, struct rv_buf *out) {
    char *p;
    long n = BIO_get_mem_data(b, &p);
    rv_buf_add(out, p, (size_t)n);
    BIO_free(b);
}

void tls_pair_make(struct tls_pair *p, const char *name, const char *names, const struct tls_pair *issuer) {
    static long serial = 1;
    *p = (struct tls_pair){0};
    EVP_PKEY *key = EVP_EC_gen("P-256"), *sign = issuer != NULL ? read_key(issuer) : key;
    X509 *x = X509_new(), *by = issuer != NULL ? read_cert(issuer) : x;
    must(key != NULL && x != NULL);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(by));
    if (issuer == NULL) add_extension(x, by, NID_basic_constraints, "critical,CA:TRUE");
    if (names != NULL) add_extension(x, by, NID_subject_alt_name, names);
    must(X509_sign(x, sign, EVP_sha256()) > 0);
    BIO *cert = BIO_new(BIO_s_mem()), *pem = BIO_new(BIO_s_mem());
    must(PEM_write_bio_X509(cert, x) == 1 && PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1);
    take_bio(cert, &p->cert);
    take_bio(pem, &p->key);
    if (issuer != NULL) {
        X509_free(by);
        EVP_PKEY_free(sign);
    }
    X509_free(x);
    EVP_PKEY_free(key);
}

void tls_pair_free(struct tls_pair *p) {
    rv_buf_free(&p->cert);
    rv_buf_free(&p->key);
}

/* ---- connections ---------------------------------------------------------------------------------------- */

static void peer_free(struct peer *p) {
    *p->back = p->next;
    if (p->next != NULL) p->next->back = p->back;
    loop_watch_free(p->watch);
    SSL_free(p->ssl);
    close(p->fd);
    rv_buf_free(&p->in);
    free(p);
}

static void note_client(struct tls_server *s, SSL *ssl) {
    X509 *x = SSL_get1_peer_certificate(ssl);
    must(s->request_n < REQUESTS_MAX);
    char *to = s->clients[s->request_n++];
    if (x != NULL) X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, to, (int)sizeof s->clients[0]);
    X509_free(x);
}

/* Returns false if the connection is over. */
static bool answer(struct peer *p) {
    struct tls_server *s = p->server;
    unsigned status = s->status_at < s->status_n ? s->statuses[s->status_at++] : 200;
    rv_autobuf struct rv_buf b = {0};
    note_client(s, p->ssl);
    p->done = true;
    if (status == 0) return true;
    rv_buf_addf(&b,
                "HTTP/1.1 %u X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
                status);
    (void)SSL_write(p->ssl, b.p, (int)b.n); /* it is short, so it fits */
    (void)SSL_shutdown(p->ssl);
    return false;
}

static void on_peer(void *arg, int fd, unsigned events) {
    struct peer *p = arg;
    char chunk[4096];
    (void)fd;
    (void)events;
    int n = SSL_read(p->ssl, chunk, sizeof chunk);
    int why = SSL_get_error(p->ssl, n);
    if (n <= 0 && (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)) return;
    if (n > 0) rv_buf_add(&p->in, chunk, (size_t)n);
    bool whole = !p->done && p->in.n != 0 && memmem(p->in.p, p->in.n, "\r\n\r\n", 4) != NULL;
    if (n <= 0 || (whole && !answer(p))) peer_free(p);
    ERR_clear_error();
}

static void on_accept(void *arg, int fd, unsigned events) {
    struct tls_server *s = arg;
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
    p->ssl = SSL_new(s->ctx);
    must(p->ssl != NULL && SSL_set_fd(p->ssl, one) == 1);
    SSL_set_accept_state(p->ssl);
    p->watch = loop_fd(s->loop, one, LOOP_READ, on_peer, p);
}

struct tls_server *tls_server_new(struct loop *l, const struct tls_pair *own, const struct tls_pair *clients) {
    struct tls_server *s = rv_alloc(sizeof *s);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    X509 *cert = read_cert(own);
    EVP_PKEY *key = read_key(own);
    s->loop = l;
    s->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(s->ctx, SSL_OP_NO_TICKET); /* so that each connection shows its certificate */
    SSL_CTX_set_num_tickets(s->ctx, 0);
    must(SSL_CTX_use_certificate(s->ctx, cert) == 1 && SSL_CTX_use_PrivateKey(s->ctx, key) == 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    if (clients != NULL) {
        X509 *ca = read_cert(clients);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(s->ctx), ca);
        X509_free(ca);
        SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&in, size) == 0 && listen(s->fd, 64) == 0 &&
         getsockname(s->fd, (struct sockaddr *)&in, &size) == 0);
    s->port = ntohs(in.sin_port);
    s->watch = loop_fd(l, s->fd, LOOP_READ, on_accept, s);
    return s;
}

struct tls_server *tls_server_free(struct tls_server *s) {
    if (s == NULL) return NULL;
    while (s->peers != NULL) peer_free(s->peers);
    loop_watch_free(s->watch);
    close(s->fd);
    SSL_CTX_free(s->ctx);
    free(s);
    return NULL;
}

unsigned tls_server_port(const struct tls_server *s) { return s->port; }
size_t tls_server_count(const struct tls_server *s) { return s->request_n; }
const char *tls_server_client(const struct tls_server *s, size_t i) { return i < s->request_n ? s->clients[i] : ""; }

void tls_server_next(struct tls_server *s, unsigned status) {
    must(s->status_n < REQUESTS_MAX);
    s->statuses[s->status_n++] = status;
}
