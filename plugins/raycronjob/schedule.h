/* schedule.h - when is it time? Cron lines of five fields and the @-words, as the reference's parser takes them.
 *
 *   minute hour day-of-month month day-of-week      * ? 5 1-5 1,5 10-30/5 JAN MON; day 0 is Sunday, 7 is not a day
 *   @yearly @annually @monthly @weekly @daily @midnight @hourly @every 1h30m
 *
 * Are both days restricted, either is enough. A time that the clocks skip does not come that day; one that comes twice
 * is met twice. */
#ifndef RAYCRONJOB_SCHEDULE_H
#define RAYCRONJOB_SCHEDULE_H

#include "zone.h"

struct schedule {
    uint64_t minute, hour, day, month, weekday; /* bits */
    bool any_day, any_weekday;                  /* written as a star */
    int64_t every;                              /* seconds; else 0 and the fields count */
};

/* 0, or RV_E_PARSE with a sentence that names the field and what is accepted. */
int schedule_parse(struct rv_str text, struct schedule *ret, struct rv_error *err);
/* The first moment (Unix seconds) after the given one; 0: none within five years, so there is none (30 February). */
int64_t schedule_next(const struct schedule *s, const struct zone *z, int64_t after);

#endif
