/* test_tree.c - building, changing and encoding trees (rayvisor/tree.h). */
#include "rayvisor/tree.h"

#include "suite.h"

static bool tree_is(struct rv_arena *a, struct rv_node *n, const char *want) {
    struct rv_val v = rv_node_freeze(a, n);
    return rv_mp_check((struct rv_bytes){v.p, v.n}, NULL) == 0 && json_is(v, want);
}

static void test_build(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *m = rv_node_map(a), *list = rv_node_array(a);
    rv_node_set_cstr(a, m, "s", "text");
    rv_node_set_fmt(a, m, "f", "%s-%d", "x", 7);
    rv_node_set_int(a, m, "i", -5);
    rv_node_set_bool(a, m, "b", true);
    rv_node_set(a, m, "n", rv_node_null(a));
    rv_node_set(a, m, "d", rv_node_float(a, 0.25));
    rv_node_set(a, m, "l", list);
    rv_node_append(a, list, rv_node_int(a, 2));
    rv_node_insert(a, list, 0, rv_node_int(a, 1));
    rv_node_append(a, list, rv_node_fmt(a, "%c", 'z'));
    rv_node_append(a, list, NULL);
    CU_ASSERT_TRUE(
        tree_is(a, m, "{\"s\":\"text\",\"f\":\"x-7\",\"i\":-5,\"b\":true,\"n\":null,\"d\":0.25,\"l\":[1,2,\"z\"]}"));
    rv_node_set_int(a, m, "s", 1); /* replaces in place */
    rv_node_set(a, m, "f", NULL);  /* removes */
    CU_ASSERT_TRUE(rv_node_remove(m, "l"));
    CU_ASSERT_FALSE(rv_node_remove(m, "l"));
    CU_ASSERT_TRUE(tree_is(a, m, "{\"s\":1,\"i\":-5,\"b\":true,\"n\":null,\"d\":0.25}"));
    CU_ASSERT_TRUE(tree_is(a, NULL, "null"));
}

static void test_wide(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *list = rv_node_array(a), *map = rv_node_map(a);
    for (int i = 0; i < 1000; i++) {
        rv_node_append(a, list, rv_node_int(a, i));
        struct rv_str key = rv_arena_fmt(a, "k%d", i);
        rv_node_setn(a, map, key, rv_node_int(a, i));
    }
    CU_ASSERT_EQUAL(rv_node_len(list), 1000);
    CU_ASSERT_EQUAL(rv_node_to_int(rv_node_at(list, 999), 0), 999);
    CU_ASSERT_EQUAL(rv_node_to_int(rv_node_get(map, "k500"), 0), 500);
    struct rv_val v = rv_node_freeze(a, map);
    CU_ASSERT_EQUAL(rv_mp_check((struct rv_bytes){v.p, v.n}, NULL), 0);
    CU_ASSERT_EQUAL(rv_path_int(v, "k77", 0), 77);
}

static const char pod[] = "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":"
                          "\"X\",\"value\":\"1\"}]},{\"name\":\"b\"}],\"big\":18446744073709551615}}";

static void test_views(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val v = from_json(a, pod);
    struct rv_node *n = rv_node_from(a, v);
    CU_ASSERT_TRUE(tree_is(a, n, pod));
    CU_ASSERT_EQUAL(rv_node_type(rv_node_path(n, "spec.containers")), RV_ARRAY);
    CU_ASSERT_TRUE(rv_str_is(rv_node_text(rv_node_path(n, "spec.containers[1].name")), "b"));
    CU_ASSERT_PTR_NULL(rv_node_path(n, "spec.containers[2].name"));
    CU_ASSERT_PTR_NULL(rv_node_path(n, "spec..x"));
    CU_ASSERT_TRUE(tree_is(a, n, pod)); /* reading changes nothing */
    struct rv_node *c = rv_node_find(rv_node_path(n, "spec.containers"), "name", RV_STR("a"));
    struct rv_node *x = rv_node_find(rv_node_get(c, "env"), "name", RV_STR("X"));
    rv_node_set_cstr(a, x, "value", "2");
    CU_ASSERT_TRUE(tree_is(a, n,
                           "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{"
                           "\"name\":\"X\",\"value\":\"2\"}]},{\"name\":\"b\"}],\"big\":18446744073709551615}}"));
    CU_ASSERT_TRUE(json_is(v, pod)); /* the bytes behind the view are untouched */
    CU_ASSERT_PTR_NULL(rv_node_from(a, RV_VAL_ABSENT));
}

