/* scene.h - one RayJob in the real engine, and around it only what a test says: a cluster that becomes ready when told,
 * a submitter that ends when told, a Ray that answers what it is told to answer. The clock is the test's. */
#ifndef TESTS_RAYJOB_SCENE_H
#define TESTS_RAYJOB_SCENE_H

#include "rayvisor/test.h"

#define SCENE_JOB "j"
enum { SCENE_SERIES = 32 };

struct scene {
    const char *mode;   /* submissionMode */
    const char *spec;   /* more of the spec, in JSON with ' for "; begins with a comma */
    const char *shared; /* the name of a cluster that is somebody else's, for a clusterSelector; NULL: its own */
    bool selects;       /* its spec has the clusterSelector, and no cluster is there */
    const char *auth;   /* the cluster's authOptions; NULL: none */
    const char *settings;
    /* what Ray says of the job: a status; NULL: it has no such job */
    const char *ray;
    int ray_began_s; /* when, in seconds from the beginning of the scene */
    /* what comes in its place: RV_E_*, or an HTTP status with a text */
    struct scene_fault {
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
    char series[SCENE_SERIES][256]; /* metrics that are told */
    unsigned series_n;
    struct rv_test_random random;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
};

/* The RayJob is created; with `shared` its cluster is there, and runs. */
void scene_begin(struct scene *s);
void scene_end(struct scene *s);
/* All that follows from what was done, without time passing. */
void scene_settle(struct scene *s);
/* Time passes, a second at a time. */
void scene_wait(struct scene *s, unsigned seconds);
/* The operator is away: time passes, things may be changed by `meanwhile`, and a new process begins. */
void scene_away(struct scene *s, unsigned seconds, void (*meanwhile)(struct scene *s));

/* Its own cluster gets a head, which runs, and is ready. Waits for it to be created. */
void scene_cluster_runs(struct scene *s);
void scene_head(struct scene *s, const char *name); /* another head pod, which runs */
/* As above; labels and container: more of them, in JSON with ' for ", beginning with a comma. */
void scene_head_with(struct scene *s, const char *name, const char *labels, const char *container);
struct rv_fake_object *scene_cluster(const struct scene *s);
void scene_delete(struct scene *s, const char *resource, const char *name); /* name NULL: the cluster's */
void scene_submitter_ends(struct scene *s, bool well);
void scene_submitter_pod(struct scene *s, const char *status); /* fields in JSON with ' for " */
/* The same with another name and restartPolicy. */
void scene_submitter_pod_with(struct scene *s, const char *name, const char *restart_policy, const char *status);
/* A merge patch of an object's spec or status, in JSON with ' for ". */
void scene_patch(struct scene *s, const char *resource, const char *name, bool status, const char *json);

struct rv_str scene_status(const struct scene *s, const char *path);
bool scene_is(const struct scene *s, const char *phase, const char *reason);
struct rv_val scene_condition(const struct scene *s, const char *type);
bool scene_says(struct rv_str text, const char *words);
unsigned scene_count(const struct scene *s, const char *resource);
/* Begins, and goes on until the job runs. */
void scene_begin_running(struct scene *s);
/* Whether the condition Reconciling has this reason; prints which one it has otherwise. */
bool scene_reason_is(const struct scene *s, const char *reason);

#endif
