/* What is kept of each object, in which order and within which bounds, and how it is written. */
#include "supervisor/trail/history.h"
#include "supervisor/trail/latencies.h"

#include "tests/unit/sdk/suite.h"

static const int64_t SECOND = 1000000000;

static struct happening action(const char *name, const char *target, int64_t at) {
    return (struct happening){.what = HAPPENING_RESULT,
                              .at = at,
                              .plugin = "raycluster",
                              .kind = "RayCluster",
                              .ns = RV_STR("team"),
                              .name = rv_str(name),
                              .verb = "create",
                              .code = "OK",
                              .http_status = 201,
                              .retries = 1,
                              .waited_us = 1500,
                              .took_us = 20250,
                              .resource = RV_STR("pods"),
                              .target_ns = RV_STR("team"),
                              .target = rv_str(target)};
}

struct seen {
    size_t n;
    char targets[512];
    struct rv_buf json;
};

static void see(void *arg, const struct happening *h) {
    struct seen *s = arg;
    struct jsonw w = {.out = &s->json};
    size_t used = strlen(s->targets);
    s->n++;
    snprintf(s->targets + used, sizeof s->targets - used, "%.*s ", (int)h->target.n, h->target.p);
    rv_buf_clear(&s->json);
    jsonw_begin_object(&w, NULL);
    happening_write(h, &w);
    jsonw_end_object(&w);
}

static size_t look(const struct history *h, const char *kind, const char *name, struct seen *s, int64_t *gone) {
    *s = (struct seen){0};
    size_t n = history_each(h, rv_str(kind), RV_STR("team"), rv_str(name), 100 * SECOND, gone, see, s);
    CU_ASSERT_EQUAL(n, s->n);
    rv_buf_free(&s->json);
    return n;
}

static void test_kept(void) {
    struct history *h = history_new(&(struct history_bounds){4096, 65536, 10 * SECOND});
    struct seen s = {0};
    int64_t gone;
    struct happening a = action("demo", "head", SECOND), b = action("demo", "worker", 2 * SECOND);
    history_add(h, &a);
    history_add(h, &b);
    static const char *const names[] = {"raycluster", "RayCluster", "RAYCLUSTERS"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++) {
        CHECK_ROW(look(h, names[i], "demo", &s, &gone) == 2, names[i]);
        CHECK_ROW(strcmp(s.targets, "head worker ") == 0 && gone == -1, names[i]);
    }
    CU_ASSERT_EQUAL(look(h, "rayjob", "demo", &s, &gone), 0);
    CU_ASSERT_EQUAL(look(h, "raycluster", "dem", &s, &gone), 0);
    CU_ASSERT_TRUE(history_has(h, "RayCluster", RV_STR("team"), RV_STR("demo")));
    CU_ASSERT_FALSE(history_has(h, "RayCluster", RV_STR("other"), RV_STR("demo")));
    history_free(h);
}

static void write_one(const struct happening *in, const char *want) {
    struct history *h = history_new(&(struct history_bounds){4096, 65536, 0});
    struct seen s = {0};
    int64_t gone;
    history_add(h, in);
    history_each(h, rv_str(in->kind), in->ns, in->name, 0, &gone, see, &s);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&s.json), want);
    rv_buf_free(&s.json);
    history_free(h);
}

