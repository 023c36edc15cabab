/* address_filter.h - where plugins' HTTP requests never go: the API server, by whatever name or address, and addresses
 * that are nobody's service (link-local, metadata, multicast). */
#ifndef ACTIONS_FORBIDDEN_H
#define ACTIONS_FORBIDDEN_H

#include "supervisor/kube/peers.h"

struct forbidden {
    char *api;                /* "NAME:PORT" of the API server in lower case */
    bool api_is_name;         /* not an address */
    struct kube_peers *peers; /* where it is: the Kubernetes clients' */
};
/* api_server: its URL. Resolves nothing. */
void forbidden_init(struct forbidden *f, const char *api_server, struct kube_peers *peers);
void forbidden_free(struct forbidden *f);

/* As names_of_url() gives it. What a name resolves to is asked about as well. */
bool forbidden_host(const struct forbidden *f, const char *host);
bool forbidden_address(const struct forbidden *f, const struct sockaddr *to);

#endif
