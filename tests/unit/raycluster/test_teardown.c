/* test_teardown.c - the finalizer and the Job that empties Redis, when other objects are in the way. */
#include "fixture.h"

#define REDIS "'gcsFaultToleranceOptions':{'redisAddress':'redis:6379'}," FIXTURE_HEAD
#define JOB "c-redis-cleanup"

/* Refused, or always of an older version: asked for less and less often, told, and no pod is made meanwhile. */
static void test_refused(void) {
    static const struct {
        const char *row;
        int code;
        unsigned told;
    } rows[] = {{"by a webhook", RV_E_FORBIDDEN, 1}, {"as too old", RV_E_CONFLICT, 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        fixture_start(&w, "", REDIS);
        w.refused = "rayclusters";
        w.code = rows[i].code;
        fixture_go(&w, "{}");
        uint64_t writes = rv_fakehost_writes(w.host);
        CHECK_ROW(writes < 60, rows[i].row); /* six seconds from a back-off of milliseconds */
        rv_fakehost_advance(w.host, 60000);
        fixture_run_until_idle(&w);
        CHECK_ROW(rv_fakehost_writes(w.host) - writes < 12, rows[i].row);
        CHECK_ROW(fixture_count(&w, "pods") == 0, rows[i].row);
        CHECK_ROW((fixture_events(&w, "FailedToUpdateFinalizer") > 0) == (rows[i].told > 0), rows[i].row);
        CHECK_ROW(rv_str_is(fixture_reconciling(&w, "reason"), "FailedToUpdateFinalizer") == (rows[i].told > 0),
                  rows[i].row);
        w.refused = NULL;
        rv_fakehost_advance(w.host, 600000);
        fixture_run_until_idle(&w);
        CHECK_ROW(fixture_count(&w, "pods") == 1, rows[i].row);
        CHECK_ROW(!rv_str_is(fixture_reconciling(&w, "reason"), "FailedToUpdateFinalizer"), rows[i].row);
        fixture_stop(&w);
    }
}

static void deleted(struct fixture *w) {
    struct rv_fake_object *o = rv_fakeapi_get(w->api, "rayclusters", "c");
    (void)rv_fakeapi_delete(w->api, o, RV_STR(""));
    fixture_run_until_idle(w);
    rv_fakehost_advance(w->host, 40000); /* the grace of its pods */
    (void)rv_fakeapi_collect(w->api);
    fixture_run_until_idle(w);
}

static const struct rv_fake_object *own_job(const struct fixture *w) {
    const struct rv_fake_object *o = w->api->objects;
    while (o != NULL && (strcmp(o->resource, "jobs") != 0 || !rv_str_is(rv_meta_controller_uid(o->value), "uid-1")))
        o = o->next;
    return o;
}

static void finish(struct fixture *w, struct rv_fake_object *job) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val done = quoted(a, "{'status':{'conditions':[{'type':'Complete','status':'True'}]}}");
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, job, true, RV_STR(""), done), 0);
}

/* A Job that is not ours says nothing of our Redis. */
static void test_other_job(void) {
    static const char *const jobs[] = {
        "{'metadata':{'name':'" JOB "','labels':{'ray.io/node-type':'redis-cleanup'}}}", /* seen, and has finished */
        "{'metadata':{'name':'" JOB "'}}",                                               /* not seen */
        NULL,
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(jobs); i++) {
        const char *row = jobs[i] != NULL ? jobs[i] : "none";
        struct fixture w;
        fixture_start(&w, "", REDIS);
        if (jobs[i] != NULL) finish(&w, fixture_create(&w, "batch/v1", "jobs", jobs[i]));
        fixture_go(&w, "{}");
        deleted(&w);
        const struct rv_fake_object *job = own_job(&w);
        CU_ASSERT_PTR_NOT_NULL_FATAL(job);
        CHECK_ROW((strcmp(job->name, JOB) == 0) == (jobs[i] == NULL), row);
        CHECK_ROW(rv_fakeapi_get(w.api, "rayclusters", "c") != NULL, row);
        rv_autoarena struct rv_arena *a = rv_arena_new();
        made_is(a, row, made_at(a, job->value, "metadata.annotations|ray.io/kuberay-version"), NULL);
        made_is(a, row, made_at(a, job->value, "spec.template.metadata.annotations|ray.io/kuberay-version"), NULL);
        CHECK_ROW(fixture_events(&w, "FailedToCreateRedisCleanupJob") == 0, row);
        finish(&w, rv_fakeapi_get(w.api, "jobs", job->name));
        fixture_run_until_idle(&w);
        CHECK_ROW(rv_fakeapi_get(w.api, "rayclusters", "c") == NULL, row);
        fixture_stop(&w);
    }
}

