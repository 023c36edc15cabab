/* client_identity.h - who we are to a server that wants a client certificate, and whom we trust there: the keys
 * tls.crt, tls.key and ca.crt of a Secret.
 *
 * Each identity trusts its own issuers and no others, also not the machine's. It is counted: the cache, each server
 * that it is for and each request hold one. OpenSSL wipes the private key when the last connection that uses it has
 * gone.
 *
 * An identity is kept until TLS fails with it, and until two thirds of its certificate's life are over: then its Secret
 * is read again now and then, because whoever issues certificates renews them before they end. So a cluster that is
 * asked every few seconds costs no request to the API server. */
#ifndef REQUESTS_CLIENT_IDENTITY_H
#define REQUESTS_CLIENT_IDENTITY_H

#include <openssl/ssl.h>

#include "rayvisor/value.h"

enum { CLIENT_IDENTITIES_MAX = 4096 };

struct client_identity;
/* Returns NULL and says why (static text) if the Secret has no such keys or they do not belong together. */
struct client_identity *client_identity_read(struct rv_val secret, const char **ret_why);
struct client_identity *client_identity_ref(struct client_identity *i);  /* of NULL: NULL */
struct client_identity *client_identity_free(struct client_identity *i); /* gives up one; returns NULL */
void client_identity_use(const struct client_identity *i, SSL *ssl);     /* before the handshake */

/* The cache, by namespace and name of the Secret. now: seconds of the wall clock */
struct client_identities;
struct client_identities *client_identities_new(void);
struct client_identities *client_identities_free(struct client_identities *c);
/* Borrowed; NULL if there is none, or if its Secret should be read again. */
struct client_identity *client_identities_find(struct client_identities *c, struct rv_str ns, struct rv_str name,
                                               int64_t now);
/* Takes `i`. If the Secret has not changed, the earlier object stays, so that connections stay. Returns the one that is
 * kept, borrowed. */
struct client_identity *client_identities_put(struct client_identities *c, struct rv_str ns, struct rv_str name,
                                              struct client_identity *i, int64_t now);
/* The Secret is gone. */
void client_identities_remove(struct client_identities *c, struct rv_str ns, struct rv_str name);

#endif
