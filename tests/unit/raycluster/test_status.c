/* test_status.c - when a status is written: important changes at once, progress together. */
#include <stdio.h>

#include "plugins/raycluster/write_budget.h"
#include "rayvisor/test.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

enum { WORKERS = 8, STEP_MS = 500 };

static const char cluster[] =
    "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"headGroupSpec\":{\"rayStartParams\":{},\"template\":{\"spec\":{"
    "\"containers\":[{\"name\":\"h\",\"image\":\"i\"}]}}},\"workerGroupSpecs\":[{\"groupName\":\"g\",\"replicas\":8,"
    "\"minReplicas\":0,\"maxReplicas\":8,\"rayStartParams\":{},\"template\":{\"spec\":{\"containers\":["
    "{\"name\":\"w\",\"image\":\"i\"}]}}}]}}";

struct fixture {
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    struct rv_test_random random;
};

static void settle(struct fixture *w) {
    while (rv_fakehost_round(w->host)) {
    }
}

static void pass_time(struct fixture *w, int64_t ms) {
    rv_fakehost_advance(w->host, ms);
    settle(w);
}

/* n pods of the kind ("-head-", "-worker-") become ready, or stop being so. */
static void turn(struct fixture *w, const char *kind, unsigned n, bool ready) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val status =
        from_json(a, rv_arena_fmt(a,
                                  "{\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\",\"containerStatuses\":[],"
                                  "\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"reason\":\"x\"}]}}",
                                  ready ? "True" : "False")
                         .p);
    for (struct rv_fake_object *o = w->api->objects; o != NULL && n > 0; o = o->next) {
        bool is = rv_condition_is(rv_val_path(o->value, "status.conditions"), "Ready", "True");
        if (strcmp(o->resource, "pods") != 0 || strstr(o->name, kind) == NULL || is == ready) continue;
        CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, true, RV_STR(""), status), 0);
        n--;
    }
    settle(w);
}

static struct rv_val told(struct fixture *w) {
    return rv_val_get(rv_fakeapi_get(w->api, "rayclusters", "c")->value, "status");
}

static int64_t ready_told(struct fixture *w) { return rv_path_int(told(w), "readyWorkerReplicas", 0); }

static void start(struct fixture *w) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    *w = (struct fixture){.api = rv_fakeapi_new(INT64_C(1700000000000000000)), .random = {1}};
    CU_ASSERT_EQUAL(rv_fakeapi_create(w->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"), from_json(a, cluster), &made),
                    0);
    w->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/raycluster/raycluster.yaml",
                                                         .settings = "{}",
                                                         .api = w->api,
                                                         .random = &w->random});
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->host);
    pass_time(w, 0);
    for (int i = 0; i < 10; i++) pass_time(w, 1000);
    turn(w, "-head-", 1, true); /* the workers wait for it */
    for (int i = 0; i < 20; i++) pass_time(w, 1000);
}

static void stop(struct fixture *w) {
    rv_fakehost_free(w->host);
    rv_fakeapi_free(w->api);
}

static void test_gathered(void) {
    struct fixture w;
    start(&w);
    uint64_t writes = rv_fakehost_writes(w.host);
    int64_t step;
    for (step = 1; step < WORKERS; step++) {
        turn(&w, "-worker-", 1, true);
        if (step == 1) CU_ASSERT_EQUAL(ready_told(&w), 0);
        pass_time(&w, STEP_MS);
        if (step == 2) CU_ASSERT_EQUAL(ready_told(&w), 2); /* the first within a second */
    }
    CU_ASSERT_TRUE(rv_fakehost_writes(w.host) - writes <= 3); /* of seven */
    CU_ASSERT_TRUE(ready_told(&w) >= 2 && ready_told(&w) < WORKERS);
    turn(&w, "-worker-", 1, true); /* all: news, told at this moment */
    CU_ASSERT_EQUAL(ready_told(&w), WORKERS);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(told(&w), "state"), "ready"));
    stop(&w);
}

static void test_after_quiet(void) {
    struct fixture w;
    start(&w);
    turn(&w, "-worker-", WORKERS, true);
    CU_ASSERT_EQUAL(ready_told(&w), WORKERS);
    for (int i = 0; i < 3; i++) {
        pass_time(&w, 15000);
        turn(&w, "-worker-", 1, false);
        pass_time(&w, 1000);
        CU_ASSERT_EQUAL(ready_told(&w), WORKERS - 1);
        turn(&w, "-worker-", 1, true);
        pass_time(&w, 2000);
        CU_ASSERT_EQUAL(ready_told(&w), WORKERS);
    }
    uint64_t writes = rv_fakehost_writes(w.host);
    pass_time(&w, 600000);
    CU_ASSERT_EQUAL(rv_fakehost_writes(w.host), writes);
    stop(&w);
}

/* ---- many clusters at once: progress has turns, news has not ---------------------------------------------- */

enum { MANY = 120 };

/* The last one belongs to a RayService of that uid. */
static struct rv_str many_cluster(struct rv_arena *a, int i, struct rv_str uid) {
    struct rv_str owner = rv_arena_fmt(a,
                                       ",\"ownerReferences\":[{\"apiVersion\":\"ray.io/v1\",\"kind\":\"RayService\","
                                       "\"name\":\"s\",\"uid\":\"" RV_STR_FMT "\",\"controller\":true}]",
                                       RV_STR_ARG(uid));
    return rv_arena_fmt(a,
                        "{\"metadata\":{\"name\":\"m%03d\"" RV_STR_FMT
                        "},\"spec\":{\"headGroupSpec\":{\"rayStartParams\":{},"
                        "\"template\":{\"spec\":{\"containers\":[{\"name\":\"h\",\"image\":\"i\"}]}}},"
                        "\"workerGroupSpecs\":[{\"groupName\":\"g\",\"replicas\":1,\"minReplicas\":0,\"maxReplicas\":1,"
                        "\"rayStartParams\":{},\"template\":{\"spec\":{\"containers\":[{\"name\":\"w\","
                        "\"image\":\"i\"}]}}}]}}",
                        i, RV_STR_ARG(i == MANY - 1 ? owner : RV_STR("")));
}

