/* zone.c - see zone.h. Rules by POSIX.1 (TZ) with the extensions of RFC 8536: hours from -167 to 167. */
#include "zone.h"

#include <stdlib.h>

enum { DAY = 86400 };

/* ---- the calendar ---------------------------------------------------------------------------------------- */

/* Days since 1970-01-01. The year begins in March, so that the leap day is at its end. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t months = year * 12 + month - 1;
    year = months >= 0 ? months / 12 : -((11 - months) / 12);
    month = months - year * 12 + 1;
    int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
    int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year + day - 1 - 719468;
}

static void date_of(int64_t days, struct zone_clock *c) {
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, in_era = z - era * 146097;
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365,
            in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;
    c->day = in_year - (153 * m + 2) / 5 + 1;
    c->month = m < 10 ? m + 3 : m - 9;
    c->year = y + era * 400 + (c->month <= 2);
    c->weekday = (int)((days % 7 + 11) % 7); /* 1970-01-01 was a Thursday */
}

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/* ---- rules ----------------------------------------------------------------------------------------------- */

struct rule_day {
    char kind; /* 'M' month.week.weekday, 'J' day without 29 February, 0 day with 29 February */
    int64_t a, b, c, time;
};

struct rule {
    int32_t standard, summer; /* offsets */
    bool changes;
    struct rule_day begin, end;
};

static void skip_name(const char **p) {
    if (**p == '<') {
        while (**p != 0 && **p != '>') (*p)++;
        if (**p == '>') (*p)++;
        return;
    }
    while ((**p >= 'a' && **p <= 'z') || (**p >= 'A' && **p <= 'Z')) (*p)++;
}

/* Reads at most four digits. No number of a rule is longer, and sums of such numbers cannot overflow. */
static int64_t number(const char **p) {
    int64_t n = 0;
    for (int i = 0; i < 4 && **p >= '0' && **p <= '9'; i++, (*p)++) n = n * 10 + (**p - '0');
    return n;
}

/* Reads [+-]hh[:mm[:ss]]. Returns seconds. */
static int64_t span(const char **p) {
    bool minus = **p == '-';
    if (**p == '-' || **p == '+') (*p)++;
    int64_t s = number(p) * 3600;
    for (int64_t unit = 60; **p == ':' && unit >= 1; unit /= 60) {
        (*p)++;
        s += number(p) * unit;
    }
    return minus ? -s : s;
}

static struct rule_day day(const char **p) {
    struct rule_day d = {.time = 7200};
    if (**p == ',') (*p)++;
    if (**p == 'M' || **p == 'J') d.kind = *(*p)++;
    d.a = number(p);
    if (d.kind == 'M' && **p == '.') {
        (*p)++;
        d.b = number(p);
    }
    if (d.kind == 'M' && **p == '.') {
        (*p)++;
        d.c = number(p);
    }
    if (**p == '/') {
        (*p)++;
        d.time = span(p);
    }
    return d;
}

static struct rule rule_read(const char *text) {
    struct rule r = {0};
    skip_name(&text);
    r.standard = (int32_t)-span(&text);
    r.changes = *text != 0;
    if (!r.changes) return r;
    skip_name(&text);
    r.summer = *text != ',' && *text != 0 ? (int32_t)-span(&text) : r.standard + 3600;
    r.begin = day(&text);
    r.end = day(&text);
    return r;
}

static bool leap(int64_t y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }

/* The time of the change in a year, by the clock before the change. */
static int64_t rule_moment(const struct rule_day *d, int64_t year) {
    struct zone_clock c;
    int64_t n = days_of(year, 1, 1);
    if (d->kind == 'J') {
        n += d->a - 1 + (leap(year) && d->a > 59);
    } else if (d->kind == 0) {
        n += d->a;
    } else {
        n = days_of(year, d->a, 1);
        date_of(n, &c);
        n += (d->c - c.weekday + 7) % 7 + 7 * (d->b - 1);
        while (n >= days_of(year, d->a + 1, 1)) n -= 7;
    }
    return n * DAY + d->time;
}

/* Takes one change of the rule into account. The latest change up to a time begins the span, and the earliest change
 * after it ends the span. */
