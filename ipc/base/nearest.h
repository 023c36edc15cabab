/* nearest.h - "did you mean": finds the accepted word that is nearest to a mistyped one.
 *
 *     struct nearest n = nearest_begin(given);
 *     for (...) nearest_offer(&n, accepted[i]);
 *     if (n.best.n != 0) ... */
#ifndef RV_IPC_BASE_NEAREST_H
#define RV_IPC_BASE_NEAREST_H

#include "rayvisor/base.h"

struct nearest {
    /* `best` is borrowed from the caller of nearest_offer(). It is empty if no word is near. */
    struct rv_str given, best;
    size_t distance;
};
struct nearest nearest_begin(struct rv_str given);
void nearest_offer(struct nearest *n, struct rv_str accepted);
/* Appends ": did you mean "X"?", or nothing if no word is near. */
void nearest_hint(const struct nearest *n, struct rv_buf *out);

#endif
