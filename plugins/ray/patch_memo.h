/* patch_memo.h - does a patch change anything? When something else changes an object back at once, the same patch would
 * be sent for ever. So the last patch of an object is remembered, with the version that the object had after it: as
 * long as the object has that version, the same patch is futile. */
#ifndef RAY_PATCH_MEMO_H
#define RAY_PATCH_MEMO_H

#include "rayvisor/tree.h"

/* Hashes; zero: there was no patch, or its result is not known yet. */
struct rc_patch_memo {
    uint64_t patch, version;
};

/* True: this patch left the object as it is now. False: the patch is worth sending, and is remembered. */
bool rc_patch_is_futile(struct rc_patch_memo *m, struct rv_arena *a, struct rv_node *patch,
                        struct rv_str resource_version);
/* The patch was answered: the object has that version now. */
void rc_patch_answered(struct rc_patch_memo *m, struct rv_arena *a, struct rv_str resource_version);

#endif
