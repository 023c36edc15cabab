/* test_text.c - quoting and JSON: what is written must be read by programs in users' images. */
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
    rv_autobuf struct rv_buf b = {0};
    rj_quote(&b, (struct rv_str){"a\0b", 3});
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&b), "\"a\\x00b\""));
}

static void test_json(void) {
    static const struct {
        const char *in, *want;
    } rows[] = {{"{\"b\":1,\"a\":[true,null,\"x\"]}", "{\"a\":[true,null,\"x\"],\"b\":1}"},
                {"{\"aa\":1,\"a\":2,\"B\":3}", "{\"B\":3,\"a\":2,\"aa\":1}"},
                {"\"<a&b>\"", "\"\\u003ca\\u0026b\\u003e\""},
                {"\"a\\u0000b\"", "\"a\\u0000b\""},
                {"\"a\\u0001\\n\\u2028\"", "\"a\\u0001\\n\\u2028\""},
                {"1.0", "1"},
                {"0.1", "0.1"},
                {"1.5e-7", "1.5e-7"},
                {"123456789.25", "123456789.25"},
                {"1e21", "1e+21"},
                {"1.25e-10", "1.25e-10"},
                {"0.000001", "0.000001"},
                {"-2.5e100", "-2.5e+100"},
                {"123e18", "123000000000000000000"},
                {"-0.000001", "-0.000001"},
                {"12345678901234567890", "12345678901234567000"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf b = {0};
        rj_json(&b, from_json(a, rows[i].in));
        CHECK_ROW(rv_str_is(rv_buf_str(&b), rows[i].want), rows[i].want);
    }
}

static const struct suite_test tests[] = {{"shell quoting", test_quote},
                                          {"JSON as the reference writes it", test_json}};
SUITE_MAIN("rayjob text", tests)
