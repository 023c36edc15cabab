/* test_queue.c - which key comes next. The time is only a number here. */
#include "plugins/host/queue.h"
#include "tests/unit/sdk/suite.h"

static struct queue_key *add(struct queue *q, const char *name, bool low) {
    struct queue_key *k = queue_ensure(q, &(struct rv_key){RV_STR("ns"), rv_str(name)});
    queue_add(q, k, low);
    return k;
}

/* The names that come out until nothing is ready, each finished at once. */
static const char *drain(struct queue *q, int64_t now) {
    static char text[256];
    size_t n = 0;
    for (struct queue_key *k; (k = queue_next(q, now)) != NULL && n + 2 < sizeof text; queue_done(q, k))
        text[n++] = k->name.p[0];
    text[n] = 0;
    return text;
}

static void order_and_once(void) {
    struct queue *q = queue_new();
    add(q, "l", true);
    add(q, "a", false);
    add(q, "b", false);
    add(q, "a", false);
    add(q, "m", true);
    CU_ASSERT_EQUAL(queue_deadline(q), 0);
    CU_ASSERT_STRING_EQUAL(drain(q, 0), "ablm"); /* live changes before the backlog, each key once */
    CU_ASSERT_EQUAL(queue_deadline(q), INT64_MAX);
    CU_ASSERT_EQUAL(queue_stats(q).keys, 4);
    queue_free(q);
}

static void dirty_while_running(void) {
    struct queue *q = queue_new();
    struct queue_key *a = add(q, "a", false);
    CU_ASSERT_PTR_EQUAL(queue_next(q, 0), a);
    add(q, "a", false);
    CU_ASSERT_PTR_NULL(queue_next(q, 0)); /* never twice at a time */
    queue_done(q, a);
    CU_ASSERT_STRING_EQUAL(drain(q, 0), "a");
    add(q, "a", false);
    (void)queue_next(q, 0); /* waits for results */
    queue_continue(q, a);
    CU_ASSERT_STRING_EQUAL(drain(q, 0), "a");
    queue_free(q);
}

static void delays(void) {
    struct queue *q = queue_new();
    const char *const names[] = {"c", "a", "d", "b"};
    static const int64_t due[] = {30, 10, 40, 20};
    for (int i = 0; i < 4; i++) queue_delay(q, queue_ensure(q, &(struct rv_key){RV_STR(""), rv_str(names[i])}), due[i]);
    CU_ASSERT_EQUAL(queue_deadline(q), 10);
    CU_ASSERT_STRING_EQUAL(drain(q, 9), "");
    CU_ASSERT_STRING_EQUAL(drain(q, 20), "ab");
    struct queue_key *d = queue_find(q, &(struct rv_key){RV_STR(""), RV_STR("d")});
    queue_delay(q, d, 50); /* an earlier plan stays */
    queue_delay(q, d, 25); /* a later one goes */
    CU_ASSERT_STRING_EQUAL(drain(q, 25), "d");
    queue_add(q, queue_find(q, &(struct rv_key){RV_STR(""), RV_STR("c")}), false); /* a change does not wait */
    CU_ASSERT_STRING_EQUAL(drain(q, 25), "c");
    CU_ASSERT_STRING_EQUAL(drain(q, 1000), "");
    queue_free(q);
}

static void holding(void) {
    struct queue *q = queue_new();
    struct queue_key *a = add(q, "a", false), *b = add(q, "b", true);
    queue_hold(q, a, true);
    queue_hold(q, b, true);
    add(q, "a", false);
    queue_delay(q, a, 1);
    CU_ASSERT_STRING_EQUAL(drain(q, 100), "");
    a->failures = 7;
    queue_hold(q, a, false);
    CU_ASSERT_EQUAL(a->failures, 0);
    CU_ASSERT_STRING_EQUAL(drain(q, 100), "a");
    CU_ASSERT_PTR_EQUAL(queue_find(q, &(struct rv_key){RV_STR("ns"), RV_STR("b")}), b);
    queue_free(q);
}

static void forgetting(void) {
    struct queue *q = queue_new();
    char name[16];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "%d", i);
        struct queue_key *k = add(q, name, i % 2 == 0);
        if (i % 3 == 0) queue_delay(q, k, i);
        if (i % 5 == 0) queue_forget(q, k);
    }
    CU_ASSERT_EQUAL(queue_stats(q).keys, 400);
    CU_ASSERT_PTR_NULL(queue_find(q, &(struct rv_key){RV_STR("ns"), RV_STR("10")}));
    size_t n = 0;
    for (struct queue_key *k; (k = queue_next(q, 0)) != NULL; n++) queue_forget(q, k); /* while it runs */
    CU_ASSERT_EQUAL(n, 400);
    CU_ASSERT_EQUAL(queue_stats(q).keys + queue_stats(q).running, 0);
    queue_free(q);
}

static void backoff(void) {
    static const struct {
        uint32_t failures;
        int64_t most;
    } rows[] = {
        {0, 0}, {1, 5}, {2, 10}, {3, 20}, {9, 1280}, {16, 163840}, {17, 300000}, {1000, 300000}, {UINT32_MAX, 300000}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (uint64_t r = 0; r < 50; r++) {
            int64_t ms = queue_backoff_ms(rows[i].failures, r * UINT64_C(0x9e3779b97f4a7c15));
            CU_ASSERT_TRUE(ms <= rows[i].most && ms >= rows[i].most - rows[i].most / 5);
        }
}

static const struct suite_test tests[] = {
    {"order, and each key once", order_and_once},
    {"dirty while running", dirty_while_running},
    {"delays", delays},
    {"holding", holding},
    {"forgetting", forgetting},
    {"back-off", backoff},
};
SUITE_MAIN("queue", tests)
