/* strict.h - decodes objects as a typed API server does. Fields that the types do not have are dropped and, as
 * fieldValidation says, refused, reported in a warning, or ignored. A value of another type than the field is
 * refused. */
#ifndef RV_SANDBOX_STRICT_H
#define RV_SANDBOX_STRICT_H

#include "types.h"

struct sb_strict {
    struct rv_node *unknown; /* texts: paths of unknown fields */
    struct rv_str mismatch;  /* a sentence about the first value of a wrong type; empty if there is none */
};
/* Changes the tree unless `keep` is true (for custom resources, which their schema prunes and checks). */
void sb_strict_decode(struct rv_arena *a, const struct sb_type *t, struct rv_node *object, bool keep,
                      struct sb_strict *ret);

#endif