static void test_namespace_ends(void) {
    struct fixture w;
    fixture_start(&w, "", REDIS);
    fixture_go(&w, "{}");
    w.refused = "jobs";
    w.code = RV_E_FORBIDDEN;
    w.why = "jobs.batch \"" JOB "\" is forbidden: unable to create new content in namespace ns because it is being "
            "terminated";
    deleted(&w);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(w.api, "rayclusters", "c"));
    CU_ASSERT_EQUAL(fixture_events(&w, "ForceDeletedStuckCluster"), 1);
    fixture_stop(&w);
}

/* Ends with the Job's failure: the cluster goes, and an event says what is left. */
static void test_cleanup_fails(void) {
    struct fixture w;
    fixture_start(&w, "", REDIS);
    fixture_go(&w, "{}");
    deleted(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(own_job(&w));
    fixture_check(&w, "rayclusters", "c", "status.state", NULL);
    CU_ASSERT_TRUE(rv_str_is(fixture_reconciling(&w, "reason"), "Deleting"));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val failed =
        quoted(a, "{'status':{'conditions':[{'type':'Failed','status':'True','reason':'BackoffLimitExceeded'}]}}");
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w.api, rv_fakeapi_get(w.api, "jobs", JOB), true, RV_STR(""), failed), 0);
    fixture_run_until_idle(&w);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(w.api, "rayclusters", "c"));
    CU_ASSERT_EQUAL(fixture_events(&w, "RedisCleanupFailed"), 1);
    CU_ASSERT_TRUE(fixture_events(&w, "storage namespace uid-1") >= 1);
    fixture_stop(&w);
}

/* The spec has forgotten Redis, or keeps its state elsewhere by now; the head pod has not. */
static void test_options_taken_out(void) {
    static const char *const edits[] = {"{'spec':{'gcsFaultToleranceOptions':null}}",
                                        "{'spec':{'gcsFaultToleranceOptions':{'redisAddress':'other:1'}}}"};
    for (size_t i = 0; i < RV_ARRAY_LEN(edits); i++) {
        struct fixture w;
        fixture_start(&w, "",
                      "'gcsFaultToleranceOptions':{'redisAddress':'redis:6379','externalStorageNamespace':'mine',"
                      "'redisPassword':{'valueFrom':{'secretKeyRef':{'name':'s','key':'k'}}}}," FIXTURE_HEAD);
        fixture_go(&w, "{}");
        fixture_edit(&w, "rayclusters", "c", edits[i]);
        deleted(&w);
        const struct rv_fake_object *job = own_job(&w);
        CU_ASSERT_PTR_NOT_NULL_FATAL(job);
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *env = rv_node_path(rv_node_from(a, job->value), "spec.template.spec.containers[0].env");
        struct rv_node *address = rv_node_find(env, "name", RV_STR("RAY_REDIS_ADDRESS")),
                       *password = rv_node_find(env, "name", RV_STR("REDIS_PASSWORD")),
                       *space = rv_node_find(env, "name", RV_STR("RAY_external_storage_namespace"));
        CHECK_ROW(rv_str_is(rv_node_text(rv_node_get(address, "value")), "redis:6379"), edits[i]);
        CHECK_ROW(rv_str_is(rv_node_text(rv_node_path(password, "valueFrom.secretKeyRef.name")), "s"), edits[i]);
        CHECK_ROW(rv_str_is(rv_node_text(rv_node_get(space, "value")), "mine"), edits[i]);
        finish(&w, rv_fakeapi_get(w.api, "jobs", JOB));
        fixture_run_until_idle(&w);
        CHECK_ROW(rv_fakeapi_get(w.api, "rayclusters", "c") == NULL, edits[i]);
        fixture_stop(&w);
    }
    struct fixture w; /* the head has gone as well, and nobody knows any more */
    fixture_start(&w, "", REDIS);
    fixture_go(&w, "{}");
    fixture_edit(&w, "rayclusters", "c", "{'spec':{'suspend':true}}");
    rv_fakehost_advance(w.host, 40000);
    (void)rv_fakeapi_collect(w.api);
    fixture_run_until_idle(&w);
    fixture_edit(&w, "rayclusters", "c", edits[0]);
    deleted(&w);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(w.api, "rayclusters", "c"));
    CU_ASSERT_EQUAL(fixture_events(&w, "RedisNotCleanedUp"), 1);
    fixture_stop(&w);
}

static const struct suite_test tests[] = {{"the clean-up fails", test_cleanup_fails},
                                          {"the options were taken out", test_options_taken_out},
                                          {"the finalizer is refused", test_refused},
                                          {"a Job of that name", test_other_job},
                                          {"the namespace ends", test_namespace_ends}};
SUITE_MAIN("raycluster: teardown", tests)
