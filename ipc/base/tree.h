/* tree.h - what tree.c and tree_write.c share: the node itself. Internal.
 *
 * Arrays and maps have the same entries; an array leaves the keys empty. Everything lives in the node's arena. */
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
    bool lazy; /* `view` holds the content; never with an own member below */
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
size_t tree_index(struct rv_node *map, struct rv_str key); /* TREE_NONE when absent */
struct rv_val tree_freeze(struct rv_arena *a, const struct rv_node *n);

#endif
