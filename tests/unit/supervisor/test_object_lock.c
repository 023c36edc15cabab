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
        bool busy;
    } cases[] = {
        {ACTION("v1", "pods", "a", "x"), true},       {ACTION("v1", "pods", "b", "x"), false},
        {ACTION("v1", "pods", "a", "y"), false},      {ACTION("v1", "services", "a", "x"), false},
        {ACTION("apps/v1", "pods", "a", "x"), false}, {ACTION("v1", "pods", "a", ""), false},
    };
    struct busy *b = busy_new();
    struct busy_item item = {0};
    busy_enter(b, &item, &running);
    for (size_t i = 0; i < RV_ARRAY_LEN(cases); i++) CU_ASSERT_EQUAL(busy_with(b, &cases[i].a), cases[i].busy);
    busy_leave(&item);
    CU_ASSERT_FALSE(busy_with(b, &running));
    busy_leave(&item);
    busy_free(b);
}

/* Thousands at once, among them several on one object, leave in any order. */
static void many(void) {
    enum { N = 3000 };
    static struct busy_item items[N];
    static struct rv_action actions[N];
    static char names[N][8];
    struct busy *b = busy_new();
    for (int i = 0; i < N; i++) {
        int n = snprintf(names[i], sizeof names[i], "p%d", i / 2); /* two on each */
        actions[i] = (struct rv_action)ACTION("v1", "pods", "a", "");
        actions[i].name = (struct rv_str){names[i], (size_t)n};
        items[i] = (struct busy_item){0};
        busy_enter(b, &items[i], &actions[i]);
    }
    for (int i = 0; i < N; i += 2) busy_leave(&items[i]);
    bool all = true;
    for (int i = 0; i < N; i++) all = all && busy_with(b, &actions[i]);
    CU_ASSERT_TRUE(all);
    for (int i = N - 1; i > 0; i -= 2) busy_leave(&items[i]);
    bool any = false;
    for (int i = 0; i < N; i++) any = any || busy_with(b, &actions[i]);
    CU_ASSERT_FALSE(any);
    busy_free(b);
}

static void nameless(void) {
    const struct rv_action a = ACTION("v1", "pods", "a", "");
    struct busy *b = busy_new();
    struct busy_item item = {0};
    busy_enter(b, &item, &a);
    CU_ASSERT_FALSE(busy_with(b, &a));
    busy_leave(&item);
    busy_free(b);
}

static const struct suite_test tests[] = {{"identity", identity}, {"many", many}, {"nameless", nameless}};
SUITE_MAIN("busy", tests)
