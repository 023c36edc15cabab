/* packing.h - putting requests onto nodes that exist, then onto nodes that would have to be made.
 *
 * The rule is a greedy one, the same as in Ray's own scheduler: try each node with all requests in order, take the node
 * with the best score, go on with the rest. Tried literally that is cubic. Here equal nodes are one class and are tried
 * once, equal requests are one run with a count, and a trial stays valid until a run that it uses falls below what it
 * took.
 *
 * A node has two faces: one on which demand is placed (what is available) and one on which capacity that is to be held
 * is placed (what there is in total). Names of resources and labels that no request mentions are folded into a few
 * numbers, so that nodes which differ in them only (each Ray node has a resource with its own address) are still equal.
 */
#ifndef AUTOSCALER_PACKING_H
#define AUTOSCALER_PACKING_H

#include "plugins/autoscaler/model.h"

enum pack_face { PACK_DEMAND, PACK_HELD, PACK_FACES };

/* How a node is chosen when several would do. */
enum pack_taste { PACK_AS_RAY, PACK_CHEAP };

struct pack;

/* A node of the plan: one of the state, or one that is to be made. */
struct pack_node {
    uint32_t face[PACK_FACES];
    int32_t group;  /* as in as_node */
    int32_t source; /* index of the state's node; -1: to be made */
    bool running;   /* has a Ray node */
    bool removed;
    bool blocked;          /* takes what is left when new nodes of other groups could not */
    enum as_cause because; /* source -1 */
    int64_t idle_ms;
    double rest_use; /* sum and number of how much of the resources nobody asks for is used */
    uint32_t rest_n;
};

/* It lives in the arena; pack_free() frees what does not. */
struct pack *pack_new(struct rv_arena *a, const struct as_state *state, enum pack_taste taste);
void pack_free(struct pack *p);

/* The plan in its order; nodes that were removed stay where they are. Valid until the next call. */
struct pack_node *pack_nodes(struct pack *p, size_t *ret_n);
void pack_reorder(struct pack *p, const uint32_t *order); /* a permutation of all nodes */

/* Adds nodes of that group, before all others: what a minimum asks for. */
void pack_add_front(struct pack *p, int32_t group, int64_t count, enum as_cause because);

/* Places the requests; counts (one for each demand) are lowered by what was placed, in place. With all_or_nothing a
 * rest undoes everything. Returns whether all was placed. */
bool pack_place(struct pack *p, enum pack_face face, const struct as_demand *demands, int64_t *counts, size_t n,
                bool all_or_nothing, enum as_cause because);

bool pack_needed(const struct pack *p, const struct pack_node *n, enum pack_face face); /* was anything placed on it? */
double pack_use(const struct pack *p, const struct pack_node *n); /* mean share of its resources in use, 0 to 1 */

/* Can a new node of the group hold one of it, with nothing else on it? */
bool pack_fits_group(struct pack *p, const struct as_request *request, size_t group);

#endif
