/* schedule.c - see schedule.h. */
#include "schedule.h"

enum { YEARS_AHEAD = 5, STEP_LIMIT = 10000 /* in days, and in changes of the clock */ };

/* ---- reading --------------------------------------------------------------------------------------------- */

struct field {
    const char *name;
    unsigned min, max;
    const char *const *words; /* the words for the values from min on, or NULL */
};

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                     "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const struct field fields[] = {{"minute", 0, 59, NULL},
                                      {"hour", 0, 23, NULL},
                                      {"day of month", 1, 31, NULL},
                                      {"month", 1, 12, months},
                                      {"day of week", 0, 6, weekdays}};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

/* Returns the text before the separator, and moves *s behind it. */
static struct rv_str cut(struct rv_str *s, char separator) {
    size_t n = 0;
    while (n < s->n && s->p[n] != separator) n++;
    struct rv_str head = {s->p, n};
    *s = n < s->n ? (struct rv_str){s->p + n + 1, s->n - n - 1} : (struct rv_str){NULL, 0};
    return head;
}

static int reject(struct rv_error *err, const struct field *f, struct rv_str text, const char *what) {
    return rv_error_set(err, RV_E_PARSE, "%s \"" RV_STR_FMT "\" %s (%u to %u, * ranges a-b, steps /n, lists a,b)",
                        f->name, RV_STR_ARG(text), what, f->min, f->max);
}

static bool value_of(const struct field *f, struct rv_str s, unsigned *ret) {
    int64_t n;
    for (unsigned i = 0; f->words != NULL && f->words[i] != NULL; i++)
        if (rv_str_ieq(s, f->words[i])) {
            *ret = f->min + i;
            return true;
        }
    if (s.n > 1 && s.p[0] == '+') s = (struct rv_str){s.p + 1, s.n - 1};
    if (s.n == 0 || s.p[0] < '0' || s.p[0] > '9' || rv_str_to_int(s, 0, INT32_MAX, &n) != 0) return false;
    *ret = (unsigned)n;
    return true;
}

/* Reads star, a, or a-b, each with an optional /step. *star is true if every value is meant. After a star the reference
 * accepts any range (*-5). */
static int read_range(const struct field *f, struct rv_str text, uint64_t *bits, bool *star, struct rv_error *err) {
    struct rv_str step_text = text, range = cut(&step_text, '/'), high_text = range, low_text = cut(&high_text, '-');
    unsigned low = f->min, high = f->max, step = 1;
    bool stepped = range.n < text.n, all = rv_str_is(low_text, "*") || rv_str_is(low_text, "?"),
         ranged = low_text.n < range.n;
    if (!all && !value_of(f, low_text, &low)) return reject(err, f, text, "is not a value");
    if (!all && ranged && !value_of(f, high_text, &high)) return reject(err, f, text, "is not a range");
    if (!all && !ranged && !stepped) high = low;
    if (stepped && (!value_of(&(struct field){"step", 0, 0, NULL}, step_text, &step) || step == 0))
        return reject(err, f, text, "has a step that is not a positive number");
    if (low < f->min || high > f->max) return reject(err, f, text, "is out of range");
    if (low > high) return reject(err, f, text, "begins behind its end");
    for (uint64_t i = low; i <= high; i += step) *bits |= UINT64_C(1) << i;
    *star = *star || (all && step == 1);
    return 0;
}

/* Reads a list. Extra commas have no meaning, as in the reference. */
static int read_field(const struct field *f, struct rv_str text, uint64_t *bits, bool *star, struct rv_error *err) {
    for (struct rv_str rest = text; rest.n != 0;) {
        struct rv_str part = cut(&rest, ',');
        int r = part.n != 0 ? read_range(f, part, bits, star, err) : 0;
        if (r != 0) return r;
    }
    return *bits != 0 ? 0 : reject(err, f, text, "has no value");
}

/* Reads a duration as Go writes it: 1h30m, 90s, 1.5h. Returns it in seconds, at least one. */
static int read_every(struct rv_str s, int64_t *ret, struct rv_error *err) {
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"\xc2\xb5s", 1e-6}, {"\xce\xbcs", 1e-6},
                 {"ms", 1e-3}, {"h", 3600},  {"m", 60},           {"s", 1}};
    double sum = 0;
    bool any = false;
    for (size_t at = 0; at < s.n; any = true) {
        double n = 0, unit = 0, place = 1;
        size_t digits = 0;
        bool point = false;
        for (; at < s.n && ((s.p[at] >= '0' && s.p[at] <= '9') || (s.p[at] == '.' && !point)); at++) {
            if (s.p[at] == '.') {
                point = true;
                continue;
            }
            digits++;
            if (point) place /= 10;
            n = point ? n + place * (s.p[at] - '0') : n * 10 + (s.p[at] - '0');
        }
        for (size_t i = 0; i < RV_ARRAY_LEN(units) && unit == 0; i++) {
            struct rv_str rest = {s.p + at, s.n - at};
            if (!rv_str_starts(rest, units[i].unit)) continue;
            unit = units[i].seconds;
            at += strlen(units[i].unit);
        }
        if (digits == 0 || unit == 0) {
            any = false;
            break;
        }
        sum += n * unit;
    }
    if (!any || sum > 9e9)
        return rv_error_set(err, RV_E_PARSE, "\"@every " RV_STR_FMT "\" needs a duration such as 90s, 5m or 1h30m",
                            RV_STR_ARG(s));
    *ret = sum < 1 ? 1 : (int64_t)sum;
    return 0;
}

