/* backoff.h - a back-off: after a failure the next try comes after a second, then after two, doubling up to a longest
 * pause. */
#ifndef RAY_BACKOFF_H
#define RAY_BACKOFF_H

#include "ipc/base/backoff.h"

#include "context.h"
#include "timestamp.h"

struct rc_backoff {
    uint32_t tries; /* failures in a row */
    int64_t after;  /* wall clock, ns: no try before this time */
};

static inline void rc_backoff_failed(struct rc_backoff *b, int64_t now, int64_t most_seconds) {
    const struct backoff_pause pauses = {.first = RC_SECOND, .most = most_seconds * RC_SECOND};
    b->after = now + backoff_pause(pauses, ++b->tries, 0);
}

static inline bool rc_backoff_waits(const struct rc_backoff *b, int64_t now) { return now < b->after; }

/* The pause (ns) before something that failed so often in a row is asked again: an eighth longer or shorter at random,
 * so that not all objects ask at once. */
static inline int64_t rc_spread_pause(struct rc_context *x, uint32_t failures, int64_t first_seconds,
                                      int64_t most_seconds) {
    const struct backoff_pause pauses = {.first = first_seconds, .most = most_seconds};
    uint8_t random;
    x->api->random(x->host, &random, sizeof random);
    return backoff_pause(pauses, failures, 0) * RC_SECOND * (896 + random) / 1024;
}

#endif
