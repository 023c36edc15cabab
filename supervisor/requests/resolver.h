/* resolver.h - which names curl resolves for http_out, and how many at once (see names.c). */
#ifndef ACTIONS_NAMES_H
#define ACTIONS_NAMES_H

#include "rayvisor/base.h"

#include <curl/curl.h>

enum { RESOLVING_MAX = 32 };

/* why: NULL when the name is in curl's cache now, so that a request may begin. */
typedef void (*name_fn)(void *arg, const char *why);
struct name_wait { /* the caller's, all zero */
    struct lookup *lookup;
    name_fn done;
    void *arg;
    struct name_wait *next, **back;
};

struct names;
/* on_address: each address that a lookup finds for "HOST:PORT". */
struct names *names_new(CURLM *multi, void (*on_address)(void *arg, const char *name, const struct sockaddr *a),
                        void *arg);
struct names *names_free(struct names *n); /* nobody waits any more */
/* "HOST:PORT" of a URL, in lower case; *ret_name is false for what is an address already. NULL: it is no URL. */
char *names_of_url(struct rv_str url, bool *ret_name);
/* Not from within curl's callbacks. done comes later, from names_reap(). */
void names_wait(struct names *n, struct name_wait *w, const char *name, name_fn done, void *arg);
void names_leave(struct name_wait *w);
void names_describe(const struct name_wait *w, struct rv_buf *out); /* what it waits for */
/* What the multi handle has done. False: it was no lookup of ours. */
bool names_reap(struct names *n, CURL *easy);

#endif
