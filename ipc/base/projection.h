/* projection.h - a set of field paths as a trie, walked while JSON streams by. Internal to this folder.
 *
 * A walker stands at a node: `keep` means everything from here on is kept. NULL means nothing here is wanted. */
#ifndef RV_IPC_BASE_PROJECTION_H
#define RV_IPC_BASE_PROJECTION_H

#include "rayvisor/json.h"

struct proj_node {
    struct rv_str key; /* "[]" for every element of an array */
    bool keep;
    struct proj_node *kids, *next;
};

struct rv_projection {
    struct rv_arena *arena;
    struct proj_node root;
};

/* The node below n for a map key or, with key "[]", for an array's elements. */
const struct proj_node *proj_step(const struct proj_node *n, struct rv_str key);

#endif
