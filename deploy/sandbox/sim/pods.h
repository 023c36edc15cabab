/* pods.h - what the simulation knows about a pod besides its object: its step, and its next event. scheduler.c binds
 * it, kubelet.c runs its containers, status.c writes its status, behaviours.c changes its behaviour. */
#ifndef RV_SANDBOX_SIM_PODS_H
#define RV_SANDBOX_SIM_PODS_H

#include "nodes.h"
#include "ruleset.h"

enum sim_step {
    STEP_HELD,      /* scheduling gates, or another scheduler */
    STEP_NEW,       /* waits for the scheduler until its time comes */
    STEP_PARKED,    /* fits on no node; waits for a change of the nodes */
    STEP_BOUND,     /* pulls its image and checks its mounts */
    STEP_MOUNT,     /* something that it mounts is missing */
    STEP_RUN,       /* its containers run */
    STEP_DONE,      /* Succeeded or Failed */
    STEP_TERMINATE, /* is terminating and ends when its time comes */
    STEP_STUCK,     /* should end, but a rule holds it */
};

enum sim_ctr_state { CTR_WAITING, CTR_RUNNING, CTR_EXITED, CTR_BACKOFF, CTR_PULL_ERROR, CTR_CONFIG_ERROR };
enum sim_ctr_next { NEXT_NONE, NEXT_START, NEXT_READY, NEXT_EXIT };

struct sim_exit {
    int code;
    const char *reason; /* constant text or interned */
    int64_t started_s, finished_s;
};
struct sim_ctr {
    enum sim_ctr_state state;
    enum sim_ctr_next next;
    bool ready, sidecar, has_last;
    bool up; /* its process is ready to work */
    unsigned restarts, crashes;
    int64_t due, begun, started_s, backoff_ms; /* due and begun: monotonic, ms */
    struct sim_exit now, last;                 /* how it ended; `last` is the run before */
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
/* The effect of a rule, which the rule and its pods share. */
struct sim_effect {
    unsigned refs;
    enum sim_effect_kind kind;
    char *container, *reason, *message; /* container "" means each */
    int exit_code;
    unsigned times; /* crashes for each container; 0 means without end */
    int64_t after_ms;
    int64_t schedule_ms, start_ms, ready_ms, terminate_ms; /* -1 means not set */
};

struct sim_pod {
    struct sim_entry entry; /* by uid */
    struct sim_timer timer;
    struct sim_link link; /* in the queue of the scheduler, of parked pods or of missing mounts */
    struct rv_str ns, name;
    struct sim_node *node;
    struct sim_ask *ask; /* set while it has a place or looks for one */
    enum sim_step step;
    bool job, held_ready, forced, terminating, never, on_failure;
    bool probed, probe_ok; /* the first container's readiness probe asks Serve's proxy, and the result */
    unsigned ip, n_init, n_ctr;
    struct sim_ctr *c; /* init containers come first */
    int64_t started_s, grace_s;
    const char *phase;            /* if it is forced: Failed or Succeeded */
    const char *reason, *message; /* constant text or interned */
    struct sim_effect **effects;
    size_t n_effects;
};

struct sim_pods {
    struct sim_map map;
    /* Pods to schedule; pods that fit on no node; pods with a missing mount. */
    struct sim_queue waiting, parked, mounts;
    uint64_t epoch; /* the epoch of the nodes at the last check of the parked pods */
    bool freed;     /* capacity was freed */
    struct sim_timer retry;
    unsigned next_ip;
    struct sim_ruleset *rules; /* behaviours.c */
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
bool sim_schedule(struct sim *m); /* schedules one batch of waiting pods; returns true if more wait */
void sim_schedule_retry(struct sim *m, struct sim_timer *t);

/* kubelet.c */
void sim_kubelet_start(struct sim *m, struct sim_pod *p, struct rv_val pod); /* for a pod that was just bound */
void sim_kubelet_wake(struct sim *m, struct sim_pod *p);                     /* handles everything that is due */
void sim_kubelet_stop(struct sim *m, struct sim_pod *p, int64_t grace_s); /* called when a deletionTimestamp was set */
void sim_kubelet_exit(struct sim *m, struct sim_pod *p, size_t ctr, int code, const char *reason);
void sim_kubelet_force(struct sim *m, struct sim_pod *p, const char *phase, const char *reason, const char *message);
void sim_kubelet_probe(struct sim *m, struct sim_pod *p, bool ok);     /* the proxy's answer to a probe */
void sim_pod_release(struct sim *m, struct sim_pod *p);                /* frees its resources on the node */
void sim_kubelet_replan(struct sim *m, struct sim_pod *p, size_t ctr); /* its behaviour has changed */

/* status.c */
bool sim_pod_initialized(const struct sim_pod *p);
int sim_status_write(struct sim *m, struct sim_pod *p);
void sim_condition(struct rv_arena *a, struct rv_node *status, const char *type, const char *value, const char *reason,
                   const char *message);

/* mounts.c: a sentence about the first missing object that the pod needs. Empty if all exist. `env` checks the
 * environment of one container instead of volumes. */
struct rv_str sim_mounts_missing(struct sim *m, struct rv_arena *a, struct rv_val pod);
struct rv_str sim_env_missing(struct sim *m, struct rv_arena *a, struct rv_str ns, struct rv_val container);

/* behaviours.c */
extern const struct sim_rule_type sim_pod_rules;
void sim_rules_claim(struct sim *m, struct sim_pod *p, struct rv_val pod); /* called once, when the pod appears */
const struct sim_effect *sim_effect_of(const struct sim_pod *p, enum sim_effect_kind kind, struct rv_str container);
int64_t sim_delay_of(const struct sim_pod *p, size_t offset, int64_t otherwise);
struct sim_effect *sim_effect_unref(struct sim_effect *e);
int sim_rule_effect(struct rv_str kind, struct rv_val args, struct sim_effect **ret, struct rv_error *err);

/* volumes.c: what the pod's claims lack before it can be bound. Empty if nothing. */
struct rv_str sim_volumes_lack(struct sim *m, struct rv_arena *a, struct rv_str ns, struct rv_val spec);

#endif
