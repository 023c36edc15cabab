/* test_metrics.c - kuberay_job_*: what is told of a RayJob, with which labels and values, and that all of it is taken
 * back, also by a process that did not tell it. */
#include "plugins/rayjob/metrics.h"
#include "tests/unit/sdk/suite.h"

#define START INT64_C(1700000000000000000)
#define START_TEXT "2023-11-14T22:13:20Z"
#define END_TEXT "2023-11-14T22:15:00Z" /* 100 s later */
#define WHO "{\"name\":\"j\",\"namespace\":\"n\",\"uid\":\"u\""
#define STATE "kuberay_job_deployment_status " WHO ",\"deployment_status\":"
#define INFO "kuberay_job_info " WHO "}"
#define DURATION "kuberay_job_execution_duration_seconds " WHO ",\"job_deployment_status\":"

enum { GAUGE = 1, REMOVED = 2, MOST = 4096 };

/* What was told, in order: "+name {labels} = value", or "-name {labels}". */
struct rv_host {
    char lines[MOST][256];
    size_t n;
};

static void on_metric(struct rv_host *h, struct rv_str name, uint32_t type, double value, const struct rv_field *labels,
                      size_t n) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf json = {0};
    struct rv_node *map = rv_node_map(a);
    for (size_t i = 0; i < n; i++) rv_node_setn(a, map, labels[i].key, rv_node_str(a, labels[i].value));
    rv_json_write(rv_node_freeze(a, map), &json);
    CU_ASSERT_TRUE_FATAL(h->n < MOST && (type == GAUGE || type == REMOVED));
    char *line = h->lines[h->n++];
    if (type == REMOVED)
        snprintf(line, sizeof h->lines[0], "-" RV_STR_FMT " %s", RV_STR_ARG(name), rv_buf_cstr(&json));
    else
        snprintf(line, sizeof h->lines[0], "+" RV_STR_FMT " %s = %g", RV_STR_ARG(name), rv_buf_cstr(&json), value);
}

static const struct rv_host_api api = {.size = sizeof api, .metric = on_metric};

struct scenario {
    struct rv_host told;
    struct job_memo memo;
};

/* A process that knows nothing yet. */
static void begin(struct scenario *s) { *s = (struct scenario){.memo = {.phase_reported = -1}}; }

static struct rc_context context_of(struct scenario *s, struct rv_arena *a) {
    return (struct rc_context){
        .api = &api, .host = &s->told, .arena = a, .ns = RV_STR("n"), .name = RV_STR("j"), .uid = RV_STR("u")};
}

/* A pass that finds one state and leaves another, `seconds` after status.startTime. */
static void tell(struct scenario *s, enum rj_phase was, enum rj_phase now, int64_t failed, double seconds) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    bool fails = now == RJ_FAILED || now == RJ_RETRYING;
    struct job_pass p = {.ctx = context_of(s, a),
                         .arena = a,
                         .memo = &s->memo,
                         .was = {.phase = was,
                                 .failed = failed,
                                 .start = RV_STR(START_TEXT),
                                 .end = rj_phase_ended(was) ? RV_STR(END_TEXT) : RV_STR("")},
                         .now = {.phase = now, .failed = failed + (fails && was != now), .start = RV_STR(START_TEXT)},
                         .time = START + (int64_t)(seconds * 1e9)};
    s->told.n = 0;
    metrics_update(&p);
}

static void forget(struct scenario *s) {
    s->told.n = 0;
    struct rc_context x = context_of(s, NULL);
    metrics_remove(&x, &s->memo);
}

