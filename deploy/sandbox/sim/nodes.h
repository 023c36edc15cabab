/* nodes.h - the nodes as the scheduler sees them: their capacity and what is in use. Amounts are whole numbers of a
 * resource's unit (milli for cpu). The names of resources are numbered in the order in which they were first seen. */
#ifndef RV_SANDBOX_SIM_NODES_H
#define RV_SANDBOX_SIM_NODES_H

#include "internal.h"

struct sim_amount {
    unsigned id;
    int64_t q;
};
struct sim_ask { /* what a pod needs; the first entry is always pods=1 */
    size_t n;
    struct sim_amount v[];
};
struct sim_node {
    struct sim_entry entry; /* by name */
    struct sb_object *o;    /* the newest version */
    size_t index;           /* the index in sim_nodes.v */
    int64_t *total, *used;  /* by resource id; they have n_known entries */
    size_t n_known;
    size_t n_pods;
    /* `gone`: the node was deleted; its account stays until its last pod has ended. */
    bool ready, gone;
};
struct sim_nodes {
    struct sim_map map;
    struct sim_node **v;
    /* `last` is where the previous search ended. */
    size_t n, last;
    char **names; /* names of the resources, by id */
    size_t n_names;
    uint64_t epoch; /* increases when a node appears or changes */
};

static inline struct sim_nodes *sim_nodes_of(struct sim *m) { return m->modules[SIM_NODES]; }
struct sim_node *sim_node_find(struct sim *m, struct rv_str name);
const char *sim_resource_name(struct sim *m, unsigned id);
/* What the spec requests: the sum of the containers, at least the largest init container, sidecars, overhead. On the
 * heap. */
struct sim_ask *sim_ask_new(struct sim *m, struct rv_val pod_spec);
/* Ids of resources that do not fit, at most max of them. 0 if the pod fits. */
size_t sim_node_lacks(const struct sim_node *n, const struct sim_ask *ask, unsigned *ids, size_t max);
void sim_node_take(struct sim_node *n, const struct sim_ask *ask);
void sim_node_give_back(struct sim_node *n, const struct sim_ask *ask); /* may free a node that was deleted */
/* The share of cpu and memory in use, from 0 to 2. Lower is better. */
double sim_node_load(const struct sim_node *n);

#endif
