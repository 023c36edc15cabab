/* address_filter.c - see address_filter.h. */
#include "address_filter.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "resolver.h"

/* An address in the URL is known at once, without a connection. */
static void add_numeric(struct kube_peers *peers, const char *host) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    const char *colon = strrchr(host, ':');
    size_t bracket = host[0] == '[' ? 1 : 0;
    rv_autofree char *text = rv_strdup((struct rv_str){host + bracket, (size_t)(colon - host) - 2 * bracket});
    int64_t number = 0;
    (void)rv_str_to_int(rv_str(colon + 1), 1, 65535, &number);
    in_port_t port = htons((in_port_t)number);
    if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = port;
    } else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = port;
    }
    kube_peers_add(peers, &a.any);
}

void address_filter_init(struct address_filter *f, const char *api_server, struct kube_peers *peers) {
    *f = (struct address_filter){.peers = peers};
    f->api = resolver_host_of_url(rv_str(api_server), &f->api_is_name);
    if (f->api != NULL && !f->api_is_name) add_numeric(peers, f->api);
}

void address_filter_free(struct address_filter *f) { free(f->api); }

/* "a.b." is "a.b". */
static struct rv_str name_in(const char *host, const char **ret_port) {
    const char *colon = strrchr(host, ':');
    struct rv_str name = {host, (size_t)(colon - host)};
    if (rv_str_ends(name, ".")) name.n--;
    *ret_port = colon + 1;
    return name;
}

bool address_filter_denies_host(const struct address_filter *f, const char *host) {
    static const char *const names[] = {"kubernetes", "kubernetes.default", "kubernetes.default.svc"};
    const char *port, *api_port;
    struct rv_str name = name_in(host, &port);
    if (f->api != NULL && rv_str_eq(name, name_in(f->api, &api_port)) && strcmp(port, api_port) == 0) return true;
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        if (rv_str_is(name, names[i])) return true;
    return rv_str_starts(name, "kubernetes.default.svc.");
}

static bool denied_v4(uint32_t ip) { /* host order */
    return ip >> 16 == 0xa9fe /* 169.254/16: link-local and metadata */ || ip >> 28 == 0xe /* multicast */ ||
           ip >> 24 == 0 || ip == 0xffffffff || ip == 0x646464c8 /* 100.100.100.200: metadata */;
}

static bool denied_v6(const struct in6_addr *a) {
    static const uint8_t metadata[16] = {0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54};
    return IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MULTICAST(a) || IN6_IS_ADDR_UNSPECIFIED(a) ||
           memcmp(a, metadata, sizeof metadata) == 0;
}

bool address_filter_denies_address(const struct address_filter *f, const struct sockaddr *to) {
    struct kube_peer peer;
    if (!kube_peer_of(to, &peer) || kube_peers_have(f->peers, &peer)) return true;
    if (!IN6_IS_ADDR_V4MAPPED(&peer.address)) return denied_v6(&peer.address);
    uint32_t ip;
    memcpy(&ip, peer.address.s6_addr + 12, sizeof ip);
    return denied_v4(ntohl(ip));
}
