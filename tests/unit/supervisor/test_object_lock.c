/* Which object is being worked on: by every part of its identity, and only while it is. */
#include "supervisor/actions/object_lock.h"

#include "tests/unit/sdk/suite.h"

#define ACTION(api, res, in, called)                                                                                   \
    {                                                                                                                  \
        .size = sizeof(struct rv_action), .api_version = RV_STR(api), .resource = RV_STR(res), .ns = RV_STR(in),       \
        .name = RV_STR(called)                                                                                         \
    }

static void identity(void) {
    const struct rv_action running = ACTION("v1", "pods", "a", "x");
    const struct {
        struct rv_action a;
        bool held;
    } cases[] = {
        {ACTION("v1", "pods", "a", "x"), true},       {ACTION("v1", "pods", "b", "x"), false},
        {ACTION("v1", "pods", "a", "y"), false},      {ACTION("v1", "services", "a", "x"), false},
        {ACTION("apps/v1", "pods", "a", "x"), false}, {ACTION("v1", "pods", "a", ""), false},
    };
    struct object_lock *b = object_lock_new();
    struct object_lock_item item = {0};
    object_lock_take(b, &item, &running);
    for (size_t i = 0; i < RV_ARRAY_LEN(cases); i++) CU_ASSERT_EQUAL(object_lock_held(b, &cases[i].a), cases[i].held);
    object_lock_release(&item);
    CU_ASSERT_FALSE(object_lock_held(b, &running));
    object_lock_release(&item);
    object_lock_free(b);
}

/* Thousands at once, among them several on one object, leave in any order. */
static void many(void) {
    enum { N = 3000 };
    static struct object_lock_item items[N];
    static struct rv_action actions[N];
    static char names[N][8];
    struct object_lock *b = object_lock_new();
    for (int i = 0; i < N; i++) {
        int n = snprintf(names[i], sizeof names[i], "p%d", i / 2); /* two on each */
        actions[i] = (struct rv_action)ACTION("v1", "pods", "a", "");
        actions[i].name = (struct rv_str){names[i], (size_t)n};
        items[i] = (struct object_lock_item){0};
        object_lock_take(b, &items[i], &actions[i]);
    }
    for (int i = 0; i < N; i += 2) object_lock_release(&items[i]);
    bool all = true;
    for (int i = 0; i < N; i++) all = all && object_lock_held(b, &actions[i]);
    CU_ASSERT_TRUE(all);
    for (int i = N - 1; i > 0; i -= 2) object_lock_release(&items[i]);
    bool any = false;
    for (int i = 0; i < N; i++) any = any || object_lock_held(b, &actions[i]);
    CU_ASSERT_FALSE(any);
    object_lock_free(b);
}

static void nameless(void) {
    const struct rv_action a = ACTION("v1", "pods", "a", "");
    struct object_lock *b = object_lock_new();
    struct object_lock_item item = {0};
    object_lock_take(b, &item, &a);
    CU_ASSERT_FALSE(object_lock_held(b, &a));
    object_lock_release(&item);
    object_lock_free(b);
}

static const struct suite_test tests[] = {{"identity", identity}, {"many", many}, {"nameless", nameless}};
SUITE_MAIN("object_lock", tests)
