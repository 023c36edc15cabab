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
struct http_direct *http_direct_new(struct rv_loop *l, const char *api_server, struct kube_peers *api);
struct http_direct *http_direct_free(struct http_direct *h); /* outstanding requests end with RV_E_SHUTDOWN */
/* credential: a whole header line or NULL; copied and wiped. */
void http_direct_send(struct http_direct *h, const struct rv_http_request *r, const char *credential,
                      http_answer_fn done, void *arg);

#endif
