/* sim.h - the cluster behind the sandbox's API server: nodes, scheduler, kubelets, the controllers a RayCluster meets
 * (Job, EndpointSlice, garbage collection, namespaces, volume claims) and Ray itself, simulated.
 *
 * It sees the API server's storage exactly as real controllers see a real one: it listens to changes and writes
 * objects. One thread, one loop; nothing polls: a change or the nearest due time wakes it, and every turn of work is
 * bounded, so that 20,000 pods coming up never keep a request waiting for long.
 *
 * The storage and the loop outlive the simulation. Freed before the storage.
 */
#ifndef RV_SANDBOX_SIM_H
#define RV_SANDBOX_SIM_H

#include "deploy/sandbox/storage.h"

struct sim;

struct sim_opts {
    size_t size; /* sizeof(struct sim_opts), set by sim_opts_init */
    int64_t nodes;
    int64_t node_cpu;  /* cores */
    char *node_memory; /* quantity */
    int64_t node_gpu, node_pods;
    int64_t schedule_ms, start_ms, ready_ms, terminate_ms, init_ms; /* start: image pull and start of all containers */
    int64_t job_ms;                                                 /* how long the containers of a Job's pod run */
    int64_t backoff_ms;                /* first CrashLoopBackOff; doubles up to 30 times this */
    int64_t ray_port;                  /* plain HTTP for the simulated Ray on 127.0.0.1; 0: none */
    int64_t ray_run_ms, ray_deploy_ms; /* how long a Ray job runs in all, how long a Serve replica takes to start */
    int64_t ray_build_ms;              /* how long Serve builds an application before it has deployments */
    int64_t ray_stop_ms, ray_drain_ms; /* how long a replica stops and a proxy drains, at least */
    int64_t ray_gauge_ms;              /* how long a proxy's gauge stays that is not set again */
    int64_t gateway, gateway_ms;       /* 1: the Gateway API is served; how long its controller takes */
    int64_t node_storage;              /* Ti of ephemeral storage; 0: nodes do not offer that */
    int64_t volumes;                   /* 1: every claim gets a volume at once; 0: none does */
    int64_t verbose;                   /* 1: also Pulled, Created, Started and Killing events */
    int64_t seed;                      /* of nothing that names objects; spreads equal nodes */
};
void sim_opts_init(struct sim_opts *o);
void sim_opts_free(struct sim_opts *o);
/* "node_cpu=64,node_memory=256Gi,start_ms=5": unknown keys and bad values are refused by name. */
int sim_opts_parse(struct sim_opts *o, struct rv_str text, struct rv_error *err);

struct sim *sim_new(struct rv_loop *l, struct sb_storage *s, const struct sim_opts *o, struct rv_error *err);
struct sim *sim_free(struct sim *m);

/* The control API below /sandbox/v1/sim (path begins with "/pods", "/nodes" or "/state"; see README.md here).
 * RV_E_NOT_FOUND (404), RV_E_INVALID (400), RV_E_DENIED (405). */
int sim_control(struct sim *m, struct rv_str method, struct rv_str path, struct rv_val body, struct rv_buf *out_json,
                struct rv_error *err);
/* An answer that comes later, or never. */
struct sim_pending;
typedef void (*sim_answer_fn)(void *arg, int status, struct rv_str body);
/* Once, right after it was returned. fn is called once; the pending answer is gone then. */
void sim_pending_await(struct sim_pending *p, sim_answer_fn fn, void *arg);
/* Whoever asked went away. */
void sim_pending_cancel(struct sim_pending *p);

/* A request as far as the simulation sees it. */
struct sim_request {
    struct rv_str method, path; /* path may carry a query */
    struct rv_bytes body;
};
/* A request through .../services/NAME:PORT/proxy/PATH: the HTTP status, with the body in out; or 0, and *ret_pending is
 * the answer that comes later. */
int sim_proxy(struct sim *m, struct rv_str ns, struct rv_str service, struct rv_str port, const struct sim_request *q,
              struct rv_buf *out, struct sim_pending **ret_pending);
/* The same for .../pods/NAME:PORT/proxy/PATH. */
int sim_proxy_pod(struct sim *m, struct rv_str ns, struct rv_str pod, struct rv_str port, const struct sim_request *q,
                  struct rv_buf *out, struct sim_pending **ret_pending);
/* All of the above by URL path, for the HTTP half: /sandbox/v1/sim/... and
 * /api/v1/namespaces/NS/{services,pods}/[SCHEME:]NAME[:PORT]/proxy/... False when the path is neither. The body is JSON
 * text for the first and anything for the second. *ret_status and *ret_pending as above. */
bool sim_handle(struct sim *m, const struct sim_request *q, int *ret_status, struct rv_buf *out,
                struct sim_pending **ret_pending);

#endif
