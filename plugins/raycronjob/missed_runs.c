/* missed_runs.c - see missed_runs.h. */
#include "missed_runs.h"

int64_t runs_not_before(const struct schedule *s, int64_t from, int64_t at) {
    if (from >= at - 1) return from;
    return s->every != 0 ? from + (at - 1 - from) / s->every * s->every : at - 1;
}

static int64_t count(const struct schedule *s, const struct zone *z, int64_t from, int64_t now, int64_t most) {
    int64_t n = 0;
    for (int64_t at = from; n < most && (at = schedule_next(s, z, at)) != 0 && at <= now;) n++;
    return n;
}

int64_t runs_newest(const struct schedule *s, const struct zone *z, int64_t from, int64_t now, int64_t limit) {
    if (s->every != 0) {
        int64_t n = now > from ? (now - from) / s->every : 0;
        return n > limit ? from + (n - limit) * s->every : from;
    }
    if (count(s, z, from, now, limit + 1) <= limit) return from;
    /* Looks back over a time that doubles until it contains enough runs. */
    for (int64_t back = limit * 60;; back *= 2) {
        int64_t start = now - from > back ? now - back : from, n = count(s, z, start, now, INT64_MAX);
        if (n < limit) continue;
        for (; n > limit; n--) start = schedule_next(s, z, start);
        return start;
    }
}
