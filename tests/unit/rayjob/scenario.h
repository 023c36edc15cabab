/* scenario.h - one RayJob in the real engine, and around it only what a test says: a cluster that becomes ready when
 * told, a submitter that ends when told, a Ray that answers what it is told to answer. The clock is the test's. */
#ifndef TESTS_RAYJOB_SCENARIO_H
#define TESTS_RAYJOB_SCENARIO_H

#include "rayvisor/test.h"

#define SCENARIO_JOB "j"
enum { SCENARIO_SERIES = 32 };

struct scenario {
    const char *mode;   /* submissionMode */
    const char *spec;   /* more of the spec, in JSON with ' for "; begins with a comma */
    const char *shared; /* the name of a cluster that is somebody else's, for a clusterSelector; NULL: its own */
    bool selects;       /* its spec has the clusterSelector, and no cluster is there */
    const char *auth;   /* the cluster's authOptions; NULL: none */
    const char *settings;
    /* what Ray says of the job: a status; NULL: it has no such job */
    const char *ray;
    int ray_began_s; /* when, in seconds from the beginning of the scenario */
    /* what comes in its place: RV_E_*, or an HTTP status with a text */
    struct scenario_fault {
        int code;
        uint32_t status;
        const char *text;
    } asking, submitting, stopping;
    int (*refuse)(void *arg, const struct rv_action *a);
    /* what was seen */
    unsigned asked, submitted, stopped, tried; /* tried: the test's own */
    unsigned unfollowed;                       /* events LogNotFollowed */
    unsigned complaints;                       /* events FailedTo... */
    const char *listens_for;                   /* the reason of an event; NULL: none */
    unsigned has_asked;                        /* such events */
    char heard[1200];                          /* the last of them */
    const char *log;                           /* the answer to a question for the job's log, in JSON; NULL: none */
    unsigned log_asked;
    char series[SCENARIO_SERIES][256]; /* metrics that are told */
    unsigned series_n;
    struct rv_test_random random;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
};

/* The RayJob is created; with `shared` its cluster is there, and runs. */
void scenario_begin(struct scenario *s);
void scenario_end(struct scenario *s);
/* All that follows from what was done, without time passing. */
void scenario_settle(struct scenario *s);
/* Time passes, a second at a time. */
void scenario_wait(struct scenario *s, unsigned seconds);
/* The operator is away: time passes, things may be changed by `meanwhile`, and a new process begins. */
void scenario_away(struct scenario *s, unsigned seconds, void (*meanwhile)(struct scenario *s));

/* Its own cluster gets a head, which runs, and is ready. Waits for it to be created. */
void scenario_cluster_runs(struct scenario *s);
void scenario_head(struct scenario *s, const char *name); /* another head pod, which runs */
/* As above; labels and container: more of them, in JSON with ' for ", beginning with a comma. */
void scenario_head_with(struct scenario *s, const char *name, const char *labels, const char *container);
struct rv_fake_object *scenario_cluster(const struct scenario *s);
void scenario_delete(struct scenario *s, const char *resource, const char *name); /* name NULL: the cluster's */
void scenario_submitter_ends(struct scenario *s, bool well);
void scenario_submitter_pod(struct scenario *s, const char *status); /* fields in JSON with ' for " */
/* The same with another name and restartPolicy. */
void scenario_submitter_pod_with(struct scenario *s, const char *name, const char *restart_policy, const char *status);
/* A merge patch of an object's spec or status, in JSON with ' for ". */
void scenario_patch(struct scenario *s, const char *resource, const char *name, bool status, const char *json);

struct rv_str scenario_status(const struct scenario *s, const char *path);
bool scenario_is(const struct scenario *s, const char *phase, const char *reason);
struct rv_val scenario_condition(const struct scenario *s, const char *type);
bool scenario_says(struct rv_str text, const char *words);
unsigned scenario_count(const struct scenario *s, const char *resource);
/* Begins, and goes on until the job runs. */
void scenario_begin_running(struct scenario *s);
/* Whether the condition Reconciling has this reason; prints which one it has otherwise. */
bool scenario_reason_is(const struct scenario *s, const char *reason);

#endif
