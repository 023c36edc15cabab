/* merge.c - makes a merge patch (RFC 7386) from the difference of two objects. */
#include "rayvisor/tree.h"

struct rv_node *rv_node_merge_patch(struct rv_arena *a, struct rv_val have, struct rv_val want) {
    struct rv_node *patch = NULL;
    for (struct rv_iter it = rv_iter(want); rv_iter_next(&it);) {
        struct rv_val old = rv_val_getn(have, it.key);
        struct rv_node *part = NULL;
        if (rv_val_present(old) && rv_val_equal(old, it.val)) continue;
        bool both = rv_val_type(old) == RV_MAP && rv_val_type(it.val) == RV_MAP;
        part = both ? rv_node_merge_patch(a, old, it.val) : rv_node_from(a, it.val);
        if (part == NULL) continue;
        if (patch == NULL) patch = rv_node_map(a);
        rv_node_setn(a, patch, it.key, part);
    }
    for (struct rv_iter it = rv_iter(have); rv_iter_next(&it);) {
        if (!rv_val_set(it.val) || rv_val_present(rv_val_getn(want, it.key))) continue;
        if (patch == NULL) patch = rv_node_map(a);
        rv_node_setn(a, patch, it.key, rv_node_null(a));
    }
    return patch;
}
