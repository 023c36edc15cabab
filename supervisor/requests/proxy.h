/* proxy.h - requests to Services and pods by way of the API server (`kubernetes.proxyHttp`), for a supervisor
 * whose machine can reach neither: outside of the cluster, or with the embedded one.
 *
 *   http://NAME.NAMESPACE.svc[.DOMAIN][:PORT]/PATH  .../namespaces/NAMESPACE/services/NAME:PORT/proxy/PATH
 *   http://ADDRESS[:PORT]/PATH                      the pod of that address in the object's own namespace, .../pods/...
 *
 * What the API server itself has to say (no such service, nobody listens) is no answer of whoever was asked: it becomes
 * the error that a direct request would have ended with. */
#ifndef REQUESTS_PROXY_H
#define REQUESTS_PROXY_H

#include "direct.h"

enum { HTTP_PROXY_MAX = 512 };

/* The API server's proxy speaks HTTP/1.1 to Services and pods, so a request over HTTP/2 goes directly. Its failure says
 * so behind the reason, because most often that is why. */
#define HTTP_PROXY_NO_HTTP2                                                                                            \
    "; it was sent directly, because HTTP/2 (gRPC) cannot go through the API server's proxy (kubernetes.proxyHttp)"

struct http_proxy;
struct http_proxy *http_proxy_new(struct supervisor *s, http_admit_fn admit);
void http_proxy_resume(struct http_proxy *p);             /* as http_direct_resume() */
struct http_proxy *http_proxy_free(struct http_proxy *p); /* outstanding requests end with RV_E_SHUTDOWN */
/* False: the URL is neither of the above. Else as http_direct_send(); ns: of the object for which it is asked. */
bool http_proxy_send(struct http_proxy *p, struct rv_str ns, const struct rv_http_request *r, const char *credential,
                     http_answer_fn done, void *arg);

#endif
