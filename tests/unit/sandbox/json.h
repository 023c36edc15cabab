/* json.h - documents in the tests: JSON with ' for ". */
#ifndef TESTS_SANDBOX_JSON_H
#define TESTS_SANDBOX_JSON_H

#include "rayvisor/json.h"
#include "rayvisor/tree.h"

#include <CUnit/Basic.h>
#include <stdio.h>

static inline struct rv_node *parse(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    struct rv_str json = rv_arena_str(a, rv_str(text));
    for (char *p = (char *)(uintptr_t)json.p; *p != '\0'; p++)
        if (*p == '\'') *p = '"';
    int e = rv_json_to_mp(json, NULL, &mp, &err);
    if (e != 0) fprintf(stderr, "%s: %s\n", text, err.text);
    CU_ASSERT_EQUAL_FATAL(e, 0);
    struct rv_str kept = rv_arena_str(a, rv_buf_str(&mp));
    return rv_node_from(a, (struct rv_val){(const uint8_t *)kept.p, kept.n});
}

/* Says what differs. */
static inline bool same(struct rv_arena *a, const char *what, struct rv_node *have, const char *want) {
    if (rv_node_equal(have, parse(a, want))) return true;
    rv_autobuf struct rv_buf b = {0};
    rv_json_write(rv_node_freeze(a, have), &b);
    fprintf(stderr, "%s: %s\n  instead of %s\n", what, rv_buf_cstr(&b), want);
    return false;
}

static inline int run_suite(const char *name, const CU_TestInfo *tests) {
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (; tests->pName != NULL; tests++) CU_add_test(suite, tests->pName, tests->pTestFunc);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}

#endif
