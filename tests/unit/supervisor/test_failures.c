/* An outage is told once, however long those who ask wait between two tries. */
#include "supervisor/actions/failures.h"

#include "tests/support/heard.h"

enum { QUIET_MS = 400 /* longer than what trouble.c gathers in */ };

static void answer(struct failures *f, int code) {
    struct rv_action a = {.size = sizeof a, .verb = RV_VERB_CREATE, .resource = RV_STR("pods")};
    struct kube_response r = {.code = code, .message = RV_STR("no")};
    failures_answer(f, &a, &r, code == RV_E_UNAVAILABLE);
}

static void an_outage(void) {
    struct heard heard = {0};
    heard_begin(&heard);
    struct failures *f = failures_new(heard.loop, QUIET_MS);
    answer(f, 0);
    answer(f, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard_after(&heard, QUIET_MS), "requests to the API server fail and"));
    CU_ASSERT_STRING_EQUAL(heard_after(&heard, 3 * QUIET_MS), ""); /* quiet, but nobody has asked since */
    answer(f, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(strstr(heard_after(&heard, QUIET_MS), "fail and"));
    answer(f, RV_E_NOT_FOUND); /* an answer is one, whatever it says */
    CU_ASSERT_PTR_NOT_NULL(strstr(heard_after(&heard, 3 * QUIET_MS), "requests to the API server work again"));
    answer(f, RV_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard_after(&heard, QUIET_MS), "requests to the API server fail and"));
    failures_free(f);
    heard_end(&heard);
}

static const struct suite_test tests[] = {{"an outage", an_outage}};
SUITE_MAIN("failures", tests)
