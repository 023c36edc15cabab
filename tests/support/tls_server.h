/* tls_server.h - an HTTPS server for tests on the test's own loop, with certificates that are made for the test. Every
 * connection has one request, so each shows which certificate the client has at that time. */
#ifndef TESTS_SUPPORT_TLS_SERVER_H
#define TESTS_SUPPORT_TLS_SERVER_H

#include "ipc/base/loop.h"

struct tls_pair { /* PEM */
    struct rv_buf cert, key;
};
/* names: "DNS:a.example,IP:127.0.0.1" or NULL. With issuer NULL the certificate signs itself and may sign others. */
void tls_pair_make(struct tls_pair *p, const char *name, const char *names, const struct tls_pair *issuer);
void tls_pair_free(struct tls_pair *p);

struct tls_server;
/* clients: the issuer of the certificates that clients must have. NULL if none is required. */
struct tls_server *tls_server_new(struct loop *l, const struct tls_pair *own, const struct tls_pair *clients);
struct tls_server *tls_server_free(struct tls_server *s);
unsigned tls_server_port(const struct tls_server *s);
/* Sets the status of the next request without one. 0 means that it is never answered. The default is 200 and {}. */
void tls_server_next(struct tls_server *s, unsigned status);
size_t tls_server_count(const struct tls_server *s); /* requests */
/* The name in its certificate; "" if it has none. */
const char *tls_server_client(const struct tls_server *s, size_t i);

#endif
