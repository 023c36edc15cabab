/* projection.h - a set of field paths as a trie, which the JSON reader walks while the text arrives. Internal to this
 * folder.
 *
 * The reader stands at a node. `keep` means that everything below the node is kept. NULL means that nothing is wanted
 * here. */
#ifndef RV_IPC_BASE_PROJECTION_H
#define RV_IPC_BASE_PROJECTION_H

#include "rayvisor/json.h"

struct proj_node {
    struct rv_str key; /* "[]" stands for every element of an array */
    bool keep;
    struct proj_node *kids, *next;
};

struct rv_projection {
    struct rv_arena *arena;
    struct proj_node root;
};

/* The node below n for a map key. The key "[]" means the elements of an array. */
const struct proj_node *proj_step(const struct proj_node *n, struct rv_str key);

#endif
