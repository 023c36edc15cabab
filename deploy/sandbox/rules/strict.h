/* strict.h - decoding as a typed API server does it: what the types do not know is dropped and, as fieldValidation
 * says, refused, warned of, or passed over; what has another type than the field is refused. */
#ifndef RV_SANDBOX_STRICT_H
#define RV_SANDBOX_STRICT_H

#include "types.h"

struct sb_strict {
    struct rv_node *unknown; /* texts: paths of fields that the type does not know */
    struct rv_str mismatch;  /* the first value of a wrong type: a sentence; empty: none */
};
/* Changes the tree unless keep is true (custom resources: their schema prunes and judges). */
void sb_strict_decode(struct rv_arena *a, const struct sb_type *t, struct rv_node *object, bool keep,
                      struct sb_strict *ret);

#endif
