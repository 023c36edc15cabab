/* test_coalesce.c - when changes are handled at once and when they are collected. */
#include "ipc/base/coalesce.h"

#include "tests/unit/sdk/suite.h"

static const int64_t MS = 1000000;

static void few_or_many(void) {
    static const struct {
        const char *what;
        unsigned objects;
        int64_t apart_ms;
        bool prompt;
    } rows[] = {
        {"nothing", 0, 1, true},
        {"one, all the time", 1, 1, true},
        {"seven, all the time", 7, 1, true},
        {"eight, all the time", 8, 1, false},
        {"a thousand", 1000, 1, false},
        {"a thousand, five a second", 1000, 200, true},
        {"a thousand, twenty a second", 1000, 50, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct coalesce h = {0};
        int64_t now = 5000 * MS;
        for (unsigned k = 0; k < 3000 && rows[i].objects != 0; k++, now += rows[i].apart_ms * MS)
            coalesce_changed(&h, now, 77 + k % rows[i].objects);
        CHECK_ROW(coalesce_at_once(&h, now) == rows[i].prompt, rows[i].what);
        CHECK_ROW(coalesce_at_once(&h, now + 1001 * MS), rows[i].what);
    }
}

/* Many objects change all the time. A created object is handled at once. Of many that are created together only the
 * first are. */
static void something_new(void) {
    struct coalesce h = {0};
    int64_t now = 100000 * MS;
    for (unsigned k = 0; k < 8; k++) coalesce_changed(&h, now + 1000000 * MS, k);
    CU_ASSERT_FALSE(coalesce_at_once(&h, now));
    coalesce_edited(&h, now);
    CU_ASSERT_TRUE(coalesce_at_once(&h, now) && coalesce_at_once(&h, now + 1499 * MS) &&
                   !coalesce_at_once(&h, now + 1500 * MS));
    for (unsigned k = 0; k < 20; k++) coalesce_edited(&h, now += 100 * MS); /* ten a second are not too many */
    CU_ASSERT_TRUE(coalesce_at_once(&h, now + 1499 * MS));
    now += 10000 * MS;
    for (unsigned k = 0; k < 1000; k++) coalesce_edited(&h, now + k * 5 * MS);
    CU_ASSERT_TRUE(coalesce_at_once(&h, now + 1500 * MS) && !coalesce_at_once(&h, now + 1600 * MS));
    now += 5000 * MS;
    coalesce_edited(&h, now + 200 * MS); /* after the many, but too soon */
    CU_ASSERT_FALSE(coalesce_at_once(&h, now + 200 * MS));
    coalesce_edited(&h, now + 350 * MS);
    CU_ASSERT_TRUE(coalesce_at_once(&h, now + 350 * MS));
    coalesce_edited(&h, now - 30000 * MS); /* a clock that goes back does no harm */
    CU_ASSERT_TRUE(coalesce_at_once(&h, now - 30000 * MS));
}

static const struct suite_test tests[] = {{"few or many", few_or_many}, {"something new", something_new}};
SUITE_MAIN("coalesce", tests)