/* Nothing is lost on the way through the history. */
static void test_written(void) {
    struct happening a = action("demo", "demo-head", 1764511445123456000);
    write_one(&a, "{\"time\":\"2025-11-30T14:04:05.123456Z\",\"what\":\"result\",\"plugin\":\"raycluster\","
                  "\"kind\":\"RayCluster\",\"namespace\":\"team\",\"name\":\"demo\",\"verb\":\"create\","
                  "\"resource\":\"pods\",\"targetNamespace\":\"team\",\"target\":\"demo-head\",\"code\":\"OK\","
                  "\"httpStatus\":201,\"retries\":1,\"waitedMs\":1.500,\"tookMs\":20.250}");
    struct happening p = {.what = HAPPENING_PASS,
                          .at = 1764511445123456000,
                          .plugin = "raycluster",
                          .kind = "RayCluster",
                          .ns = RV_STR("team"),
                          .name = RV_STR("demo"),
                          .cause = MSG_CAUSE_RELATED | MSG_CAUSE_RESULTS | MSG_CAUSE_GONE,
                          .changes = 3,
                          .quiet = 2,
                          .actions = 1,
                          .outcome = RV_AFTER,
                          .next_ms = 5000,
                          .related_kind = "Pod",
                          .waited_us = 42,
                          .target = RV_STR("demo-head"),
                          .text = RV_STR("makes the head\nwaits")};
    write_one(&p,
              "{\"time\":\"2025-11-30T14:04:05.123456Z\",\"what\":\"pass\",\"plugin\":\"raycluster\","
              "\"kind\":\"RayCluster\",\"namespace\":\"team\",\"name\":\"demo\",\"causes\":[\"related\",\"results\"],"
              "\"related\":{\"kind\":\"Pod\",\"name\":\"demo-head\",\"deleted\":true,\"changes\":3},"
              "\"waitedMs\":0.042,\"quietBefore\":2,\"actions\":1,\"outcome\":\"after\",\"nextMs\":5000,"
              "\"said\":[\"makes the head\",\"waits\"]}");
}

static void test_bounds(void) {
    struct history *h = history_new(&(struct history_bounds){1024, 4096, 0});
    struct seen s = {0};
    int64_t gone;
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "t%d", i);
        struct happening a = action("busy", name, i);
        history_add(h, &a);
        CU_ASSERT_TRUE(history_stats(h).bytes <= 1024);
    }
    CU_ASSERT_TRUE(look(h, "raycluster", "busy", &s, &gone) >= 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.targets, "t99 "));
    CU_ASSERT_PTR_NULL(strstr(s.targets, "t0 "));
    for (int i = 0; i < 100; i++) { /* what is oldest of all goes */
        snprintf(name, sizeof name, "n%d", i);
        struct happening a = action(name, "x", i);
        history_add(h, &a);
        CU_ASSERT_TRUE(history_stats(h).bytes <= 4096);
    }
    CU_ASSERT_EQUAL(look(h, "raycluster", "busy", &s, &gone), 0);
    CU_ASSERT_EQUAL(look(h, "raycluster", "n99", &s, &gone), 1);
    CU_ASSERT_TRUE(history_stats(h).dropped > 100);
    history_reconfigure(h, &(struct history_bounds){0, 0, 0});
    CU_ASSERT_EQUAL(history_stats(h).entries + history_stats(h).objects + history_stats(h).bytes, 0);
    struct happening a = action("n1", "x", 1);
    history_add(h, &a);
    CU_ASSERT_EQUAL(history_stats(h).entries, 0);
    history_free(h);
}

/* A long text is cut between two characters, and a name that no object can have is not kept. */
static void test_long_texts(void) {
    struct history *h = history_new(&(struct history_bounds){65536, 65536, 0});
    rv_autobuf struct rv_buf b = {0};
    struct seen s = {0};
    int64_t gone;
    for (int i = 0; i < 400; i++) rv_buf_adds(&b, "\xc3\xa4");
    struct happening a = action("demo", "x", 1);
    a.text = rv_buf_str(&b);
    history_add(h, &a);
    a.name = rv_buf_str(&b);
    history_add(h, &a);
    CU_ASSERT_EQUAL(history_stats(h).entries, 1);
    history_each(h, RV_STR("raycluster"), RV_STR("team"), RV_STR("demo"), 0, &gone, see, &s);
    CU_ASSERT_TRUE(s.json.n < 1000 && rv_json_to_mp(rv_buf_str(&s.json), NULL, &b, NULL) == 0);
    rv_buf_free(&s.json);
    history_free(h);
}

