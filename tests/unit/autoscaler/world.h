/* world.h - a Kubernetes cluster and a Ray cluster in memory, small enough to live through thousands of histories a
 * minute: pods that start, are slow, fail, cannot be placed; tasks that wait, run and end; a control store that
 * answers, or does not, or is another one. The plugin runs against it through the API of the host, as it does in
 * production. */
#ifndef TESTS_AUTOSCALER_WORLD_H
#define TESTS_AUTOSCALER_WORLD_H

#include "rayvisor/plugin.h"

enum { WORLD_METRICS = 64, WORLD_GROUPS = 4, WORLD_PODS = 128, WORLD_TASKS = 256, WORLD_NAMES = 64, TICK_MS = 100 };
#define NEVER INT64_MAX

struct world_metric {
    char name[48], label[32]; /* the value of its last label; empty: none */
    double value;
};

struct world_group {
    char name[24];
    int cpu, min, max, replicas;
    int hosts;           /* of one replica; 0 as 1 */
    bool gone;           /* not in the spec any more */
    int64_t stuck_until; /* new pods cannot be placed until then */
    char to_delete[WORLD_NAMES][24];
    int n_to_delete;
};

struct world_pod {
    bool used, head, ended, unschedulable;
    bool disrupted, tainted; /* a target of a disruption; its machine has a taint */
    int64_t evicted_at;      /* disrupted: when it is deleted; 0: it stays */
    int64_t disrupted_at;    /* the time in that condition; 0: it has none */
    int64_t evicts_from;     /* the taint evicts, and was added then; 0: it only keeps new pods away */
    int grace_s;             /* terminationGracePeriodSeconds; 0: absent */
    char name[48], uid[48];
    int group;                       /* of the world; -1: head */
    int replica;                     /* of a group of several hosts */
    int64_t made, joins_at, gone_at; /* gone_at: NEVER until it is deleted */
    bool node, draining;             /* has a live Ray node; takes no more tasks */
    int64_t node_dies_at, ends_at;
    int name_number;
    int number; /* of the Ray node */
    int busy;   /* CPUs in use */
    int64_t idle_since;
};

struct world_task {
    bool used;
    int cpu, pod; /* -1: waits */
    int64_t left, asked;
};

/* The condition AutoscalerReady; no status: it is not there. */
struct world_condition {
    char status[8], reason[40], message[200];
};

struct world {
    int64_t now; /* ms */
    uint64_t luck;
    struct world_group groups[WORLD_GROUPS];
    int n_groups, held_cpus, generation;
    struct world_pod pods[WORLD_PODS];
    struct world_task tasks[WORLD_TASKS];
    int session, numbers;
    int64_t gcs_down_until, api_down_until, head_back_at, idle_ms, last_patch, next_pass;
    int64_t start_ms;               /* how long a pod takes until it has joined */
    bool suspended, sidecar, plain; /* plain: no annotation, so the sidecar's mode */
    bool absurd;                    /* two thousand million replicas */
    bool edited_head;               /* the spec names another port than the one on which the head listens */
    bool lie_unknown;               /* the control store answers with no head */
    int64_t version;                /* of the control store's answers: the next one has one more */
    const char *settings;
    char wrong[256]; /* the first thing that must not be */
    unsigned patches, drains, drains_refused, deletes, polls, passes, conflicts, reports, preemptions, events, launched;
    char event[40]; /* reason of the last one */
    char explained[8192];
    int64_t drain_deadline; /* of the last preemption, ms */
    bool deaf;              /* drains are lost */
    struct world_condition ready;
    bool status_refused; /* by the API server */
    unsigned status_writes;
    struct world_metric metrics[WORLD_METRICS];
    /* inside */
    const struct rv_plugin *plugin;
    void *state;
    struct rv_arena *keep, *object_arena, *pass_arena;
    struct rv_object object;
    struct rv_buf pod_objects[WORLD_PODS]; /* of each pod, as it last looked */
    size_t n_explained;
    struct rv_val settings_value, ok_trailers, failed_trailers;
    struct rv_result results[256];
    struct rv_buf bodies[256];
    size_t n_results, n_asked;
    bool slow;     /* something was asked over HTTP */
    int object_of; /* generation that the object was made for */
};

void world_begin(struct world *w, uint64_t seed);
void world_end(struct world *w);
void world_run(struct world *w, int64_t ms);
void world_restart(struct world *w); /* the plugin's process */
void world_edit(struct world *w);    /* after a change of groups: another generation */
int world_add_task(struct world *w, int cpu, int64_t ms);
void world_kill_head(struct world *w, int64_t back_after_ms);
int world_workers(const struct world *w, int group); /* that are not going; -1: all groups */
int world_waiting(const struct world *w);            /* tasks without a node */
uint64_t world_luck(struct world *w, uint64_t n);
double world_metric(const struct world *w, const char *name, const char *label); /* -1: not reported */
void world_crowd(struct world *w, int n); /* as many more clusters, each seen once: the pods of the first are theirs */
struct world_pod *world_pod(struct world *w, const char *name);

/* world_objects.c */
struct rv_val world_json(struct rv_arena *a, const struct rv_buf *b);
int world_hosts(const struct world_group *g); /* of a replica */
void world_make_cluster(struct world *w);
struct rv_object world_object(struct world *w, const struct world_pod *p, uint32_t kind);
void world_write_machine(struct world *w, const struct world_pod *p, struct rv_buf *b); /* the one that it is on */

#endif
