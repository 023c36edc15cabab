/* h2_transport.h - one outgoing TCP connection on the event loop, in clear or with TLS. It knows nothing of HTTP/2 but
 * the protocol's name, which TLS negotiates (ALPN). It never blocks and keeps no queue: what the kernel does not take
 * stays with the caller. */
#ifndef REQUESTS_H2_TRANSPORT_H
#define REQUESTS_H2_TRANSPORT_H

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "ipc/base/loop.h"

struct h2_transport;
/* They come from the loop, never from within a call. A transport may be freed in any of them; on_bytes then returns
 * false. After on_closed there is nothing left to do but to free it. */
struct h2_transport_events {
    void (*on_open)(void *arg); /* connected, and with TLS the peer is known */
    bool (*on_bytes)(void *arg, struct rv_bytes bytes);
    void (*on_writable)(void *arg);
    void (*on_closed)(void *arg, const char *why);
};

/* tls: NULL for clear text. host: the name or address that the peer's certificate must have. NULL: no socket; err says
 * why. */
struct h2_transport *h2_transport_new(struct rv_loop *l, const struct sockaddr *to, SSL_CTX *tls, const char *host,
                                      const struct h2_transport_events *events, void *arg, struct rv_error *err);
struct h2_transport *h2_transport_free(struct h2_transport *t); /* closes */
/* How many of the bytes were taken. When it is not all of them, on_writable() follows. */
size_t h2_transport_write(struct h2_transport *t, struct rv_bytes bytes);

/* A context for clients that trusts the machine's certificates. Free with SSL_CTX_free(). */
SSL_CTX *h2_transport_tls(void);

#endif
