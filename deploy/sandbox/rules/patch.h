/* patch.h - the patch formats as functions on trees. Each changes *target in place (a json-patch may replace the
 * whole). */
#ifndef RV_SANDBOX_PATCH_H
#define RV_SANDBOX_PATCH_H

#include "types.h"

/* RFC 7396. */
struct rv_node *sb_patch_merge(struct rv_arena *a, struct rv_node *target, struct rv_node *patch);
/* Lists are merged as the type t says; $patch: delete|replace, $deleteFromPrimitiveList, $setElementOrder,
 * $retainKeys. */
struct rv_node *sb_patch_strategic(struct rv_arena *a, const struct sb_type *t, struct rv_node *target,
                                   struct rv_node *patch);
/* RFC 6902, with all six operations. Returns RV_E_INVALID with the operation's index in the text; *target is then in an
 * undefined state. */
int sb_patch_json(struct rv_arena *a, struct rv_node **target, struct rv_node *ops, struct rv_error *err);

#endif
