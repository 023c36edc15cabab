/* latencies.h - histograms of how long things took, for metrics.
 *
 * The number of series is bounded: what comes after the last one is counted as "other". */
#ifndef TRAIL_LATENCIES_H
#define TRAIL_LATENCIES_H

#include "rayvisor/base.h"

enum latency_of {
    LATENCY_ACTION, /* from the first request to the answer, retries included; labels: verb and resource */
    LATENCY_TURN,   /* from the plugin's request until its turn came; label: plugin */
    LATENCY_PASS,   /* from a change until the plugin reconciled; label: plugin */
    LATENCY_COUNT
};
enum { LATENCY_BOUNDS = 14, LATENCY_SERIES_MAX = 256 /* of each */ };
extern const double latency_bounds[LATENCY_BOUNDS]; /* seconds, in rising order */

struct latencies;
struct latencies *latencies_new(void);
struct latencies *latencies_free(struct latencies *l);
void latencies_add(struct latencies *l, enum latency_of of, struct rv_str a, struct rv_str b, uint64_t us);

struct latency_series {
    struct rv_str a, b;
    uint64_t counts[LATENCY_BOUNDS + 1]; /* of each bucket alone; the last one is for everything above */
    uint64_t n, us;
};
void latencies_each(const struct latencies *l, enum latency_of of,
                    void (*fn)(void *arg, const struct latency_series *s), void *arg);

#endif
