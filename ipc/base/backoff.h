/* backoff.h - how long to wait before the next try. The first pause doubles with every failure in a row, up to the
 * longest pause. A random part keeps requests that failed together from being sent again together.
 *
 * There is no clock and no state in this file. The caller counts its failures, passes the random number and arms the
 * timer. So a replayed plugin and a test get the same pauses again. */
#ifndef RV_IPC_BASE_BACKOFF_H
#define RV_IPC_BASE_BACKOFF_H

#include <stdint.h>

struct backoff_pause {
    /* `first` is the pause after one failure and `most` is the longest pause. The unit is the caller's, and the result
     * has the same unit. */
    int64_t first, most;
    /* The pause is random between `below` percent less and `above` percent more. With 0 and 0 it is exact. */
    unsigned below, above;
};

static inline int64_t backoff_pause(struct backoff_pause b, uint64_t failures, uint64_t random) {
    int64_t wait = b.first < b.most ? b.first : b.most;
    for (uint64_t i = 1; i < failures && wait > 0 && wait < b.most; i++) wait = wait > b.most / 2 ? b.most : wait * 2;
    int64_t low = wait - wait / 100 * b.below - wait % 100 * b.below / 100;
    int64_t high = wait + wait / 100 * b.above + wait % 100 * b.above / 100;
    return low + (int64_t)(random % ((uint64_t)(high - low) + 1));
}

#endif
