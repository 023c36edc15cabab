/* test_generate.c - credentials that a plugin asks for but never sees. */
#include "supervisor/actions/generate.h"

#include "tests/unit/sdk/suite.h"

#define MARK "\"" RV_GENERATE_TOKEN "\""

static bool generate(struct rv_buf *json, uint32_t verb, const char *api_version, const char *resource) {
    struct rv_action a = {.verb = verb, .api_version = rv_str(api_version), .resource = rv_str(resource)};
    return generate_tokens(&a, json);
}

static void in_place(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf json = {0};
    rv_buf_adds(&json, "{\"a\":" MARK ",\"b\":[" MARK ",\"x\"],\"c\":\"y\"}");
    CU_ASSERT_TRUE(generate(&json, RV_VERB_CREATE, "v1", "secrets"));
    struct rv_val v = from_json(a, rv_buf_cstr(&json));
    struct rv_str first = rv_path_str(v, "a"), second = rv_path_str(v, "b[0]");
    CU_ASSERT_TRUE(first.n == 44 && first.p[43] == '=' && second.n == 44); /* 32 bytes in base64 */
    CU_ASSERT_FALSE(rv_str_eq(first, second));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "b[1]"), "x") && rv_str_is(rv_path_str(v, "c"), "y"));
    CU_ASSERT_PTR_NULL(strstr(rv_buf_cstr(&json), RV_GENERATE_TOKEN));
}

/* Only in the creation of a Secret: elsewhere the text would be told to whoever reads the object. */
static void nowhere_else(void) {
    static const struct {
        const char *row;
        uint32_t verb;
        const char *api_version, *resource, *json;
    } rows[] = {{"a patch", RV_VERB_MERGE_PATCH, "v1", "secrets", "{\"a\":" MARK "}"},
                {"a ConfigMap", RV_VERB_CREATE, "v1", "configmaps", "{\"a\":" MARK "}"},
                {"another API", RV_VERB_CREATE, "x/v1", "secrets", "{\"a\":" MARK "}"},
                {"part of a text", RV_VERB_CREATE, "v1", "secrets", "{\"a\":\"-" RV_GENERATE_TOKEN "\"}"},
                {"no mark", RV_VERB_CREATE, "v1", "secrets", "{\"a\":\"b\"}"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf json = {0};
        rv_buf_adds(&json, rows[i].json);
        CHECK_ROW(!generate(&json, rows[i].verb, rows[i].api_version, rows[i].resource), rows[i].row);
        CHECK_ROW(rv_str_is(rv_buf_str(&json), rows[i].json), rows[i].row);
    }
}

static const struct suite_test tests[] = {{"in place", in_place}, {"nowhere else", nowhere_else}};
SUITE_MAIN("generate", tests)
