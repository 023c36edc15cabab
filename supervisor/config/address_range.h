/* address_range.h - a range of internet addresses as the configuration names it: 10.0.0.0/8, fd00::/8, 127.0.0.1. */
#ifndef CONFIG_ADDRESS_RANGE_H
#define CONFIG_ADDRESS_RANGE_H

#include <netinet/in.h>

#include "rayvisor/base.h"

struct address_range {
    struct in6_addr first; /* an IPv4 address in its mapped form */
    unsigned bits;         /* that count: 0 to 128 */
};
/* False: it is no range. */
bool address_range_parse(struct rv_str text, struct address_range *ret);
/* An IPv4 address in its mapped form. */
bool address_range_has(const struct address_range *r, const struct in6_addr *address);

#endif
