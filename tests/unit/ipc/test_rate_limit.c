/* test_rate_limit.c - a token bucket: burst, refill, a clock that goes back. */
#include "ipc/base/rate_limit.h"
#include "tests/unit/sdk/suite.h"

enum { EACH = 100, BURST = 3 };

static unsigned taken_until_empty(struct rate_limit *b, int64_t now) {
    unsigned n = 0;
    while (rate_limit_take(b, now, EACH, BURST)) n++;
    return n;
}

static void refill(void) {
    static const struct {
        int64_t now;
        unsigned want;
    } rows[] = {{1000000, BURST}, {1000099, 0}, {1000100, 1},    {1000350, 2},
                {1000400, 1},     {1000300, 0}, /* the clock went back: no token is added, and none is added twice */
                {1000399, 0},     {1000400, 1}, {9000000, BURST}};
    struct rate_limit b = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) CU_ASSERT_EQUAL(taken_until_empty(&b, rows[i].now), rows[i].want);
}

static void asking_takes_nothing(void) {
    struct rate_limit b = {1, 50};
    for (int i = 0; i < 5; i++) CU_ASSERT_TRUE(rate_limit_has(&b, 50, EACH, BURST));
    CU_ASSERT_EQUAL(taken_until_empty(&b, 50), 1);
}

static const struct suite_test tests[] = {{"refill", refill}, {"asking takes nothing", asking_takes_nothing}};
SUITE_MAIN("rate limit", tests)
