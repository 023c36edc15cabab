/* Many failures are one line when they begin, one now and then, one when they are over. */
#include "supervisor/failure_log.h"

#include "tests/support/log_capture.h"

/* Long enough that a busy machine does not make one pause look like another. */
enum { GATHER_MS = 20, QUIET_MS = 250 };

struct scenario {
    struct log_capture log_capture;
    struct failure_log *failures;
    bool broken;
};

static bool is_broken(void *arg) { return ((const struct scenario *)arg)->broken; }

static void begin(struct scenario *s) {
    log_capture_begin(&s->log_capture);
    s->failures = failure_log_new(&(struct failure_log_opts){s->log_capture.loop, "it broke", "it is broken still",
                                                             "it works again", is_broken, s, GATHER_MS, QUIET_MS});
}

static void end(struct scenario *s) {
    failure_log_free(s->failures);
    log_capture_end(&s->log_capture);
}

static const char *after(struct scenario *s, int64_t ms) { return log_capture_run(&s->log_capture, ms); }

static size_t lines(const char *text) {
    size_t n = 0;
    for (; *text != 0; text++) n += *text == '\n';
    return n;
}

static void a_hundred_are_one(void) {
    struct scenario s = {0};
    begin(&s);
    for (int i = 0; i < 100; i++) {
        char of[24];
        snprintf(of, sizeof of, "thing %d", i % 12);
        failure_log_report(s.failures, rv_str(of), i % 4 == 0 ? RV_STR("HTTP 500") : RV_STR("HTTP 429"));
    }
    const char *text = after(&s, GATHER_MS + 20);
    CU_ASSERT_EQUAL(lines(text), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "it broke"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "times=100"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "thing 0, thing 1, thing 2, thing 3 and others"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP 500 (25), HTTP 429 (75)"));
    text = after(&s, 3 * QUIET_MS);
    CU_ASSERT_EQUAL(lines(text), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "it works again"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "times=100"));
    failure_log_report(s.failures, RV_STR("pods"), RV_STR("gone"));
    text = after(&s, GATHER_MS + 20);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it broke") != NULL && strstr(text, "times=1 ") != NULL);
    end(&s);
}

/* Nothing is over while it is still so, and what lasts is told again, at growing distances. */
static void lasting(void) {
    struct scenario s = {.broken = true};
    begin(&s);
    failure_log_report(s.failures, RV_STR("pods"), RV_STR("gone"));
    CU_ASSERT_EQUAL(lines(after(&s, GATHER_MS + 20)), 1);
    CU_ASSERT_STRING_EQUAL(after(&s, 3 * QUIET_MS), "");
    failure_log_report(s.failures, RV_STR("pods"), RV_STR("gone"));
    const char *text = after(&s, 3 * QUIET_MS);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it is broken still") != NULL);
    s.broken = false;
    text = after(&s, 4 * QUIET_MS);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it works again") != NULL);
    end(&s);
}

/* What was gathered but not told yet is told at the end. */
static void at_the_end(void) {
    struct scenario s = {0};
    begin(&s);
    failure_log_report(s.failures, RV_STR("pods"), RV_STR("gone"));
    s.failures = failure_log_free(s.failures);
    const char *text = after(&s, 1);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it broke") != NULL);
    end(&s);
}

static const struct suite_test tests[] = {
    {"a hundred are one line", a_hundred_are_one},
    {"what lasts", lasting},
    {"at the end", at_the_end},
};
SUITE_MAIN("failure_log", tests)
