/* rate_limit.h - a token bucket: tokens accrue with time up to a burst, each thing done takes one. It has no clock of
 * its own, so that it can be tested and replayed. */
#ifndef RV_IPC_BASE_RATE_LIMIT_H
#define RV_IPC_BASE_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rv_rate_limit { /* zero: full, once it has been asked at a time beyond burst * each_ns */
    double tokens;
    int64_t at; /* ns; when the tokens were counted */
};

/* Counts what accrued until now, one token each `each_ns`. True: there is one. A clock that went back adds nothing. */
static inline bool rv_rate_limit_has(struct rv_rate_limit *b, int64_t now, double each_ns, double burst) {
    if (now > b->at) b->tokens += (double)(now - b->at) / each_ns;
    if (b->tokens > burst) b->tokens = burst;
    b->at = now;
    return b->tokens >= 1;
}

static inline bool rv_rate_limit_take(struct rv_rate_limit *b, int64_t now, double each_ns, double burst) {
    if (!rv_rate_limit_has(b, now, each_ns, burst)) return false;
    b->tokens -= 1;
    return true;
}

#endif