static int read_word(struct rv_str text, struct schedule *ret, struct rv_error *err) {
    static const struct {
        const char *word, *line;
    } words[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
                 {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
                 {"@hourly", "0 * * * *"}};
    static const char every[] = "@every ";
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if (rv_str_is(text, words[i].word)) return schedule_parse(rv_str(words[i].line), ret, err);
    if (rv_str_starts(text, every))
        return read_every((struct rv_str){text.p + sizeof every - 1, text.n - sizeof every + 1}, &ret->every, err);
    return rv_error_set(err, RV_E_PARSE,
                        "\"" RV_STR_FMT
                        "\" is unknown: @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly or "
                        "@every DURATION",
                        RV_STR_ARG(text));
}

int schedule_parse(struct rv_str text, struct schedule *ret, struct rv_error *err) {
    uint64_t *bits[] = {&ret->minute, &ret->hour, &ret->day, &ret->month, &ret->weekday};
    bool stars[RV_ARRAY_LEN(fields)] = {0};
    struct rv_str parts[RV_ARRAY_LEN(fields)];
    size_t n = 0;
    *ret = (struct schedule){0};
    if (text.n != 0 && text.p[0] == '@') return read_word(text, ret, err);
    for (size_t at = 0; at < text.n;) {
        size_t end = at;
        while (end < text.n && !is_space(text.p[end])) end++;
        if (end > at && n < RV_ARRAY_LEN(parts)) parts[n] = (struct rv_str){text.p + at, end - at};
        n += end > at;
        at = end + 1;
    }
    if (n != RV_ARRAY_LEN(fields))
        return rv_error_set(err, RV_E_PARSE,
                            "\"" RV_STR_FMT
                            "\" has %zu fields, and a schedule has five: minute, hour, day of month, month, "
                            "day of week",
                            RV_STR_ARG(text), n);
    for (size_t i = 0; i < n; i++) {
        int r = read_field(&fields[i], parts[i], bits[i], &stars[i], err);
        if (r != 0) return r;
    }
    ret->any_day = stars[2];
    ret->any_weekday = stars[4];
    return 0;
}

/* ---- the next time --------------------------------------------------------------------------------------- */

/* The search goes forward. Each step goes to the next beginning of the largest unit that does not match. It never goes
 * over a change of the clock; there it looks again. So times that the clock skips are never found, and times that occur
 * twice are found twice. */
struct search {
    const struct schedule *s;
    const struct zone *z;
    int64_t at;
    struct zone_span span; /* the time around `at` without a change of the clock */
    struct zone_clock c;
};

static bool has(uint64_t bits, int64_t i) { return (bits >> i & 1) != 0; }

/* The distance from i to the next bit, or to the end. */
static int64_t ahead(uint64_t bits, int64_t i, int64_t end) {
    int64_t next = i + 1;
    while (next < end && !has(bits, next)) next++;
    return next - i;
}

static void move_to(struct search *q, int64_t at) {
    q->at = at < q->span.until ? at : q->span.until;
    if (q->at == q->span.until) zone_span(q->z, q->at, &q->span);
    zone_clock_at(q->at, q->span.offset, &q->c);
}

static bool day_fits(const struct search *q) {
    bool day = has(q->s->day, q->c.day), weekday = has(q->s->weekday, q->c.weekday);
    return q->s->any_day || q->s->any_weekday ? day && weekday : day || weekday;
}

/* The beginning of a day, with the present offset. The day may be out of range (the 32nd). */
static int64_t day_begin(const struct search *q, int64_t month, int64_t day) {
    return zone_utc(&(struct zone_clock){.year = q->c.year, .month = month, .day = day}) - q->span.offset;
}

/* Where to look next. It is the present time if all fields match. */
static int64_t next_look(const struct search *q) {
    const struct zone_clock *c = &q->c;
    int64_t hour_begin = q->at - c->minute * 60 - c->second;
    if (!has(q->s->month, c->month)) return day_begin(q, c->month + ahead(q->s->month, c->month, 13), 1);
    if (!day_fits(q)) return day_begin(q, c->month, c->day + 1);
    if (!has(q->s->hour, c->hour)) return hour_begin + ahead(q->s->hour, c->hour, 24) * 3600;
    if (!has(q->s->minute, c->minute)) return hour_begin + (c->minute + ahead(q->s->minute, c->minute, 60)) * 60;
    return c->second != 0 ? q->at - c->second + 60 : q->at;
}

int64_t schedule_next(const struct schedule *s, const struct zone *z, int64_t after) {
    struct search q = {.s = s, .z = z, .at = after + 1};
    if (s->every != 0) return after + s->every;
    zone_span(z, q.at, &q.span);
    zone_clock_at(q.at, q.span.offset, &q.c);
    int64_t last = q.c.year + YEARS_AHEAD;
    for (int i = 0; i < STEP_LIMIT && q.c.year <= last; i++) {
        int64_t next = next_look(&q);
        if (next == q.at) return q.at;
        move_to(&q, next);
    }
    return 0;
}
