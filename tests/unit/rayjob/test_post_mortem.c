/* test_post_mortem.c - the Event about a job that failed: how its containers ended, and the end of its log. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

#define ON "{\"postMortem\":true}"

static bool heard(const struct scenario *s, const char *words) {
    bool is = strstr(s->heard, words) != NULL;
    if (!is) printf("\n    \"%s\" lacks \"%s\"", s->heard, words);
    return is;
}

/* The job runs, and fails. */
static void fail(struct scenario *s) {
    s->listens_for = "PostMortem";
    scenario_begin_running(s);
    s->ray = "FAILED";
    scenario_wait(s, 10);
    CU_ASSERT_TRUE(scenario_is(s, "Failed", "AppFailed"));
}

static void test_off_by_default(void) {
    struct scenario s = {.mode = "HTTPMode", .log = "{\"logs\":\"x\"}"};
    fail(&s);
    CU_ASSERT_EQUAL(s.has_asked + s.log_asked, 0);
    scenario_end(&s);
}

static void test_last_lines(void) {
    struct scenario s = {.mode = "HTTPMode", .settings = ON, .log = "{\"logs\":\"one\\nValueError: no\\n\\n\"}"};
    fail(&s);
    scenario_wait(&s, 60);
    CU_ASSERT_TRUE(s.has_asked == 1 && s.log_asked == 1);
    CU_ASSERT_TRUE(heard(&s, "AppFailed: "));
    CU_ASSERT_TRUE(heard(&s, "the last lines of its log:"));
    CU_ASSERT_TRUE(heard(&s, "ValueError: no"));
    scenario_end(&s);
}

/* Whole lines of the end, or the end of one endless line, in less than the API server takes. */
static void test_long_logs(void) {
    rv_autobuf struct rv_buf lines = {0}, line = {0};
    rv_buf_adds(&lines, "{\"logs\":\"");
    rv_buf_adds(&line, "{\"logs\":\"");
    for (int i = 0; i < 500; i++) rv_buf_addf(&lines, "line-%d\\n", i);
    for (int i = 0; i < 2000; i++) rv_buf_adds(&line, "\xc3\xa4");
    rv_buf_adds(&lines, "\"}");
    rv_buf_adds(&line, "end\"}");
    struct scenario s = {.mode = "HTTPMode", .settings = ON, .log = rv_buf_cstr(&lines)};
    fail(&s);
    CU_ASSERT_TRUE(heard(&s, "line-499") && strstr(s.heard, "line-300") == NULL && strlen(s.heard) <= 1024);
    scenario_end(&s);
    struct scenario t = {.mode = "HTTPMode", .settings = ON, .log = rv_buf_cstr(&line)};
    fail(&t);
    CU_ASSERT_TRUE(heard(&t, "\xc3\xa4"
                             "end") &&
                   strlen(t.heard) <= 1024);
    scenario_end(&t);
}

static void test_without_a_log(void) {
    static const char *const logs[] = {NULL, "{\"logs\":7}", "[]"};
    for (size_t i = 0; i < RV_ARRAY_LEN(logs); i++) {
        struct scenario s = {.mode = "HTTPMode", .settings = ON, .log = logs[i]};
        fail(&s);
        CU_ASSERT_TRUE(s.has_asked == 1 && s.log_asked == 1 && strstr(s.heard, "log") == NULL);
        scenario_end(&s);
    }
}

static void test_how_containers_ended(void) {
    struct scenario s = {.mode = "HTTPMode", .settings = ON};
    s.listens_for = "PostMortem";
    scenario_begin_running(&s);
    scenario_patch(&s, "pods", "head-1", true,
                   "{'status':{'containerStatuses':[{'name':'ray-head','restartCount':2,'lastState':{'terminated':{"
                   "'reason':'OOMKilled','exitCode':137,'message':'too much'}}},{'name':'other'}]}}");
    s.ray = "FAILED";
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(heard(&s, "container ray-head of "));
    CU_ASSERT_TRUE(heard(&s, "ended with OOMKilled, exit code 137 (restarted 2 times): too much"));
    scenario_end(&s);
}

static void test_each_attempt(void) {
    struct scenario s = {.mode = "HTTPMode", .settings = ON, .spec = ",'backoffLimit':1", .log = "{\"logs\":\"x\"}"};
    s.listens_for = "PostMortem";
    scenario_begin_running(&s);
    s.ray = "FAILED";
    scenario_wait(&s, 5);
    CU_ASSERT_EQUAL(s.has_asked, 1);
    s.ray = NULL;
    scenario_wait(&s, 5);
    scenario_head(&s, "head-2");
    scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, true, "{'status':{'state':'ready'}}");
    scenario_wait(&s, 10);
    s.ray = "FAILED";
    scenario_wait(&s, 20);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "AppFailed"));
    CU_ASSERT_TRUE(s.has_asked == 2 && s.log_asked == 2);
    scenario_end(&s);
}

static const struct suite_test tests[] = {
    {"off by default", test_off_by_default},
    {"the last lines of the log", test_last_lines},
    {"long logs", test_long_logs},
    {"without a log", test_without_a_log},
    {"how containers ended", test_how_containers_ended},
    {"each attempt", test_each_attempt},
};
SUITE_MAIN("rayjob: post-mortem", tests)
