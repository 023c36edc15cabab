/* nearest.h - "did you mean": the accepted word that is nearest to one that was mistyped.
 *
 *   struct nearest n = nearest_begin(given);
 *   for (...) nearest_offer(&n, accepted[i]);
 *   if (n.best.n != 0) ...
 */
#ifndef RV_IPC_BASE_NEAREST_H
#define RV_IPC_BASE_NEAREST_H

#include "rayvisor/base.h"

struct nearest {
    struct rv_str given, best; /* best: borrowed from the one that offered it; empty: nothing is near */
    size_t distance;
};
struct nearest nearest_begin(struct rv_str given);
void nearest_offer(struct nearest *n, struct rv_str accepted);
/* Adds ": did you mean "X"?", or nothing. */
void nearest_hint(const struct nearest *n, struct rv_buf *out);

#endif
