/* suite.h - one CUnit suite per executable: SUITE_MAIN(name, tests) ends a test file. Also shorthands that the SDK's
 * tests share. */
#ifndef TESTS_SDK_SUITE_H
#define TESTS_SDK_SUITE_H

#include "rayvisor/json.h"

#include <CUnit/Basic.h>
#include <stdio.h>

struct suite_test {
    const char *name;
    void (*fn)(void);
};

static inline int suite_run(const char *name, const struct suite_test *tests, size_t n) {
    if (CU_initialize_registry() != CUE_SUCCESS) return 2;
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        if (CU_add_test(suite, tests[i].name, tests[i].fn) == NULL) return 2;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}

#define SUITE_MAIN(name, tests)                                                                                        \
    int main(void) { return suite_run(name, tests, RV_ARRAY_LEN(tests)); }

/* Fails with the row of a table that went wrong. */
#define CHECK_ROW(condition, row)                                                                                      \
    do {                                                                                                               \
        bool ok_ = (condition);                                                                                        \
        if (!ok_) printf("\n    row \"%s\": %s", (row), #condition);                                                   \
        CU_ASSERT_TRUE(ok_);                                                                                           \
    } while (0)

/* JSON text as a value whose bytes live in the arena; absent when it does not parse. */
static inline struct rv_val from_json(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    if (rv_json_to_mp(rv_str(text), NULL, &b, NULL) != 0) return RV_VAL_ABSENT;
    struct rv_str copy = rv_arena_str(a, rv_buf_str(&b));
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}

static inline bool json_is(struct rv_val v, const char *want) {
    rv_autobuf struct rv_buf b = {0};
    rv_json_write(v, &b);
    bool same = rv_str_is(rv_buf_str(&b), want);
    if (!same) printf("\n    got %s", rv_buf_cstr(&b));
    return same;
}

#endif
