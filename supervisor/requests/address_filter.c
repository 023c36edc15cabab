/* address_filter.c - see address_filter.h. */
#include "address_filter.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdlib.h>

#include "ipc/base/loop.h"
#include "resolver.h"

enum { OWN_AGAIN_S = 10 };

/* An address in the URL is known without a connection. */
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

void address_filter_allow(struct address_filter *f, const struct address_range *ranges, size_t n) {
    free(f->allowed);
    f->allowed = rv_alloc_array(n, sizeof *ranges);
    if (n != 0) memcpy(f->allowed, ranges, n * sizeof *ranges);
    f->allowed_n = n;
}

void address_filter_free(struct address_filter *f) {
    free(f->api);
    free(f->allowed);
    free(f->own);
    held_targets_free(&f->held);
}

/* "a.b." means "a.b". */
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

/* ---- addresses -------------------------------------------------------------------------------------------- */

static const struct {
    const char *range, *is_what;
} nobodys[] = {
    {"127.0.0.0/8", "a loopback address"},
    {"::1", "a loopback address"},
    {"0.0.0.0/8", "no address of a host"},
    {"::", "no address of a host"},
    {"169.254.0.0/16", "a link-local address"}, /* the metadata of clouds among them */
    {"fe80::/10", "a link-local address"},
    {"100.100.100.200", "an address of a cloud's metadata"},
    {"fd00:ec2::254", "an address of a cloud's metadata"},
    {"224.0.0.0/4", "a multicast address"},
    {"ff00::/8", "a multicast address"},
    {"255.255.255.255", "the broadcast address"},
};

static const char *class_of(const struct in6_addr *a) {
    struct address_range r;
    for (size_t i = 0; i < RV_ARRAY_LEN(nobodys); i++)
        if (address_range_parse(rv_str(nobodys[i].range), &r) && address_range_has(&r, a)) return nobodys[i].is_what;
    return NULL;
}

/* Interfaces come and go. */
static void look_at_own(struct address_filter *f) {
    struct ifaddrs *list = NULL;
    int64_t now = clock_monotonic();
    if (now < f->own_until || getifaddrs(&list) != 0) return;
    size_t n = 0;
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) n++;
    f->own = rv_realloc_array(f->own, n + 1, sizeof *f->own);
    f->own_n = 0;
    f->own_until = now + OWN_AGAIN_S * INT64_C(1000000000);
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        struct kube_peer p;
        if (i->ifa_addr != NULL && kube_peer_of(i->ifa_addr, &p)) f->own[f->own_n++] = p.address;
    }
    freeifaddrs(list);
}

static bool is_own(struct address_filter *f, const struct in6_addr *a) {
    look_at_own(f);
    for (size_t i = 0; i < f->own_n; i++)
        if (memcmp(&f->own[i], a, sizeof *a) == 0) return true;
    return false;
}

const char *address_filter_denies_address(struct address_filter *f, const char *host, const struct sockaddr *to) {
    struct kube_peer peer;
    if (!kube_peer_of(to, &peer)) return "no internet address";
    if (kube_peers_have(f->peers, &peer)) return "the API server's address";
    if (held_targets_have(&f->held, host, &peer)) return OWN_ANSWER_IS;
    for (size_t i = 0; i < f->allowed_n; i++)
        if (address_range_has(&f->allowed[i], &peer.address)) return NULL;
    const char *is_what = class_of(&peer.address);
    return is_what != NULL ? is_what : is_own(f, &peer.address) ? "one of the operator's own addresses" : NULL;
}

void address_filter_hold(struct address_filter *f, const char *host, const struct sockaddr *to) {
    struct kube_peer peer;
    if (kube_peer_of(to, &peer)) held_targets_add(&f->held, host, &peer);
}

void address_filter_explain(const struct sockaddr *to, const char *is_what, struct rv_buf *out) {
    char text[INET6_ADDRSTRLEN] = "the address";
    struct kube_peer peer;
    if (kube_peer_of(to, &peer)) {
        bool v4 = IN6_IS_ADDR_V4MAPPED(&peer.address);
        (void)inet_ntop(v4 ? AF_INET : AF_INET6, peer.address.s6_addr + (v4 ? 12 : 0), text, sizeof text);
    }
    if (strcmp(is_what, OWN_ANSWER_IS) == 0) {
        rv_buf_addf(out, "refused: %s is " OWN_ANSWER_IS, text);
        return;
    }
    rv_buf_addf(out,
                "refused: %s is %s, and requests for Ray never go there (where does the head Service lead? "
                "requests.allowAddresses of the operator's configuration names exceptions)",
                text, is_what);
}
