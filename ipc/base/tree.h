/* tree.h - the node itself, which tree.c and tree_write.c share. Internal.
 *
 * Arrays and maps have the same entries; in an array the keys are empty. Everything is allocated in the node's
 * arena. */
#ifndef RV_IPC_BASE_TREE_H
#define RV_IPC_BASE_TREE_H

#include "path.h"
#include "rayvisor/tree.h"

#define TREE_NONE SIZE_MAX

struct tree_entry {
    struct rv_str key;
    struct rv_node *node;
};

struct rv_node {
    struct rv_arena *arena;
    enum rv_type type;
    bool lazy; /* the content is still in `view`, and no child is a node of its own */
    union {
        bool b;
        int64_t i;
        double f;
        struct rv_str s;
        struct rv_val view;
        struct {
            struct tree_entry *entries;
            size_t n, cap;
        };
    };
};

struct rv_node *tree_new(struct rv_arena *a, enum rv_type type);
void tree_open(struct rv_node *n);
size_t tree_index(struct rv_node *map, struct rv_str key); /* returns TREE_NONE if the key is absent */
struct rv_val tree_freeze(struct rv_arena *a, const struct rv_node *n);

#endif
