/* address_range.c - see address_range.h. */
#include "address_range.h"

#include <arpa/inet.h>

enum { MAPPED_BITS = 96, ALL_BITS = 128 };

/* Returns how many bits the prefix may have; 0: it is no address. */
static unsigned parse_address(struct rv_str text, struct in6_addr *ret) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    rv_autofree char *copy = rv_strdup(text);
    if (strlen(copy) != text.n) return 0;
    if (inet_pton(AF_INET6, copy, ret) == 1) return ALL_BITS;
    memcpy(ret->s6_addr, mapped, sizeof mapped);
    return inet_pton(AF_INET, copy, ret->s6_addr + sizeof mapped) == 1 ? ALL_BITS - MAPPED_BITS : 0;
}

bool address_range_parse(struct rv_str text, struct address_range *ret) {
    const char *slash = text.n != 0 ? memchr(text.p, '/', text.n) : NULL;
    struct rv_str address = {text.p, slash != NULL ? (size_t)(slash - text.p) : text.n};
    unsigned most = parse_address(address, &ret->first);
    int64_t bits = most;
    if (most == 0) return false;
    if (slash != NULL && rv_str_to_int((struct rv_str){slash + 1, text.n - address.n - 1}, 0, most, &bits) != 0)
        return false;
    ret->bits = (unsigned)bits + (ALL_BITS - most);
    return true;
}

bool address_range_has(const struct address_range *r, const struct in6_addr *address) {
    unsigned bytes = r->bits / 8, rest = r->bits % 8;
    if (memcmp(&r->first, address, bytes) != 0) return false;
    return rest == 0 || (r->first.s6_addr[bytes] ^ address->s6_addr[bytes]) >> (8 - rest) == 0;
}
