/* h2_server.h - a gRPC-like HTTP/2 server for tests and benchmarks, on the test's own loop, in clear or with TLS.
 *
 * What it does with a request follows from the last part of its path:
 *   /ok       200, the request's body, and the trailer grpc-status: 0
 *   /early    200 and grpc-status: 5 as headers, no body
 *   /json     200 and {"a":1}, said to be JSON
 *   /big      200 and 4096 bytes
 *   /huge     200 and headers of 40 KiB
 *   /many     200 and 40 trailers
 *   /silent   nothing
 *   /reset    RST_STREAM with INTERNAL_ERROR
 *   /refuse   the first time RST_STREAM with REFUSED_STREAM, then as /ok
 *   /away     the first time GOAWAY, by which it was not processed, then as /ok
 *   /cut      the first time the connection is closed, then as /ok
 * Any other path gets what h2_server_say() gave, as /ok. */
#ifndef TESTS_SUPPORT_H2_SERVER_H
#define TESTS_SUPPORT_H2_SERVER_H

#include "ipc/base/loop.h"
#include "tls_server.h"

struct h2_server;
/* own is NULL for a connection without TLS. */
struct h2_server *h2_server_new(struct loop *l, const struct tls_pair *own);
struct h2_server *h2_server_free(struct h2_server *s);
/* From now on only clients with a certificate of that issuer; at_most: the newest version of TLS, such as
 * TLS1_2_VERSION. */
void h2_server_want_clients(struct h2_server *s, const struct tls_pair *issuer, int at_most);
const char *
h2_server_client(const struct h2_server *s); /* the name in the certificate of the newest request's client */
unsigned h2_server_port(const struct h2_server *s);
size_t h2_server_accepted(const struct h2_server *s); /* connections so far */
size_t h2_server_open(const struct h2_server *s);     /* open connections */
size_t h2_server_requests(const struct h2_server *s);
size_t h2_server_resets(const struct h2_server *s);      /* requests that the client took back */
const char *h2_server_header(const struct h2_server *s); /* of the newest request, authorization and te: "A: b\n..." */
void h2_server_say(struct h2_server *s, struct rv_bytes body); /* for paths that are not listed above */
void h2_server_hang(struct h2_server *s, bool hang);           /* stops reading */
void h2_server_drop_all(struct h2_server *s);                  /* closes all connections */
void h2_server_goaway_all(struct h2_server *s);                /* sends GOAWAY and finishes running requests */
void h2_server_stop_listening(struct h2_server *s);            /* refuses connections */

#endif
