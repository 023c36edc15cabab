/* backoff.h - what failed is tried again after a second, then after two, doubling up to a longest pause. */
#ifndef RAY_BACKOFF_H
#define RAY_BACKOFF_H

#include "ipc/base/backoff.h"

#include "timestamp.h"

struct rc_backoff {
    uint32_t tries; /* failures in a row */
    int64_t after;  /* wall ns: nothing is tried before */
};

static inline void rc_backoff_failed(struct rc_backoff *b, int64_t now, int64_t most_seconds) {
    const struct rv_backoff pauses = {.first = RC_SECOND, .most = most_seconds * RC_SECOND};
    b->after = now + rv_backoff(pauses, ++b->tries, 0);
}

static inline bool rc_backoff_waits(const struct rc_backoff *b, int64_t now) { return now < b->after; }

#endif
