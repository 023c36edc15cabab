/* Many failures are one line when they begin, one now and then, one when they are over. */
#include "supervisor/trouble.h"

#include "tests/support/log_capture.h"

/* Long enough that a busy machine does not make one pause look like another. */
enum { GATHER_MS = 20, QUIET_MS = 250 };

struct scene {
    struct log_capture log_capture;
    struct trouble *trouble;
    bool broken;
};

static bool is_broken(void *arg) { return ((const struct scene *)arg)->broken; }

static void begin(struct scene *s) {
    log_capture_begin(&s->log_capture);
    s->trouble = trouble_new(&(struct trouble_opts){s->log_capture.loop, "it broke", "it is broken still",
                                                    "it works again", is_broken, s, GATHER_MS, QUIET_MS});
}

static void end(struct scene *s) {
    trouble_free(s->trouble);
    log_capture_end(&s->log_capture);
}

static const char *after(struct scene *s, int64_t ms) { return log_capture_run(&s->log_capture, ms); }

static size_t lines(const char *text) {
    size_t n = 0;
    for (; *text != 0; text++) n += *text == '\n';
    return n;
}

static void a_hundred_are_one(void) {
    struct scene s = {0};
    begin(&s);
    for (int i = 0; i < 100; i++) {
        char of[24];
        snprintf(of, sizeof of, "thing %d", i % 12);
        trouble_report(s.trouble, rv_str(of), i % 4 == 0 ? RV_STR("HTTP 500") : RV_STR("HTTP 429"));
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
    trouble_report(s.trouble, RV_STR("pods"), RV_STR("gone"));
    text = after(&s, GATHER_MS + 20);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it broke") != NULL && strstr(text, "times=1 ") != NULL);
    end(&s);
}

/* Nothing is over while it is still so, and what lasts is told again, at growing distances. */
static void lasting(void) {
    struct scene s = {.broken = true};
    begin(&s);
    trouble_report(s.trouble, RV_STR("pods"), RV_STR("gone"));
    CU_ASSERT_EQUAL(lines(after(&s, GATHER_MS + 20)), 1);
    CU_ASSERT_STRING_EQUAL(after(&s, 3 * QUIET_MS), "");
    trouble_report(s.trouble, RV_STR("pods"), RV_STR("gone"));
    const char *text = after(&s, 3 * QUIET_MS);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it is broken still") != NULL);
    s.broken = false;
    text = after(&s, 4 * QUIET_MS);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it works again") != NULL);
    end(&s);
}

/* What was gathered but not told yet is told at the end. */
static void at_the_end(void) {
    struct scene s = {0};
    begin(&s);
    trouble_report(s.trouble, RV_STR("pods"), RV_STR("gone"));
    s.trouble = trouble_free(s.trouble);
    const char *text = after(&s, 1);
    CU_ASSERT_TRUE(lines(text) == 1 && strstr(text, "it broke") != NULL);
    end(&s);
}

static const struct suite_test tests[] = {
    {"a hundred are one line", a_hundred_are_one},
    {"what lasts", lasting},
    {"at the end", at_the_end},
};
SUITE_MAIN("trouble", tests)
