/* resolver.h - resolves the names of direct requests with curl, with a limit on the number of lookups (see
 * resolver.c). */
#ifndef REQUESTS_RESOLVER_H
#define REQUESTS_RESOLVER_H

#include "rayvisor/base.h"

#include <curl/curl.h>

enum { RESOLVING_MAX = 32 };

/* why is NULL if the name is in curl's cache now, so that a request can begin. */
typedef void (*resolver_fn)(void *arg, const char *why);
struct resolver_waiter {   /* embedded by the caller, all zero */
    struct rv_bytes found; /* an array of struct sockaddr_storage, valid while done() runs */
    struct lookup *lookup;
    resolver_fn done;
    void *arg;
    struct resolver_waiter *next, **back;
};

struct resolver;
/* on_address gets each address that a lookup finds for "HOST:PORT". */
struct resolver *resolver_new(CURLM *multi, void (*on_address)(void *arg, const char *name, const struct sockaddr *a),
                              void *arg);
struct resolver *resolver_free(struct resolver *n); /* nothing may be waiting any more */
/* "HOST:PORT" of a URL, in lower case; the caller frees it. *ret_name is false if the host is an address. Returns NULL
 * if it is not a URL. */
char *resolver_host_of_url(struct rv_str url, bool *ret_name);
/* Must not be called from within curl's callbacks. `done` is called later, from resolver_reap(). */
void resolver_wait(struct resolver *n, struct resolver_waiter *w, const char *name, resolver_fn done, void *arg);
void resolver_cancel(struct resolver_waiter *w);
void resolver_describe(const struct resolver_waiter *w, struct rv_buf *out); /* writes what it waits for */
/* Handles a transfer that has ended. Returns false if it is not a lookup. */
bool resolver_reap(struct resolver *n, CURL *easy);

#endif
