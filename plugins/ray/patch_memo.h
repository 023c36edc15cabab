/* patch_memo.h - finds out whether a patch has an effect. If something changes an object back at once, the same patch
 * would be sent for ever. So the last patch of an object is remembered, with the version that the object had after it.
 * As long as the object has that version, the same patch is futile. */
#ifndef RAY_PATCH_MEMO_H
#define RAY_PATCH_MEMO_H

#include "rayvisor/tree.h"

/* Hashes. Zero means that there was no patch, or that its result is not known yet. */
struct rc_patch_memo {
    uint64_t patch, version;
};

/* Returns true if this patch has already led to the present object. Returns false if the patch is worth sending, and
 * remembers it. */
bool rc_patch_is_futile(struct rc_patch_memo *m, struct rv_arena *a, struct rv_node *patch,
                        struct rv_str resource_version);
/* The patch was answered, and the object has that version now. */
void rc_patch_answered(struct rc_patch_memo *m, struct rv_arena *a, struct rv_str resource_version);

#endif
