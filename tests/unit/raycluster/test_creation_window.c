/* test_creation_window.c - a big group is created no faster than the scheduler takes its pods; gangs, other schedulers,
 * and one that is not there are not waited for. */
#include <stdio.h>

#include "rayvisor/test.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

enum { ROOM = 8, PATIENCE_MS = 7000 };

struct fixture {
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    struct rv_test_random random;
};

static void start_group(struct fixture *w, const char *settings, const char *worker_spec, const char *more,
                        unsigned replicas) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    struct rv_str text = rv_arena_fmt(
        a,
        "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"headGroupSpec\":{\"rayStartParams\":{},\"template\":{\"spec\":{"
        "\"containers\":[{\"name\":\"h\",\"image\":\"i\"}]}}},\"workerGroupSpecs\":[{\"groupName\":\"g\",\"replicas\":%"
        "u,%s"
        "\"minReplicas\":0,\"maxReplicas\":2147483647,\"rayStartParams\":{},\"template\":{\"spec\":{%s\"containers\":["
        "{\"name\":\"w\",\"image\":\"i\"}]}}}]}}",
        replicas, more, worker_spec);
    *w = (struct fixture){.api = rv_fakeapi_new(INT64_C(1700000000000000000)), .random = {1}};
    CU_ASSERT_EQUAL(rv_fakeapi_create(w->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"), from_json(a, text.p), &made),
                    0);
    w->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/raycluster/raycluster.yaml",
                                                         .settings = settings,
                                                         .api = w->api,
                                                         .random = &w->random});
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->host);
}

static void start(struct fixture *w, const char *settings, const char *worker_spec, unsigned replicas) {
    start_group(w, settings, worker_spec, "", replicas);
}

static void stop(struct fixture *w) {
    rv_fakehost_free(w->host);
    rv_fakeapi_free(w->api);
}

/* Until nothing more happens at this moment. */
static unsigned workers(struct fixture *w) {
    unsigned n = 0;
    while (rv_fakehost_round(w->host)) {
    }
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, "pods") == 0 && strstr(o->name, "-worker-") != NULL;
    return n;
}

/* The scheduler takes n pods; it finds no node for them, which is an answer, too. */
static void schedule(struct fixture *w, unsigned n) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val status = from_json(a, "{\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\","
                                        "\"status\":\"False\",\"reason\":\"Unschedulable\"}]}}");
    for (struct rv_fake_object *o = w->api->objects; o != NULL && n > 0; o = o->next)
        if (strcmp(o->resource, "pods") == 0 && !rv_val_present(rv_val_path(o->value, "status.conditions"))) {
            CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, true, RV_STR(""), status), 0);
            n--;
        }
}

/* What happens at this moment, and what of it was put off for less than a second. */
static unsigned soon(struct fixture *w) {
    (void)workers(w);
    rv_fakehost_advance(w->host, 900);
    return workers(w);
}

static void test_pace(void) {
    struct fixture w;
    start(&w, "{}", "", 100);
    unsigned n = workers(&w);
    CU_ASSERT_TRUE(n < ROOM && n > ROOM / 2); /* with the head */
    schedule(&w, 5);
    CU_ASSERT_EQUAL(soon(&w), n + 5);
    schedule(&w, ROOM);
    CU_ASSERT_EQUAL(soon(&w), n + 5 + ROOM);
    stop(&w);
}

static unsigned waiting(struct fixture *w) {
    unsigned n = 0;
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, "pods") == 0 && !rv_val_present(rv_val_path(o->value, "status.conditions"));
    return n;
}

/* How many pods wait for a scheduler that takes so many between two looks. */
static void test_window(void) {
    static const struct {
        const char *what;
        unsigned takes, least, most;
    } rows[] = {
        {"one: two are enough", 1, 1, 2},
        {"three", 3, 3, 4},
        {"all that there are: more and more", 1000, 16, 64},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        start(&w, "{}", "", 5000);
        (void)soon(&w);
        for (unsigned k = 0; k < 60; k++) {
            schedule(&w, rows[i].takes);
            (void)soon(&w);
        }
        unsigned n = waiting(&w);
        CHECK_ROW(n >= rows[i].least && n <= rows[i].most, rows[i].what);
        if (n < rows[i].least || n > rows[i].most) printf("    %u wait\n", n);
        stop(&w);
    }
}

