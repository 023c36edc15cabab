/* model.h - what an autoscaling decision is made of and what it says.
 *
 * The state is a snapshot of one cluster: its worker groups (from the RayCluster), its nodes (pods joined with what Ray
 * reports about them) and the demand (what Ray's control store, the GCS, says is waiting). A decision is a pure
 * function of it. All text and all arrays are borrowed: they live in the arena of whoever made the state.
 *
 * Amounts of resources are whole numbers of ten-thousandths, which is the grain in which Ray itself counts: three times
 * 0.1 CPU then fits into 0.3 CPU, which it does not in binary fractions.
 */
#ifndef AUTOSCALER_MODEL_H
#define AUTOSCALER_MODEL_H

#include "rayvisor/base.h"

enum { AS_UNIT = 10000 }; /* one CPU, one GPU, one byte of memory */

/* Rounds to the grain; what is negative or no number becomes 0, what is too large the largest amount. */
int64_t as_amount(double value);

/* Resources that a request may ask for on any node, although no node reports them: each node has one. */
#define AS_IMPLICIT_PREFIX "node:__internal_implicit_resource_"

struct as_resource {
    struct rv_str name;
    int64_t amount;
};

struct as_resources {
    const struct as_resource *items;
    size_t n;
};

struct as_label {
    struct rv_str key, value;
};

struct as_labels {
    const struct as_label *items;
    size_t n;
};

enum as_operator { AS_OPERATOR_UNKNOWN = 0, AS_IN = 1, AS_NOT_IN = 2 }; /* as on the wire */

struct as_match {
    struct rv_str key;
    enum as_operator op;
    const struct rv_str *values;
    size_t n_values;
};

/* All matches must hold; one without matches always holds. */
struct as_selector {
    const struct as_match *matches;
    size_t n;
};

/* One bundle of resources that must be on one node. Of several selectors any one suffices, the earlier the better. */
struct as_request {
    struct as_resources resources;
    const struct as_selector *selectors;
    size_t n_selectors;
    struct as_labels apart;    /* never on a node that has this label; the node gets it (STRICT_SPREAD) */
    struct as_labels together; /* with all others of the gang that have this label, on one node (STRICT_PACK) */
};

struct as_demand {
    struct as_request request;
    int64_t count;
};

/* A placement group: the bundles that are not placed yet, all or none. */
struct as_gang {
    const struct as_request *requests;
    size_t n;
    struct rv_str details; /* how Ray calls it, for people */
};

struct as_group {
    struct rv_str name;
    int64_t min, max;              /* nodes, not replicas: times hosts */
    int64_t hosts;                 /* nodes of one replica; at least 1 */
    struct as_resources resources; /* of a new node, as Ray will register them */
    struct as_labels labels;
    int64_t idle_ms; /* how long a node may be idle; -1: for ever */
    int32_t priority;
    double price;        /* of one node, in any unit; 0: not known */
    double availability; /* Ray's memory of failures: 0 just now, 1 none; decides between equals */
    bool stuck;          /* Kubernetes cannot place its pods now: it is chosen when no other group will do */
};

enum as_phase {
    AS_STARTING, /* a pod, no Ray node yet: capacity as its group is configured */
    AS_RUNNING,  /* a Ray node: capacity as it reports */
    AS_LEAVING,  /* draining, dead, being deleted: no capacity, and counts for nothing */
    AS_BLOCKED, /* a pod that Kubernetes cannot place: capacity for what nothing else can hold; it counts for the limits
                 */
    AS_UNMANAGED, /* a Ray node that no pod of ours is: capacity, never removed, counts for nothing */
};

enum { AS_NO_GROUP = -1, AS_HEAD = -2 };

struct as_node {
    struct rv_str name; /* of the pod */
    int32_t group;      /* index, or AS_HEAD; AS_NO_GROUP: its group is not in the RayCluster any more */
    enum as_phase phase;
    struct as_resources total, available; /* RUNNING and UNMANAGED only; a resource that is used up is absent */
    struct as_labels labels;              /* later entries win */
    int64_t idle_ms;                      /* 0: not idle */
    struct rv_str replica;                /* which replica of a multi-host group */
    int32_t priority;                     /* of its group when it is not in the list of groups: 0 */
};

struct as_state {
    const struct as_group *groups;
    size_t n_groups;
    const struct as_node *nodes;
    size_t n_nodes;
    const struct as_demand *demands;
    size_t n_demands;
    const struct as_gang *gangs;
    size_t n_gangs;
    const struct as_demand *held; /* request_resources(): capacity that must exist, used or not */
    size_t n_held;
    int64_t max_nodes;    /* of the cluster, with its head */
    int64_t max_launches; /* of this decision: more comes in the next round */
};

/* Why a node is removed, or why it stays. */
enum as_verdict {
    AS_KEEP_BUSY,        /* Ray says that it is not idle */
    AS_KEEP_NOT_LONG,    /* idle, but not for long enough */
    AS_KEEP_DEMAND,      /* what waits would run on it */
    AS_KEEP_HELD,        /* request_resources() needs it */
    AS_KEEP_MIN,         /* its group would fall below its minimum */
    AS_KEEP_REPLICA,     /* another host of its replica must stay */
    AS_KEEP_STARTING,    /* no Ray on it yet */
    AS_KEEP_BLOCKED,     /* Kubernetes cannot place it, and nothing else could do its work */
    AS_KEEP_HEAD,        /* the head is never removed */
    AS_KEEP_UNMANAGED,   /* not ours */
    AS_KEEP_LEAVING,     /* it goes already */
    AS_REMOVE_IDLE,      /* idle for longer than its group allows */
    AS_REMOVE_GROUP_MAX, /* its group has more than its maximum */
    AS_REMOVE_MAX,       /* the cluster has more than its maximum */
    AS_REMOVE_BLOCKED,   /* Kubernetes cannot place it, and others do its work */
    AS_REMOVE_NO_GROUP,  /* its group is not in the RayCluster any more */
};
static inline bool as_removes(enum as_verdict v) { return v >= AS_REMOVE_IDLE; }
const char *as_verdict_text(enum as_verdict v);

/* What new nodes are for. */
enum as_cause { AS_FOR_MIN, AS_FOR_HELD, AS_FOR_GANG, AS_FOR_DEMAND, AS_CAUSES };
const char *as_cause_text(enum as_cause c);

struct as_launch {
    int64_t count; /* nodes: a multiple of the group's hosts */
    int64_t because[AS_CAUSES];
};

/* Demand that gets no node now. capped: a group could hold it, had it not reached a limit (its own or the cluster's).
 */
struct as_unmet {
    const struct as_request *request; /* of the state */
    int64_t count;
    bool capped;
};
struct as_unmet_gang {
    const struct as_gang *gang; /* of the state */
    bool capped;
};

struct as_decision {
    struct as_launch *launches; /* one for each group */
    enum as_verdict *verdicts;  /* one for each node */
    struct as_unmet *unmet;
    size_t n_unmet;
    struct as_unmet_gang *unmet_gangs;
    size_t n_unmet_gangs;
    bool held_unmet, held_capped; /* request_resources() asks for more than there can be */
    double price;                 /* of all that is launched */
};

#endif
