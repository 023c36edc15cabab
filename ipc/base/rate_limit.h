/* rate_limit.h - a token bucket. Tokens come with time, up to a burst, and each action takes one. There is no clock in
 * this file, so tests and replays get the same answers again. */
#ifndef RV_IPC_BASE_RATE_LIMIT_H
#define RV_IPC_BASE_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit { /* {0} is a full bucket, if the first call comes later than burst * each_ns */
    double tokens;
    int64_t at; /* when the tokens were counted, in ns */
};

/* Adds the tokens that came since the last call, one every `each_ns`. Returns true if there is at least one. A clock
 * that went back adds none. */
static inline bool rate_limit_has(struct rate_limit *b, int64_t now, double each_ns, double burst) {
    if (now > b->at) b->tokens += (double)(now - b->at) / each_ns;
    if (b->tokens > burst) b->tokens = burst;
    b->at = now;
    return b->tokens >= 1;
}

static inline bool rate_limit_take(struct rate_limit *b, int64_t now, double each_ns, double burst) {
    if (!rate_limit_has(b, now, each_ns, burst)) return false;
    b->tokens -= 1;
    return true;
}

#endif
