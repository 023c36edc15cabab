/* test_text.c - quoting, JSON and runtime environments: what is written must be read by programs in users' images. */
#include "plugins/ray/job.h"
#include "plugins/rayjob/text.h"
#include "tests/unit/sdk/suite.h"

static void test_quote(void) {
    static const struct {
        const char *in, *want;
    } rows[] = {{"", "\"\""},
                {"plain", "\"plain\""},
                {"a \"b\" \\c", "\"a \\\"b\\\" \\\\c\""},
                {"line\nline\ttab\r", "\"line\\nline\\ttab\\r\""},
                {"\x01\x7f", "\"\\x01\\x7f\""},
                {"$HOME `x` !", "\"$HOME `x` !\""},
                {"caf\xc3\xa9 \xe6\xbc\xa2", "\"caf\xc3\xa9 \xe6\xbc\xa2\""},
                {"\xc2\xa0", "\"\\u00a0\""},
                {"\xe2\x80\xa8", "\"\\u2028\""},
                {"bad \xff\xc3", "\"bad \\xff\\xc3\""},
                {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf b = {0};
        rj_quote(&b, rv_str(rows[i].in));
        CHECK_ROW(rv_str_is(rv_buf_str(&b), rows[i].want), rows[i].want);
    }
}

static void test_json(void) {
    static const struct {
        const char *in, *want;
    } rows[] = {{"{\"b\":1,\"a\":[true,null,\"x\"]}", "{\"a\":[true,null,\"x\"],\"b\":1}"},
                {"{\"aa\":1,\"a\":2,\"B\":3}", "{\"B\":3,\"a\":2,\"aa\":1}"},
                {"\"<a&b>\"", "\"\\u003ca\\u0026b\\u003e\""},
                {"\"a\\u0001\\n\\u2028\"", "\"a\\u0001\\n\\u2028\""},
                {"1.0", "1"},
                {"0.1", "0.1"},
                {"1.5e-7", "1.5e-7"},
                {"123456789.25", "123456789.25"},
                {"1e21", "1e+21"},
                {"-0.000001", "-0.000001"},
                {"12345678901234567890", "12345678901234567000"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf b = {0};
        rj_json(&b, from_json(a, rows[i].in));
        CHECK_ROW(rv_str_is(rv_buf_str(&b), rows[i].want), rows[i].want);
    }
}

static void test_runtime_env(void) {
    static const struct {
        const char *yaml, *want; /* want NULL: refused */
    } rows[] = {{"", "{}"},
                {"pip:\n  - requests==2.26.0\nenv_vars:\n  counter: \"1\"\n",
                 "{\"pip\":[\"requests==2.26.0\"],\"env_vars\":{\"counter\":\"1\"}}"},
                {"a: yes\nb: off\nc: ~\nd: 'yes'\n", "{\"a\":true,\"b\":false,\"c\":null,\"d\":\"yes\"}"},
                {"a: 010\nb: 0x1f\nc: 1_000\nd: 1.5\ne: 1e3\n", "{\"a\":8,\"b\":31,\"c\":1000,\"d\":1.5,\"e\":1000}"},
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

static const struct suite_test tests[] = {{"shell quoting", test_quote},
                                          {"JSON as the reference writes it", test_json},
                                          {"runtime environments", test_runtime_env},
                                          {"a document that unfolds", test_bomb}};
SUITE_MAIN("rayjob text", tests)
