/* meter.h - a histogram of seconds. Observations are kept here and reported together every few seconds, because one
 * that grows by hundreds a second would otherwise take a dozen messages each time.
 *
 * It is reported as the counters NAME_bucket (with the label le), NAME_sum and NAME_count, which the page of metrics
 * shows as one histogram. */
#ifndef AUTOSCALER_METER_H
#define AUTOSCALER_METER_H

#include "rayvisor/controller.h"

enum { METER_BOUNDS = 12 };

struct meter {
    uint64_t counts[METER_BOUNDS + 1]; /* since the last report; the last one has no bound */
    double sum;
    int64_t reported_at; /* 0: never */
};

void meter_observe(struct meter *m, int64_t ns); /* a clock that was set back counts as 0 */
/* Reports what was observed, when the last report is some seconds old. The first report names all series. */
void meter_report(struct meter *m, const struct rv_pass *p, const char *name);

#endif
