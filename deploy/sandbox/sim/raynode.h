/* raynode.h - the simulated Ray, with one state for each Ray cluster, which is one label ray.io/cluster in a namespace.
 * ray.c follows its pods and routes requests to it, rayjobs.c is the API of jobs, and serve.h is the Serve that runs on
 * it. */
#ifndef RV_SANDBOX_SIM_RAYNODE_H
#define RV_SANDBOX_SIM_RAYNODE_H

#include "internal.h"
#include "rayvisor/json.h"
#include "ruleset.h"

/* Labels of the pods of a Ray cluster. The sandbox includes nothing of the controllers (plugins/ray/fields.h). */
#define SIM_LABEL_CLUSTER "ray.io/cluster"
#define SIM_LABEL_NODE_TYPE "ray.io/node-type"

struct ray_job {
    struct ray_job *next;
    char *id, *entrypoint;
    struct rv_buf extra; /* {metadata, runtime_env} as submitted, in msgpack */
    int64_t created_ms, stopped_ms;
    bool failing;
};

/* A pod of a Ray cluster. serveproxy.c manages its Serve proxy. */
enum serve_proxy_state { PROXY_NONE, PROXY_ACTIVE, PROXY_DRAINING };
struct ray_node {
    struct ray_node *next;
    char *pod, *uid, *ip;
    /* `alive`: its first container is up and the pod is not being deleted. */
    bool head, alive;
    int64_t restarts; /* restarts of that container */
    int64_t cpu;      /* thousandths of a processor that Ray may use */
    enum serve_proxy_state proxy;
    int64_t drain_since_ms;
    unsigned ongoing;   /* requests that its proxy holds */
    int64_t counted_ms; /* when that last changed */
    uint64_t requests, failed;
};

struct serve;
struct ray_head {
    struct sim_entry entry; /* by "ns/cluster" */
    struct sim *m;
    char *ns, *cluster;
    struct ray_node *nodes;
    char *uid; /* uid of the head pod with this state; NULL before the first */
    int64_t restarts;
    struct ray_job *jobs;        /* the newest comes first */
    struct sim_timer submitters; /* for the next submitter in the head's pod that ends */
    struct serve *serve;
};
struct ray {
    struct sim_map heads;
    struct sim_ruleset *rules; /* rayrules.c */
    struct ray_late *later;    /* answers that come late or never */
};
static inline struct ray *ray_of(struct sim *m) { return m->modules[SIM_RAY]; }

/* ---- raynode.c ---- */

struct ray_node *ray_head_node(const struct ray_head *h);                  /* NULL if no head is alive */
struct ray_node *ray_node_of(const struct ray_head *h, struct rv_str uid); /* NULL if there is no such node */
/* The key of the cluster that a pod's labels name. */
struct rv_str ray_key(struct rv_buf *b, struct rv_str ns, struct rv_val labels);
/* The node of a pod, and its cluster. NULL if the pod is no node. */
struct ray_node *ray_node_find(struct sim *m, struct rv_str ns, struct rv_str pod, struct ray_head **ret_head);

/* raycontrol.c: the control API's /ray, /ray/ID (rules) and /ray/NS/CLUSTER (state). */
int ray_control(struct sim *m, struct rv_str method, struct rv_str first, struct rv_str second, struct rv_val body,
                struct rv_buf *out, struct rv_error *err);

struct ray_call {
    struct sim *m;
    struct rv_arena *a;
    struct ray_head *head;
    struct sb_object *pod; /* the pod that is asked */
    /* `rest` is the path after the route's prefix. */
    struct rv_str method, path, query, rest;
    struct rv_bytes body;
    struct rv_buf *out;
};

/* Answers with text, or with a tree as JSON. Returns the given HTTP status. */
int ray_text(const struct ray_call *c, int status, const char *text);
int ray_json(const struct ray_call *c, int status, struct rv_node *tree);
/* The body as a value in the arena. Absent if it is not JSON. */
struct rv_val ray_body(const struct ray_call *c);
int64_t ray_now_ms(void);

int ray_jobs(struct ray_call *c);
void ray_jobs_free(struct ray_head *h);
/* A submitter in the head's pod submits its job and ends with it. Call it when the pod or a job has changed. */
void ray_submitters_update(struct ray_head *h);
void ray_submitters_due(struct sim *m, struct sim_timer *t);

#endif
