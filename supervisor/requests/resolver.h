/* resolver.h - which names curl resolves for direct requests, and how many at once (see resolver.c). */
#ifndef REQUESTS_RESOLVER_H
#define REQUESTS_RESOLVER_H

#include "rayvisor/base.h"

#include <curl/curl.h>

enum { RESOLVING_MAX = 32 };

/* why: NULL when the name is in curl's cache now, so that a request may begin. */
typedef void (*resolver_fn)(void *arg, const char *why);
struct resolver_waiter {   /* the caller's, all zero */
    struct rv_bytes found; /* an array of struct sockaddr_storage; while done() runs */
    struct lookup *lookup;
    resolver_fn done;
    void *arg;
    struct resolver_waiter *next, **back;
};

struct resolver;
/* on_address: each address that a lookup finds for "HOST:PORT". */
struct resolver *resolver_new(CURLM *multi, void (*on_address)(void *arg, const char *name, const struct sockaddr *a),
                              void *arg);
struct resolver *resolver_free(struct resolver *n); /* nobody waits any more */
/* "HOST:PORT" of a URL, in lower case; *ret_name is false for what is an address already. NULL: it is no URL. */
char *resolver_host_of_url(struct rv_str url, bool *ret_name);
/* Not from within curl's callbacks. done comes later, from resolver_reap(). */
void resolver_wait(struct resolver *n, struct resolver_waiter *w, const char *name, resolver_fn done, void *arg);
void resolver_cancel(struct resolver_waiter *w);
void resolver_describe(const struct resolver_waiter *w, struct rv_buf *out); /* what it waits for */
/* What the multi handle has done. False: it was no lookup of ours. */
bool resolver_reap(struct resolver *n, CURL *easy);

#endif