static void check_told(const struct scenario *s, const char *row, const char *const *want, size_t n) {
    bool same = s->told.n == n;
    for (size_t i = 0; same && i < n; i++) same = strcmp(s->told.lines[i], want[i]) == 0;
    for (size_t i = 0; !same && i < s->told.n; i++) printf("\n    told %s", s->told.lines[i]);
    CHECK_ROW(same, row);
}
#define CHECK_TOLD(s, row, ...)                                                                                        \
    check_told(s, row, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static bool was_told(const struct scenario *s, const char *line) {
    for (size_t i = 0; i < s->told.n; i++)
        if (strcmp(s->told.lines[i], line) == 0) return true;
    printf("\n    not told: %s", line);
    return false;
}

static void test_a_life(void) {
    struct scenario s;
    begin(&s);
    tell(&s, RJ_NEW, RJ_NEW, 0, 0);
    CHECK_TOLD(&s, "new", "+" INFO " = 1", "+" STATE "\"\"} = 1");
    tell(&s, RJ_NEW, RJ_INITIALIZING, 0, 0);
    CHECK_TOLD(&s, "begins", "-" STATE "\"\"}", "+" STATE "\"Initializing\"} = 1");
    tell(&s, RJ_INITIALIZING, RJ_INITIALIZING, 0, 3);
    CU_ASSERT_EQUAL(s.told.n, 0);
    tell(&s, RJ_INITIALIZING, RJ_RUNNING, 0, 10);
    CHECK_TOLD(&s, "runs", "-" STATE "\"Initializing\"}", "+" STATE "\"Running\"} = 1");
    tell(&s, RJ_RUNNING, RJ_RETRYING, 0, 42.5);
    CHECK_TOLD(&s, "fails: the count is that of before", "-" STATE "\"Running\"}", "+" STATE "\"Retrying\"} = 1",
               "+" DURATION "\"Retrying\",\"retry_count\":\"0\"} = 42.5");
    tell(&s, RJ_RETRYING, RJ_NEW, 1, 50);
    CHECK_TOLD(&s, "again", "-" STATE "\"Retrying\"}", "+" STATE "\"\"} = 1");
    tell(&s, RJ_NEW, RJ_INITIALIZING, 1, 0);
    tell(&s, RJ_INITIALIZING, RJ_RUNNING, 1, 5);
    tell(&s, RJ_RUNNING, RJ_COMPLETE, 1, 100);
    CHECK_TOLD(&s, "ends", "-" STATE "\"Running\"}", "+" STATE "\"Complete\"} = 1",
               "+" DURATION "\"Complete\",\"retry_count\":\"1\"} = 100");
    tell(&s, RJ_COMPLETE, RJ_COMPLETE, 1, 200);
    CU_ASSERT_EQUAL(s.told.n, 0);
    forget(&s);
    CU_ASSERT_TRUE(was_told(&s, "-" INFO));
    CU_ASSERT_TRUE(was_told(&s, "-" STATE "\"Complete\"}"));
    CU_ASSERT_TRUE(was_told(&s, "-" DURATION "\"Retrying\",\"retry_count\":\"0\"}"));
    CU_ASSERT_TRUE(was_told(&s, "-" DURATION "\"Complete\",\"retry_count\":\"1\"}"));
}

/* What a cluster holds after its job has ended, until it is gone or goes. */
static void test_leak(void) {
#define LEAK " {\"namespace\":\"n\",\"cluster\":\"c\",\"reason\":\"job-ended\"}"
    static const struct {
        const char *row, *cluster;
        enum rj_phase phase;
        bool chosen, leaks;
    } rows[] = {
        {"runs", "{\"status\":{\"desiredGPU\":\"4\",\"desiredCPU\":\"1500m\"}}", RJ_RUNNING, false, false},
        {"ended", "{\"status\":{\"desiredGPU\":\"4\",\"desiredCPU\":\"1500m\"}}", RJ_COMPLETE, false, true},
        {"failed", "{\"status\":{\"desiredGPU\":\"4\",\"desiredCPU\":\"1500m\"}}", RJ_FAILED, false, true},
        {"not its own", "{\"status\":{\"desiredGPU\":\"4\",\"desiredCPU\":\"1500m\"}}", RJ_COMPLETE, true, false},
        {"suspended", "{\"spec\":{\"suspend\":true},\"status\":{\"desiredGPU\":\"4\"}}", RJ_COMPLETE, false, false},
        {"goes", "{\"metadata\":{\"deletionTimestamp\":\"2023-11-14T22:15:01Z\"},\"status\":{\"desiredGPU\":\"4\"}}",
         RJ_COMPLETE, false, false},
        {"holds nothing", "{\"status\":{\"desiredGPU\":\"0\",\"desiredCPU\":\"0\"}}", RJ_COMPLETE, false, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct scenario s;
        begin(&s);
        s.memo.selected = rows[i].chosen ? rv_strdup(RV_STR("c")) : NULL;
        struct job_pass p = {.ctx = context_of(&s, a),
                             .arena = a,
                             .memo = &s.memo,
                             .was = {.phase = rows[i].phase},
                             .now = {.phase = rows[i].phase, .end = RV_STR(END_TEXT)},
                             .cluster = {.name = RV_STR("c"), .value = from_json(a, rows[i].cluster)}};
        metrics_update(&p);
        CHECK_ROW((s.memo.leak.cluster != NULL) == rows[i].leaks, rows[i].row);
        if (rows[i].leaks) {
            CHECK_ROW(was_told(&s, "+rayvisor_leaked_gpus" LEAK " = 4"), rows[i].row);
            CHECK_ROW(was_told(&s, "+rayvisor_leaked_cpus" LEAK " = 1.5"), rows[i].row);
            CHECK_ROW(was_told(&s, "+rayvisor_leaked_since_timestamp_seconds" LEAK " = 1.7e+09"), rows[i].row);
            s.told.n = 0;
            metrics_update(&p);
            CHECK_ROW(s.told.n == 0, rows[i].row); /* as it was */
            p.cluster = (struct rv_object){0};
            metrics_update(&p);
            CHECK_ROW(was_told(&s, "-rayvisor_leaked_gpus" LEAK) && s.told.n == 3, rows[i].row);
        }
        forget(&s);
        free(s.memo.selected);
    }
#undef LEAK
}

/* From which states to which a duration is told. */
static void test_durations(void) {
    static const struct {
        enum rj_phase was, now;
        const char *want; /* NULL: none */
    } rows[] = {
        {RJ_RUNNING, RJ_COMPLETE, "Complete"},
        {RJ_RUNNING, RJ_FAILED, "Failed"},
        {RJ_RUNNING, RJ_RETRYING, "Retrying"},
        {RJ_INITIALIZING, RJ_FAILED, "Failed"}, /* a deadline */
        {RJ_INITIALIZING, RJ_RETRYING, "Retrying"},
        {RJ_WAITING, RJ_FAILED, "Failed"},
        {RJ_RUNNING, RJ_SUSPENDING, NULL},
        {RJ_SUSPENDING, RJ_SUSPENDED, NULL},
        {RJ_RETRYING, RJ_NEW, NULL},
        {RJ_NEW, RJ_INVALID, NULL},
        {RJ_RETRYING, RJ_RETRYING, NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s;
        begin(&s);
        char row[64], want[256];
        snprintf(row, sizeof row, "%s to %s", rj_phase_name(rows[i].was), rj_phase_name(rows[i].now));
        tell(&s, rows[i].was, rows[i].now, 2, 7);
        bool spoken = s.told.n > 0 && strstr(s.told.lines[s.told.n - 1], "duration") != NULL;
        CHECK_ROW(spoken == (rows[i].want != NULL), row);
        if (rows[i].want == NULL) continue;
        snprintf(want, sizeof want, "+" DURATION "\"%s\",\"retry_count\":\"2\"} = 7", rows[i].want);
        CHECK_ROW(was_told(&s, want), row);
    }
}

/* Another process told it: three attempts failed, and the job goes before, or after, this one has seen it end. */
static void test_told_by_another(void) {
    static const struct {
        enum rj_phase was, now;
        int64_t failed, last;
    } rows[] = {{RJ_FAILED, RJ_FAILED, 3, 3},     {RJ_COMPLETE, RJ_COMPLETE, 3, 3}, {RJ_RUNNING, RJ_RUNNING, 3, 2},
                {RJ_RETRYING, RJ_RETRYING, 3, 2}, {RJ_RUNNING, RJ_FAILED, 3, 3},    {RJ_RUNNING, RJ_RUNNING, 0, -1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        static const char *const ends[] = {"Complete", "Failed", "Retrying"};
        struct scenario s;
        begin(&s);
        char row[64], want[256];
        snprintf(row, sizeof row, "%s with %lld failed", rj_phase_name(rows[i].now), (long long)rows[i].failed);
        tell(&s, rows[i].was, rows[i].now, rows[i].failed, 7);
        forget(&s);
        CHECK_ROW(was_told(&s, "-" INFO), row);
        snprintf(want, sizeof want, "-" STATE "\"%s\"}", rj_phase_name(rows[i].now));
        CHECK_ROW(was_told(&s, want), row);
        for (int64_t retry = 0; retry <= rows[i].last; retry++)
            for (size_t k = 0; k < RV_ARRAY_LEN(ends); k++) {
                snprintf(want, sizeof want, "-" DURATION "\"%s\",\"retry_count\":\"%lld\"}", ends[k], (long long)retry);
                CHECK_ROW(was_told(&s, want), row);
            }
    }
}

/* A number of attempts that nobody can have made; on_metric() sees to it that not all of them are told. */
static void test_as_many_as_somebody_wrote(void) {
    static struct scenario s;
    begin(&s);
    tell(&s, RJ_RUNNING, RJ_FAILED, INT32_MAX - 1, 7);
    forget(&s);
    CU_ASSERT_TRUE(was_told(&s, "-" DURATION "\"Failed\",\"retry_count\":\"2147483646\"}"));
    CU_ASSERT_TRUE(s.told.n < 3100);
}

/* A new process does not know how long earlier attempts took; of the last one the status says it. */
static void test_told_again(void) {
    static const struct {
        enum rj_phase phase;
        int64_t failed;
        const char *want;
    } rows[] = {{RJ_COMPLETE, 0, "+" DURATION "\"Complete\",\"retry_count\":\"0\"} = 100"},
                {RJ_COMPLETE, 2, "+" DURATION "\"Complete\",\"retry_count\":\"2\"} = 100"},
                {RJ_FAILED, 1, "+" DURATION "\"Failed\",\"retry_count\":\"0\"} = 100"},
                {RJ_FAILED, 3, "+" DURATION "\"Failed\",\"retry_count\":\"2\"} = 100"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s;
        begin(&s);
        tell(&s, rows[i].phase, rows[i].phase, rows[i].failed, 500);
        CHECK_ROW(was_told(&s, rows[i].want), rows[i].want);
        tell(&s, rows[i].phase, rows[i].phase, rows[i].failed, 600);
        CHECK_ROW(s.told.n == 0, rows[i].want);
    }
}

/* The state in which the process before this one left it is taken back, and nothing is taken back that was never
 * told. */
static void test_words(void) {
    struct scenario s;
    begin(&s);
    tell(&s, RJ_RUNNING, RJ_COMPLETE, 0, 7);
    CU_ASSERT_TRUE(was_told(&s, "-" STATE "\"Running\"}"));
    begin(&s);
    tell(&s, RJ_PHASE_UNKNOWN, RJ_NEW, 0, 7);
    CHECK_TOLD(&s, "a word that nobody knows", "+" INFO " = 1", "+" STATE "\"\"} = 1");
    begin(&s);
    forget(&s);
    CU_ASSERT_EQUAL(s.told.n, 0);
    tell(&s, RJ_NEW, RJ_INVALID, 0, 7);
    CU_ASSERT_TRUE(was_told(&s, "+" STATE "\"ValidationFailed\"} = 1"));
}

static const struct suite_test tests[] = {{"a life", test_a_life},
                                          {"a cluster that is kept", test_leak},
                                          {"durations", test_durations},
                                          {"told by another process", test_told_by_another},
                                          {"told again", test_told_again},
                                          {"as many as somebody wrote", test_as_many_as_somebody_wrote},
                                          {"words", test_words}};
SUITE_MAIN("rayjob metrics", tests)
