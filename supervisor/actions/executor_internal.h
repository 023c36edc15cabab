/* executor_internal.h - what the two files of the executor share.
 *
 *   executor.c   the queue, whose turn it is, the life of an op, HTTP requests, timers and events
 *   object_op.c  requests to the API server about objects: what is sent, answers, retries, owners */
#ifndef ACTIONS_EXECUTOR_INTERNAL_H
#define ACTIONS_EXECUTOR_INTERNAL_H

#include "executor.h"
#include "fair.h"
#include "ipc/base/rate_limit.h"
#include "object_lock.h"
#include "quota.h"

/* One request from a plugin, until its result. */
struct op {
    struct fair_item item;        /* first: an item of the queue is its op */
    struct object_lock_item lock; /* while it runs */
    int64_t sent;                 /* mono ns */
    int64_t waited;               /* ns: an event tells when it happened, not when its turn came */
    struct executor *x;
    struct executor_client *client; /* NULL: its plugin is gone, or the supervisor's own */
    struct quota *quota;            /* likewise */
    uint64_t instance;
    char *bytes; /* its texts, each with a NUL, and the body */
    struct msg_action m;
    struct op *next, **back;
    unsigned retries;
    bool running, looked; /* looked: the object was read after an AlreadyExists */
    bool owned;           /* the owner is known to be there */
    bool judged;          /* whether others undo it */
    size_t kept;          /* bytes of it, counted in quota->bytes */
    size_t room;          /* set aside in quota->reading */
    struct rv_timer *timer;
    struct kube_request *request;
    char *plugin_name;
    char *conflict; /* the answer to be given once the newest object has been read */
};

struct executor {
    struct supervisor *s;
    struct fair *queue;
    struct object_lock *locks;  /* objects that running actions concern */
    struct event_queue *events; /* events, which give way */
    struct quota *quotas;
    struct op *running;
    struct recorder *recorder;
    struct http_direct *http;
    struct http_proxy *proxy;
    struct owners *owners;
    struct undone *undone;     /* writes that others undo */
    struct failures *failures; /* what the log says of them */
    size_t in_flight, limit;   /* limit: how many may be in flight now (AIMD) */
    size_t light;              /* queued, and will not count as in flight */
    struct rv_rate_limit rate;
    struct rv_timer *refill, *event_timer;
    int64_t refill_at;     /* mono ns */
    struct denied *denied; /* refusals told lately */
    struct executor_stats stats;
    struct counts *counts;
    struct rv_prepare *prepare;
    bool wake, paused;       /* paused: bodies wait for room */
    executor_pause_fn pause; /* NULL: as it is */
    void *pause_arg;
};

/* executor.c */
void start_op(struct op *op);                          /* by its verb */
void end_op(struct op *op, const struct rv_result *r); /* the result goes out, exactly once, and the op is freed */
void tell_key(struct op *op, const char *reason,
              const char *why); /* an event about the object that the plugin was at */

/* object_op.c */
void start_object_op(struct op *op);

#endif
