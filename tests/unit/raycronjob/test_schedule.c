/* test_schedule.c - cron lines: what is taken, what is refused, and each moment of many years against a search that
 * looks at every minute. */
#include "plugins/raycronjob/schedule.h"

#include <stdlib.h>
#include <time.h>

#include "rayvisor/k8s.h"
#include "tests/unit/sdk/suite.h"

static void test_parse(void) {
    static const struct {
        const char *text, *words; /* words NULL: accepted */
    } rows[] = {{"* * * * *", NULL},
                {"*/5 0-6 1,15 JAN-mar Mon", NULL},
                {"  0\t0 ? * 0  ", NULL},
                {"5/10 * * * *", NULL},
                {"0 0 * * SUN-SAT", NULL},
                {"@hourly", NULL},
                {"@annually", NULL},
                {"@every 1h30m", NULL},
                {"@every 1.5h", NULL},
                {"@every 10ms", NULL},
                {"", "has 0 fields"},
                {"* * * *", "has 4 fields"},
                {"* * * * * *", "has 6 fields"},
                {"TZ=UTC * * * * *", "has 6 fields"},
                {"CRON_TZ=UTC @daily", "has 2 fields"},
                {"60 * * * *", "minute \"60\" is out of range"},
                {"* 24 * * *", "hour"},
                {"* * 0 * *", "day of month"},
                {"* * 32 * *", "day of month"},
                {"* * * 13 *", "month"},
                {"* * * * 7", "day of week"},
                {"* * * foo *", "is not a value"},
                {"5-1 * * * *", "begins behind its end"},
                {"*/0 * * * *", "step"},
                {"*/x * * * *", "step"},
                {"1- * * * *", "is not a range"},
                {"1,,2, * * * *", NULL}, /* as the reference takes them */
                {"+1 * * * *", NULL},
                {"*-5 * * * *", NULL},
                {", * * * *", "minute \",\" has no value"},
                {"-1 * * * *", "minute"},
                {"@reboot", "unknown"},
                {"@every", "unknown"},
                {"@every x", "duration"},
                {"@every 5", "duration"},
                {"@every 1000000000h", "duration"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct schedule s;
        struct rv_error err = {0};
        int r = schedule_parse(rv_str(rows[i].text), &s, &err);
        CHECK_ROW((r == 0) == (rows[i].words == NULL), rows[i].text);
        if (r != 0 && rows[i].words != NULL) CHECK_ROW(strstr(err.text, rows[i].words) != NULL, rows[i].text);
    }
}

static int64_t moment(const char *text) {
    int64_t ns = 0;
    CU_ASSERT_EQUAL_FATAL(rv_time_parse(rv_str(text), &ns), 0);
    return ns / 1000000000;
}

/* What happens at the edges, by hand. */
static void test_next(void) {
    static const struct {
        const char *line, *zone, *after, *want;
    } rows[] = {
        {"* * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"},
        {"* * * * *", "UTC", "2026-01-01T00:00:59Z", "2026-01-01T00:01:00Z"},
        {"0 0 1 1 *", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
        {"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"0 0 31 * *", "UTC", "2026-02-01T00:00:00Z", "2026-03-31T00:00:00Z"},
        {"0 0 13 * 5", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}, /* either day */
        {"0 0 */2 * 5", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
        {"0 0 * * 5", "UTC", "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z"},
        {"0 9 * * *", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-01-01T08:00:00Z"},
        {"0 9 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01T07:00:00Z"},
        {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"}, /* the 29th has no 02:30 */
        {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"}, /* the 25th has two */
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
        {"0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-07T03:00:00Z"}, /* the 6th begins at 01:00 */
        {"@every 90s", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct schedule s;
        const struct zone *z = zone_find(rv_str(rows[i].zone));
        CU_ASSERT_EQUAL_FATAL(schedule_parse(rv_str(rows[i].line), &s, NULL), 0);
        int64_t got = schedule_next(&s, z, moment(rows[i].after));
        char text[32];
        rv_time_format(got * 1000000000, text);
        if (strcmp(text, rows[i].want) != 0)
            printf("\n    %s %s after %s: %s", rows[i].line, rows[i].zone, rows[i].after, text);
        CU_ASSERT_STRING_EQUAL(text, rows[i].want);
    }
}

static void test_never(void) {
    static const char *const lines[] = {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *"};
    for (size_t i = 0; i < RV_ARRAY_LEN(lines); i++) {
        struct schedule s;
        CU_ASSERT_EQUAL_FATAL(schedule_parse(rv_str(lines[i]), &s, NULL), 0);
        CU_ASSERT_EQUAL(schedule_next(&s, zone_find(RV_STR("UTC")), moment("2026-01-01T00:00:00Z")), 0);
    }
}

static bool bit(uint64_t bits, int64_t i) { return (bits >> i & 1) != 0; }

static bool meets(const struct schedule *s, const struct zone_clock *c) {
    bool day = bit(s->day, c->day), weekday = bit(s->weekday, c->weekday);
    return bit(s->minute, c->minute) && bit(s->hour, c->hour) && bit(s->month, c->month) &&
           (s->any_day || s->any_weekday ? day && weekday : day || weekday);
}

/* Every moment of five years, in zones that change their clocks in different ways. */
static void test_all_minutes(void) {
    static const char *const zones[] = {"UTC",          "Europe/Berlin",       "America/New_York",  "America/Santiago",
                                        "Africa/Cairo", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata",
                                        "Asia/Beirut",  "Pacific/Chatham"};
    static const char *const lines[] = {"30 2 * * *", "0 0 * * *", "15 1,3 * 3,10 0", "*/20 0-4 25-31 * *",
                                        "0 12 1 * 1"};
    enum { LINES = RV_ARRAY_LEN(lines) };
    int64_t begin = moment("2024-01-01T00:00:00Z"), end = moment("2029-01-01T00:00:00Z"), next[LINES];
    struct schedule s[LINES];
    for (size_t k = 0; k < LINES; k++) CU_ASSERT_EQUAL_FATAL(schedule_parse(rv_str(lines[k]), &s[k], NULL), 0);
    for (size_t i = 0; i < RV_ARRAY_LEN(zones); i++) {
        const struct zone *z = zone_find(rv_str(zones[i]));
        unsigned met[LINES] = {0};
        CU_ASSERT_PTR_NOT_NULL_FATAL(z);
        for (size_t k = 0; k < LINES; k++) next[k] = schedule_next(&s[k], z, begin);
        /* clocks differ by whole quarters of an hour, and so do the lines' minutes from each other by five */
        for (int64_t minute = begin + 300; minute < end; minute += 300) {
            struct zone_clock c;
            zone_show(z, minute, &c);
            for (size_t k = 0; k < LINES; k++) {
                if (!meets(&s[k], &c)) continue;
                if (next[k] != minute)
                    printf("\n    %s in %s: %lld, not %lld", lines[k], zones[i], (long long)next[k], (long long)minute);
                CU_ASSERT_EQUAL_FATAL(next[k], minute);
                next[k] = schedule_next(&s[k], z, minute);
                met[k]++;
            }
        }
        for (size_t k = 0; k < LINES; k++) CU_ASSERT_TRUE(met[k] > 40);
    }
}

/* Rules of every form, as the C library reads them: each hour of some years, and the seconds around each change. */
static void test_rules(void) {
    static const char *const rules[] = {"UTC0",
                                        "<+0545>-5:45",
                                        "AAA3:30:15",
                                        "CET-1CEST,M3.5.0,M10.5.0/3",
                                        "AAA-10BBB,M10.1.0,M4.1.0/3",
                                        "AAA5BBB,M3.2.0/1:30:30,M11.1.6/23",
                                        "IST-1GMT0,M10.5.0,M3.5.0/1",
                                        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                        "AAA3BBB,J60/0,J300",
                                        "AAA3BBB,J59/0,J61",
                                        "AAA3BBB,59,300/1:30",
                                        "AAA3BBB,1/0,363/23",
                                        "<+0330>-3:30<+0430>,J79/24,J263/24"};
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++) {
        struct zone z = {.name = "X", .rule = rules[i]};
        int64_t change = 0, wrong = 0;
        CU_ASSERT_EQUAL(setenv("TZ", rules[i], 1), 0);
        tzset();
        for (int64_t at = moment("2023-01-01T00:00:00Z"); at < moment("2025-12-30T00:00:00Z"); at += 3600) {
            struct zone_span span;
            zone_span(&z, at, &span);
            int64_t edge = span.from != change && span.from > moment("2022-06-01T00:00:00Z") ? span.from : at;
            const int64_t moments[] = {at, edge, edge - 1};
            change = span.from;
            for (size_t k = 0; k < RV_ARRAY_LEN(moments); k++) {
                time_t t = moments[k];
                struct tm tm;
                if (localtime_r(&t, &tm)->tm_gmtoff != zone_offset(&z, t) && wrong++ == 0)
                    printf("\n    %s at %lld: %d, not %ld", rules[i], (long long)t, zone_offset(&z, t), tm.tm_gmtoff);
            }
            wrong += at < span.from || at >= span.until;
        }
        CHECK_ROW(wrong == 0, rules[i]);
    }
    CU_ASSERT_EQUAL(unsetenv("TZ"), 0);
    tzset();
}

static const struct suite_test tests[] = {{"lines", test_parse},
                                          {"moments by hand", test_next},
                                          {"never", test_never},
                                          {"rules", test_rules},
                                          {"every minute of five years", test_all_minutes}};
SUITE_MAIN("schedule", tests)
