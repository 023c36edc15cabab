/* missed_runs.h - which of the runs that a schedule names are still to be made? Pure functions; Unix seconds. */
#ifndef RAYCRONJOB_MISSED_RUNS_H
#define RAYCRONJOB_MISSED_RUNS_H

#include "schedule.h"

/* The moment after which the newest `limit` of the runs in (from, now] come; `from` when there are no more than that.
 * The work depends on the limit and on how dense the schedule is, not on how long ago `from` was. */
int64_t runs_newest(const struct schedule *s, const struct zone *z, int64_t from, int64_t now, int64_t limit);
/* From where to go on when runs before `at` no longer count: `at - 1`, or the last beat of an @every before that. */
int64_t runs_not_before(const struct schedule *s, int64_t from, int64_t at);

#endif
