/* fixture.h - who acts around a RayJob: the controller of RayClusters and the kubelets, Ray in each head pod, the Job
 * that submits. Every actor does its part when asked to, or something bad. Ray's own memory of jobs is the truth
 * against which a RayJob's status is judged. */
#ifndef TESTS_RAYJOB_FIXTURE_H
#define TESTS_RAYJOB_FIXTURE_H

#include "rayvisor/test.h"

#define FIXTURE_JOB "j"
#define FIXTURE_SHARED "shared" /* a cluster that is nobody's */
enum { FIXTURE_RUNS = 64 };

/* A job that Ray accepted, in one life of one head. */
struct ray_run {
    char id[64], head[64]; /* uid of the pod, and how often its container was restarted */
    const char *status;
    int64_t start, end; /* wall ns */
};

struct fixture {
    struct rv_fakeapi *api;
    struct rv_test_random *random;
    struct ray_run runs[FIXTURE_RUNS];
    size_t run_n;
    uint32_t http_failure_percent; /* percent of the dashboards' answers that are none, or garbage */
    bool false_404;                /* among these: Ray says that it does not know the job */
    bool refuses;                  /* HTTPMode: Ray takes no job */
    bool sidecar_restarts;         /* a submitter in a head pod that failed is started again */
    bool harsh;                    /* heads and submitters may come to harm */
    bool harmed;                   /* one has */
};

/* All that can go on does. True when anything changed. */
bool fixture_work(struct fixture *w);
/* One thing happens to somebody. Returns what, or NULL: nothing could. */
const char *fixture_event(struct fixture *w);
/* The dashboards (fakehost's http). arg: the fixture. */
void fixture_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out);
/* The user submits on his own, as in InteractiveMode. */
void fixture_submit(struct fixture *w, struct rv_str cluster, const char *id);
/* JSON with ' for ", absent when it is none. */
struct rv_val fixture_json(struct rv_arena *a, struct rv_str text);
/* What Ray last knew of a job; NULL: never heard of it. */
const struct ray_run *fixture_run(const struct fixture *w, struct rv_str id);
/* Is that what Ray last said of it, in any head's life? */
bool fixture_said(const struct fixture *w, struct rv_str id, struct rv_str status);

#endif
