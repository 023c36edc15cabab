/* peers.h - the addresses to which the Kubernetes clients connect: the API server's, or those of a proxy before it.
 * They are noted as the connections are made, so that whoever wants to know them resolves nothing. */
#ifndef KUBE_PEERS_H
#define KUBE_PEERS_H

#include <netinet/in.h>

#include "rayvisor/base.h"

/* Every address as IPv6, an IPv4 one and what leads to it in its mapped form: all spellings of one address are equal.
 */
struct kube_peer {
    struct in6_addr address;
    unsigned port;
};
bool kube_peer_of(const struct sockaddr *from, struct kube_peer *ret); /* false: no internet address */

struct kube_peers;
struct kube_peers *kube_peers_new(void);
struct kube_peers *kube_peers_free(struct kube_peers *p);
void kube_peers_add(struct kube_peers *p, const struct sockaddr *a);
bool kube_peers_have(const struct kube_peers *p, const struct kube_peer *peer);

#endif
