/* tls_server.h - an HTTPS server for tests on the test's own loop, with certificates made on the spot. Every connection
 * carries one request, so each shows which certificate the client has now. */
#ifndef TESTS_SUPPORT_TLS_SERVER_H
#define TESTS_SUPPORT_TLS_SERVER_H

#include "ipc/base/loop.h"

struct tls_pair { /* PEM */
    struct rv_buf cert, key;
};
/* names: "DNS:a.example,IP:127.0.0.1" or NULL. issuer NULL: signs itself and may sign others. */
void tls_pair_make(struct tls_pair *p, const char *name, const char *names, const struct tls_pair *issuer);
void tls_pair_free(struct tls_pair *p);

struct tls_server;
/* clients: who signs the certificates that clients must have; NULL: none is asked for. */
struct tls_server *tls_server_new(struct rv_loop *l, const struct tls_pair *own, const struct tls_pair *clients);
struct tls_server *tls_server_free(struct tls_server *s);
unsigned tls_server_port(const struct tls_server *s);
/* The status of the next request that has none yet; 0: it is never answered. Without: 200 and {}. */
void tls_server_next(struct tls_server *s, unsigned status);
size_t tls_server_count(const struct tls_server *s);                 /* requests */
const char *tls_server_client(const struct tls_server *s, size_t i); /* the name in its certificate; "" none */

#endif
