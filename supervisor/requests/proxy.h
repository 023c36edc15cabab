/* proxy.h - requests to Services and pods through the API server (`kubernetes.proxyHttp`). It is for a supervisor that
 * can reach neither, because it runs outside of the cluster or with the embedded one.
 *
 *   http://NAME.NAMESPACE.svc[.DOMAIN][:PORT]/PATH  .../namespaces/NAMESPACE/services/NAME:PORT/proxy/PATH
 *   http://ADDRESS[:PORT]/PATH                      .../pods/..., the pod with that address in the object's namespace
 *
 * An answer of the API server itself (no such service, nobody listens) is not an answer of the destination. It becomes
 * the error with which a direct request would have ended. */
#ifndef REQUESTS_PROXY_H
#define REQUESTS_PROXY_H

#include "direct.h"

enum { HTTP_PROXY_MAX = 512 };

/* The API server's proxy speaks HTTP/1.1 to Services and pods, so a request over HTTP/2 goes directly. This text is
 * added to its error, because it is the usual reason of a failure. */
#define HTTP_PROXY_NO_HTTP2                                                                                            \
    "; it was sent directly, because HTTP/2 (gRPC) cannot go through the API server's proxy (kubernetes.proxyHttp)"

struct http_proxy;
struct http_proxy *http_proxy_new(struct supervisor *s, http_admit_fn admit);
void http_proxy_resume(struct http_proxy *p);             /* like http_direct_resume() */
struct http_proxy *http_proxy_free(struct http_proxy *p); /* first ends all requests with RV_E_SHUTDOWN */
/* Returns false if the URL is neither of the above. Otherwise like http_direct_send(). `ns` is the namespace of the
 * object that the request is for. */
bool http_proxy_send(struct http_proxy *p, struct rv_str ns, const struct rv_http_request *r, const char *credential,
                     http_answer_fn done, void *arg);

#endif
