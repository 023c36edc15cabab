/* A refusal is told once an hour, each one by itself. */
#include "supervisor/actions/denial_log.h"

#include "tests/unit/sdk/suite.h"

#define MINUTE INT64_C(60000000000)

static void hourly(void) {
    static const struct {
        const char *plugin, *why;
        int64_t minute;
        bool first;
    } rows[] = {
        {"a", "no secrets", 0, true}, {"a", "no secrets", 59, false}, {"b", "no secrets", 59, true},
        {"a", "no nodes", 59, true},  {"a", "no secrets", 60, true},  {"a", "no secrets", 61, false},
    };
    struct denied *d = denial_log_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CU_ASSERT_EQUAL(denial_log_is_first(d, rows[i].plugin, rows[i].why, 1 + rows[i].minute * MINUTE),
                        rows[i].first);
    denial_log_free(d);
}

static const struct suite_test tests[] = {{"hourly", hourly}};
SUITE_MAIN("denied", tests)
