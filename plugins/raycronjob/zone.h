/* zone.h - time zones: what the clocks of a place show. The functions have no side effects. They are valid from 2020
 * on; after the last change the zone's rule is used.
 *
 * A plugin has no files. The supervisor sends the time zone database of its machine with WELCOME. If the machine has
 * none, a table is used that is compiled in (zones.c, made by zones.py). */
#ifndef RAYCRONJOB_ZONE_H
#define RAYCRONJOB_ZONE_H

#include "rayvisor/value.h"

struct zone_change {
    int64_t at;     /* Unix seconds */
    int32_t offset; /* seconds east of UTC from then on */
};

struct zone {
    const char *name;
    int32_t first; /* the offset before the first change */
    uint32_t change_n;
    const struct zone_change *changes;
    const char *rule; /* POSIX TZ text for the time after the last change */
};
extern const struct zone zone_table[]; /* sorted by name */
extern const size_t zone_table_length;

/* Finds a zone by its IANA name ("Europe/Berlin", "UTC") in the table that is compiled in. Returns NULL if there is
 * none. */
const struct zone *zone_find(struct rv_str name);
/* The same in the database that the supervisor sent (supervisor/zoneinfo/zoneinfo.h describes it). The result lives in
 * the arena. */
const struct zone *zone_of_database(struct rv_arena *a, struct rv_val database, struct rv_str name);

/* The time around a moment without a change of the clock: [from, until). */
struct zone_span {
    int64_t from, until;
    int32_t offset; /* seconds east of UTC */
};
void zone_span(const struct zone *z, int64_t unix_s, struct zone_span *ret);
/* Only the offset. */
int32_t zone_offset(const struct zone *z, int64_t unix_s);

/* What a clock shows. As an input, fields may be out of range: the 32nd of January is the 1st of February. */
struct zone_clock {
    int64_t year, month, day, hour, minute, second; /* month and day begin at 1 */
    int weekday;                                    /* 0 is Sunday */
};
/* Converts with a known offset, and back without one. */
void zone_clock_at(int64_t unix_s, int32_t offset, struct zone_clock *ret);
int64_t zone_utc(const struct zone_clock *c);
void zone_show(const struct zone *z, int64_t unix_s, struct zone_clock *ret);

#endif
