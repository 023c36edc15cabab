/* backoff.h - how long to wait before the next try: the first pause doubles with every failure in a row, up to the
 * longest one, and a random part keeps those that failed together from trying again together.
 *
 * There is no clock and no state here: the caller counts its failures, brings the random number and arms the timer, so
 * that a plugin under replay and a test get the same pauses again.
 */
#ifndef RV_IPC_BASE_BACKOFF_H
#define RV_IPC_BASE_BACKOFF_H

#include <stdint.h>

struct rv_backoff {
    int64_t first, most;   /* the pauses after one and after many failures, in any unit; the result has the same */
    unsigned below, above; /* the pause is random between so many percent below and above: 0, 0 is exact */
};

static inline int64_t rv_backoff(struct rv_backoff b, uint64_t failures, uint64_t random) {
    int64_t wait = b.first < b.most ? b.first : b.most;
    for (uint64_t i = 1; i < failures && wait > 0 && wait < b.most; i++) wait = wait > b.most / 2 ? b.most : wait * 2;
    int64_t low = wait - wait / 100 * b.below - wait % 100 * b.below / 100;
    int64_t high = wait + wait / 100 * b.above + wait % 100 * b.above / 100;
    return low + (int64_t)(random % ((uint64_t)(high - low) + 1));
}

#endif
