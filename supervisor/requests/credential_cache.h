/* credential_cache.h - header lines of credentials that were read from Secrets.
 *
 * A cluster with token authentication is asked every few seconds, and its Secret changes once in months. So the Secret
 * is not read for each request, but after CREDENTIAL_CACHE_S, and for requests with RV_HTTP_KEEP_CREDENTIAL not even
 * then. When Ray refuses a kept line, the caller drops it, reads the Secret and asks once more: a token that was
 * changed is used at once. The number and the size of lines are bounded, and what goes is wiped, at the latest when it
 * was not used for CREDENTIAL_CACHE_UNUSED_S and another one is put. */
#ifndef REQUESTS_CREDENTIAL_CACHE_H
#define REQUESTS_CREDENTIAL_CACHE_H

#include "rayvisor/plugin.h"

enum {
    CREDENTIAL_CACHE_LINES = 4096, /* the one that was unused for the longest time gives way */
    CREDENTIAL_CACHE_LINE = 4096,  /* a longer line is not kept */
    CREDENTIAL_CACHE_S = 10,
    CREDENTIAL_CACHE_UNUSED_S = 600
};

struct credential_cache;
struct credential_cache *credential_cache_new(void);
struct credential_cache *credential_cache_free(struct credential_cache *c);

/* The line for that request, or NULL. Valid until the next call. now: monotonic, ns */
const char *credential_cache_find(struct credential_cache *c, const struct rv_http_request *h, int64_t now);
void credential_cache_put(struct credential_cache *c, const struct rv_http_request *h, struct rv_str line, int64_t now);
void credential_cache_drop(struct credential_cache *c, const struct rv_http_request *h);

#endif
