/* test_gang.c - the life of a scheduler's objects: pods wait for their group, a group that cannot be changed is made
 * anew, one that is not asked for goes. */
#include "rayvisor/test.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

#define GUARD "scheduling.k8s.io/podgroup-protection"
#define WAS "{\"featureGates\":{\"KubernetesWAS\":true}}"
#define VOLCANO "{\"batchScheduler\":\"volcano\"}"

struct fixture {
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    struct rv_test_random random;
};

static const char cluster[] =
    "{\"metadata\":{\"name\":\"c\",\"labels\":{\"ray.io/gang-scheduling-enabled\":\"true\"}},\"spec\":{"
    "\"headGroupSpec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"h\",\"image\":\"i\"}]}}},"
    "\"workerGroupSpecs\":[{\"groupName\":\"g\",\"replicas\":2,\"minReplicas\":0,\"maxReplicas\":9,\"template\":{"
    "\"spec\":{\"containers\":[{\"name\":\"w\",\"image\":\"i\",\"resources\":{\"requests\":{\"gpu\":\"1\"}}}]}}}]}}";

static void start(struct fixture *w, const char *settings) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    *w = (struct fixture){.api = rv_fakeapi_new(INT64_C(1700000000000000000)), .random = {7}};
    CU_ASSERT_EQUAL(rv_fakeapi_create(w->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"), from_json(a, cluster), &made),
                    0);
    w->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/raycluster/raycluster.yaml",
                                                         .settings = settings,
                                                         .api = w->api,
                                                         .random = &w->random});
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->host);
}

static void stop(struct fixture *w) {
    rv_fakehost_free(w->host);
    rv_fakeapi_free(w->api);
}

static void settle(struct fixture *w) {
    for (int i = 0; i < 6; i++) {
        while (rv_fakehost_round(w->host)) {
        }
        rv_fakehost_advance(w->host, 1000);
    }
}

static void patch(struct fixture *w, const char *resource, const char *name, const char *body) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = rv_fakeapi_get(w->api, resource, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, false, RV_STR(""), from_json(a, body)), 0);
}

static unsigned count(const struct fixture *w, const char *resource) {
    unsigned n = 0;
    for (const struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, resource) == 0;
    return n;
}

static int64_t number(const struct fixture *w, const char *resource, const char *name, const char *path) {
    const struct rv_fake_object *o = rv_fakeapi_get(w->api, resource, name);
    return o != NULL ? rv_path_int(o->value, path, -1) : -2;
}

#define MIN_COUNT "spec.schedulingPolicy.gang.minCount"

