/* Events give way to work: by table, with times of our own. */
#include "supervisor/actions/event_queue.h"
#include "tests/unit/sdk/suite.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

static void pace(void) {
    static const struct {
        const char *name;
        int64_t took, since_answer, waited;
        bool urgent, goes;
    } rows[] = {
        {"nothing known yet", 0, 0, 0, false, true},
        {"a quick server", 5 * MS, 0, 0, false, true},
        {"a slow server", 100 * MS, 10 * MS, 10 * MS, false, false},
        {"slow, and long without an answer: a probe", 100 * MS, 600 * MS, 600 * MS, false, true},
        {"slow, but it waited for a minute", 100 * MS, 10 * MS, 60 * SECOND, false, true},
        {"slow, but we are leaving", 100 * MS, 10 * MS, 10 * MS, true, true},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct event_queue *q = event_queue_new();
        struct event_queue_item item;
        int64_t now = 1000 * SECOND;
        if (rows[i].took != 0) event_queue_measure(q, rows[i].took, now - rows[i].since_answer);
        CHECK_ROW(event_queue_push(q, &item, 1, 0, now - rows[i].waited), rows[i].name);
        CHECK_ROW((event_queue_pop(q, now, rows[i].urgent) == &item) == rows[i].goes, rows[i].name);
        CHECK_ROW(event_queue_count(q) == (rows[i].goes ? 0U : 1U), rows[i].name);
        event_queue_free(q);
    }
}

/* A slow server gets one probe at a time; its answers decide how it goes on. */
static void probes(void) {
    struct event_queue *q = event_queue_new();
    struct event_queue_item items[3];
    int64_t now = 1000 * SECOND;
    event_queue_measure(q, 200 * MS, now);
    for (size_t i = 0; i < 3; i++) CU_ASSERT_TRUE(event_queue_push(q, &items[i], 1, 0, now));
    now += 600 * MS;
    CU_ASSERT_PTR_EQUAL(event_queue_pop(q, now, false), &items[0]);
    CU_ASSERT_PTR_NULL(event_queue_pop(q, now, false));
    for (int i = 0; i < 20; i++) event_queue_measure(q, 2 * MS, now);
    CU_ASSERT_PTR_EQUAL(event_queue_pop(q, now, false), &items[1]);
    CU_ASSERT_PTR_EQUAL(event_queue_pop(q, now, false), &items[2]);
    CU_ASSERT_PTR_NULL(event_queue_pop(q, now, false));
    event_queue_free(q);
}

static void bound(void) {
    struct event_queue *q = event_queue_new();
    size_t many = 20001, taken = 0;
    struct event_queue_item *items = rv_alloc_array(many, sizeof *items);
    for (size_t i = 0; i < many; i++) taken += event_queue_push(q, &items[i], 1, 0, 1);
    CU_ASSERT_EQUAL(taken, 20000);
    while (event_queue_pop(q, 1, true) != NULL) taken--;
    CU_ASSERT_EQUAL(taken, 0);
    /* Large ones of one owner leave room for another's, and what went leaves room as well. */
    enum { LARGE = 1 << 20 };
    size_t of_one = 0;
    for (size_t i = 0; i < 100; i++) of_one += event_queue_push(q, &items[i], LARGE, 7, 1);
    CU_ASSERT_EQUAL(of_one, 8);
    CU_ASSERT_TRUE(event_queue_push(q, &items[100], LARGE, 8, 1));
    CU_ASSERT_PTR_NOT_NULL(event_queue_pop(q, 1, true));
    CU_ASSERT_TRUE(event_queue_push(q, &items[101], LARGE, 7, 1));
    CU_ASSERT_FALSE(event_queue_push(q, &items[102], LARGE, 7, 1));
    rv_freep(&items);
    event_queue_free(q);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"when an event may go", pace}, {"a slow server is probed", probes}, {"not without bound", bound}};
    return suite_run("event_queue", tests, RV_ARRAY_LEN(tests));
}
