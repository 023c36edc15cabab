/* credential_cache.h - header lines of credentials, kept for some seconds.
 *
 * A cluster with token authentication is asked every few seconds, and its Secret changes once in months. So the Secret
 * is not read for each request. When Ray refuses a kept line, the caller drops it, reads the Secret and asks once more:
 * a token that was changed is used at once. The number and the size of lines are bounded, and what goes is wiped. */
#ifndef REQUESTS_CREDENTIAL_CACHE_H
#define REQUESTS_CREDENTIAL_CACHE_H

#include "rayvisor/plugin.h"

enum {
    CREDENTIAL_CACHE_SLOTS = 4096, /* two credentials that share a slot replace each other */
    CREDENTIAL_CACHE_LINE = 4096,  /* a longer line is not kept */
    CREDENTIAL_CACHE_S = 10
};

struct credential_cache;
struct credential_cache *credential_cache_new(void);
struct credential_cache *credential_cache_free(struct credential_cache *c);

/* The line for that request, or NULL. Valid until the next call. now: monotonic, ns */
const char *credential_cache_find(struct credential_cache *c, const struct rv_http_request *h, int64_t now);
void credential_cache_put(struct credential_cache *c, const struct rv_http_request *h, struct rv_str line, int64_t now);
void credential_cache_drop(struct credential_cache *c, const struct rv_http_request *h);

#endif