static void test_group_first(void) {
    static const struct {
        const char *settings, *resource, *group;
    } rows[] = {{VOLCANO, "podgroups", "ray-c-pg"},
                {"{\"batchScheduler\":\"scheduler-plugins\"}", "podgroups", "c"},
                {WAS, "podgroups", "c-cluster"},
                {WAS, "workloads", "c"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        start(&w, rows[i].settings);
        for (unsigned step = 0; step < 400; step++) { /* whatever fails on the way */
            while (rv_fakehost_deliver(w.host)) {
            }
            rv_fakehost_run(w.host);
            if (!rv_fakehost_serve(w.host, 70)) rv_fakehost_advance(w.host, 500);
            bool there = rv_fakeapi_get(w.api, rows[i].resource, rows[i].group) != NULL;
            CHECK_ROW(there || count(&w, "pods") == 0, rows[i].group);
        }
        for (unsigned m = 0; m < 5; m++) { /* whatever waits after failures */
            rv_fakehost_advance(w.host, 60000);
            settle(&w);
        }
        CHECK_ROW(count(&w, "pods") == 3, rows[i].group);
        stop(&w);
    }
}

/* A group without pods would keep room in its queue that nobody uses. */
static void test_suspended(void) {
    static const char *const settings[] = {VOLCANO, WAS};
    for (size_t i = 0; i < RV_ARRAY_LEN(settings); i++) {
        struct fixture w;
        start(&w, settings[i]);
        patch(&w, "rayclusters", "c", "{\"spec\":{\"suspend\":true}}");
        settle(&w);
        CHECK_ROW(count(&w, "podgroups") + count(&w, "workloads") == 0, settings[i]);
        patch(&w, "rayclusters", "c", "{\"spec\":{\"suspend\":false}}");
        settle(&w);
        CHECK_ROW(count(&w, "podgroups") == 1 && count(&w, "pods") == 3, settings[i]);
        stop(&w);
    }
}

static void test_size_follows(void) {
    struct fixture w;
    start(&w, VOLCANO);
    settle(&w);
    CU_ASSERT_EQUAL(number(&w, "podgroups", "ray-c-pg", "spec.minMember"), 3);
    patch(&w, "rayclusters", "c", "{\"spec\":{\"workerGroupSpecs\":null}}");
    settle(&w);
    CU_ASSERT_EQUAL(number(&w, "podgroups", "ray-c-pg", "spec.minMember"), 1);
    CU_ASSERT_FALSE(
        rv_val_present(rv_val_path(rv_fakeapi_get(w.api, "podgroups", "ray-c-pg")->value, "spec.minResources.gpu")));
    stop(&w);
}

#define REPLICAS(n)                                                                                                    \
    "{\"spec\":{\"workerGroupSpecs\":[{\"groupName\":\"g\",\"replicas\":" n                                            \
    ",\"minReplicas\":0,\"maxReplicas\":9,\"template\":{\"spec\":{\"containers\":[{\"name\":\"w\",\"image\":\"i\"}]}}" \
    "}]}}"

/* Kubernetes guards a group that pods name, and pods stay: without more it would be on its way out for ever. */
static void test_made_anew(void) {
    struct fixture w;
    start(&w, WAS);
    settle(&w);
    patch(&w, "podgroups", "c-cluster", "{\"metadata\":{\"finalizers\":[\"" GUARD "\"]}}");
    settle(&w);
    rv_autofree char *old = rv_strdup(rv_str(rv_fakeapi_get(w.api, "podgroups", "c-cluster")->uid));
    patch(&w, "rayclusters", "c", REPLICAS("4"));
    settle(&w);
    CU_ASSERT_EQUAL(number(&w, "workloads", "c", "spec.controllerRef.name"), -1);
    CU_ASSERT_EQUAL(number(&w, "podgroups", "c-cluster", MIN_COUNT), 5);
    CU_ASSERT_EQUAL(count(&w, "workloads"), 1);
    CU_ASSERT_EQUAL(count(&w, "podgroups"), 1);
    CU_ASSERT_EQUAL(count(&w, "pods"), 5);
    CU_ASSERT_STRING_NOT_EQUAL(rv_fakeapi_get(w.api, "podgroups", "c-cluster")->uid, old);
    uint64_t writes = rv_fakehost_writes(w.host);
    settle(&w);
    CU_ASSERT_EQUAL(rv_fakehost_writes(w.host), writes);
    stop(&w);
}

/* Somebody else's finalizer is none of our business: the group stays until he is done, and no pod is made meanwhile. */
static void test_others_finalizer(void) {
    struct fixture w;
    start(&w, WAS);
    settle(&w);
    patch(&w, "podgroups", "c-cluster", "{\"metadata\":{\"finalizers\":[\"x/y\",\"" GUARD "\"]}}");
    patch(&w, "rayclusters", "c", REPLICAS("4"));
    settle(&w);
    struct rv_val left = rv_val_path(rv_fakeapi_get(w.api, "podgroups", "c-cluster")->value, "metadata.finalizers");
    CU_ASSERT_TRUE(json_is(left, "[\"x/y\"]"));
    CU_ASSERT_EQUAL(count(&w, "pods"), 3);
    patch(&w, "podgroups", "c-cluster", "{\"metadata\":{\"finalizers\":null}}");
    settle(&w);
    CU_ASSERT_EQUAL(number(&w, "podgroups", "c-cluster", MIN_COUNT), 5);
    CU_ASSERT_EQUAL(count(&w, "pods"), 5);
    stop(&w);
}

static void test_deleted_by_somebody(void) {
    struct fixture w;
    start(&w, WAS);
    settle(&w);
    patch(&w, "podgroups", "c-cluster", "{\"metadata\":{\"finalizers\":[\"" GUARD "\"]}}");
    CU_ASSERT_EQUAL(rv_fakeapi_delete(w.api, rv_fakeapi_get(w.api, "podgroups", "c-cluster"), RV_STR("")), 0);
    settle(&w);
    CU_ASSERT_EQUAL(number(&w, "podgroups", "c-cluster", MIN_COUNT), 3);
    CU_ASSERT_FALSE(rv_meta_deleting(rv_fakeapi_get(w.api, "podgroups", "c-cluster")->value));
    CU_ASSERT_EQUAL(count(&w, "pods"), 3);
    stop(&w);
}

static void test_no_gang_any_more(void) {
    struct fixture w;
    start(&w, WAS);
    settle(&w);
    patch(&w, "podgroups", "c-cluster", "{\"metadata\":{\"finalizers\":[\"" GUARD "\"]}}");
    patch(&w, "rayclusters", "c", "{\"metadata\":{\"labels\":null}}");
    settle(&w);
    CU_ASSERT_EQUAL(count(&w, "podgroups") + count(&w, "workloads"), 0);
    CU_ASSERT_EQUAL(count(&w, "pods"), 3);
    stop(&w);
}

/* A group of that name that is not ours: Volcano's is as good, Kubernetes' could not be kept to our size. */
static void test_somebody_elses(void) {
    static const struct {
        const char *settings, *api, *group;
        unsigned pods;
    } rows[] = {{VOLCANO, "scheduling.volcano.sh/v1beta1", "ray-c-pg", 3},
                {WAS, "scheduling.k8s.io/v1alpha2", "c-cluster", 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        struct rv_fake_object *made;
        start(&w, rows[i].settings);
        struct rv_val theirs =
            from_json(a, rv_arena_fmt(a, "{\"metadata\":{\"name\":\"%s\"},\"spec\":{}}", rows[i].group).p);
        CU_ASSERT_EQUAL(rv_fakeapi_create(w.api, rv_str(rows[i].api), RV_STR("podgroups"), theirs, &made), 0);
        settle(&w);
        CHECK_ROW(count(&w, "pods") == rows[i].pods, rows[i].group);
        stop(&w);
    }
}

static const struct suite_test tests[] = {
    {"no pod before its group", test_group_first},
    {"a suspended cluster needs no group", test_suspended},
    {"a group follows the cluster's size", test_size_follows},
    {"one that cannot be changed is made anew", test_made_anew},
    {"finalizers of others stay", test_others_finalizer},
    {"one that somebody deletes is made again", test_deleted_by_somebody},
    {"a gang that is not asked for any more", test_no_gang_any_more},
    {"a group that is not ours", test_somebody_elses},
};
SUITE_MAIN("raycluster: gangs", tests)
