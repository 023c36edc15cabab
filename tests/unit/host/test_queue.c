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

/* ---- against a model: each key is a row, and every answer is found by looking at all rows ----------------------- */

enum { MODEL_KEYS = 24 };

struct model_key {
    struct queue_key *k; /* NULL if the queue does not have it */
    uint64_t turn;       /* its place among the ready keys; 0 if it is not ready */
    int64_t due;         /* 0 if it is not delayed */
    bool low, running, dirty, held;
};

struct model {
    struct queue *q;
    struct model_key keys[MODEL_KEYS];
    uint64_t turns;
};

static void model_add(struct model *m, struct model_key *x, bool low) {
    x->dirty = true;
    if (x->turn != 0 || x->running || x->held) return;
    x->turn = ++m->turns;
    x->low = low;
    x->due = 0;
}

static void model_done(struct model *m, struct model_key *x, bool goes_on) {
    x->running = false;
    if (goes_on || x->dirty) model_add(m, x, false);
}

static void model_delay(struct model_key *x, int64_t due) {
    if (x->turn == 0 && (x->due == 0 || due < x->due)) x->due = due;
}

static void model_hold(struct model *m, struct model_key *x, bool hold) {
    if (x->held == hold) return;
    x->held = hold;
    if (hold)
        x->turn = 0, x->due = 0;
    else
        model_add(m, x, false);
}

static struct model_key *model_due(struct model *m, int64_t now) {
    struct model_key *first = NULL;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        struct model_key *x = &m->keys[i];
        if (x->due != 0 && x->due <= now && (first == NULL || x->due < first->due)) first = x;
    }
    return first;
}

static struct model_key *model_next(struct model *m, int64_t now) {
    for (struct model_key *x; (x = model_due(m, now)) != NULL; model_add(m, x, false)) x->due = 0;
    struct model_key *best = NULL;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        struct model_key *x = &m->keys[i];
        if (x->turn != 0 && (best == NULL || (x->low != best->low ? best->low : x->turn < best->turn))) best = x;
    }
    if (best != NULL) best->turn = 0, best->dirty = false, best->running = true;
    return best;
}

static bool model_agrees(const struct model *m) {
    struct queue_stats want = {0}, have = queue_stats(m->q);
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        const struct model_key *x = &m->keys[i];
        want.keys += x->k != NULL;
        want.ready += x->turn != 0;
        want.delayed += x->due != 0;
        want.running += x->running;
        if (x->due != 0 && x->due < deadline) deadline = x->due;
    }
    if (want.ready != 0) deadline = 0;
    return want.keys == have.keys && want.ready == have.ready && want.delayed == have.delayed &&
           want.running == have.running && queue_deadline(m->q) == deadline;
}

static void model_step(struct model *m, size_t i, uint64_t what, int64_t due) {
    struct model_key *x = &m->keys[i];
    char name[16];
    snprintf(name, sizeof name, "%zu", i);
    x->k = queue_ensure(m->q, &(struct rv_key){RV_STR("ns"), rv_str(name)});
    switch (what % 8) {
    case 0:
    case 1: /* a change, or one of the backlog */
        queue_add(m->q, x->k, what % 8 == 1);
        model_add(m, x, what % 8 == 1);
        break;
    case 2:
    case 3:
        queue_delay(m->q, x->k, due);
        model_delay(x, due);
        break;
    case 4:
        if (x->running) {
            queue_done(m->q, x->k);
            model_done(m, x, false);
        }
        break;
    case 5:
        if (x->running) model_done(m, x, true);
        queue_continue(m->q, x->k); /* does nothing for a key that does not run */
        break;
    case 6:
        queue_hold(m->q, x->k, what / 8 % 2 == 0);
        model_hold(m, x, what / 8 % 2 == 0);
        break;
    default:
        queue_forget(m->q, x->k);
        *x = (struct model_key){0};
    }
}

static void as_a_model(void) {
    struct model m = {.q = queue_new()};
    uint64_t r = UINT64_C(88172645463325252);
    int64_t step = 0;
    for (bool same = true; same && step < 20000; step++) {
        r ^= r << 13, r ^= r >> 7, r ^= r << 17;
        size_t i = r % MODEL_KEYS;
        /* Each key has due times that no other has, so that their order is defined. */
        model_step(&m, i, r >> 32, (step + 1 + (int64_t)(r >> 20 & 127)) * MODEL_KEYS + (int64_t)i);
        same = model_agrees(&m);
        if (same && r >> 60 < 6) {
            const struct model_key *x = model_next(&m, step * MODEL_KEYS);
            same = queue_next(m.q, step * MODEL_KEYS) == (x != NULL ? x->k : NULL) && model_agrees(&m);
        }
        if (!same) printf("\n    step %lld differs from the model", (long long)step);
    }
    CU_ASSERT_EQUAL(step, 20000);
    queue_free(m.q);
}

static const struct suite_test tests[] = {
    {"order, and each key once", order_and_once},
    {"dirty while running", dirty_while_running},
    {"delays", delays},
    {"holding", holding},
    {"forgetting", forgetting},
    {"back-off", backoff},
    {"as a model", as_a_model},
};
SUITE_MAIN("queue", tests)
