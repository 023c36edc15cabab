/* test_names.c - the names of a RayCluster's objects, at the limits where they are cut. */
#include "plugins/ray/names.h"

#include "tests/unit/sdk/suite.h"

#define TEN "abcdefghij"
#define FORTY TEN TEN TEN TEN

static void one_argument(void) {
    static const struct {
        const char *row;
        struct rv_str (*fn)(struct rv_arena *, struct rv_str);
        const char *in, *want;
    } rows[] = {
        {"empty", rc_name_checked, "", ""},
        {"as it is", rc_name_checked, "raycluster", "raycluster"},
        {"50 stay", rc_name_checked, FORTY TEN, FORTY TEN},
        {"the last 50", rc_name_checked, "xy" FORTY TEN, FORTY TEN},
        {"digit first", rc_name_checked, "1abc", "rabc"},
        {"dash first", rc_name_checked, "-abc", "rabc"},
        {"cut at a dash", rc_name_checked, "x-" FORTY "bcdefghij", "r" FORTY "bcdefghij"},
        {"label keeps its digit", rc_name_label, "1abc", "1abc"},
        {"label, dash first", rc_name_label, "-abc", "rabc"},
        {"label, the last 63", rc_name_label, "xxx" FORTY TEN TEN "abc", FORTY TEN TEN "abc"},
        {"head", rc_name_head_prefix, "Mine", "mine-head-"},
        {"head, the first 50", rc_name_head_prefix, FORTY TEN "xyz", FORTY TEN "-head-"},
        {"fixed head", rc_name_head_fixed, "mine", "mine-head"},
        {"serve", rc_name_serve_service, "mine", "mine-serve-svc"},
    };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(rv_str_is(rows[i].fn(a, rv_str(rows[i].in)), rows[i].want), rows[i].row);
}

static void more_arguments(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    CU_ASSERT_TRUE(rv_str_is(rc_name_worker_prefix(a, RV_STR("c"), RV_STR("GPU")), "c-gpu-worker-"));
    CU_ASSERT_TRUE(
        rv_str_is(rc_name_worker_prefix(a, RV_STR(FORTY), RV_STR("123456789x")), FORTY "-123456789-worker-"));
    CU_ASSERT_TRUE(rv_str_is(rc_name_head_service(a, RV_STR("c"), RV_STR("")), "c-head-svc"));
    CU_ASSERT_TRUE(rv_str_is(rc_name_head_service(a, RV_STR("c"), RV_STR("own")), "own"));
    CU_ASSERT_TRUE(
        rv_str_is(rc_name_fqdn(a, RV_STR("s"), RV_STR("n"), RV_STR("cluster.local")), "s.n.svc.cluster.local"));
    CU_ASSERT_TRUE(rv_str_is(rc_name_route(a, RV_STR(FORTY), RV_STR(FORTY "a")), TEN));
    CU_ASSERT_TRUE(rv_str_is(rc_name_route(a, RV_STR("name"), RV_STR(FORTY TEN TEN)), ""));
}

static const struct suite_test tests[] = {
    {"names of one cluster", one_argument},
    {"names with groups, namespaces, domains", more_arguments},
};
SUITE_MAIN("raycluster names", tests)
