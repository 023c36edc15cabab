/* zone.h - time zones: what the clocks of a place show. Pure functions; valid from 2020 on, for good by the zone's last
 * rule.
 *
 * A plugin has no files. The supervisor sends the time zone database of its machine with the settings; a table that is
 * compiled in (zones.c, made by zones.py) serves where the machine has none. */
#ifndef RAYCRONJOB_ZONE_H
#define RAYCRONJOB_ZONE_H

#include "rayvisor/value.h"

struct zone_change {
    int64_t at;     /* Unix seconds */
    int32_t offset; /* seconds east of UTC from then on */
};

struct zone {
    const char *name;
    int32_t first; /* offset before the first change */
    uint32_t change_n;
    const struct zone_change *changes;
    const char *rule; /* POSIX TZ text for what comes after the last change */
};
extern const struct zone zone_table[]; /* sorted by name */
extern const size_t zone_table_length;

/* By IANA name ("Europe/Berlin", "UTC") in the table that is compiled in; NULL: there is none. */
const struct zone *zone_find(struct rv_str name);
/* The same in the database that the supervisor sent (its form: supervisor/zoneinfo/zoneinfo.h). What is returned lives
 * in the arena. */
const struct zone *zone_of_database(struct rv_arena *a, struct rv_val database, struct rv_str name);

/* The time around a moment in which the clocks are not changed: [from, until). */
struct zone_span {
    int64_t from, until;
    int32_t offset; /* seconds east of UTC */
};
void zone_span(const struct zone *z, int64_t unix_s, struct zone_span *ret);
/* Only the offset. */
int32_t zone_offset(const struct zone *z, int64_t unix_s);

/* What clocks show. Fields may be out of range when they are given: the 32nd is the 1st. */
struct zone_clock {
    int64_t year, month, day, hour, minute, second; /* month and day from 1 */
    int weekday;                                    /* 0 Sunday */
};
/* The same with an offset that is known, and back with none. */
void zone_clock_at(int64_t unix_s, int32_t offset, struct zone_clock *ret);
int64_t zone_utc(const struct zone_clock *c);
void zone_show(const struct zone *z, int64_t unix_s, struct zone_clock *ret);

#endif
