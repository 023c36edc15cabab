/* h2_transport.h - one outgoing TCP connection on the event loop, with or without TLS. Of HTTP/2 it knows only the name
 * of the protocol, which TLS negotiates (ALPN). It never blocks and has no queue: bytes that the kernel does not accept
 * stay with the caller. */
#ifndef REQUESTS_H2_TRANSPORT_H
#define REQUESTS_H2_TRANSPORT_H

#include <sys/socket.h>

#include "client_identity.h"
#include "ipc/base/loop.h"

struct h2_transport;
/* The loop makes these calls, never another call of this file. A transport may be freed in any of them; on_bytes() then
 * returns false. After on_closed() the caller can only free it. */
struct h2_transport_events {
    void (*on_open)(void *arg); /* connected; with TLS, the peer's certificate has been checked */
    bool (*on_bytes)(void *arg, struct rv_bytes bytes);
    void (*on_writable)(void *arg);
    void (*on_closed)(void *arg, const char *why);
};

/* Why a connection ended begins with this if it ended because of TLS. */
#define H2_TRANSPORT_TLS "TLS: "
/* `tls` is NULL for a connection without TLS. `host` is the name or address that the peer's certificate must have.
 * `identity` is borrowed for the call; NULL means no client certificate, and the issuers that the machine trusts.
 * Returns NULL and sets err if no socket can be made. */
struct h2_transport *h2_transport_new(struct loop *l, const struct sockaddr *to, SSL_CTX *tls,
                                      const struct client_identity *identity, const char *host,
                                      const struct h2_transport_events *events, void *arg, struct rv_error *err);
struct h2_transport *h2_transport_free(struct h2_transport *t); /* closes the connection */
/* Returns how many of the bytes were accepted. If that is not all of them, on_writable() follows. */
size_t h2_transport_write(struct h2_transport *t, struct rv_bytes bytes);

/* A context for clients that trusts the machine's certificates. Free it with SSL_CTX_free(). */
SSL_CTX *h2_transport_tls(void);

#endif
