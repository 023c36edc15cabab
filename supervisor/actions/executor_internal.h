/* executor_internal.h - what the files of the executor share.
 *
 *   executor.c   the queue, the order of actions, the life of an op, HTTP requests, timers and events
 *   identify.c   client certificates of HTTP requests
 *   object_op.c  requests to the API server about objects: bodies, answers, retries, owners */
#ifndef ACTIONS_EXECUTOR_INTERNAL_H
#define ACTIONS_EXECUTOR_INTERNAL_H

#include "executor.h"
#include "fair_queue.h"
#include "ipc/base/rate_limit.h"
#include "object_lock.h"
#include "quota.h"

/* One action of a plugin, until its result. */
struct op {
    struct fair_queue_item item;  /* first member: an item of the queue is its op */
    struct object_lock_item lock; /* held while it runs */
    int64_t asked, begun;         /* monotonic, ns: when the plugin asked for it, and when its turn came */
    int64_t sent;                 /* the last attempt */
    bool known;                   /* its plugin has got the object of its key */
    int64_t waited;               /* ns: an event tells when it happened, not when its turn came */
    struct executor *x;
    struct executor_client *client; /* NULL if its plugin has ended, or for an action of the supervisor itself */
    struct quota *quota;            /* the same */
    uint64_t instance;
    char *bytes; /* its texts, each with a NUL, and the body */
    struct msg_action m;
    struct op *next, **back;
    unsigned retries;
    /* `looked`: the object was read after an AlreadyExists. */
    bool running, looked;
    bool kept_credential; /* the request was sent with one that may be outdated */
    bool kept_identity;   /* the same of its client certificate */
    struct client_identity *identity;
    void (*identify_go_on)(struct op *op);
    char *tls_failure;    /* why it failed with the certificate that was kept */
    bool owned;           /* the owner is known to exist */
    bool judged;          /* whether others undo it */
    size_t kept;          /* its bytes that quota->bytes counts */
    size_t reading_bytes; /* bytes that quota->reading counts */
    struct loop_timer *timer;
    struct kube_request *request;
    char *plugin_name;
    const char *kind; /* of its key, as the trail keeps it; NULL: the trail shows nothing of it */
    char *conflict;   /* the result that is sent after the newest object has been read */
};

struct executor {
    struct supervisor *s;
    struct fair_queue *queue;
    struct object_lock *locks;  /* objects on which an action is running */
    struct event_queue *events; /* events, which have a lower priority */
    struct quota *quotas;
    struct op *running;
    struct recorder *recorder;
    struct http_direct *http;
    struct http_proxy *proxy;
    struct credential_cache *credentials;
    struct client_identities *identities;
    struct owners *owners;
    struct undone *undone;     /* writes that others undo */
    struct contest *contest;   /* objects that others delete or make again */
    struct failures *failures; /* failures that the log summarises */
    /* `limit` is how many requests may be in flight now (AIMD). */
    size_t in_flight, limit;
    size_t light; /* queued actions that will not count as in flight */
    struct rate_limit rate;
    struct loop_timer *refill, *event_timer;
    int64_t refill_at;     /* monotonic, ns */
    struct denied *denied; /* refusals that were reported lately */
    struct executor_stats stats;
    struct counts *counts;
    struct loop_prepare *prepare;
    /* `paused`: bodies wait for space. */
    bool wake, paused;
    executor_pause_fn pause; /* NULL means that pauses are not changed */
    void *pause_arg;
};

/* executor.c */
void start_op(struct op *op);                          /* starts the work of its verb */
void end_op(struct op *op, const struct rv_result *r); /* sends the result, exactly once, and frees the op */
/* An event about the object that the plugin was at. */
void event_about_key(struct op *op, const char *reason, const char *why);

/* object_op.c */
void start_object_op(struct op *op);

#endif
