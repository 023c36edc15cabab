/* An outage is told once, however long those who ask wait between two tries. */
#include "supervisor/actions/failures.h"

#include "tests/support/log_capture.h"

enum { QUIET_MS = 400 /* longer than what failure_log.c gathers in */ };

static void answer(struct failures *f, int code) {
    struct rv_action a = {.size = sizeof a, .verb = RV_VERB_CREATE, .resource = RV_STR("pods")};
    struct kube_response r = {.code = code, .message = RV_STR("no")};
    failures_answer(f, &a, &r, code == RV_E_UNAVAILABLE);
}

static void an_outage(void) {
    struct log_capture log_capture = {0};
    log_capture_begin(&log_capture);
    struct failures *f = failures_new(log_capture.loop, QUIET_MS);
    answer(f, 0);
    answer(f, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_capture_run(&log_capture, QUIET_MS), "requests to the API server fail and"));
    CU_ASSERT_STRING_EQUAL(log_capture_run(&log_capture, 3 * QUIET_MS), ""); /* quiet, but nobody has asked since */
    answer(f, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(strstr(log_capture_run(&log_capture, QUIET_MS), "fail and"));
    answer(f, RV_E_NOT_FOUND); /* an answer is one, whatever it says */
    CU_ASSERT_PTR_NOT_NULL(
        strstr(log_capture_run(&log_capture, 3 * QUIET_MS), "requests to the API server work again"));
    answer(f, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_capture_run(&log_capture, QUIET_MS), "requests to the API server fail and"));
    failures_free(f);
    log_capture_end(&log_capture);
}

static const struct suite_test tests[] = {{"an outage", an_outage}};
SUITE_MAIN("failures", tests)
