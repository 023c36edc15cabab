/* h2_pool.h - requests over HTTP/2, with one kept connection for each server.
 *
 * gRPC servers get requests again and again. A connection is opened for the first request and serves the later ones. It
 * is closed if it was not used for a while, or if the server says so. It is also closed if a request reached its
 * time-out without a byte from the server, because the peer may then be gone. The number of connections is bounded, and
 * the one that was unused for the longest time is closed first. After a failure to connect, a server is not tried again
 * for a moment, which doubles with every failure. Requests in that time fail at once.
 *
 * A request that the server certainly did not process is sent once more over a new connection. If nobody knows whether
 * it was processed, it is sent once more only if it may be repeated and the connection had served others before. */
#ifndef REQUESTS_H2_POOL_H
#define REQUESTS_H2_POOL_H

#include "answer.h"
#include "client_identity.h"
#include "ipc/base/loop.h"

struct address_filter;
struct resolver;

struct h2_pool_limits {
    size_t connections;
    int64_t idle_ms, sweep_ms; /* how long a connection may be unused, and how often this is checked */
    int64_t connect_ms;        /* for one of several addresses, before the next one is tried */
    int64_t backoff_first_ms, backoff_most_ms;
};
extern const struct h2_pool_limits h2_pool_usual;

struct h2_pool_counts {
    /* Connections, requests that were sent over them, requests that were sent again. */
    uint64_t opened, requests, repeated;
    size_t connections; /* at present */
};

struct h2_pool;
/* All arguments are borrowed and must outlive the pool. */
struct h2_pool *h2_pool_new(struct loop *l, struct resolver *r, struct address_filter *f, http_admit_fn admit,
                            const struct h2_pool_limits *limits);
/* Asks again about bodies that could not be read. */
void h2_pool_resume(struct h2_pool *p);
struct h2_pool *h2_pool_free(struct h2_pool *p); /* first ends all requests with RV_E_SHUTDOWN */
/* `credential` is a whole header line, which is copied and wiped, or NULL. With `identity`, which may be NULL, the
 * connection has that client certificate; requests with different r->client_secret never share one. When the identity
 * of a client_secret is another than before, its connection takes no new requests. `done` is called later, from the
 * loop. */
void h2_pool_send(struct h2_pool *p, const struct rv_http_request *r, const char *credential,
                  struct client_identity *identity, http_answer_fn done, void *arg);
struct h2_pool_counts h2_pool_counts(const struct h2_pool *p);

#endif