static void test_no_scheduler(void) {
    struct fixture w;
    start(&w, "{}", "", 40);
    unsigned n = workers(&w);
    for (int i = 0; i < 5; i++) {
        rv_fakehost_advance(w.host, PATIENCE_MS);
        unsigned more = workers(&w);
        CU_ASSERT_TRUE(more > n || n == 40);
        n = more;
    }
    CU_ASSERT_EQUAL(n, 40);
    stop(&w);
}

static void test_whole_gangs(void) {
    static const struct {
        const char *what, *settings, *spec;
    } rows[] = {
        {"a batch scheduler", "{\"batchScheduler\":\"yunikorn\"}", ""},
        {"a scheduler of the user", "{}", "\"schedulerName\":\"mine\","},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        start(&w, rows[i].settings, rows[i].spec, 60);
        CHECK_ROW(soon(&w) == 60, rows[i].what);
        stop(&w);
    }
}

/* However much is asked for, a pass makes no more than there is room for. */
static void test_sizes(void) {
    static const struct {
        const char *what, *more;
        unsigned replicas, least, most, whole; /* whole: as many in the end */
    } rows[] = {
        {"as many replicas as there are numbers", "\"numOfHosts\":2,", 2147483647, 6, 8, 0},
        {"as many pods", "", 2147483647, 6, 8, 0},
        {"a replica of as many hosts", "\"numOfHosts\":2147483647,", 1, 8, 32, 0},
        {"a replica of many hosts", "\"numOfHosts\":100,", 1, 8, 32, 100},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        start_group(&w, "{}", "", rows[i].more, rows[i].replicas);
        unsigned n = workers(&w);
        CHECK_ROW(n >= rows[i].least && n <= rows[i].most, rows[i].what);
        for (unsigned k = 0; k < 20; k++) {
            schedule(&w, 100);
            n = soon(&w);
        }
        CHECK_ROW(rows[i].whole == 0 ? n > 200 : n == rows[i].whole, rows[i].what);
        stop(&w);
    }
}

/* The work of a pass grows with the number of groups, not with its square. */
static void test_many_groups(void) {
    enum { GROUPS = 3000 };
    struct fixture w;
    rv_autobuf struct rv_buf spec = {0};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (unsigned i = 0; i < GROUPS; i++)
        rv_buf_addf(
            &spec,
            "%s{\"groupName\":\"g%u\",\"replicas\":0,\"minReplicas\":0,\"maxReplicas\":9,\"template\":{\"spec\":{"
            "\"containers\":[{\"name\":\"w\"}]}}}",
            i > 0 ? "," : "", i);
    start(&w, "{}", "", 0);
    struct rv_val patch = from_json(a, rv_arena_fmt(a, "{\"spec\":{\"workerGroupSpecs\":[%s]}}", rv_buf_cstr(&spec)).p);
    struct rv_fake_object *cluster = rv_fakeapi_get(w.api, "rayclusters", "c");
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w.api, cluster, false, RV_STR(""), patch), 0);
    (void)soon(&w);
    CU_ASSERT_EQUAL(rv_path_int(cluster->value, "status.observedGeneration", 0), 2);
    stop(&w);
}

static const struct suite_test tests[] = {{"no faster than the scheduler", test_pace},
                                          {"as many as it takes at a time", test_window},
                                          {"a scheduler that is not there", test_no_scheduler},
                                          {"gangs are created whole", test_whole_gangs},
                                          {"sizes beyond reason", test_sizes},
                                          {"thousands of groups", test_many_groups}};
SUITE_MAIN("raycluster: creation window", tests)
