/* serve.h - the simulated Ray Serve of one Ray cluster: what was asked for (serveconfig.c), which replicas there are
 * (servestate.c), what that looks like in the dashboard (serveshow.c), proxies and the requests that they hold
 * (serveproxy.c). rayserve.c is the REST API.
 *
 * Its state moves in serve_advance(): called after whatever may have changed something, and by a timer at the time when
 * the next thing is due. Nothing else changes replicas. */
#ifndef RV_SANDBOX_SIM_SERVE_H
#define RV_SANDBOX_SIM_SERVE_H

#include "raynode.h"

enum serve_replica_state { REPLICA_STARTING, REPLICA_RUNNING, REPLICA_STOPPING };
struct serve_replica {
    struct serve_replica *next;
    char id[9];
    enum serve_replica_state state;
    struct ray_node *node; /* NULL if no node has free capacity for it yet */
    uint64_t version;      /* version of its deployment when it was started */
    int64_t cpu;           /* in thousandths of a processor */
    int64_t started_ms, due_ms;
    unsigned ongoing;
};

enum serve_status { /* the status of an application is the first of these that one of its deployments has */
                    DEPLOYMENT_FAILED,
                    DEPLOYMENT_UNHEALTHY,
                    DEPLOYMENT_UPDATING,
                    DEPLOYMENT_UPSCALING,
                    DEPLOYMENT_DOWNSCALING,
                    DEPLOYMENT_HEALTHY
};
struct serve_deployment {
    struct serve_deployment *next;
    char *name;
    struct rv_buf config; /* as given, in msgpack; empty if the configuration does not name it */
    struct rv_buf actor;  /* ray_actor_options of the wanted replicas, in msgpack */
    bool autoscaled;
    bool wanted; /* if false, its replicas stop, and then it is removed */
    int64_t replicas, min, max, target_ongoing, max_ongoing, downscale_ms, cpu;
    int64_t target;       /* the number of replicas for the present capacity and load */
    int64_t low_since_ms; /* since when autoscaling wants fewer replicas; 0 if it does not */
    uint64_t version;     /* a new version replaces the replicas */
    unsigned failures;    /* constructor failures in a row */
    enum serve_status status;
    const char *trigger; /* what led to the status, in Serve's words */
    char *message;
    struct serve_replica *list;
};

struct serve_app {
    struct serve_app *next;
    char *name, *route;
    struct rv_buf config; /* as given, in msgpack */
    struct rv_buf code;   /* what it was built from, in msgpack */
    bool building;        /* its configuration takes effect when the build is due */
    /* `failed`: it could not be built. */
    bool deleting, failed;
    bool rebuilding; /* it is being built from other code than before; no deployments are shown meanwhile */
    bool deployed;   /* it was deployed once, so it has a route */
    /* `taken_ms` is when its configuration was accepted. */
    int64_t build_due_ms, taken_ms;
    char *message; /* of a failed build */
    struct serve_deployment *deployments;
};

struct serve_request;
struct serve {
    bool started;          /* a configuration was accepted */
    double capacity;       /* target_capacity; negative if none */
    struct rv_buf options; /* http_options, in msgpack; kept from the first configuration on, as in Serve */
    enum { EVERY_NODE, HEAD_ONLY, DISABLED } location;
    struct serve_app *apps;
    struct serve_request *requests;
    struct sim_timer timer;
    struct ray_head *head;
    uint64_t versions;
};

struct serve *serve_new(struct ray_head *h);
void serve_free(struct serve *s);
/* Drops the head's state: applications, replicas and the requests of replicas. */
void serve_forget(struct serve *s);
/* A node will be freed, or is no longer alive. */
void serve_node_lost(struct serve *s, struct ray_node *n);
void serve_advance(struct serve *s);

int ray_serve(struct ray_call *c); /* rayserve.c: the REST API */

/* ---- serveconfig.c ---- */

/* Accepts the body of a PUT. Returns 0, or RV_E_INVALID with Serve's words in *ret_why (in the arena). */
int serve_configure(struct serve *s, struct rv_arena *a, struct rv_val body, struct rv_str *ret_why);
void serve_app_free(struct serve *s, struct serve_app *app);
struct serve_deployment *serve_deployment_free(struct serve *s, struct serve_deployment *d);
void serve_replica_free(struct serve *s, struct serve_deployment *d, struct serve_replica *r);
/* Applies a configuration to the deployments of an application that has been built. */
void serve_deploy(struct serve *s, struct serve_app *app);

/* ---- servestate.c ---- */

const char *serve_app_status(const struct serve_app *app, struct rv_str *ret_message, struct rv_arena *a);
const char *serve_deployment_status(enum serve_status status);

/* ---- serveproxy.c ---- */

bool serve_proxies_update(struct serve *s, int64_t *ret_due_ms); /* returns whether something has changed */
void serve_probes_update(struct serve *s);
/* The answer of a node's proxy to /-/healthz: 200, 503, or 0 if nobody listens. */
int serve_health(const struct serve *s, const struct ray_node *n, const char **ret_text);
int64_t serve_port(const struct serve *s);
/* Gives replicas to waiting requests, and answers those that end. */
bool serve_requests_update(struct serve *s, int64_t *ret_due_ms);
void serve_requests_of_replica_fail(struct serve *s, const struct serve_replica *r);
void serve_requests_of_node_fail(struct serve *s, const struct ray_node *n);
unsigned serve_requests_waiting(const struct serve *s, const struct serve_app *app);
void serve_metrics(const struct serve *s, const struct ray_node *n, struct rv_buf *out);
/* /-/healthz and /-/routes; returns 0 for another path. */
int serve_answer_proxy(struct ray_call *c, struct ray_node *n);

struct serve_result {
    int status; /* 0 if there was no connection, or if it broke */
    const char *error;
    const char *app, *replica;
    int64_t waited_ms, took_ms;
};
typedef void (*serve_done_fn)(void *arg, const struct serve_result *r);
/* Starts a client's request to the proxy of a node. fn is called once, perhaps before this returns NULL. The result is
 * valid until fn is called. */
struct serve_request *serve_request_start(struct serve *s, struct ray_node *n, struct rv_str path, int64_t ms,
                                          serve_done_fn fn, void *arg);
void serve_request_cancel(struct serve_request *q); /* fn is not called */

/* ---- serveshow.c ---- */

struct rv_node *serve_show(const struct serve *s, struct rv_arena *a);

#endif
