/* wire.c - see wire.h. */
#include "wire.h"

#include <errno.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const ca_places[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem",
                                        "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"};

struct wire {
    mbedtls_net_context net;
    uint32_t timeout_ms;
    bool tls;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt ca;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
};

/* ---- connecting ----------------------------------------------------------------------------------------------------
 */

static int connect_within(int fd, const struct addrinfo *a, uint32_t ms) {
    int error = 0;
    socklen_t n = sizeof error;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return -errno;
    if (poll(&p, 1, (int)ms) != 1) return -ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 ? -error : -errno;
}

static int dial(struct wire *w, const struct options *o, struct rv_error *err) {
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    rv_autofree char *host = rv_strdup(o->host);
    snprintf(port, sizeof port, "%u", o->port);
    int r = getaddrinfo(host, port, &hints, &list), last = -EHOSTUNREACH;
    if (r != 0) return rv_error_set(err, RV_E_UNAVAILABLE, "cannot resolve %s: %s", host, gai_strerror(r));
    for (const struct addrinfo *a = list; a != NULL && last != 0; a = a->ai_next) {
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) continue;
        last = connect_within(fd, a, w->timeout_ms);
        if (last == 0)
            w->net.fd = fd;
        else
            (void)close(fd);
    }
    freeaddrinfo(list);
    if (last == 0) return 0;
    return rv_error_set(err, RV_E_UNAVAILABLE, "cannot connect to %s:%s: %s", host, port, strerror(-last));
}

static int fail(struct rv_error *err, const char *what, int r) {
    char text[160];
    mbedtls_strerror(r, text, sizeof text);
    return rv_error_set(err, r == MBEDTLS_ERR_SSL_TIMEOUT ? RV_E_TIMEOUT : RV_E_UNAVAILABLE, "%s: %s", what, text);
}

static int trust(struct wire *w, const struct options *o, struct rv_error *err) {
    bool any = false;
    if (o->ca_file != NULL)
        any = mbedtls_x509_crt_parse_file(&w->ca, o->ca_file) >= 0;
    else
        for (size_t i = 0; i < RV_ARRAY_LEN(ca_places); i++)
            any = mbedtls_x509_crt_parse_file(&w->ca, ca_places[i]) >= 0 || any;
    mbedtls_ssl_conf_ca_chain(&w->config, &w->ca, NULL);
    mbedtls_ssl_conf_authmode(&w->config, o->insecure ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (any || o->insecure) return 0;
    return rv_error_set(err, RV_E_CONFIG, "no certificates to trust: name them with --ca-file");
}

static int shake_hands(struct wire *w, const struct options *o, struct rv_error *err) {
    rv_autofree char *host = rv_strdup(o->host);
    int r = mbedtls_ctr_drbg_seed(&w->random, mbedtls_entropy_func, &w->entropy, NULL, 0);
    if (r == 0)
        r = mbedtls_ssl_config_defaults(&w->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT);
    if (r != 0) return fail(err, "TLS", r);
    int trusted = trust(w, o, err);
    if (trusted != 0) return trusted;
    mbedtls_ssl_conf_rng(&w->config, mbedtls_ctr_drbg_random, &w->random);
    mbedtls_ssl_conf_min_version(&w->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_read_timeout(&w->config, w->timeout_ms);
    r = mbedtls_ssl_setup(&w->ssl, &w->config);
    if (r == 0) r = mbedtls_ssl_set_hostname(&w->ssl, host);
    mbedtls_ssl_set_bio(&w->ssl, &w->net, mbedtls_net_send, mbedtls_net_recv, mbedtls_net_recv_timeout);
    while (r == 0 && (r = mbedtls_ssl_handshake(&w->ssl)) == MBEDTLS_ERR_SSL_WANT_READ) r = 0;
    return r == 0 ? 0 : fail(err, "TLS handshake", r);
}

struct wire *wire_open(const struct options *o, uint32_t timeout_ms, struct rv_error *err) {
    struct wire *w = rv_alloc(sizeof *w);
    w->timeout_ms = timeout_ms;
    w->tls = o->tls;
    mbedtls_net_init(&w->net);
    mbedtls_ssl_init(&w->ssl);
    mbedtls_ssl_config_init(&w->config);
    mbedtls_x509_crt_init(&w->ca);
    mbedtls_entropy_init(&w->entropy);
    mbedtls_ctr_drbg_init(&w->random);
    int r = dial(w, o, err);
    if (r == 0 && mbedtls_net_set_block(&w->net) != 0) r = rv_error_set(err, RV_E_UNAVAILABLE, "cannot use the socket");
    if (r == 0 && w->tls) r = shake_hands(w, o, err);
    return r == 0 ? w : wire_close(w);
}

struct wire *wire_close(struct wire *w) {
    if (w == NULL) return NULL;
    mbedtls_ssl_free(&w->ssl);
    mbedtls_ssl_config_free(&w->config);
    mbedtls_x509_crt_free(&w->ca);
    mbedtls_ctr_drbg_free(&w->random);
    mbedtls_entropy_free(&w->entropy);
    mbedtls_net_free(&w->net);
    free(w);
    return NULL;
}

void wire_timeout(struct wire *w, uint32_t ms) {
    w->timeout_ms = ms;
    mbedtls_ssl_conf_read_timeout(&w->config, ms);
}

/* ---- bytes
 * ----------------------------------------------------------------------------------------------------------- */

int wire_write(struct wire *w, const void *p, size_t n, struct rv_error *err) {
    const unsigned char *at = p;
    while (n > 0) {
        int r = w->tls ? mbedtls_ssl_write(&w->ssl, at, n) : mbedtls_net_send(&w->net, at, n);
        if (r == MBEDTLS_ERR_SSL_WANT_WRITE || r == MBEDTLS_ERR_SSL_WANT_READ) continue;
        if (r <= 0) return fail(err, "cannot send", r);
        at += r;
        n -= (size_t)r;
    }
    return 0;
}

ssize_t wire_read(struct wire *w, void *p, size_t n, struct rv_error *err) {
    for (;;) {
        int r = w->tls ? mbedtls_ssl_read(&w->ssl, p, n) : mbedtls_net_recv_timeout(&w->net, p, n, w->timeout_ms);
        if (r == MBEDTLS_ERR_SSL_WANT_READ || r == MBEDTLS_ERR_SSL_WANT_WRITE) continue;
        if (r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) return 0;
        return r >= 0 ? r : fail(err, "cannot receive", r);
    }
}
