/* test_runtime_env.c - spec.runtimeEnvYAML of RayJobs, as people write it. */
#include "plugins/ray/job.h"
#include "tests/unit/sdk/suite.h"

static void test_runtime_env(void) {
    static const struct {
        const char *yaml, *want; /* want NULL: refused */
    } rows[] = {{"", "{}"},
                {"pip:\n  - requests==2.26.0\nenv_vars:\n  counter: \"1\"\n",
                 "{\"pip\":[\"requests==2.26.0\"],\"env_vars\":{\"counter\":\"1\"}}"},
                {"a: yes\nb: off\nc: ~\nd: 'yes'\n", "{\"a\":true,\"b\":false,\"c\":null,\"d\":\"yes\"}"},
                {"a: 010\nb: 0x1f\nc: 1_000\nd: 1.5\ne: 1e3\n", "{\"a\":8,\"b\":31,\"c\":1000,\"d\":1.5,\"e\":1000}"},
                {"a: 9\nb: -9_0\nc: +0b101\nd: 0o17\ne: 0\nf: -0x1F\ng: 0_1\n",
                 "{\"a\":9,\"b\":-90,\"c\":5,\"d\":15,\"e\":0,\"f\":-31,\"g\":1}"},
                {"v: 2.26.0\nw: 2021-01-02\n", "{\"v\":\"2.26.0\",\"w\":\"2021-01-02\"}"},
                {"x: &x [1]\ny: *x\n", "{\"x\":[1],\"y\":[1]}"},
                {"b: &b {k: 1, l: 2}\nc:\n  <<: *b\n  k: 3\n", "{\"b\":{\"k\":1,\"l\":2},\"c\":{\"k\":3,\"l\":2}}"},
                {"1: one\n", "{\"1\":\"one\"}"},
                {"{\"json\": {\"too\": [true]}}", "{\"json\":{\"too\":[true]}}"},
                {"- list\n", NULL},
                {"text", NULL},
                {"a: 1\na: 2\n", NULL},
                {"a: [1\n", NULL},
                {"? [a]\n: b\n", NULL},
                {"a: &a [*a]\n", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_error err = {0};
        struct rv_node *n = rj_runtime_env(a, rv_str(rows[i].yaml), &err);
        CHECK_ROW((n == NULL) == (rows[i].want == NULL), rows[i].yaml);
        if (n != NULL && rows[i].want != NULL) CHECK_ROW(json_is(rv_node_freeze(a, n), rows[i].want), rows[i].yaml);
        if (n == NULL) CHECK_ROW(strncmp(err.text, "line ", 5) == 0, rows[i].yaml);
    }
}

/* A few lines that unfold to millions of nodes. */
static void test_bomb(void) {
    rv_autobuf struct rv_buf b = {0};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_buf_adds(&b, "a0: &a0 [1,1,1,1,1,1,1,1,1]\n");
    for (int i = 1; i < 12; i++) {
        rv_buf_addf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++) rv_buf_addf(&b, "%s*a%d", k != 0 ? "," : "", i - 1);
        rv_buf_adds(&b, "]\n");
    }
    CU_ASSERT_PTR_NULL(rj_runtime_env(a, rv_buf_str(&b), NULL));
}

static const struct suite_test tests[] = {{"runtime environments", test_runtime_env},
                                          {"a document that unfolds", test_bomb}};
SUITE_MAIN("runtime environments", tests)
