/* sim.h - the simulated cluster behind the sandbox's API server: nodes, scheduler, kubelets, the controllers that a
 * RayCluster needs (Job, EndpointSlice, garbage collection, namespaces, volume claims) and Ray itself.
 *
 * It uses the storage as real controllers use a real API server: it listens to changes and writes objects. It has one
 * thread and one loop. Nothing polls: a change or the next due time wakes it. Every turn of work is bounded, so that
 * 20,000 starting pods never delay a request for long.
 *
 * The storage and the loop outlive the simulation. It must be freed before the storage. */
#ifndef RV_SANDBOX_SIM_H
#define RV_SANDBOX_SIM_H

#include "deploy/sandbox/storage.h"

struct sim;

struct sim_opts {
    size_t size; /* sizeof(struct sim_opts), set by sim_opts_init */
    int64_t nodes;
    int64_t node_cpu;  /* in cores */
    char *node_memory; /* a quantity */
    int64_t node_gpu, node_pods;
    /* `start_ms`: pulling the image and starting all containers. */
    int64_t schedule_ms, start_ms, ready_ms, terminate_ms, init_ms;
    int64_t job_ms;     /* how long the containers of a Job's pod run */
    int64_t backoff_ms; /* the first CrashLoopBackOff; it doubles up to 30 times this */
    int64_t ray_port;   /* plain HTTP for the simulated Ray on 127.0.0.1; 0 for none */
    /* How long a Ray job runs in total, and how long a Serve replica takes to start. */
    int64_t ray_run_ms, ray_deploy_ms;
    int64_t ray_build_ms; /* how long Serve builds an application before it has deployments */
    /* The least time that a replica takes to stop, and that a proxy drains. */
    int64_t ray_stop_ms, ray_drain_ms;
    int64_t ray_gauge_ms; /* how long a proxy's gauge stays that is not set again */
    /* 1 serves the Gateway API; `gateway_ms` is how long its controller takes. */
    int64_t gateway, gateway_ms;
    int64_t node_storage; /* Ti of ephemeral storage; 0 if nodes do not offer it */
    int64_t volumes;      /* 1 gives every claim a volume at once; 0 gives none */
    int64_t verbose;      /* 1 also writes Pulled, Created, Started and Killing events */
    int64_t seed;         /* does not affect names of objects; it spreads pods over equal nodes */
};
void sim_opts_init(struct sim_opts *o);
void sim_opts_free(struct sim_opts *o);
/* Parses "node_cpu=64,node_memory=256Gi,start_ms=5". Unknown keys and bad values are refused by name. */
int sim_opts_parse(struct sim_opts *o, struct rv_str text, struct rv_error *err);

struct sim *sim_new(struct loop *l, struct sb_storage *s, const struct sim_opts *o, struct rv_error *err);
struct sim *sim_free(struct sim *m);

/* The control API below /sandbox/v1/sim (path begins with "/pods", "/nodes" or "/state"; see README.md in this folder).
 * Returns RV_E_NOT_FOUND (404), RV_E_INVALID (400) or RV_E_DENIED (405). */
int sim_control(struct sim *m, struct rv_str method, struct rv_str path, struct rv_val body, struct rv_buf *out_json,
                struct rv_error *err);
/* An answer that comes later, or never. */
struct sim_pending;
typedef void (*sim_answer_fn)(void *arg, int status, struct rv_str body);
/* Call it once, directly after the pending answer was returned. fn is called once, and the pending answer is then
 * gone. */
void sim_pending_await(struct sim_pending *p, sim_answer_fn fn, void *arg);
/* The client has disconnected. */
void sim_pending_cancel(struct sim_pending *p);

/* The parts of a request that the simulation uses. */
struct sim_request {
    /* `path` may have a query. */
    struct rv_str method, path;
    struct rv_bytes body;
};
/* A request through .../services/NAME:PORT/proxy/PATH. Returns the HTTP status with the body in out, or 0 if
 * *ret_pending is an answer that comes later. */
int sim_proxy(struct sim *m, struct rv_str ns, struct rv_str service, struct rv_str port, const struct sim_request *q,
              struct rv_buf *out, struct sim_pending **ret_pending);
/* The same for .../pods/NAME:PORT/proxy/PATH. */
int sim_proxy_pod(struct sim *m, struct rv_str ns, struct rv_str pod, struct rv_str port, const struct sim_request *q,
                  struct rv_buf *out, struct sim_pending **ret_pending);
/* All of the above by URL path, for the HTTP server: /sandbox/v1/sim/... and
 * /api/v1/namespaces/NS/{services,pods}/[SCHEME:]NAME[:PORT]/proxy/... Returns false if the path is neither. The body
 * is JSON text for the first, and anything for the second. *ret_status and *ret_pending are as above. */
bool sim_handle(struct sim *m, const struct sim_request *q, int *ret_status, struct rv_buf *out,
                struct sim_pending **ret_pending);

#endif
