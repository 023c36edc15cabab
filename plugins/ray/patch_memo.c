/* patch_memo.c - see patch_memo.h. */
#include "patch_memo.h"

static uint64_t hash_of(struct rv_arena *a, struct rv_node *n) { return rv_val_hash(rv_node_freeze(a, n)).lo; }

bool rc_patch_is_futile(struct rc_patch_memo *m, struct rv_arena *a, struct rv_node *patch,
                        struct rv_str resource_version) {
    uint64_t hash = hash_of(a, patch);
    if (m->patch == hash && m->version != 0 && m->version == hash_of(a, rv_node_str(a, resource_version))) return true;
    *m = (struct rc_patch_memo){.patch = hash};
    return false;
}

void rc_patch_answered(struct rc_patch_memo *m, struct rv_arena *a, struct rv_str resource_version) {
    m->version = hash_of(a, rv_node_str(a, resource_version));
}