static void test_after_deletion(void) {
    struct history *h = history_new(&(struct history_bounds){4096, 65536, 10 * SECOND});
    struct rv_str ns = RV_STR("team"), demo = RV_STR("demo");
    struct seen s = {0};
    int64_t gone;
    struct happening a = action("demo", "head", 1), b = action("demo", "worker", 2), c = action("other", "head", 3);
    history_gone(h, "RayCluster", ns, demo, SECOND); /* nothing is known of it */
    history_add(h, &a);
    history_add(h, &b);
    history_add(h, &c);
    history_gone(h, "RayCluster", ns, demo, 95 * SECOND);
    history_gone(h, "RayCluster", ns, demo, 99 * SECOND); /* by another plugin */
    CU_ASSERT_TRUE(look(h, "raycluster", "demo", &s, &gone) == 2 && gone == 5 * SECOND);
    history_sweep(h, 104 * SECOND);
    CU_ASSERT_EQUAL(look(h, "raycluster", "demo", &s, &gone), 2);
    history_back(h, "RayCluster", ns, demo);
    CU_ASSERT_TRUE(look(h, "raycluster", "demo", &s, &gone) == 2 && gone == -1);
    history_sweep(h, 200 * SECOND);
    CU_ASSERT_EQUAL(look(h, "raycluster", "demo", &s, &gone), 2);
    history_gone(h, "RayCluster", ns, demo, 200 * SECOND);
    history_sweep(h, 210 * SECOND);
    CU_ASSERT_EQUAL(look(h, "raycluster", "demo", &s, &gone), 0);
    CU_ASSERT_EQUAL(look(h, "raycluster", "other", &s, &gone), 1);
    CU_ASSERT_EQUAL(history_stats(h).objects, 1);
    history_free(h);
}

static void count_series(void *arg, const struct latency_series *s) {
    struct latency_series *last = arg;
    uint64_t n = last->n;
    *last = *s;
    last->n = n + 1;
}

static void test_latencies(void) {
    struct latencies *l = latencies_new();
    struct latency_series s = {0};
    latencies_add(l, LATENCY_ACTION, RV_STR("create"), RV_STR("pods"), 1000); /* as long as a bound: below it */
    latencies_add(l, LATENCY_ACTION, RV_STR("create"), RV_STR("pods"), 1001);
    latencies_add(l, LATENCY_ACTION, RV_STR("create"), RV_STR("pods"), 99000000);
    latencies_each(l, LATENCY_ACTION, count_series, &s);
    CU_ASSERT_TRUE(s.n == 1 && s.counts[0] == 1 && s.counts[1] == 1 && s.counts[LATENCY_BOUNDS] == 1);
    CU_ASSERT_EQUAL(s.us, 99002001);
    s = (struct latency_series){0};
    latencies_each(l, LATENCY_TURN, count_series, &s);
    CU_ASSERT_EQUAL(s.n, 0);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        latencies_add(l, LATENCY_ACTION, RV_STR("create"), rv_str(name), 1);
    }
    s = (struct latency_series){0};
    latencies_each(l, LATENCY_ACTION, count_series, &s);
    CU_ASSERT_EQUAL(s.n, LATENCY_SERIES_MAX);
    CU_ASSERT_TRUE(rv_str_is(s.a, "other") && rv_str_is(s.b, "other") && s.counts[0] > 700);
    latencies_free(l);
}

static const struct suite_test tests[] = {
    {"what happened is found by the object's names, in order", test_kept},
    {"what happened is written with everything that belongs to it", test_written},
    {"each object and all together have a bound", test_bounds},
    {"long texts are cut, impossible names left out", test_long_texts},
    {"a deleted object is remembered for a while, one that is back for longer", test_after_deletion},
    {"durations are counted in buckets, and series are bounded", test_latencies},
};
SUITE_MAIN("trail", tests)
