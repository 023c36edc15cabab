/* The patch formats as tables: document, patch, result (NULL: refused). */
#include "deploy/sandbox/api/patch.h"
#include "rayvisor/json.h"

#include <CUnit/Basic.h>
#include <stdio.h>

enum format { MERGE, STRATEGIC, JSON };
static const struct {
    enum format format;
    const char *doc, *patch, *want;
} cases[] = {
    {MERGE, "{\"a\":1,\"b\":{\"c\":2}}", "{\"a\":null,\"b\":{\"d\":[1]}}", "{\"b\":{\"c\":2,\"d\":[1]}}"},
    {MERGE, "{\"l\":[{\"name\":\"x\"}]}", "{\"l\":[{\"name\":\"y\"}]}", "{\"l\":[{\"name\":\"y\"}]}"},
    {STRATEGIC, "{\"containers\":[{\"name\":\"x\",\"image\":\"1\"}]}",
     "{\"containers\":[{\"name\":\"y\"},{\"name\":\"x\",\"image\":\"2\"}]}",
     "{\"containers\":[{\"name\":\"x\",\"image\":\"2\"},{\"name\":\"y\"}]}"},
    {STRATEGIC, "{\"env\":[{\"name\":\"x\"},{\"name\":\"y\"}]}", "{\"env\":[{\"$patch\":\"delete\",\"name\":\"x\"}]}",
     "{\"env\":[{\"name\":\"y\"}]}"},
    {STRATEGIC, "{\"finalizers\":[\"a\",\"b\"]}", "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}",
     "{\"finalizers\":[\"b\"]}"},
    {STRATEGIC, "{\"m\":{\"a\":1}}", "{\"m\":{\"$patch\":\"replace\",\"b\":2}}", "{\"m\":{\"b\":2}}"},
    {JSON, "{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}"},
    {JSON, "{\"a/b\":1}", "[{\"op\":\"remove\",\"path\":\"/a~1b\"}]", "{}"},
    {JSON, "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"b\":1}"},
    {JSON, "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL},
    {JSON, "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":2}]", NULL},
    {JSON, "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/5\",\"value\":2}]", NULL},
};

static struct rv_node *parse(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_str(text), NULL, &b, NULL), 0);
    struct rv_str kept = rv_arena_str(a, rv_buf_str(&b));
    return rv_node_from(a, (struct rv_val){(const uint8_t *)kept.p, kept.n});
}

static void test_patches(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(cases); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *doc = parse(a, cases[i].doc), *patch = parse(a, cases[i].patch);
        int e = 0;
        if (cases[i].format == JSON)
            e = sb_patch_json(a, &doc, patch, NULL);
        else if (cases[i].format == MERGE)
            doc = sb_patch_merge(a, doc, patch);
        else
            doc = sb_patch_strategic(a, doc, patch);
        CU_ASSERT_EQUAL(e != 0, cases[i].want == NULL);
        bool same = cases[i].want == NULL || rv_node_equal(doc, parse(a, cases[i].want));
        if (!same) fprintf(stderr, "case %zu: %s\n", i, cases[i].patch);
        CU_ASSERT(same);
    }
}

int main(void) {
    CU_initialize_registry();
    CU_add_test(CU_add_suite("patch", NULL, NULL), "table", test_patches);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
