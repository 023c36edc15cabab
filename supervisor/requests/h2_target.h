/* h2_target.h - the parts of a URL that an HTTP/2 request and its connection need. */
#ifndef REQUESTS_H2_TARGET_H
#define REQUESTS_H2_TARGET_H

#include "rayvisor/base.h"

struct h2_target {
    bool tls, is_name; /* https; the host is not an address */
    char *host_port;   /* "NAME:PORT" as resolver_host_of_url() gives it: what is resolved and filtered */
    char *host;        /* without port and brackets: what a certificate must say */
    char *authority;   /* as the URL has it */
    char *path;        /* with the query, unchanged: what was granted is what is asked */
};
bool h2_target_parse(struct rv_str url, struct h2_target *ret);
void h2_target_free(struct h2_target *t);

#endif
