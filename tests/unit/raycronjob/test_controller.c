/* test_controller.c - the plugin in a fixture with a clock of its own: each run once and in time, through crashes,
 * jumps of the clock, long sleeps and everything that may be wrong. */
#include "fixture.h"
#include "plugins/raycronjob/zone.h"
#include "tests/unit/sdk/suite.h"

#define HOUR INT64_C(3600)
#define DAY INT64_C(86400)

static int64_t moment(const char *text) {
    int64_t ns = 0;
    CU_ASSERT_EQUAL_FATAL(rv_time_parse(rv_str(text), &ns), 0);
    return ns / 1000000000;
}

static bool contains(struct rv_str s, const char *words) {
    return s.n != 0 && memmem(s.p, s.n, words, strlen(words)) != NULL;
}

/* Each minute whose clock is wanted has one RayJob, no other has, and none came late. Clocks change by whole quarters
 * of an hour, so of a schedule that is coarser only these are looked at. */
static unsigned check_runs(const struct fixture *w, const struct zone *z, int64_t from, int hour, int minute, int every,
                           int64_t late) {
    unsigned wrong = 0;
    size_t i = 0;
    int64_t step = every % 15 == 0 && minute % 15 == 0 ? 900 : 60, to = w->now / 1000;
    for (int64_t at = from - from % step + step; at <= to; at += step) {
        struct zone_clock c;
        zone_show(z, at, &c);
        if ((hour >= 0 && c.hour != hour) || c.minute % every != minute) continue;
        if (i >= w->job_n || w->jobs[i].at != at || w->jobs[i].made < at || w->jobs[i].made > at + late) wrong++;
        i++;
    }
    return wrong + (i != w->job_n);
}

#define KEEP_FEW "'rayvisor.io/successful-jobs-history-limit':'2','rayvisor.io/failed-jobs-history-limit':'0'"

/* A year of one zone, and both changes of the others: skipped hours, doubled hours, midnights that are not there. */
static void test_runs(void) {
    static const struct {
        const char *line, *zone;
        int hour, minute, every; /* hour -1: any; minutes that leave `minute` when divided by `every` */
        const char *begin;
        int days;
        unsigned crash_one_in, lose_one_in;
    } rows[] = {
        {"@hourly", "UTC", -1, 0, 60, "2026-01-01T00:00:30Z", 40, 0, 0},
        {"30 2 * * *", "Europe/Berlin", 2, 30, 60, "2026-01-01T00:00:00Z", 366, 0, 0},
        {"0 2 * * *", "Europe/Berlin", 2, 0, 60, "2029-03-01T00:00:00Z", 45, 7, 5},
        {"0 2 * * *", "Europe/Berlin", 2, 0, 60, "2029-10-01T00:00:00Z", 45, 7, 5},
        {"15 1 * * *", "America/New_York", 1, 15, 60, "2027-02-20T00:00:00Z", 45, 0, 6},
        {"15 1 * * *", "America/New_York", 1, 15, 60, "2027-10-15T00:00:00Z", 45, 0, 6},
        {"0,30 0 * * *", "Africa/Cairo", 0, 0, 30, "2026-04-01T00:00:00Z", 45, 0, 0},
        {"0,30 0 * * *", "Africa/Cairo", 0, 0, 30, "2026-10-10T00:00:00Z", 45, 0, 0},
        {"0 0 * * *", "America/Santiago", 0, 0, 60, "2026-03-15T00:00:00Z", 45, 5, 0},
        {"0 0 * * *", "America/Santiago", 0, 0, 60, "2026-08-20T00:00:00Z", 45, 5, 0},
        {"45 1 * * *", "Australia/Lord_Howe", 1, 45, 60, "2026-03-15T00:00:00Z", 45, 3, 9},
        {"45 1 * * *", "Australia/Lord_Howe", 1, 45, 60, "2026-09-15T00:00:00Z", 45, 3, 9},
        {"*/15 * * * *", "Pacific/Chatham", -1, 0, 15, "2026-04-01T00:00:00Z", 10, 3, 0},
        {"* * * * *", "UTC", -1, 0, 1, "2026-12-30T12:00:01Z", 2, 4, 4},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char spec[128];
        snprintf(spec, sizeof spec, "'schedule':'%s','timeZone':'%s'", rows[i].line, rows[i].zone);
        struct fixture w = {.spec = spec,
                            .annotations = KEEP_FEW,
                            .duration = 20,
                            .crash_one_in = rows[i].crash_one_in,
                            .lose_one_in = rows[i].lose_one_in,
                            .coarse_ms = rows[i].every >= 15 ? 900000 : 0,
                            .luck = i};
        int64_t begin = moment(rows[i].begin);
        fixture_begin(&w, begin);
        CHECK_ROW(fixture_run(&w, begin + (int64_t)rows[i].days * DAY, 3000000), spec);
        CHECK_ROW(check_runs(&w, zone_find(rv_str(rows[i].zone)), begin, rows[i].hour, rows[i].minute, rows[i].every,
                             rows[i].lose_one_in != 0 ? 10 : 0) == 0,
                  spec);
        CHECK_ROW(w.creates == w.job_n, spec); /* what is there is not asked for again */
        CHECK_ROW(fixture_jobs(&w) <= 3, spec);
        fixture_end(&w);
    }
}

