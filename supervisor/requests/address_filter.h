/* address_filter.h - where plugins' HTTP requests never go: the API server, by whatever name or address, and addresses
 * that are nobody's service (link-local, metadata, multicast). */
#ifndef REQUESTS_ADDRESS_FILTER_H
#define REQUESTS_ADDRESS_FILTER_H

#include "supervisor/kube/peers.h"

struct address_filter {
    char *api;                /* "NAME:PORT" of the API server in lower case */
    bool api_is_name;         /* not an address */
    struct kube_peers *peers; /* where it is: the Kubernetes clients' */
};
/* api_server: its URL. Resolves nothing. */
void address_filter_init(struct address_filter *f, const char *api_server, struct kube_peers *peers);
void address_filter_free(struct address_filter *f);

/* As resolver_host_of_url() gives it. What a name resolves to is asked about as well. */
bool address_filter_denies_host(const struct address_filter *f, const char *host);
bool address_filter_denies_address(const struct address_filter *f, const struct sockaddr *to);

#endif