static struct rv_val told_of(struct fixture *w, int i) {
    char name[8];
    (void)snprintf(name, sizeof name, "m%03d", i);
    return rv_val_get(rv_fakeapi_get(w->api, "rayclusters", name)->value, "status");
}

static bool head_told(struct fixture *w, int i) {
    return rv_condition_is(rv_val_get(told_of(w, i), "conditions"), "HeadPodReady", "True");
}

static int count_told(struct fixture *w, bool heads) {
    int n = 0;
    for (int i = 0; i < MANY; i++)
        n += heads ? head_told(w, i) : rv_val_present(rv_val_get(told_of(w, i), "conditions"));
    return n;
}

static void start_many(struct fixture *w) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    start(w);
    turn(w, "-worker-", WORKERS, true);
    pass_time(w, 60000); /* the budget is whole again */
    CU_ASSERT_EQUAL(rv_fakeapi_create(w->api, RV_STR("ray.io/v1"), RV_STR("rayservices"),
                                      from_json(a, "{\"metadata\":{\"name\":\"s\"}}"), &made),
                    0);
    struct rv_str uid = rv_path_str(made->value, "metadata.uid");
    for (int i = 0; i < MANY; i++) {
        struct rv_val object = from_json(a, many_cluster(a, i, uid).p);
        CU_ASSERT_EQUAL(rv_fakeapi_create(w->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"), object, &made), 0);
    }
    pass_time(w, 0);
    pass_time(w, 1000);
}

static void test_many(void) {
    struct fixture w;
    start_many(&w);
    int first = count_told(&w, false);
    CU_ASSERT_TRUE(first >= WRITE_BUDGET_BURST && first <= WRITE_BUDGET_BURST + 2 + MANY / WRITE_BUDGET_PODS);
    for (int i = 0; i < WRITE_BUDGET_LONGEST_MS / 1000; i++) pass_time(&w, 1000);
    CU_ASSERT_EQUAL(count_told(&w, false), MANY);

    uint64_t writes = rv_fakehost_writes(w.host);
    turn(&w, "m", MANY, true);               /* the heads: the workers do not exist yet */
    CU_ASSERT_TRUE(head_told(&w, MANY - 1)); /* its RayService waits for it */
    for (int i = 0; i < 3; i++) pass_time(&w, 1000);
    CU_ASSERT_TRUE(count_told(&w, true) <= WRITE_BUDGET_BURST + 3 + MANY / WRITE_BUDGET_PODS + 1);
    for (int i = 0; i < 30; i++) pass_time(&w, 1000);
    turn(&w, "m", 2 * MANY, true); /* the workers: ready is important, for each of them */
    pass_time(&w, 500);            /* changes of many objects are collected for a moment */
    for (int i = 0; i < MANY; i++) CU_ASSERT_TRUE(rv_str_is(rv_path_str(told_of(&w, i), "state"), "ready"));
    for (int i = 0; i < 60; i++) pass_time(&w, 1000);
    uint64_t quiet = rv_fakehost_writes(w.host);
    CU_ASSERT_TRUE(quiet - writes <= MANY * 5); /* a worker, its event, ready, and few more */
    pass_time(&w, 60000);
    CU_ASSERT_EQUAL(rv_fakehost_writes(w.host), quiet);
    stop(&w);
}

static void test_budget(void) {
    struct write_budget b = {0};
    const int64_t ms = 1000000, t = INT64_C(1700000000000) * ms;
    for (int i = 0; i < WRITE_BUDGET_BURST; i++) CU_ASSERT_EQUAL(write_budget_take(&b, t), t);
    CU_ASSERT_EQUAL(write_budget_take(&b, t), t + 1000 * ms);
    CU_ASSERT_EQUAL(write_budget_take(&b, t), t + 2000 * ms);
    CU_ASSERT_EQUAL(write_budget_take(&b, t + 3000 * ms), t + 3000 * ms);
    write_budget_earn(&b, 5 * WRITE_BUDGET_PODS);
    for (int i = 0; i < 5; i++) CU_ASSERT_EQUAL(write_budget_take(&b, t + 3000 * ms), t + 3000 * ms);
    CU_ASSERT_EQUAL(write_budget_take(&b, t + 3000 * ms), t + 4000 * ms);
    for (int i = 0; i < 1000; i++) CU_ASSERT_TRUE(write_budget_take(&b, t) <= t + WRITE_BUDGET_LONGEST_MS * ms);
    CU_ASSERT_EQUAL(write_budget_take(&b, t), t + WRITE_BUDGET_LONGEST_MS * ms);
    int64_t later = t + 120000 * ms; /* whole again */
    for (int i = 0; i < WRITE_BUDGET_BURST; i++) CU_ASSERT_EQUAL(write_budget_take(&b, later), later);
    CU_ASSERT_EQUAL(write_budget_take(&b, t), t); /* the clock was set back by two minutes */
}

static const struct suite_test tests[] = {{"steps on the way are told together", test_gathered},
                                          {"the first after quiet within a second", test_after_quiet},
                                          {"many clusters share a rate for progress", test_many},
                                          {"turns of the write budget", test_budget}};
SUITE_MAIN("raycluster: when a status is told", tests)
