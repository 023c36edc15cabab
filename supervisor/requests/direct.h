/* direct.h - requests to Ray endpoints on behalf of plugins: bounded in time and size, no redirects, never to the API
 * server or to addresses that are nobody's service (link-local, metadata). */
#ifndef REQUESTS_DIRECT_H
#define REQUESTS_DIRECT_H

#include "supervisor/supervisor.h"

enum { HTTP_MAX_MS = 120000, HTTP_DEFAULT_BYTES = 1 << 20, HTTP_MAX_BYTES = 16 << 20 };

struct http_direct;
struct http_answer {
    int code;
    unsigned status;
    bool json; /* body was converted to msgpack */
    struct rv_bytes body;
    struct rv_str message;
    struct rv_val trailers; /* map of strings */
};
typedef void (*http_answer_fn)(void *arg, const struct http_answer *a);
struct kube_peers;
/* api_server: its URL; api: where it is, which the Kubernetes clients learn as they connect. */
/* Is there room for a body of at most n bytes of a request's answer? arg: the request's. False: the body is not read,
 * and asked about again, until http_direct_resume() or the request's time-out. NULL: there always is. */
typedef bool (*http_admit_fn)(void *arg, size_t n);
struct http_direct *http_direct_new(struct rv_loop *l, const char *api_server, struct kube_peers *api,
                                    http_admit_fn admit);
/* There may be room now. Not from within a callback. */
void http_direct_resume(struct http_direct *h);
struct http_direct *http_direct_free(struct http_direct *h); /* outstanding requests end with RV_E_SHUTDOWN */
/* credential: a whole header line or NULL; copied and wiped. */
void http_direct_send(struct http_direct *h, const struct rv_http_request *r, const char *credential,
                      http_answer_fn done, void *arg);

#endif