static void test_clock_jumps(void) {
    struct fixture w = {.spec = "'schedule':'*/10 * * * *'"};
    int64_t begin = moment("2026-05-01T00:00:00Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + HOUR, 1000));
    CU_ASSERT_EQUAL(w.job_n, 6);
    w.now += 3 * HOUR * 1000; /* all of these are made up for */
    CU_ASSERT_TRUE(fixture_run(&w, begin + 4 * HOUR, 1000));
    CU_ASSERT_EQUAL(w.job_n, 24);
    w.now -= 2 * HOUR * 1000; /* these were made already */
    CU_ASSERT_TRUE(fixture_run(&w, begin + 4 * HOUR, 1000));
    CU_ASSERT_EQUAL(w.job_n, 24);
    CU_ASSERT_EQUAL(w.creates, 24);
    CU_ASSERT_TRUE(fixture_run(&w, begin + 5 * HOUR, 1000));
    CU_ASSERT_EQUAL(w.job_n, 30);
    CU_ASSERT_EQUAL(fixture_events(&w, "CreatedRayJob"), 30);
    fixture_end(&w);
}

/* Each run of the time that the operator was down, the oldest first; the newest ones if they are too many. */
static void test_stops(void) {
    struct fixture w = {
        .spec = "'schedule':'30 2 * * *','timeZone':'Europe/Berlin'", .annotations = KEEP_FEW, .coarse_ms = 900000};
    const struct zone *z = zone_find(RV_STR("Europe/Berlin"));
    int64_t begin = moment("2026-01-01T00:00:00Z");
    fixture_begin(&w, begin);
    for (int i = 0; i < 40; i++) {
        CU_ASSERT_TRUE(fixture_run(&w, w.now / 1000 + 3 * DAY, 1000));
        fixture_stop(&w, (i * 37 % 60) * DAY + i * HOUR);
    }
    CU_ASSERT_TRUE(fixture_run(&w, w.now / 1000 + DAY, 1000));
    CU_ASSERT_EQUAL(check_runs(&w, z, begin, 2, 30, 60, 61 * DAY), 0);
    CU_ASSERT_EQUAL(w.creates, w.job_n);
    CU_ASSERT_EQUAL(fixture_events(&w, "TooManyMissedRuns"), 0);
    size_t before = w.job_n;
    fixture_stop(&w, 200 * DAY);
    int64_t now = w.now / 1000;
    CU_ASSERT_TRUE(fixture_run(&w, now + 1, 1000));
    CU_ASSERT_EQUAL(w.job_n, before + 100);
    CU_ASSERT_EQUAL(fixture_events(&w, "TooManyMissedRuns"), 1);
    CU_ASSERT_TRUE(w.jobs[before].at > now - 101 * DAY && w.jobs[w.job_n - 1].at > now - DAY);
    fixture_end(&w);
}

/* The new line counts from the last run on. */
static void test_edits(void) {
    struct fixture w = {.spec = "'schedule':'0 6 * * *'"};
    fixture_begin(&w, moment("2026-05-01T00:00:00Z"));
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T09:30:00Z"), 1000));
    CU_ASSERT_EQUAL(w.job_n, 1);
    fixture_edit(&w, "'schedule':'0 */4 * * *'"); /* 08:00 was wanted, by this one */
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T12:30:00Z"), 1000));
    CU_ASSERT_EQUAL_FATAL(w.job_n, 3);
    CU_ASSERT_EQUAL(w.jobs[1].at, moment("2026-05-01T08:00:00Z"));
    CU_ASSERT_EQUAL(w.jobs[2].at, moment("2026-05-01T12:00:00Z"));
    fixture_edit(&w, "'schedule':'0 18 * * *','timeZone':'Asia/Tokyo'"); /* 09:00 in UTC is over: tomorrow */
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-02T08:00:00Z"), 3000));
    CU_ASSERT_EQUAL(w.job_n, 3);
    CU_ASSERT_TRUE(rv_str_is(fixture_status(&w, "nextScheduleTime"), "2026-05-02T09:00:00Z"));
    fixture_edit(&w, "'schedule':'nonsense'");
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-02T12:00:00Z"), 3000));
    CU_ASSERT_EQUAL(w.job_n, 3);
    CU_ASSERT_EQUAL(fixture_status(&w, "nextScheduleTime").n, 0);
    fixture_edit(&w, "'schedule':'0 12 * * *'"); /* due at this very moment, and again the day after */
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-03T11:59:59Z"), 3000));
    CU_ASSERT_EQUAL_FATAL(w.job_n, 4);
    CU_ASSERT_EQUAL(w.jobs[3].at, moment("2026-05-02T12:00:00Z"));
    fixture_end(&w);
}

/* The RayJob to its last field: the template as its user wrote it, and nothing of the RayCronJob but what the contract
 * names. */
static void test_rayjob(void) {
    static const char job[] =
        "'entrypoint':'python a.py --x=\\'1\\' && echo $Y','runtimeEnvYAML':'pip:\\n- a==1\\n','metadata':{'k':'v'},"
        "'backoffLimit':0,'shutdownAfterJobFinishes':true,'ttlSecondsAfterFinished':600,'entrypointNumCpus':0.5,"
        "'submitterConfig':{},'x-unknown':[1,{},[],null,false,-7,18446744073709551615,'\\u00fc'],"
        "'rayClusterSpec':{'rayVersion':'2.52.0','headGroupSpec':{'rayStartParams':{},'template':{'metadata':{"
        "'labels':{'a':'b'}},'spec':{'containers':[{'name':'h','image':'i','env':[{'name':'E','value':''}]}]}}},"
        "'workerGroupSpecs':[]}";
    static const char want[] =
        "{'apiVersion':'ray.io/v1','kind':'RayJob','metadata':{'name':'c-29626950','namespace':'ns','labels':{"
        "'ray.io/cronjob-name':'c'},'annotations':{'ray.io/cronjob-scheduled-timestamp':'2026-05-01T06:30:00Z'},"
        "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayCronJob','name':'c','uid':'u','controller':true,"
        "'blockOwnerDeletion':true}]},'spec':{%s}}";
    struct fixture w = {.spec = "'schedule':'30 8 * * *','timeZone':'Europe/Berlin'",
                        .job = job,
                        .labels = "'team':'t','kueue.x-k8s.io/queue-name':'q'",
                        .annotations = KEEP_FEW ",'note':'n'"};
    char text[2048];
    snprintf(text, sizeof text, want, job);
    fixture_begin(&w, moment("2026-05-01T00:00:00Z"));
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T12:00:00Z"), 1000));
    CU_ASSERT_EQUAL(w.creates, 1);
    CU_ASSERT_TRUE(rv_val_equal(w.made, fixture_json(&w, text)));
    fixture_end(&w);
}

/* Which clocks count: those of the setting, unless the RayCronJob says which. */
static void test_time_zone_setting(void) {
    static const struct {
        const char *setting, *own, *first;
    } rows[] = {
        {"{'timeZone':'Asia/Kolkata'}", "", "2026-05-01T03:30:00Z"},
        {"{'timeZone':'America/New_York'}", "", "2026-05-01T13:00:00Z"},
        {"{'timeZone':'America/New_York'}", ",'timeZone':'Europe/Berlin'", "2026-05-01T07:00:00Z"},
        {"{'timeZone':'America/New_York'}", ",'timeZone':'UTC'", "2026-05-01T09:00:00Z"},
        {"{'timeZone':'America/New_York'}", ",'timeZone':'Local'", "2026-05-01T13:00:00Z"},
        {"{'timeZone':'America/New_York'}", ",'timeZone':null", "2026-05-01T13:00:00Z"},
        {"{}", "", "2026-05-01T09:00:00Z"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char spec[128];
        snprintf(spec, sizeof spec, "'schedule':'0 9 * * *'%s", rows[i].own);
        struct fixture w = {.spec = spec, .settings = rows[i].setting};
        fixture_begin(&w, moment("2026-05-01T00:00:00Z"));
        CHECK_ROW(fixture_run(&w, moment("2026-05-01T00:00:10Z"), 10), rows[i].setting);
        CHECK_ROW(rv_str_is(fixture_status(&w, "nextScheduleTime"), rows[i].first), rows[i].first);
        CHECK_ROW(fixture_run(&w, moment("2026-05-01T23:59:00Z"), 2000), rows[i].setting);
        CHECK_ROW(w.job_n == 1 && w.jobs[0].at == moment(rows[i].first), rows[i].first);
        fixture_end(&w);
    }
}

/* Changed while it runs. A word that is no time zone is refused, and what was before stays. */
static void test_time_zone_setting_changes(void) {
    struct fixture w = {.spec = "'schedule':'0 9 * * *'", .settings = "{'timeZone':'Asia/Tokyo'}"};
    static const char *const wrong[] = {"{'timeZone':'Mars/Base'}", "{'timeZone':''}", "{'timeZone':'Local'}"};
    fixture_begin(&w, moment("2026-05-01T01:00:00Z"));
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T02:00:00Z"), 300));
    CU_ASSERT_TRUE(rv_str_is(fixture_status(&w, "nextScheduleTime"), "2026-05-02T00:00:00Z"));
    CU_ASSERT_EQUAL(fixture_configure(&w, "{'timeZone':'Europe/Berlin'}"), 0);
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T03:00:00Z"), 300));
    CU_ASSERT_TRUE(rv_str_is(fixture_status(&w, "nextScheduleTime"), "2026-05-01T07:00:00Z"));
    for (size_t i = 0; i < RV_ARRAY_LEN(wrong); i++)
        CHECK_ROW(fixture_configure(&w, wrong[i]) == RV_E_CONFIG, wrong[i]);
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-02T06:00:00Z"), 2000));
    CU_ASSERT_EQUAL_FATAL(w.job_n, 1);
    CU_ASSERT_EQUAL(w.jobs[0].at, moment("2026-05-01T07:00:00Z"));
    fixture_end(&w);
}

/* The database of the supervisor's machine is the newer one: its rules count, its zones exist. What it lacks, and a
 * machine without one, is what the table is for. Rules of the database here: Berlin has given up summer time for good,
 * from 2026-06 on. */
static void test_time_zone_database(void) {
    static const char berlin[] = "{'version':'2099a','zones':{'Europe/Berlin':[3600,[1780272000,7200],'X-2'],"
                                 "'Mars/Base':[0,[],'<+05>-5'],'Bad/Rule':[0,[],'']}}";
    static const struct {
        const char *database, *zone, *begin, *first; /* first NULL: no such zone */
    } rows[] = {
        {berlin, "Europe/Berlin", "2026-12-01T00:00:00Z", "2026-12-01T07:00:00Z"},
        {berlin, "Europe/Berlin", "2026-05-01T00:00:00Z", "2026-05-01T08:00:00Z"},
        {NULL, "Europe/Berlin", "2026-12-01T00:00:00Z", "2026-12-01T08:00:00Z"},
        {berlin, "America/New_York", "2026-12-01T00:00:00Z", "2026-12-01T14:00:00Z"},
        {berlin, "Mars/Base", "2026-12-01T00:00:00Z", "2026-12-01T04:00:00Z"},
        {NULL, "Mars/Base", "2026-12-01T00:00:00Z", NULL},
        {berlin, "Bad/Rule", "2026-12-01T00:00:00Z", NULL},
        {"{'version':3,'zones':['x']}", "Europe/Berlin", "2026-12-01T00:00:00Z", "2026-12-01T08:00:00Z"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        for (int as_setting = 0; as_setting < 2; as_setting++) {
            char spec[128], setting[64];
            if (as_setting && rows[i].first == NULL) continue; /* refused: test_time_zone_setting_changes() */
            snprintf(spec, sizeof spec, "'schedule':'0 9 * * *'%s%s%s", as_setting ? "" : ",'timeZone':'",
                     as_setting ? "" : rows[i].zone, as_setting ? "" : "'");
            snprintf(setting, sizeof setting, "{'timeZone':'%s'}", as_setting ? rows[i].zone : "UTC");
            struct fixture w = {.spec = spec, .settings = setting, .time_zones = rows[i].database};
            fixture_begin(&w, moment(rows[i].begin));
            CHECK_ROW(fixture_run(&w, moment(rows[i].begin) + 10, 10), rows[i].zone);
            CHECK_ROW(rv_str_is(fixture_status(&w, "nextScheduleTime"), rows[i].first != NULL ? rows[i].first : ""),
                      rows[i].zone);
            fixture_end(&w);
        }
    }
}

/* The garbage collector takes the RayJobs; no new one comes in between. */
static void test_deletion(void) {
    struct fixture w = {.spec = "'schedule':'* * * * *'", .annotations = KEEP_FEW, .duration = 10};
    int64_t begin = moment("2026-05-01T00:00:30Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + 290, 1000));
    size_t made = w.job_n;
    unsigned writes = w.status_writes, deletes = w.deletes;
    CU_ASSERT_EQUAL(made, 5);
    w.deleting = true;
    w.object.value = RV_VAL_ABSENT;
    CU_ASSERT_TRUE(fixture_run(&w, begin + HOUR, 1000));
    w.gone = true;
    CU_ASSERT_TRUE(fixture_run(&w, begin + 2 * HOUR, 1000));
    CU_ASSERT_TRUE(w.job_n == made && w.status_writes == writes && w.deletes == deletes);
    fixture_end(&w);
}

/* Done, but the answer says a failure: nothing is made twice, also when it is deleted at once. */
static void test_lost_answers(void) {
    static const char *const keep[] = {KEEP_FEW, "'rayvisor.io/successful-jobs-history-limit':'0'"};
    for (size_t i = 0; i < RV_ARRAY_LEN(keep); i++) {
        struct fixture w = {.spec = "'schedule':'0 * * * *'", .annotations = keep[i], .lose_one_in = 2};
        int64_t begin = moment("2026-05-01T00:00:30Z");
        fixture_begin(&w, begin);
        CHECK_ROW(fixture_run(&w, begin + 400 * HOUR, 100000), keep[i]);
        CHECK_ROW(check_runs(&w, zone_find(RV_STR("UTC")), begin, -1, 0, 60, 60) == 0, keep[i]);
        CHECK_ROW(w.creates == w.job_n, keep[i]);
        CHECK_ROW(fixture_events(&w, "FailedToCreateRayJob") == w.refused && w.refused > 50, keep[i]);
        w.lose_one_in = 0;
        CHECK_ROW(fixture_run(&w, begin + 401 * HOUR, 1000), keep[i]);
        CHECK_ROW(fixture_stalled(&w).n == 0, keep[i]);
        fixture_end(&w);
    }
}

/* The names of runs can be guessed. One that somebody else has taken is left out, and that is told. */
static void test_name_taken(void) {
    struct fixture w = {.spec = "'schedule':'0 * * * *'", .taken = 1};
    int64_t begin = moment("2026-05-01T00:00:30Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + HOUR, 100));
    CU_ASSERT_EQUAL(w.job_n, 0);
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToCreateRayJob"), 1);
    CU_ASSERT_TRUE(rv_str_is(fixture_status(&w, "lastScheduleTime"), "2026-05-01T01:00:00Z"));
    CU_ASSERT_TRUE(fixture_run(&w, begin + 2 * HOUR, 100));
    CU_ASSERT_TRUE(w.job_n == 1 && fixture_events(&w, "FailedToCreateRayJob") == 1);
    fixture_end(&w);
}

static void test_suspend(void) {
    struct fixture w = {.spec = "'schedule':'*/5 * * * *','suspend':true"};
    int64_t begin = moment("2026-05-01T00:01:00Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + HOUR, 10));
    CU_ASSERT_EQUAL(w.job_n, 0);
    CU_ASSERT_EQUAL(fixture_events(&w, "SuspendedRayCronJob"), 1);
    CU_ASSERT_EQUAL(fixture_status(&w, "lastScheduleTime").n, 0);
    fixture_edit(&w, "'schedule':'*/5 * * * *'"); /* the contract: each run since the creation */
    CU_ASSERT_TRUE(fixture_run(&w, begin + HOUR, 100));
    CU_ASSERT_EQUAL(w.job_n, 12);
    CU_ASSERT_EQUAL(w.jobs[0].at, begin + INT64_C(240));
    CU_ASSERT_TRUE(rv_str_is(fixture_status(&w, "lastScheduleTime"), "2026-05-01T01:00:00Z"));
    CU_ASSERT_TRUE(rv_str_is(fixture_status(&w, "nextScheduleTime"), "2026-05-01T01:05:00Z"));
    fixture_edit(&w, "'schedule':'*/5 * * * *','suspend':true");
    CU_ASSERT_TRUE(fixture_run(&w, begin + 2 * HOUR, 100));
    CU_ASSERT_EQUAL(fixture_status(&w, "nextScheduleTime").n, 0);
    CU_ASSERT_EQUAL(w.job_n, 12);
    fixture_end(&w);
}

/* Ten years of minutes: the newest hundred, and at once. */
static void test_long_sleep(void) {
    static const char *const lines[] = {"'schedule':'* * * * *'", "'schedule':'@every 7s'", "'schedule':'* * * 1 *'",
                                        "'schedule':'0 0 1 1 *'"};
    static const size_t made[] = {100, 12, 100, 10}; /* a hundred times seven seconds fall into twelve minutes */
    for (size_t i = 0; i < RV_ARRAY_LEN(lines); i++) {
        struct fixture w = {.spec = lines[i], .created = moment("2026-05-01T00:00:00Z")};
        int64_t now = moment("2036-05-01T00:00:00Z");
        fixture_begin(&w, now);
        CHECK_ROW(fixture_run(&w, now + 1, 500), lines[i]);
        CHECK_ROW(w.job_n == made[i], lines[i]);
        CHECK_ROW(w.jobs[w.job_n - 1].at <= now && w.jobs[0].at < w.jobs[w.job_n - 1].at, lines[i]);
        CHECK_ROW(fixture_events(&w, "TooManyMissedRuns") == (made[i] != 10), lines[i]);
        fixture_end(&w);
    }
}

/* To the edge: so many are made up for, with one more the oldest is left out and that is told. */
static void test_missed_runs_limit(void) {
    static const struct {
        const char *setting;
        int limit;
    } rows[] = {{"{'missedRunsLimit':1}", 1}, {"{'missedRunsLimit':3}", 3}, {"{'missedRunsLimit':250}", 250}};
    static const struct {
        const char *spec;
        int64_t step;
    } lines[] = {{"'schedule':'0 * * * *'", HOUR}, {"'schedule':'@every 2h'", 2 * HOUR}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < RV_ARRAY_LEN(lines); k++)
            for (int over = -1; over <= 1; over++) {
                int missed = rows[i].limit + over;
                int64_t created = moment("2026-05-01T00:00:00Z"), step = lines[k].step, now = created + missed * step;
                struct fixture w = {.spec = lines[k].spec, .settings = rows[i].setting, .created = created};
                fixture_begin(&w, now + 1);
                CHECK_ROW(fixture_run(&w, now + 2, 1000), rows[i].setting);
                CHECK_ROW(w.job_n == (size_t)(over > 0 ? rows[i].limit : missed), rows[i].setting);
                CHECK_ROW(fixture_events(&w, "TooManyMissedRuns") == (over > 0), rows[i].setting);
                CHECK_ROW(w.job_n == 0 || w.jobs[0].at == created + (over > 0 ? 2 : 1) * step, lines[k].spec);
                CHECK_ROW(w.job_n == 0 || w.jobs[w.job_n - 1].at == now, lines[k].spec);
                fixture_end(&w);
            }
}

static void test_seconds(void) {
    struct fixture w = {.spec = "'schedule':'@every 1s'", .duration = 5};
    int64_t begin = moment("2026-05-01T00:00:30Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + 600, 3000));
    CU_ASSERT_EQUAL(w.job_n, 11); /* one for each minute that has a tick */
    CU_ASSERT_EQUAL(w.creates, 11);
    CU_ASSERT_TRUE(rv_str_is(fixture_status(&w, "lastScheduleTime"), "2026-05-01T00:10:30Z"));
    fixture_end(&w);
}

#define DEADLINE(value) "'rayvisor.io/starting-deadline-seconds':'" value "'"
#define DEADLINE_SAYS(value)                                                                                           \
    "metadata.annotations[rayvisor.io/starting-deadline-seconds] \"" value "\": a whole number from 0"

/* What is wrong is told once, in words that say where; when it is mended all is well. */
static void test_wrong(void) {
    static const struct {
        const char *name, *spec, *annotations, *words, *reason;
    } rows[] = {
        {NULL, "'schedule':'61 * * * *'", NULL, "spec.schedule: minute \"61\" is out of range (0 to 59",
         "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'TZ=UTC * * * * *'", NULL, "must not contain TZ: spec.timeZone", "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'CRON_TZ=Asia/Tokyo 0 9 * * *'", NULL, "must not contain TZ: spec.timeZone",
         "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'CRON_TZ=UTC @hourly','timeZone':'UTC'", NULL, "must not contain TZ",
         "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'tz=UTC * * * * *'", NULL, "has 6 fields", "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *','timeZone':'Mars/Base'", NULL, "spec.timeZone \"Mars/Base\"",
         "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *','timeZone':''", NULL, "spec.timeZone", "InvalidRayCronJobSpec"},
        {"2-begins-with-a-digit", "'schedule':'* * * * *'", NULL, "metadata.name", "InvalidRayCronJobSpec"},
        {"a-name-of-thirty-seven-characters-xyz", "'schedule':'* * * * *'", NULL, "at most 36",
         "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'0 0 30 2 *'", NULL, "no moment", "NeverDue"},
        {NULL, "'schedule':'* * * * *'", "'rayvisor.io/concurrency-policy':'forbid'", "one of Allow, Forbid, Replace",
         "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *'", "'rayvisor.io/failed-jobs-history-limit':'-1'", "a whole number",
         "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *'", DEADLINE("-1"), DEADLINE_SAYS("-1"), "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *'", DEADLINE(""), DEADLINE_SAYS(""), "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *'", DEADLINE("10m"), DEADLINE_SAYS("10m"), "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *'", DEADLINE("1.5"), DEADLINE_SAYS("1.5"), "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *'", DEADLINE(" 60"), DEADLINE_SAYS(" 60"), "InvalidRayCronJobSpec"},
        {NULL, "'schedule':'* * * * *'", DEADLINE("2147483648"), "from 0 to 2147483647", "InvalidRayCronJobSpec"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = {.name = rows[i].name, .spec = rows[i].spec, .annotations = rows[i].annotations};
        int64_t begin = moment("2026-05-01T00:00:00Z");
        fixture_begin(&w, begin);
        CHECK_ROW(fixture_run(&w, begin + HOUR, 10), rows[i].words);
        CHECK_ROW(contains(fixture_stalled(&w), rows[i].words), rows[i].words);
        CHECK_ROW(fixture_events(&w, rows[i].reason) == 1, rows[i].words);
        CHECK_ROW(w.job_n == 0 && w.status_writes == 1, rows[i].words);
        w.annotations = NULL;
        w.name = NULL;
        fixture_edit(&w, "'schedule':'30 1 * * *'");
        CHECK_ROW(fixture_run(&w, begin + 2 * HOUR, 200), rows[i].words);
        CHECK_ROW(fixture_stalled(&w).n == 0 && w.job_n == 1, rows[i].words);
        fixture_end(&w);
    }
}

static void test_failures(void) {
    struct fixture w = {.spec = "'schedule':'* * * * *'", .fail_creates = 5};
    int64_t begin = moment("2026-05-01T00:00:30Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + 33, 20));
    CU_ASSERT_TRUE(contains(fixture_stalled(&w), "Failed to create RayJob ns/c-"));
    CU_ASSERT_EQUAL(w.status_writes, 2); /* the first status, and what is wrong: not again and again */
    CU_ASSERT_TRUE(fixture_run(&w, begin + 55, 50));
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToCreateRayJob"), 5);
    CU_ASSERT_EQUAL(w.job_n, 1);
    CU_ASSERT_EQUAL(fixture_stalled(&w).n, 0);
    fixture_end(&w);
}

/* Such a namespace is never usable again: it is asked once, and nobody is warned. */
static void test_namespace_ends(void) {
    struct fixture w = {.spec = "'schedule':'0 0 1 5 *'",
                        .fail_creates = 1000,
                        .why = "unable to create new content in namespace ns because it is being terminated"};
    int64_t begin = moment("2026-04-30T23:59:30Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + 900, 40));
    CU_ASSERT_TRUE(contains(fixture_stalled(&w), "the namespace is being deleted"));
    CU_ASSERT_TRUE(w.creates == 1 && fixture_events(&w, "FailedToCreateRayJob") == 0);
    fixture_end(&w);
}

/* A CRD that drops what is written costs one patch, not an endless row of them. */
static void test_narrow_crd(void) {
    static const char *const specs[] = {"'schedule':'0 * * * *'", "'schedule':'x'", "'schedule':'0 0 30 2 *'",
                                        "'schedule':'0 * * * *','suspend':true"};
    for (size_t i = 0; i < RV_ARRAY_LEN(specs); i++) {
        struct fixture w = {.spec = specs[i], .narrow = true, .duration = 10};
        int64_t begin = moment("2026-05-01T00:00:30Z");
        fixture_begin(&w, begin);
        CHECK_ROW(fixture_run(&w, begin + 2 * HOUR, 200), specs[i]);
        CHECK_ROW(w.job_n == (i == 0 ? 2 : 0) && w.status_writes == w.job_n + 1, specs[i]);
        fixture_end(&w);
    }
}

/* ---- what annotations ask for ----------------------------------------------------------------------------- */

static void test_concurrency(void) {
    static const struct {
        const char *policy;
        size_t made, there;
    } rows[] = {{"'rayvisor.io/concurrency-policy':'Allow'", 60, 60},
                {"'rayvisor.io/concurrency-policy':'Forbid'", 24, 24}, /* one after the other, 150 s each */
                {"'rayvisor.io/concurrency-policy':'Replace'", 60, 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = {.spec = "'schedule':'* * * * *'", .annotations = rows[i].policy, .duration = 150};
        int64_t begin = moment("2026-05-01T00:00:00Z"), last = 0;
        fixture_begin(&w, begin);
        CHECK_ROW(fixture_run(&w, begin + HOUR, 2000), rows[i].policy);
        CHECK_ROW(w.job_n == rows[i].made && fixture_jobs(&w) == rows[i].there, rows[i].policy);
        CHECK_ROW(fixture_events(&w, "TooManyMissedRuns") <= w.job_n, rows[i].policy); /* not in each look */
        for (size_t k = 0; k < w.job_n && i == 1; k++) {
            CHECK_ROW(w.jobs[k].made >= last + 150, rows[i].policy);
            CHECK_ROW(w.jobs[k].made - w.jobs[k].at < 60, rows[i].policy); /* the newest run, not a queue of old ones */
            last = w.jobs[k].made;
        }
        fixture_end(&w);
    }
}

static void test_deadline(void) {
    struct fixture w = {.spec = "'schedule':'0 * * * *'",
                        .annotations = "'rayvisor.io/starting-deadline-seconds':'600'",
                        .created = moment("2026-05-01T00:30:00Z")};
    int64_t begin = moment("2026-05-01T00:31:00Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T02:30:00Z"), 300));
    CU_ASSERT_EQUAL(w.job_n, 2);
    w.now = moment("2026-05-01T09:15:00Z") * 1000; /* 03:00 to 09:00 come too late */
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T09:50:00Z"), 300));
    CU_ASSERT_EQUAL(w.job_n, 2);
    CU_ASSERT_EQUAL(fixture_events(&w, "MissSchedule"), 1);
    w.now = moment("2026-05-01T12:09:00Z") * 1000; /* 12:00 does not */
    CU_ASSERT_TRUE(fixture_run(&w, moment("2026-05-01T12:50:00Z"), 300));
    CU_ASSERT_EQUAL(w.job_n, 3);
    CU_ASSERT_EQUAL(w.jobs[2].at, moment("2026-05-01T12:00:00Z"));
    fixture_end(&w);
}

/* Suspended from 01:30 on, hourly, at most 600 s late. What came due meanwhile is left out, and that is told once; the
 * newest is made when it is not too late. */
static void test_deadline_and_suspend(void) {
    static const struct {
        const char *resumed;
        const char *made; /* the first run after that */
        bool told;
        unsigned fail_creates;
    } rows[] = {
        {"2026-05-01T01:59:00Z", "2026-05-01T02:00:00Z", false, 0}, /* nothing came due */
        {"2026-05-01T02:10:00Z", "2026-05-01T02:00:00Z", false, 0}, /* just in time */
        {"2026-05-01T02:10:01Z", "2026-05-01T03:00:00Z", true, 0},
        {"2026-05-01T05:05:00Z", "2026-05-01T05:00:00Z", true, 0},
        {"2026-05-01T05:05:00Z", "2026-05-01T05:00:00Z", true, 5},
        {"2026-05-01T05:30:00Z", "2026-05-01T06:00:00Z", true, 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = {.spec = "'schedule':'0 * * * *'", .annotations = DEADLINE("600")};
        int64_t resumed = moment(rows[i].resumed), made = moment(rows[i].made);
        fixture_begin(&w, moment("2026-05-01T00:30:00Z"));
        CHECK_ROW(fixture_run(&w, moment("2026-05-01T01:30:00Z"), 300), rows[i].resumed);
        fixture_edit(&w, "'schedule':'0 * * * *','suspend':true");
        CHECK_ROW(fixture_run(&w, resumed, 300), rows[i].resumed);
        CHECK_ROW(w.job_n == 1 && fixture_events(&w, "MissSchedule") == 0, rows[i].resumed);
        w.fail_creates = rows[i].fail_creates;
        fixture_edit(&w, "'schedule':'0 * * * *'");
        CHECK_ROW(fixture_run(&w, made + HOUR - 1, 300), rows[i].resumed);
        CHECK_ROW(w.job_n == 2 && w.jobs[1].at == made, rows[i].resumed);
        fixture_edit(&w, "'schedule':'0 * * * *' "); /* another edit tells nothing again */
        CHECK_ROW(fixture_run(&w, made + HOUR + 60, 300), rows[i].resumed);
        CHECK_ROW(w.job_n == 3 && w.jobs[2].at == made + HOUR, rows[i].resumed);
        CHECK_ROW(fixture_events(&w, "MissSchedule") == rows[i].told, rows[i].resumed);
        CHECK_ROW(fixture_events(&w, "TooManyMissedRuns") == 0, rows[i].resumed);
        fixture_end(&w);
    }
}

static void test_history(void) {
    struct fixture w = {.spec = "'schedule':'* * * * *'",
                        .annotations = "'rayvisor.io/successful-jobs-history-limit':'3','rayvisor.io/"
                                       "failed-jobs-history-limit':'1'",
                        .duration = 10,
                        .fail_deletes = 2};
    int64_t begin = moment("2026-05-01T00:00:00Z");
    fixture_begin(&w, begin);
    CU_ASSERT_TRUE(fixture_run(&w, begin + HOUR - 30, 2000));
    CU_ASSERT_EQUAL(w.job_n, 59);
    CU_ASSERT_EQUAL(fixture_jobs(&w), 3);
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToDeleteRayJob"), 2);
    CU_ASSERT_EQUAL(w.jobs[58].gone, false);
    CU_ASSERT_EQUAL(fixture_stalled(&w).n, 0);
    w.fail_jobs = true;
    CU_ASSERT_TRUE(fixture_run(&w, begin + 2 * HOUR - 30, 2000));
    CU_ASSERT_EQUAL(fixture_jobs(&w), 4);                      /* three that succeeded, one that failed */
    fixture_edit(&w, "'schedule':'* * * * *','suspend':true"); /* tidying goes on */
    w.annotations = "'rayvisor.io/failed-jobs-history-limit':'0','rayvisor.io/concurrency-policy':'x'";
    CU_ASSERT_TRUE(fixture_run(&w, begin + 2 * HOUR - 20, 20));
    CU_ASSERT_EQUAL(fixture_jobs(&w), 4); /* not when it is invalid */
    fixture_edit(&w, w.spec);
    w.annotations = "'rayvisor.io/failed-jobs-history-limit':'0'";
    CU_ASSERT_TRUE(fixture_run(&w, begin + 2 * HOUR, 20));
    CU_ASSERT_EQUAL(fixture_jobs(&w), 3);
    fixture_end(&w);
}

static const struct suite_test tests[] = {{"runs through changes of the clocks", test_runs},
                                          {"stops of the operator", test_stops},
                                          {"edits", test_edits},
                                          {"the RayJob", test_rayjob},
                                          {"the setting timeZone", test_time_zone_setting},
                                          {"changes of the setting timeZone", test_time_zone_setting_changes},
                                          {"the machine's time zone database", test_time_zone_database},
                                          {"the setting missedRunsLimit", test_missed_runs_limit},
                                          {"deletion", test_deletion},
                                          {"lost answers", test_lost_answers},
                                          {"jumps of the clock", test_clock_jumps},
                                          {"a name that is taken", test_name_taken},
                                          {"suspended", test_suspend},
                                          {"a long sleep", test_long_sleep},
                                          {"seconds", test_seconds},
                                          {"what is wrong", test_wrong},
                                          {"failures", test_failures},
                                          {"the namespace ends", test_namespace_ends},
                                          {"a narrow CRD", test_narrow_crd},
                                          {"concurrency", test_concurrency},
                                          {"a starting deadline", test_deadline},
                                          {"a starting deadline and a suspension", test_deadline_and_suspend},
                                          {"history", test_history}};
SUITE_MAIN("raycronjob", tests)
