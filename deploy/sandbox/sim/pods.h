/* pods.h - what the simulation knows of a pod beyond its object: where it is in its life and what wakes it next.
 * scheduler.c binds it, kubelet.c runs its containers, status.c writes that down, behaviours.c bends it. */
#ifndef RV_SANDBOX_SIM_PODS_H
#define RV_SANDBOX_SIM_PODS_H

#include "nodes.h"

enum sim_step {
    STEP_HELD,      /* scheduling gates, or somebody else's scheduler */
    STEP_NEW,       /* the scheduler looks when its time comes */
    STEP_PARKED,    /* fits nowhere; waits for a change of the nodes' books */
    STEP_BOUND,     /* image pull and mounts */
    STEP_MOUNT,     /* something that it mounts is missing */
    STEP_RUN,       /* containers live their lives */
    STEP_DONE,      /* Succeeded or Failed */
    STEP_TERMINATE, /* leaves when its time comes */
    STEP_STUCK,     /* would leave, but a behaviour holds it */
};

enum sim_ctr_state { CTR_WAITING, CTR_RUNNING, CTR_EXITED, CTR_BACKOFF, CTR_PULL_ERROR, CTR_CONFIG_ERROR };
enum sim_ctr_next { NEXT_NONE, NEXT_START, NEXT_READY, NEXT_EXIT };

struct sim_exit {
    int code;
    const char *reason; /* static or interned */
    int64_t started_s, finished_s;
};
struct sim_ctr {
    enum sim_ctr_state state;
    enum sim_ctr_next next;
    bool ready, sidecar, has_last;
    bool up; /* what runs in it has come up */
    unsigned restarts, crashes;
    int64_t due, begun, started_s, backoff_ms; /* due, begun: ms, monotonic */
    struct sim_exit now, last;                 /* how it ended; last: the run before */
};

enum sim_effect_kind {
    EFFECT_NEVER_SCHEDULE,
    EFFECT_IMAGE_PULL_ERROR,
    EFFECT_CRASH,
    EFFECT_FAIL,
    EFFECT_SUCCEED,
    EFFECT_NOT_READY,
    EFFECT_STUCK_TERMINATING,
    EFFECT_DELAY,
    EFFECT_N
};
/* What a rule does; shared by the rule and its pods. */
struct sim_effect {
    unsigned refs;
    enum sim_effect_kind kind;
    char *container, *reason, *message; /* container "" = each */
    int exit_code;
    unsigned times; /* crashes per container; 0: for ever */
    int64_t after_ms;
    int64_t schedule_ms, start_ms, ready_ms, terminate_ms; /* -1: not set */
};

struct sim_pod {
    struct sim_entry entry; /* by uid */
    struct sim_timer timer;
    struct sim_link link; /* in the scheduler's, the parked or the mount queue */
    struct rv_str ns, name;
    struct sim_node *node;
    struct sim_ask *ask; /* while it takes or looks for a place */
    enum sim_step step;
    bool job, held_ready, forced, terminating, never, on_failure;
    bool probed, probe_ok; /* the first container's readiness probe asks Serve's proxy, and what that says */
    unsigned ip, n_init, n_ctr;
    struct sim_ctr *c; /* init containers first */
    int64_t started_s, grace_s;
    const char *phase;            /* when forced: Failed or Succeeded */
    const char *reason, *message; /* static or interned */
    struct sim_effect **effects;
    size_t n_effects;
};

struct sim_pods {
    struct sim_map map;
    struct sim_queue waiting, parked, mounts; /* to schedule; fits nowhere; misses a mount */
    uint64_t epoch;                           /* of the nodes at the last look at the parked */
    bool freed;                               /* capacity came back */
    struct sim_timer retry;
    unsigned next_ip;
    void *rules; /* behaviours.c */
};
static inline struct sim_pods *sim_pods_of(struct sim *m) { return m->modules[SIM_PODS]; }
static inline struct sim_ref sim_pod_ref(struct sim *m, const struct sim_pod *p) {
    return (struct sim_ref){m->r.pods, p->ns, p->name};
}
static inline struct sb_object *sim_pod_fresh(struct sim *m, const struct sim_pod *p) {
    return sim_fresh(m, sim_pod_ref(m, p), p->entry.key);
}
/* podwatch.c */
struct sim_pod *sim_pod_find(struct sim *m, struct rv_str ns, struct rv_str name);

/* scheduler.c */
bool sim_schedule(struct sim *m); /* one batch of the waiting; true: more */
void sim_schedule_retry(struct sim *m, struct sim_timer *t);

/* kubelet.c */
void sim_kubelet_start(struct sim *m, struct sim_pod *p, struct rv_val pod); /* bound just now */
void sim_kubelet_wake(struct sim *m, struct sim_pod *p);                     /* whatever is due */
void sim_kubelet_stop(struct sim *m, struct sim_pod *p, int64_t grace_s);    /* deletionTimestamp was set */
void sim_kubelet_exit(struct sim *m, struct sim_pod *p, size_t ctr, int code, const char *reason);
void sim_kubelet_force(struct sim *m, struct sim_pod *p, const char *phase, const char *reason, const char *message);
void sim_kubelet_probe(struct sim *m, struct sim_pod *p, bool ok);     /* what the proxy answers a probe */
void sim_pod_release(struct sim *m, struct sim_pod *p);                /* gives its place on the node back */
void sim_kubelet_replan(struct sim *m, struct sim_pod *p, size_t ctr); /* its behaviours changed */

/* status.c */
bool sim_pod_initialized(const struct sim_pod *p);
int sim_status_write(struct sim *m, struct sim_pod *p);
void sim_condition(struct rv_arena *a, struct rv_node *status, const char *type, const char *value, const char *reason,
                   const char *message);

/* mounts.c: the first thing missing that the pod needs, as a sentence; empty when all is there. env: looks at
 * environment sources of one container instead of volumes. */
struct rv_str sim_mounts_missing(struct sim *m, struct rv_arena *a, struct rv_val pod);
struct rv_str sim_env_missing(struct sim *m, struct rv_arena *a, struct rv_str ns, struct rv_val container);

/* behaviours.c */
void *sim_rules_new(void);
void sim_rules_free(void *rules);
void sim_rules_claim(struct sim *m, struct sim_pod *p, struct rv_val pod); /* once, when the pod appears */
const struct sim_effect *sim_effect_of(const struct sim_pod *p, enum sim_effect_kind kind, struct rv_str container);
int64_t sim_delay_of(const struct sim_pod *p, size_t offset, int64_t otherwise);
struct sim_effect *sim_effect_unref(struct sim_effect *e);
int sim_rules_control(struct sim *m, struct rv_str method, struct rv_str rest, struct rv_val body, struct rv_buf *out,
                      struct rv_error *err);
int sim_rule_effect(struct rv_str kind, struct rv_val args, struct sim_effect **ret, struct rv_error *err);

/* volumes.c: what the pod's claims lack for it to be put on a node; empty: nothing. */
struct rv_str sim_volumes_lack(struct sim *m, struct rv_arena *a, struct rv_str ns, struct rv_val spec);

#endif
