/* schedule.h - reads cron lines of five fields and the @-words, as the reference's parser does, and finds the next run.
 *
 *   minute hour day-of-month month day-of-week      * ? 5 1-5 1,5 10-30/5 JAN MON; day 0 is Sunday, 7 is not a day
 *   @yearly @annually @monthly @weekly @daily @midnight @hourly @every 1h30m
 *
 * If both days are restricted, one of them must match. If the clock skips a time on a day, there is no run that day. If
 * a time occurs twice, there are two runs. */
#ifndef RAYCRONJOB_SCHEDULE_H
#define RAYCRONJOB_SCHEDULE_H

#include "zone.h"

struct schedule {
    uint64_t minute, hour, day, month, weekday; /* one bit for each value */
    bool any_day, any_weekday;                  /* written as a star */
    int64_t every;                              /* in seconds; if it is 0, the fields count */
};

/* Returns 0, or RV_E_PARSE with a sentence that names the field and what is accepted. */
int schedule_parse(struct rv_str text, struct schedule *ret, struct rv_error *err);
/* The first run (Unix seconds) after the given time. 0 if there is none within five years, and so none at all (30
 * February). */
int64_t schedule_next(const struct schedule *s, const struct zone *z, int64_t after);

#endif