/* A copy lives on when its source's memory is gone, and changing it leaves the source alone. */
static void test_copy(void) {
    rv_autoarena struct rv_arena *keep = rv_arena_new();
    struct rv_node *copy;
    {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *n = rv_node_from(a, from_json(a, pod));
        rv_node_set_cstr(a, n, "extra", "e");
        copy = rv_node_copy(keep, n);
        rv_node_set_cstr(keep, rv_node_get(copy, "metadata"), "name", "q");
        CU_ASSERT_TRUE(rv_str_is(rv_node_text(rv_node_path(n, "metadata.name")), "p"));
    }
    CU_ASSERT_TRUE(rv_str_is(rv_node_text(rv_node_path(copy, "metadata.name")), "q"));
    CU_ASSERT_TRUE(rv_str_is(rv_node_text(rv_node_get(copy, "extra")), "e"));
    CU_ASSERT_PTR_NULL(rv_node_copy(keep, NULL));
}

static void test_arrays(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_from(a, from_json(a, "[1,2,3]"));
    rv_node_put_at(a, n, 1, rv_node_int(a, 20));
    rv_node_put_at(a, n, 9, rv_node_int(a, 90));
    CU_ASSERT_TRUE(rv_node_remove_at(n, 0));
    CU_ASSERT_FALSE(rv_node_remove_at(n, 2));
    rv_node_insert(a, n, 100, rv_node_int(a, 4)); /* past the end: appended */
    CU_ASSERT_TRUE(tree_is(a, n, "[20,3,4]"));
}

static void test_ensure(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_from(a, from_json(a, "{\"a\":null,\"b\":{\"x\":1},\"c\":7}"));
    rv_node_set_int(a, rv_node_ensure_map(a, n, "a"), "k", 1);
    rv_node_set_int(a, rv_node_ensure_map(a, n, "b"), "y", 2);
    rv_node_append(a, rv_node_ensure_array(a, n, "c"), rv_node_int(a, 3));
    rv_node_append(a, rv_node_ensure_array(a, n, "d"), rv_node_int(a, 4));
    CU_ASSERT_TRUE(tree_is(a, n, "{\"a\":{\"k\":1},\"b\":{\"x\":1,\"y\":2},\"c\":[3],\"d\":[4]}"));
}

static void test_null_is_absent(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str key;
    struct rv_node *val;
    CU_ASSERT_EQUAL(rv_node_type(NULL), RV_ABSENT);
    CU_ASSERT_EQUAL(rv_node_len(NULL), 0);
    CU_ASSERT_PTR_NULL(rv_node_get(NULL, "x"));
    CU_ASSERT_PTR_NULL(rv_node_at(NULL, 0));
    CU_ASSERT_PTR_NULL(rv_node_path(NULL, "a.b"));
    CU_ASSERT_PTR_NULL(rv_node_find(NULL, "a", RV_STR("b")));
    CU_ASSERT_FALSE(rv_node_entry(NULL, 0, &key, &val));
    CU_ASSERT_EQUAL(rv_node_to_int(NULL, 9), 9);
    rv_node_set_int(a, NULL, "x", 1);
    rv_node_append(a, NULL, rv_node_null(a));
    struct rv_node *s = rv_node_str(a, RV_STR("text"));
    rv_node_set_int(a, s, "x", 1); /* no map: nothing happens */
    CU_ASSERT_TRUE(tree_is(a, s, "\"text\""));
    CU_ASSERT_TRUE(rv_node_equal(NULL, NULL));
    CU_ASSERT_FALSE(rv_node_equal(NULL, s));
}

static void test_equal(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *x = rv_node_from(a, from_json(a, "{\"a\":1,\"b\":[true]}")), *y = rv_node_map(a);
    rv_node_append(a, rv_node_ensure_array(a, y, "b"), rv_node_bool(a, true));
    CU_ASSERT_FALSE(rv_node_equal(x, y));
    rv_node_set(a, y, "a", rv_node_float(a, 1.0));
    CU_ASSERT_TRUE(rv_node_equal(x, y));
}

static void test_entries(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_from(a, from_json(a, "{\"z\":1,\"a\":2}")), *val;
    struct rv_str key;
    CU_ASSERT_TRUE(rv_node_entry(n, 0, &key, &val) && rv_str_is(key, "z") && rv_node_to_int(val, 0) == 1);
    CU_ASSERT_TRUE(rv_node_entry(n, 1, &key, &val) && rv_str_is(key, "a") && rv_node_to_int(val, 0) == 2);
    CU_ASSERT_FALSE(rv_node_entry(n, 2, &key, &val));
}

/* A tree that contains itself ends at the depth limit instead of never. */
static void test_cycle_ends(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_array(a);
    rv_node_append(a, n, n);
    struct rv_val v = rv_node_freeze(a, n);
    CU_ASSERT_EQUAL(rv_mp_check((struct rv_bytes){v.p, v.n}, NULL), RV_E_TOO_BIG);
}

static const struct suite_test tests[] = {
    {"build", test_build},
    {"wide", test_wide},
    {"views", test_views},
    {"copy", test_copy},
    {"arrays", test_arrays},
    {"ensure", test_ensure},
    {"NULL is absent", test_null_is_absent},
    {"equal", test_equal},
    {"entries", test_entries},
    {"cycle ends", test_cycle_ends},
};
SUITE_MAIN("sdk tree", tests)
