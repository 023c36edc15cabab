/* h2_target.h - the parts of a URL that an HTTP/2 request and its connection need. */
#ifndef REQUESTS_H2_TARGET_H
#define REQUESTS_H2_TARGET_H

#include "rayvisor/base.h"

struct h2_target {
    bool tls, is_name; /* https, and whether the host is not an address */
    /* "NAME:PORT" as resolver_host_of_url() returns it; for the resolver and the address filter. */
    char *host_port;
    char *host;      /* without port and brackets; the certificate must have this name */
    char *authority; /* as in the URL */
    char *path;      /* with the query, unchanged: the path that is requested is exactly the one that was granted */
};
bool h2_target_parse(struct rv_str url, struct h2_target *ret);
void h2_target_free(struct h2_target *t);

#endif
