/* ray.h - the simulated Ray: one state per head pod, gone with it or with a restart of its container. ray.c routes
 * requests to it, rayjobs.c and rayserve.c are its two REST APIs, rayhttp.c the plain HTTP door. */
#ifndef RV_SANDBOX_SIM_RAY_H
#define RV_SANDBOX_SIM_RAY_H

#include "internal.h"
#include "rayvisor/json.h"

struct ray_job {
    struct ray_job *next;
    char *id, *entrypoint;
    struct rv_buf extra; /* {metadata, runtime_env} as submitted, msgpack */
    int64_t created_ms, stopped_ms;
    bool failing;
};
struct ray_head {
    struct sim_entry entry; /* by "ns/cluster" */
    char *ns, *pod, *uid;
    int64_t restarts;
    struct ray_job *jobs; /* newest first */
    struct rv_buf serve;  /* the configuration that was PUT, msgpack; empty: none */
    int64_t serve_since_ms;
};
struct rayhttp;
struct ray {
    struct sim_map heads;
    struct rayhttp *http;
};
static inline struct ray *ray_of(struct sim *m) { return m->modules[SIM_RAY]; }

struct ray_call {
    struct sim *m;
    struct rv_arena *a;
    struct ray_head *head;
    struct sb_object *pod;                   /* the ready head */
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
int ray_serve(struct ray_call *c);
/* Answers a request to a Serve application by its route prefix. */
int ray_serve_traffic(struct ray_call *c);

struct rayhttp *rayhttp_new(struct sim *m, uint16_t port, struct rv_error *err);
struct rayhttp *rayhttp_free(struct rayhttp *h);

#endif
