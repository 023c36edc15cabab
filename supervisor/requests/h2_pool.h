/* h2_pool.h - requests over HTTP/2, with one kept connection for each server.
 *
 * gRPC servers are asked again and again: a connection is opened for the first request and serves those that follow.
 * A connection is closed when nothing was asked over it for a while, when the server says so, and when a request over
 * it ran into its time-out without a byte from the server: then nobody knows whether the peer is still there. The
 * number of connections is bounded; the one that was unused for the longest time gives way. A server that cannot be
 * connected to is left alone for a moment, which doubles with every failure; requests within it fail at once.
 *
 * A request that the server certainly did not process is sent once more, over a new connection. One of which nobody
 * knows is sent once more only if it may be repeated and the connection had served others before. */
#ifndef REQUESTS_H2_POOL_H
#define REQUESTS_H2_POOL_H

#include "answer.h"
#include "ipc/base/loop.h"

struct address_filter;
struct resolver;

struct h2_pool_limits {
    size_t connections;
    int64_t idle_ms, sweep_ms; /* unused for so long; how often that is looked at */
    int64_t connect_ms;        /* for one of several addresses before the next is tried */
    int64_t backoff_first_ms, backoff_most_ms;
};
extern const struct h2_pool_limits h2_pool_usual;

struct h2_pool_counts {
    uint64_t opened, requests, repeated; /* connections, requests sent over them, sent once more */
    size_t connections;                  /* now */
};

struct h2_pool;
/* All is lent and must outlive the pool. */
struct h2_pool *h2_pool_new(struct rv_loop *l, struct resolver *r, struct address_filter *f, http_admit_fn admit,
                            const struct h2_pool_limits *limits);
/* Bodies that were not admitted are asked about again. */
void h2_pool_resume(struct h2_pool *p);
struct h2_pool *h2_pool_free(struct h2_pool *p); /* outstanding requests end with RV_E_SHUTDOWN */
/* credential: a whole header line or NULL; copied and wiped. done comes later, from the loop. */
void h2_pool_send(struct h2_pool *p, const struct rv_http_request *r, const char *credential, http_answer_fn done,
                  void *arg);
struct h2_pool_counts h2_pool_counts(const struct h2_pool *p);

#endif
