/* kube.h - the Kubernetes API client: one set of credentials, one pool of connections, any number of requests
 * and watches, never blocking (libcurl multi on the supervisor's loop).
 *
 *   kubeconfig.c  which server, which credentials (kubeconfig, in-cluster)
 *   auth.c        tokens and certificates that change      auth_exec.c  credential plugins
 *   client.c      requests: pool, deadlines, size caps, Retry-After, Status decoding
 *   watch.c       one list+watch per resource and selector, feeding a store collection
 *
 * The only files that see a token are auth.c, auth_exec.c and client.c. Nothing here logs a header or a body.
 */
#ifndef RV_KUBE_H
#define RV_KUBE_H

#include <sys/types.h>

#include "ipc/base/loop.h"
#include "rayvisor/json.h"

/* ---- where and who -------------------------------------------------------------------------------------- */

struct kube_config; /* one resolved context */
struct kube_config_opts {
    const char *kubeconfig; /* path; NULL: $KUBECONFIG, then in-cluster, then ~/.kube/config */
    const char *context;    /* NULL: current-context */
    const char *pod_dir;    /* where a pod finds its account; NULL: where Kubernetes mounts it */
};
struct kube_config *kube_config_load(const struct kube_config_opts *o, struct rv_error *err);
struct kube_config *kube_config_free(struct kube_config *c);
const char *kube_config_server(const struct kube_config *c); /* "https://127.0.0.1:6443" */
/* Where the clients of this context connect to (peers.h): they add to it. */
struct kube_peers *kube_config_peers(const struct kube_config *c);
const char *kube_config_namespace(const struct kube_config *c); /* of the context or the pod; "default" */

/* ---- requests -------------------------------------------------------------------------------------------- */

struct kube_client;
struct kube_client_opts {
    unsigned max_connections; /* for requests; watches have one of their own each. 0 = 16 */
    const char *user_agent;
    struct kube_client *credentials_of; /* shares those of another client, which must live longer; NULL: its own */
};
struct kube_client *kube_client_new(struct rv_loop *l, const struct kube_config *cfg, const struct kube_client_opts *o,
                                    struct rv_error *err);
struct kube_client *kube_client_free(struct kube_client *c); /* outstanding requests end with RV_E_SHUTDOWN first */

struct kube_response {
    int code;                   /* 0 for 2xx; else RV_E_* from status and Status body, or from the transport */
    unsigned http_status;       /* 0: no answer */
    bool maybe_sent;            /* with a transport failure: the server may have seen the request */
    int64_t retry_after_ms;     /* 0: not asked for */
    struct rv_bytes body;       /* raw; lent until the callback returns */
    struct rv_str content_type; /* of the body, lent */
    struct rv_str reason;       /* Status.reason, lent */
    struct rv_str message;      /* Status.message or the transport's, lent */
};
typedef void (*kube_done_fn)(void *arg, const struct kube_response *r);

struct kube_request; /* handle while in flight */
struct kube_request_opts {
    const char *method;       /* "GET", "POST", "PATCH", "PUT", "DELETE" */
    const char *path;         /* from kube_path(), with query */
    const char *content_type; /* of the body */
    struct rv_bytes body;     /* copied */
    unsigned timeout_ms;      /* 0 = 30 s */
    size_t max_body;          /* of the answer; 0 = 16 MiB */
    bool urgent;              /* ahead of the pool's queue */
    bool once;                /* a body is never sent a second time when a kept connection turns out to be dead */
};
/* Exactly one call of done, never from within kube_send. */
struct kube_request *kube_send(struct kube_client *c, const struct kube_request_opts *o, kube_done_fn done, void *arg);
void kube_cancel(struct kube_request *r); /* done is not called */

/* Gives back what is kept for the next requests (buffers of some 50 KiB each); they make it again. */
void kube_client_trim(struct kube_client *c);

/* The credential plugin that runs now, or 0: whoever reaps children leaves it alone. */
pid_t kube_client_child(const struct kube_client *c);

/* Counters for /metrics. */
struct kube_stats {
    uint64_t requests, failures, throttled, retries, bytes_in, bytes_out, watches_started, watches_failed, relists,
        events, bookmarks;
    unsigned in_flight, queued;
};
void kube_client_stats(const struct kube_client *c, struct kube_stats *ret);

/* "/apis/ray.io/v1/namespaces/ns/rayclusters/name/status?k=v": every part escaped, any length. ns, name, sub may be
 * empty. Pairs of query keys and values end with NULL. The result is the caller's. */
char *kube_path(struct rv_str api_version, struct rv_str ns, struct rv_str resource, struct rv_str name,
                struct rv_str sub, ...) __attribute__((sentinel));

/* ---- list and watch --------------------------------------------------------------------------------------- */

struct store_collection;
struct kube_watch;
enum kube_watch_state {
    KUBE_WATCH_LISTING,
    KUBE_WATCH_WATCHING,
    KUBE_WATCH_BACKOFF,
    KUBE_WATCH_FORBIDDEN,
    KUBE_WATCH_UNAUTHORIZED, /* the API server does not know who we are: HTTP 401 */
    KUBE_WATCH_MISSING       /* the resource is not served (yet): asked again from time to time */
};
struct kube_watch_opts {
    const char *api_version, *resource;
    const char *ns;       /* NULL: all namespaces */
    const char *selector; /* label selector text or NULL */
    struct store_collection *into;
    unsigned page_size;                      /* 0 = 500 */
    unsigned stall_ms;                       /* no byte for so long: reconnect. 0 = 150000 */
    unsigned backoff_min_ms, backoff_max_ms; /* 0 = 800, 30000 */
    void (*on_synced)(void *arg);            /* first complete list is in the store */
    void (*on_state)(void *arg, enum kube_watch_state s, const char *why);
    /* An object that is nested too deeply to be kept: it is left out, or stays as it was known. Once for each. */
    void (*on_unreadable)(void *arg, struct rv_str ns, struct rv_str name);
    void *arg;
};
struct kube_watch *kube_watch_start(struct kube_client *c, const struct kube_watch_opts *o);
struct kube_watch *kube_watch_free(struct kube_watch *w);
bool kube_watch_synced(const struct kube_watch *w);

#endif
