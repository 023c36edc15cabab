/* address_filter.h - the destinations that HTTP requests of plugins must never reach: the API server, by any name or
 * address, and addresses that are no service (link-local, metadata services, multicast). */
#ifndef REQUESTS_ADDRESS_FILTER_H
#define REQUESTS_ADDRESS_FILTER_H

#include "own_answer.h"
#include "supervisor/config/address_range.h"
#include "supervisor/kube/peers.h"

struct address_filter {
    char *api;                /* "NAME:PORT" of the API server, in lower case */
    bool api_is_name;         /* true if NAME is not an address */
    struct kube_peers *peers; /* its addresses, as the Kubernetes clients have recorded them */
    struct address_range *allowed;
    size_t allowed_n;
    struct in6_addr *own; /* of this machine's interfaces; IPv4 in its mapped form */
    size_t own_n;
    int64_t own_until; /* mono ns: then they are looked up again */
    struct held_targets held;
};
/* `api_server` is the URL of the API server. This call resolves no name. */
void address_filter_init(struct address_filter *f, const char *api_server, struct kube_peers *peers);
/* What the configuration allows although it would be refused; in place of what was allowed before. Never the API
 * server. */
void address_filter_allow(struct address_filter *f, const struct address_range *ranges, size_t n);
void address_filter_free(struct address_filter *f);

/* `host` is what resolver_host_of_url() returns. The addresses that a name resolves to must be checked as well. */
bool address_filter_denies_host(const struct address_filter *f, const char *host);
/* NULL: it is allowed. Else what it is (static), to follow the address in a message. `host` is as above. */
const char *address_filter_denies_address(struct address_filter *f, const char *host, const struct sockaddr *to);
/* An operator has answered there itself. It is denied for some minutes. */
void address_filter_hold(struct address_filter *f, const char *host, const struct sockaddr *to);
/* One sentence of an address that was refused, for what is_what that function gave. */
void address_filter_explain(const struct sockaddr *to, const char *is_what, struct rv_buf *out);
#define ADDRESS_FILTER_API_SERVER "the address belongs to the API server"

#endif