static void take_change(struct zone_span *ret, int64_t unix_s, int64_t at, int32_t offset) {
    if (at <= unix_s && at > ret->from) {
        ret->from = at;
        ret->offset = offset;
    }
    if (at > unix_s && at < ret->until) ret->until = at;
}

/* In the southern hemisphere standard time begins before summer time in a year. */
static void rule_span(const char *text, int64_t unix_s, struct zone_span *ret) {
    struct rule r = rule_read(text);
    struct zone_clock c;
    *ret = (struct zone_span){.from = INT64_MIN, .until = INT64_MAX, .offset = r.standard};
    if (!r.changes) return;
    date_of(floor_div(unix_s + r.standard, DAY), &c);
    for (int64_t year = c.year - 1; year <= c.year + 1; year++) {
        take_change(ret, unix_s, rule_moment(&r.begin, year) - r.standard, r.summer);
        take_change(ret, unix_s, rule_moment(&r.end, year) - r.summer, r.standard);
    }
}

/* ---- zones ----------------------------------------------------------------------------------------------- */

static int by_name(const void *key, const void *row) {
    return rv_str_cmp(*(const struct rv_str *)key, rv_str(((const struct zone *)row)->name));
}

const struct zone *zone_find(struct rv_str name) {
    return bsearch(&name, zone_table, zone_table_length, sizeof *zone_table, by_name);
}

const struct zone *zone_of_database(struct rv_arena *a, struct rv_val database, struct rv_str name) {
    struct rv_val v = rv_val_getn(rv_val_get(database, "zones"), name);
    struct rv_val list = rv_val_at(v, 1);
    size_t n = rv_iter(list).left / 2;
    struct rv_str rule = rv_val_str(rv_val_at(v, 2));
    if (rule.n == 0) return NULL;
    struct zone_change *changes = rv_arena_alloc(a, n * sizeof *changes);
    struct rv_iter it = rv_iter(list);
    for (size_t i = 0; i < n; i++) {
        rv_iter_next(&it);
        changes[i].at = rv_val_int(it.val, 0);
        rv_iter_next(&it);
        changes[i].offset = (int32_t)rv_val_int(it.val, 0);
    }
    struct zone *z = rv_arena_alloc(a, sizeof *z);
    *z = (struct zone){.name = rv_arena_str(a, name).p,
                       .first = (int32_t)rv_val_int(rv_val_at(v, 0), 0),
                       .change_n = (uint32_t)n,
                       .changes = changes,
                       .rule = rv_arena_str(a, rule).p};
    return z;
}

void zone_span(const struct zone *z, int64_t unix_s, struct zone_span *ret) {
    size_t low = 0, high = z->change_n; /* finds the first later change */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (z->changes[mid].at <= unix_s)
            low = mid + 1;
        else
            high = mid;
    }
    int64_t from = low == 0 ? INT64_MIN : z->changes[low - 1].at;
    if (low < z->change_n) {
        int32_t offset = low == 0 ? z->first : z->changes[low - 1].offset;
        *ret = (struct zone_span){.from = from, .until = z->changes[low].at, .offset = offset};
        return;
    }
    rule_span(z->rule, unix_s, ret);
    if (ret->from < from) ret->from = from;
}

int32_t zone_offset(const struct zone *z, int64_t unix_s) {
    struct zone_span span;
    zone_span(z, unix_s, &span);
    return span.offset;
}

void zone_clock_at(int64_t unix_s, int32_t offset, struct zone_clock *ret) {
    int64_t local = unix_s + offset, days = floor_div(local, DAY), rest = local - days * DAY;
    date_of(days, ret);
    ret->hour = rest / 3600;
    ret->minute = rest / 60 % 60;
    ret->second = rest % 60;
}

void zone_show(const struct zone *z, int64_t unix_s, struct zone_clock *ret) {
    zone_clock_at(unix_s, zone_offset(z, unix_s), ret);
}

int64_t zone_utc(const struct zone_clock *c) {
    return days_of(c->year, c->month, c->day) * DAY + c->hour * 3600 + c->minute * 60 + c->second;
}
