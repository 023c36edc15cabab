/* peers.h - the addresses to which the Kubernetes clients connect: those of the API server, or of a proxy in front of
 * it. They are recorded when a connection is made, so nobody has to resolve a name to know them. */
#ifndef KUBE_PEERS_H
#define KUBE_PEERS_H

#include <netinet/in.h>

#include "rayvisor/base.h"

/* Every address in the form of IPv6. An IPv4 address, or one that leads to it, is in its mapped form. So all spellings
 * of one address are equal. */
struct kube_peer {
    struct in6_addr address;
    unsigned port;
};
/* Returns false if it is not an internet address. */
bool kube_peer_of(const struct sockaddr *from, struct kube_peer *ret);

struct kube_peers;
struct kube_peers *kube_peers_new(void);
struct kube_peers *kube_peers_free(struct kube_peers *p);
void kube_peers_add(struct kube_peers *p, const struct sockaddr *a);
bool kube_peers_have(const struct kube_peers *p, const struct kube_peer *peer);

#endif
