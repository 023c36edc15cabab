/* direct.h - requests to Ray endpoints on behalf of plugins: bounded in time and size, no redirects, never to the API
 * server, to this machine or to addresses that are nobody's service (address_filter.h). */
#ifndef REQUESTS_DIRECT_H
#define REQUESTS_DIRECT_H

#include "answer.h"
#include "supervisor/supervisor.h"

struct http_direct;
struct kube_peers;
struct address_range;
/* api_server: its URL; api: where it is, which the Kubernetes clients learn as they connect. */
struct http_direct *http_direct_new(struct rv_loop *l, const char *api_server, struct kube_peers *api,
                                    http_admit_fn admit);
/* As address_filter_allow(). */
void http_direct_allow(struct http_direct *h, const struct address_range *ranges, size_t n);
/* There may be room now. Not from within a callback. */
void http_direct_resume(struct http_direct *h);
struct http_direct *http_direct_free(struct http_direct *h); /* outstanding requests end with RV_E_SHUTDOWN */
/* credential: a whole header line or NULL; copied and wiped. */
void http_direct_send(struct http_direct *h, const struct rv_http_request *r, const char *credential,
                      http_answer_fn done, void *arg);

#endif
