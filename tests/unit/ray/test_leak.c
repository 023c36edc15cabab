/* test_leak.c - what a group's pods hold, and what is told of a leak: each change once, and nothing that is not there.
 */
#include "plugins/ray/leak.h"

#include "tests/unit/sdk/suite.h"

/* What was told, in order. */
struct rv_host {
    char text[2048];
};

static void on_metric(struct rv_host *h, struct rv_str name, uint32_t type, double value, const struct rv_field *labels,
                      uint64_t n) {
    size_t used = strlen(h->text);
    CU_ASSERT_TRUE(n == 3 && rv_str_is(labels[0].value, "team") && rv_str_is(labels[2].value, "head-lost"));
    snprintf(h->text + used, sizeof h->text - used, "%c%.*s %.*s %g\n", type == RV_METRIC_REMOVED ? '-' : '+',
             (int)labels[1].value.n, labels[1].value.p, (int)name.n - 16, name.p + 16, value);
}

static const struct rv_host_api api = {.size = sizeof api, .metric = on_metric};

static bool told(struct rv_host *h, struct leak_memo *m, const char *cluster, struct leak now, const char *want) {
    h->text[0] = 0;
    leak_report(&api, h, m, LEAK_HEAD_LOST, RV_STR("team"), rv_str(cluster), &now);
    bool same = strcmp(h->text, want) == 0;
    if (!same) printf("\n    told %s", h->text);
    return same;
}

static void test_told(void) {
    struct rv_host h = {0};
    struct leak_memo m = {0};
    const int64_t s = 1000000000;
    CU_ASSERT_TRUE(told(&h, &m, "a", (struct leak){4, 8, 0}, ""));
    CU_ASSERT_TRUE(told(&h, &m, "a", (struct leak){0, 0, 7 * s}, ""));
    CU_ASSERT_TRUE(told(&h, &m, "", (struct leak){4, 8, 7 * s}, ""));
    CU_ASSERT_TRUE(
        told(&h, &m, "a", (struct leak){4, 8, 7 * s}, "+a gpus 4\n+a cpus 8\n+a since_timestamp_seconds 7\n"));
    CU_ASSERT_TRUE(told(&h, &m, "a", (struct leak){4, 8, 7 * s}, ""));
    CU_ASSERT_TRUE(
        told(&h, &m, "a", (struct leak){2, 8, 7 * s}, "+a gpus 2\n+a cpus 8\n+a since_timestamp_seconds 7\n"));
    CU_ASSERT_TRUE(told(&h, &m, "b", (struct leak){2, 8, 9 * s},
                        "-a gpus 2\n-a cpus 8\n-a since_timestamp_seconds 7\n"
                        "+b gpus 2\n+b cpus 8\n+b since_timestamp_seconds 9\n"));
    CU_ASSERT_TRUE(told(&h, &m, "b", (struct leak){0}, "-b gpus 2\n-b cpus 8\n-b since_timestamp_seconds 9\n"));
    CU_ASSERT_TRUE(told(&h, &m, "b", (struct leak){0}, ""));
    CU_ASSERT_TRUE(told(&h, &m, "c", (struct leak){0, 1, s}, "+c gpus 0\n+c cpus 1\n+c since_timestamp_seconds 1\n"));
    h.text[0] = 0;
    leak_forget(&api, &h, &m, LEAK_HEAD_LOST, RV_STR("team"));
    leak_forget(&api, &h, &m, LEAK_HEAD_LOST, RV_STR("team"));
    CU_ASSERT_STRING_EQUAL(h.text, "-c gpus 0\n-c cpus 1\n-c since_timestamp_seconds 1\n");
}

static void test_groups(void) {
    static const struct {
        const char *resources;
        double gpus, cpus;
    } rows[] = {
        {"{\"requests\":{\"cpu\":\"500m\"},\"limits\":{\"cpu\":\"2\",\"nvidia.com/gpu\":\"4\"}}", 12, 1.5},
        {"{\"limits\":{\"cpu\":2,\"memory\":\"1Gi\"}}", 0, 6},
        {"{\"limits\":{\"cpu\":\"many\"}}", 0, 0},
        {"{}", 0, 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct leak l = {0};
        struct rv_str text = rv_arena_fmt(
            a, "{\"template\":{\"spec\":{\"containers\":[{\"name\":\"x\"},{\"resources\":%s}]}}}", rows[i].resources);
        leak_add_group(&l, from_json(a, text.p), 3);
        CHECK_ROW(l.gpus >= rows[i].gpus && l.gpus <= rows[i].gpus, rows[i].resources);
        CHECK_ROW(l.cpus >= rows[i].cpus && l.cpus <= rows[i].cpus, rows[i].resources);
    }
}

static const struct suite_test tests[] = {{"a leak is told when it changes", test_told},
                                          {"what the pods of a group hold", test_groups}};
SUITE_MAIN("leaks", tests)
