/* kube.h - the Kubernetes API client: one set of credentials, one pool of connections, any number of requests and
 * watches. It never blocks (libcurl's multi interface on the supervisor's loop).
 *
 *   kubeconfig.c  which server and which credentials (kubeconfig, in-cluster)
 *   auth.c        tokens and certificates that change
 *   auth_exec.c   credential plugins
 *   client.c      requests: pool, deadlines, size limits, Retry-After, Status decoding
 *   watch.c       one list and watch for each resource and selector; it feeds a collection of the store
 *
 * Only auth.c, auth_exec.c and client.c see a token. Nothing here logs a header or a body. */
#ifndef RV_KUBE_H
#define RV_KUBE_H

#include <sys/types.h>

#include "ipc/base/loop.h"
#include "rayvisor/json.h"

/* ---- where and who -------------------------------------------------------------------------------------- */

struct kube_config; /* one resolved context */
struct kube_config_opts {
    const char *kubeconfig; /* NULL means $KUBECONFIG, then in-cluster, then ~/.kube/config */
    const char *context;    /* NULL means the current context */
    const char *pod_dir;    /* the folder of a pod's account; NULL means where Kubernetes mounts it */
};
struct kube_config *kube_config_load(const struct kube_config_opts *o, struct rv_error *err);
struct kube_config *kube_config_free(struct kube_config *c);
const char *kube_config_server(const struct kube_config *c); /* "https://127.0.0.1:6443" */
/* The addresses to which the clients of this context connect (peers.h). The clients add to them. */
struct kube_peers *kube_config_peers(const struct kube_config *c);
/* The namespace of the context or of the pod; otherwise "default". */
const char *kube_config_namespace(const struct kube_config *c);

/* ---- requests -------------------------------------------------------------------------------------------- */

struct kube_client;
struct kube_client_opts {
    unsigned max_connections; /* for requests; each watch has its own connection; 0 means 16 */
    const char *user_agent;
    /* Shares the credentials of another client, which must live longer; may be NULL. */
    struct kube_client *credentials_of;
};
struct kube_client *kube_client_new(struct loop *l, const struct kube_config *cfg, const struct kube_client_opts *o,
                                    struct rv_error *err);
struct kube_client *kube_client_free(struct kube_client *c); /* first ends all requests with RV_E_SHUTDOWN */

struct kube_response {
    int code; /* 0 for 2xx; otherwise an RV_E_* from the status and the Status body, or from the transport */
    unsigned http_status;       /* 0 if there was no answer */
    bool maybe_sent;            /* after a transport failure: true if the server may have seen the request */
    int64_t retry_after_ms;     /* 0 if the server did not ask for a pause */
    struct rv_bytes body;       /* the raw body, borrowed until the callback returns */
    struct rv_str content_type; /* of the body, borrowed */
    struct rv_str reason;       /* Status.reason, borrowed */
    struct rv_str message;      /* Status.message or the error of the transport, borrowed */
};
typedef void (*kube_done_fn)(void *arg, const struct kube_response *r);

struct kube_request; /* a running request */
struct kube_request_opts {
    const char *method;       /* "GET", "POST", "PATCH", "PUT", "DELETE" */
    const char *path;         /* from kube_path(), with the query */
    const char *content_type; /* of the body */
    struct rv_bytes body;     /* is copied */
    unsigned timeout_ms;      /* 0 means 30 s */
    size_t max_body;          /* limit on the body of the answer; 0 means 16 MiB */
    bool urgent;              /* goes before all queued requests */
    bool once;                /* never sends a body a second time, even if a kept connection turns out to be dead */
};
/* Sends a request. `done` is called exactly once, never from within kube_send(). */
struct kube_request *kube_send(struct kube_client *c, const struct kube_request_opts *o, kube_done_fn done, void *arg);
void kube_cancel(struct kube_request *r); /* ends the request; `done` is not called */

/* Frees memory that is kept for further requests (some 50 KiB for each handle). Later requests allocate it again. */
void kube_client_trim(struct kube_client *c);

/* The pid of the running credential plugin, or 0. Code that reaps children must leave this one alone. */
pid_t kube_client_child(const struct kube_client *c);

/* Counters for /metrics. */
struct kube_stats {
    uint64_t requests, failures, throttled, retries, bytes_in, bytes_out, watches_started, watches_failed, relists,
        events, bookmarks;
    unsigned in_flight, queued;
};
void kube_client_stats(const struct kube_client *c, struct kube_stats *ret);

/* Returns a path such as "/apis/ray.io/v1/namespaces/ns/rayclusters/name/status?k=v", with every part escaped. ns, name
 * and sub may be empty. The arguments end with pairs of query keys and values and a NULL. The caller frees the
 * result. */
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
    KUBE_WATCH_UNAUTHORIZED, /* the API server does not know who we are (HTTP 401) */
    KUBE_WATCH_MISSING       /* the resource is not served (yet); it is tried again from time to time */
};
struct kube_watch_opts {
    const char *api_version, *resource;
    const char *ns;       /* NULL means all namespaces */
    const char *selector; /* a label selector as text, or NULL */
    struct store_collection *into;
    unsigned page_size;                      /* 0 means 500 */
    unsigned stall_ms;                       /* reconnect after this time without a byte; 0 means 150000 */
    unsigned backoff_min_ms, backoff_max_ms; /* 0 means 800 and 30000 */
    unsigned missing_min_ms, missing_max_ms; /* pauses while the resource is not served; 0 means 2000 and 60000 */
    void (*on_synced)(void *arg);            /* the first complete list is in the store */
    void (*on_state)(void *arg, enum kube_watch_state s, const char *why);
    /* An object is nested too deeply to be stored. It is left out, or its earlier state stays. Called once for each
     * object. */
    void (*on_unreadable)(void *arg, struct rv_str ns, struct rv_str name);
    void *arg;
};
struct kube_watch *kube_watch_start(struct kube_client *c, const struct kube_watch_opts *o);
struct kube_watch *kube_watch_free(struct kube_watch *w);
bool kube_watch_synced(const struct kube_watch *w);

#endif
