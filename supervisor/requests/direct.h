/* direct.h - requests to Ray endpoints for plugins. They are bounded in time and size and follow no redirects. They
 * never reach the API server or addresses that are no service (link-local, metadata services). A destination where an
 * operator itself has answered (own_answer.h) is denied for some minutes. */
#ifndef REQUESTS_DIRECT_H
#define REQUESTS_DIRECT_H

#include "answer.h"
#include "supervisor/supervisor.h"

struct http_direct;
struct client_identity;
struct kube_peers;
struct address_range;
/* `api_server` is the URL of the API server. `api` has its addresses, which the Kubernetes clients record. */
struct http_direct *http_direct_new(struct loop *l, const char *api_server, struct kube_peers *api,
                                    http_admit_fn admit);
/* As address_filter_allow(). */
void http_direct_allow(struct http_direct *h, const struct address_range *ranges, size_t n);
/* Bodies may perhaps be read now. Must not be called from within a callback. */
void http_direct_resume(struct http_direct *h);
struct http_direct *http_direct_free(struct http_direct *h); /* first ends all requests with RV_E_SHUTDOWN */
/* `credential` is a whole header line, which is copied and wiped, or NULL. `identity` is as in h2_pool_send(). */
void http_direct_send(struct http_direct *h, const struct rv_http_request *r, const char *credential,
                      struct client_identity *identity, http_answer_fn done, void *arg);

#endif
