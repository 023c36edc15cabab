/* fixture.h - a Kubernetes cluster and a Ray cluster in memory, small enough to live through thousands of histories a
 * minute: pods that start, are slow, fail, cannot be placed; tasks that wait, run and end; a control store that
 * answers, or does not, or is another one. The plugin runs against it through the API of the host, as it does in
 * production. */
#ifndef TESTS_AUTOSCALER_FIXTURE_H
#define TESTS_AUTOSCALER_FIXTURE_H

#include "rayvisor/plugin.h"

enum {
    FIXTURE_METRICS = 64,
    FIXTURE_GROUPS = 4,
    FIXTURE_PODS = 128,
    FIXTURE_TASKS = 256,
    FIXTURE_NAMES = 64,
    TICK_MS = 100
};
#define NEVER INT64_MAX
#define FIXTURE_BEGINS INT64_C(1767225600000) /* ms */

struct fixture_metric {
    char name[48], label[32]; /* the value of its last label; empty: none */
    double value;
};

struct fixture_group {
    char name[24];
    int cpu, min, max, replicas;
    int hosts;           /* of one replica; 0 as 1 */
    bool gone;           /* not in the spec any more */
    int64_t stuck_until; /* new pods cannot be placed until then */
    char to_delete[FIXTURE_NAMES][24];
    int n_to_delete;
};

struct fixture_pod {
    bool used, head, ended, unschedulable;
    bool disrupted, tainted; /* a target of a disruption; its machine has a taint */
    int64_t evicted_at;      /* disrupted: when it is deleted; 0: it stays */
    int64_t disrupted_at;    /* the time in that condition; 0: it has none */
    int64_t evicts_from;     /* the taint evicts, and was added then; 0: it only keeps new pods away */
    int grace_s;             /* terminationGracePeriodSeconds; 0: absent */
    char name[48], uid[48];
    int group;                       /* of the fixture; -1: head */
    int replica;                     /* of a group of several hosts */
    int64_t made, joins_at, gone_at; /* gone_at: NEVER until it is deleted */
    bool node, draining;             /* has a live Ray node; takes no more tasks */
    bool given_up; /* Ray agreed to drain it: it is lost, also when its node has died of that and the pod still runs */
    int64_t node_dies_at, ends_at;
    int name_number;
    int number; /* of the Ray node */
    int busy;   /* CPUs in use */
    int64_t idle_since;
};

struct fixture_task {
    bool used;
    int cpu, pod; /* -1: waits */
    int64_t left, asked;
};

/* The condition AutoscalerReady; no status: it is not there. */
struct fixture_condition {
    char status[8], reason[40], message[200];
};

struct fixture {
    int64_t now; /* ms */
    uint64_t luck;
    struct fixture_group groups[FIXTURE_GROUPS];
    int n_groups, held_cpus, generation;
    struct fixture_pod pods[FIXTURE_PODS];
    struct fixture_task tasks[FIXTURE_TASKS];
    int session, numbers;
    int64_t gcs_down_until, api_down_until, head_back_at, idle_ms, last_patch, next_pass;
    int64_t start_ms;               /* how long a pod takes until it has joined */
    bool suspended, sidecar, plain; /* plain: no annotation, so the sidecar's mode */
    bool absurd;                    /* two thousand million replicas */
    bool edited_head;               /* the spec names another port than the one on which the head listens */
    bool lie_unknown;               /* the control store answers with no head */
    int64_t version;                /* of the control store's answers: the next one has one more */
    const char *settings;
    struct rv_buf *record; /* gets a line for each request and event; NULL: none is kept */
    char wrong[256];       /* the first thing that must not be */
    unsigned patches, drains, drains_refused, deletes, polls, passes, conflicts, reports, preemptions, events, launched;
    char event[40]; /* reason of the last one */
    char explained[8192];
    int64_t drain_deadline; /* of the last preemption, ms */
    bool deaf;              /* drains are lost */
    struct fixture_condition ready;
    bool status_refused; /* by the API server */
    unsigned status_writes;
    struct fixture_metric metrics[FIXTURE_METRICS];
    /* inside */
    const struct rv_plugin *plugin;
    void *state;
    struct rv_arena *keep, *object_arena, *pass_arena;
    struct rv_object object;
    struct rv_buf pod_objects[FIXTURE_PODS]; /* of each pod, as it last looked */
    size_t n_explained;
    struct rv_val settings_value, ok_trailers, failed_trailers;
    struct rv_result results[256];
    struct rv_buf bodies[256];
    size_t n_results, n_asked;
    bool slow;     /* something was asked over HTTP */
    int object_of; /* generation that the object was made for */
};

void fixture_begin(struct fixture *w, uint64_t seed);
void fixture_end(struct fixture *w);
void fixture_run(struct fixture *w, int64_t ms);
void fixture_restart(struct fixture *w); /* the plugin's process */
void fixture_edit(struct fixture *w);    /* after a change of groups: another generation */
int fixture_add_task(struct fixture *w, int cpu, int64_t ms);
void fixture_kill_head(struct fixture *w, int64_t back_after_ms);
int fixture_workers(const struct fixture *w, int group); /* that are not going; -1: all groups */
int fixture_waiting(const struct fixture *w);            /* tasks without a node */
uint64_t fixture_luck(struct fixture *w, uint64_t n);
double fixture_metric(const struct fixture *w, const char *name, const char *label); /* -1: not reported */
void fixture_crowd(struct fixture *w,
                   int n); /* as many more clusters, each seen once: the pods of the first are theirs */
struct fixture_pod *fixture_pod(struct fixture *w, const char *name);

/* fixture_objects.c */
struct rv_val fixture_json(struct rv_arena *a, const struct rv_buf *b);
int fixture_hosts(const struct fixture_group *g); /* of a replica */
void fixture_make_cluster(struct fixture *w);
struct rv_object fixture_object(struct fixture *w, const struct fixture_pod *p, uint32_t kind);
void fixture_write_machine(struct fixture *w, const struct fixture_pod *p,
                           struct rv_buf *b); /* the one that it is on */

#endif
