/* peers.c - see peers.h. */
#include "peers.h"

#include <stdlib.h>

enum { PEERS_MAX = 64 }; /* addresses of a load balancer change, so new ones replace the oldest */

struct kube_peers {
    struct kube_peer list[PEERS_MAX];
    size_t n, oldest;
};

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
                     nat64[12] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}, six_to_four[2] = {0x20, 0x02};

/* Changes an IPv6 address that leads to an IPv4 address into its mapped form. */
static void unwrap(struct in6_addr *a) {
    const uint8_t *v4 = NULL;
    if (IN6_IS_ADDR_V4COMPAT(a) || memcmp(a->s6_addr, nat64, sizeof nat64) == 0)
        v4 = a->s6_addr + 12;
    else if (memcmp(a->s6_addr, six_to_four, sizeof six_to_four) == 0)
        v4 = a->s6_addr + 2;
    if (v4 == NULL) return;
    memmove(a->s6_addr + 12, v4, 4);
    memcpy(a->s6_addr, mapped, sizeof mapped);
}

bool kube_peer_of(const struct sockaddr *from, struct kube_peer *ret) {
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof in);
        memcpy(&ret->address, mapped, sizeof mapped);
        memcpy(ret->address.s6_addr + 12, &in.sin_addr, 4);
        ret->port = ntohs(in.sin_port);
        return true;
    }
    if (from->sa_family != AF_INET6) return false;
    struct sockaddr_in6 in;
    memcpy(&in, from, sizeof in);
    ret->address = in.sin6_addr;
    unwrap(&ret->address);
    ret->port = ntohs(in.sin6_port);
    return true;
}

struct kube_peers *kube_peers_new(void) {
    return rv_alloc(sizeof(struct kube_peers));
}

struct kube_peers *kube_peers_free(struct kube_peers *p) {
    free(p);
    return NULL;
}

bool kube_peers_have(const struct kube_peers *p, const struct kube_peer *peer) {
    for (size_t i = 0; i < p->n; i++)
        if (p->list[i].port == peer->port && memcmp(&p->list[i].address, &peer->address, sizeof peer->address) == 0)
            return true;
    return false;
}

void kube_peers_add(struct kube_peers *p, const struct sockaddr *a) {
    struct kube_peer peer;
    if (!kube_peer_of(a, &peer) || kube_peers_have(p, &peer)) return;
    if (p->n < PEERS_MAX)
        p->list[p->n++] = peer;
    else
        p->list[p->oldest++ % PEERS_MAX] = peer;
}
