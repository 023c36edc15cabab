/* An outage is told once, however long those who ask wait between two tries. */
#include "supervisor/actions/failures.h"

#include "ipc/log.h"
#include "tests/unit/sdk/suite.h"

#include <fcntl.h>
#include <unistd.h>

enum { QUIET_MS = 400 /* longer than what trouble.c gathers in */ };

struct scene {
    struct rv_loop *loop;
    struct failures *failures;
    int log[2];
    char text[4096];
};

static void stop(void *arg) { rv_loop_stop(((const struct scene *)arg)->loop); }

/* What was logged meanwhile. */
static const char *after(struct scene *s, int64_t ms) {
    struct rv_timer *t = rv_loop_timer(s->loop, stop, s);
    rv_timer_arm(t, ms);
    rv_loop_run(s->loop);
    rv_timer_free(t);
    ssize_t n = read(s->log[0], s->text, sizeof s->text - 1);
    s->text[n > 0 ? n : 0] = 0;
    return s->text;
}

static void answer(struct scene *s, int code) {
    struct rv_action a = {.size = sizeof a, .verb = RV_VERB_CREATE, .resource = RV_STR("pods")};
    struct kube_response r = {.code = code, .message = RV_STR("no")};
    failures_answer(s->failures, &a, &r, code == RV_E_UNAVAILABLE);
}

static void an_outage(void) {
    struct scene s = {.loop = rv_loop_new(NULL)};
    CU_ASSERT_FATAL(pipe2(s.log, O_NONBLOCK) == 0);
    rv_log_setup(RV_LOG_TEXT, RV_LOG_INFO, s.log[1], "test");
    s.failures = failures_new(s.loop, QUIET_MS);
    answer(&s, 0);
    answer(&s, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(after(&s, QUIET_MS), "requests to the API server fail and"));
    CU_ASSERT_STRING_EQUAL(after(&s, 3 * QUIET_MS), ""); /* quiet, but nobody has asked since */
    answer(&s, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(strstr(after(&s, QUIET_MS), "fail and"));
    answer(&s, RV_E_NOT_FOUND); /* an answer is one, whatever it says */
    CU_ASSERT_PTR_NOT_NULL(strstr(after(&s, 3 * QUIET_MS), "requests to the API server work again"));
    answer(&s, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(after(&s, QUIET_MS), "requests to the API server fail and"));
    failures_free(s.failures);
    rv_loop_free(s.loop);
    close(s.log[0]);
    close(s.log[1]);
    rv_log_setup(RV_LOG_TEXT, RV_LOG_INFO, 2, "test");
}

static const struct suite_test tests[] = {{"an outage", an_outage}};
SUITE_MAIN("failures", tests)
