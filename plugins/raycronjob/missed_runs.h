/* missed_runs.h - which of the runs of a schedule must still be started. The functions have no side effects. Times are
 * Unix seconds. */
#ifndef RAYCRONJOB_MISSED_RUNS_H
#define RAYCRONJOB_MISSED_RUNS_H

#include "schedule.h"

/* The time after which the newest `limit` runs in (from, now] come. It is `from` if there are no more than that. The
 * work depends on the limit and on how dense the schedule is, not on how long ago `from` was. */
int64_t runs_newest(const struct schedule *s, const struct zone *z, int64_t from, int64_t now, int64_t limit);
/* The time from which to continue if runs before `at` no longer count. It is `at - 1`, or for an @every the last run
 * time before that. */
int64_t runs_not_before(const struct schedule *s, int64_t from, int64_t at);

#endif
