/* time.c - RFC 3339 times in UTC (see rayvisor/k8s.h), without the C library's locale and time zone. */
#include "rayvisor/k8s.h"

#include <errno.h>
#include <stdio.h>

#define SECOND INT64_C(1000000000)

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. It counts from 1 March of year 0. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t in_era = year - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t in_era = days - era * 146097;
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * in_year + 2) / 153;
    *day = (int)(in_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int print_seconds(int64_t ns, char *out, size_t size) {
    int64_t seconds = floor_div(ns, SECOND), days = floor_div(seconds, 86400), rest = seconds - days * 86400;
    int year, month, day;
    date_of(days, &year, &month, &day);
    return snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, (int)(rest / 3600),
                    (int)(rest / 60 % 60), (int)(rest % 60));
}

void rv_time_format(int64_t ns, char ret[32]) {
    int n = print_seconds(ns, ret, 31);
    ret[n] = 'Z';
    ret[n + 1] = 0;
}

void rv_time_format_micro(int64_t ns, char ret[40]) {
    int n = print_seconds(ns, ret, 30);
    int64_t fraction = ns % SECOND < 0 ? ns % SECOND + SECOND : ns % SECOND;
    snprintf(ret + n, (size_t)(40 - n), ".%06dZ", (int)(fraction / 1000));
}

/* Reads exactly `width` digits at s[*i]. Returns -1 if they are not there. */
static int64_t digits(struct rv_str s, size_t *i, size_t width) {
    int64_t v = 0;
    if (s.n - *i < width) return -1;
    for (size_t k = 0; k < width; k++, (*i)++) {
        if (s.p[*i] < '0' || s.p[*i] > '9') return -1;
        v = v * 10 + (s.p[*i] - '0');
    }
    return v;
}

static bool expect(struct rv_str s, size_t *i, const char *any) {
    if (*i >= s.n || strchr(any, s.p[*i]) == NULL || s.p[*i] == 0) return false;
    (*i)++;
    return true;
}

static int parse_offset(struct rv_str s, size_t *i, int64_t *ret_seconds) {
    *ret_seconds = 0;
    if (expect(s, i, "Z")) return 0;
    bool west = *i < s.n && s.p[*i] == '-';
    if (!expect(s, i, "+-")) return -EINVAL;
    int64_t h = digits(s, i, 2);
    if (h < 0 || h > 23 || !expect(s, i, ":")) return -EINVAL;
    int64_t m = digits(s, i, 2);
    if (m < 0 || m > 59) return -EINVAL;
    *ret_seconds = (west ? -1 : 1) * (h * 3600 + m * 60);
    return 0;
}

static int64_t month_length(int64_t year, int64_t month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* As strict as the API server: capital T and Z, no leap second. */
int rv_time_parse(struct rv_str s, int64_t *ret_ns) {
    size_t i = 0;
    int64_t part[6];
    static const char *const after[] = {"-", "-", "T", ":", ":", NULL};
    static const int64_t max[] = {9999, 12, 31, 23, 59, 59};
    for (size_t k = 0; k < 6; k++) {
        part[k] = digits(s, &i, k == 0 ? 4 : 2);
        if (part[k] < 0 || part[k] > max[k] || (after[k] != NULL && !expect(s, &i, after[k]))) return -EINVAL;
    }
    if (part[1] < 1 || part[2] < 1 || part[2] > month_length(part[0], part[1])) return -EINVAL;
    int64_t fraction = 0, unit = SECOND / 10, offset;
    if (i < s.n && s.p[i] == '.') {
        size_t first = ++i;
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, unit /= 10) fraction += (s.p[i] - '0') * unit;
        if (i == first) return -EINVAL;
    }
    if (parse_offset(s, &i, &offset) != 0 || i != s.n) return -EINVAL;
    int64_t seconds = days_of(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 + part[5] - offset;
    int64_t ns;
    if (__builtin_mul_overflow(seconds, SECOND, &ns) || __builtin_add_overflow(ns, fraction, &ns)) return -ERANGE;
    *ret_ns = ns;
    return 0;
}
