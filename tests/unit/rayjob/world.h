/* world.h - who acts around a RayJob: the controller of RayClusters and the kubelets, Ray in each head pod, the Job
 * that submits. Every actor does its part when asked to, or something bad. Ray's own memory of jobs is the truth
 * against which a RayJob's status is judged. */
#ifndef TESTS_RAYJOB_WORLD_H
#define TESTS_RAYJOB_WORLD_H

#include "rayvisor/test.h"

#define WORLD_JOB "j"
#define WORLD_SHARED "shared" /* a cluster that is nobody's */
enum { WORLD_RUNS = 64 };

/* A job that Ray accepted, in one life of one head. */
struct ray_run {
    char id[64], head[64]; /* uid of the pod, and how often its container was restarted */
    const char *status;
    int64_t start, end; /* wall ns */
};

struct world {
    struct rv_fakeapi *api;
    struct rv_test_random *random;
    struct ray_run runs[WORLD_RUNS];
    size_t run_n;
    uint32_t http_trouble; /* percent of the dashboards' answers that are none, or garbage */
    bool false_404;        /* among the troubles: Ray says that it does not know the job */
    bool refuses;          /* HTTPMode: Ray takes no job */
    bool sidecar_restarts; /* a submitter in a head pod that failed is started again */
    bool harsh;            /* heads and submitters may come to harm */
    bool harmed;           /* one has */
};

/* All that can go on does. True when anything changed. */
bool world_work(struct world *w);
/* One thing happens to somebody. Returns what, or NULL: nothing could. */
const char *world_event(struct world *w);
/* The dashboards (fakehost's http). arg: the world. */
void world_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out);
/* The user submits on his own, as in InteractiveMode. */
void world_submit(struct world *w, struct rv_str cluster, const char *id);
/* JSON with ' for ", absent when it is none. */
struct rv_val world_json(struct rv_arena *a, struct rv_str text);
/* What Ray last knew of a job; NULL: never heard of it. */
const struct ray_run *world_run(const struct world *w, struct rv_str id);
/* Is that what Ray last said of it, in any head's life? */
bool world_said(const struct world *w, struct rv_str id, struct rv_str status);

#endif
