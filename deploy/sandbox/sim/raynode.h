/* raynode.h - the simulated Ray: one state per Ray cluster, that is per label ray.io/cluster in a namespace. ray.c
 * follows its pods and routes requests to it, rayjobs.c is the API of jobs, serve.h the Serve that runs on it. */
#ifndef RV_SANDBOX_SIM_RAYNODE_H
#define RV_SANDBOX_SIM_RAYNODE_H

#include "internal.h"
#include "rayvisor/json.h"

struct ray_job {
    struct ray_job *next;
    char *id, *entrypoint;
    struct rv_buf extra; /* {metadata, runtime_env} as submitted, msgpack */
    int64_t created_ms, stopped_ms;
    bool failing;
};

/* A pod of a Ray cluster. Its Serve proxy is serveproxy.c's business. */
enum serve_proxy_state { PROXY_NONE, PROXY_ACTIVE, PROXY_DRAINING };
struct ray_node {
    struct ray_node *next;
    char *pod, *uid, *ip;
    bool head, alive; /* alive: its first container is up and nobody deletes the pod */
    int64_t restarts; /* of that container */
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
    char *uid; /* of the head pod whose memory this is; NULL before the first */
    int64_t restarts;
    struct ray_job *jobs;        /* newest first */
    struct sim_timer submitters; /* when the next submitter in the head's pod ends */
    struct serve *serve;
};
struct ray {
    struct sim_map heads;
    void *rules;            /* rayrules.c */
    struct ray_late *later; /* answers that come late or never */
};
static inline struct ray *ray_of(struct sim *m) { return m->modules[SIM_RAY]; }

/* ---- raynode.c ---- */

struct ray_node *ray_head_node(const struct ray_head *h);                  /* NULL: no head that is alive */
struct ray_node *ray_node_of(const struct ray_head *h, struct rv_str uid); /* NULL: no such node */
/* The key of the cluster that a pod's labels name. */
struct rv_str ray_key(struct rv_buf *b, struct rv_str ns, struct rv_val labels);
/* The node of a pod, and its cluster; NULL: it is none. */
struct ray_node *ray_node_find(struct sim *m, struct rv_str ns, struct rv_str pod, struct ray_head **ret_head);

/* The control API's /ray, /ray/ID (rules) and /ray/NS/CLUSTER (what there is): raycontrol.c. */
int ray_control(struct sim *m, struct rv_str method, struct rv_str first, struct rv_str second, struct rv_val body,
                struct rv_buf *out, struct rv_error *err);

struct ray_call {
    struct sim *m;
    struct rv_arena *a;
    struct ray_head *head;
    struct sb_object *pod;                   /* which is asked */
    struct rv_str method, path, query, rest; /* rest: behind the route's prefix */
    struct rv_bytes body;
    struct rv_buf *out;
};

/* Answers with text, or a tree as JSON; returns the HTTP status that is given. */
int ray_text(const struct ray_call *c, int status, const char *text);
int ray_json(const struct ray_call *c, int status, struct rv_node *tree);
/* The body as a value in the arena; absent when it is no JSON. */
struct rv_val ray_body(const struct ray_call *c);
int64_t ray_now_ms(void);

int ray_jobs(struct ray_call *c);
void ray_jobs_free(struct ray_head *h);
/* A submitter in the head's pod submits its job, and ends with it. Called when anything about the pod or a job changed.
 */
void ray_submitters_update(struct ray_head *h);
void ray_submitters_due(struct sim *m, struct sim_timer *t);

#endif
