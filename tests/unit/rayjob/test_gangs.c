/* test_gangs.c - RayJobs with each batch scheduler: what it needs is there when the job begins, and given back when the
 * job ends, pauses or tries again. */
#include "scene.h"
#include "tests/unit/sdk/suite.h"

#define VOLCANO "{\"batchScheduler\":\"volcano\"}"
#define GROUP "ray-j-pg"

static void begin(struct scene *s, const char *mode, const char *settings, const char *spec) {
    *s = (struct scene){.mode = mode, .ray = "RUNNING", .settings = settings, .spec = spec};
    scene_begin(s);
    scene_cluster_runs(s);
    scene_wait(s, 5);
    CHECK_ROW(scene_is(s, "Running", ""), settings);
}

/* Of the group; -1: there is none. */
static int64_t members(const struct scene *s) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, "podgroups", GROUP);
    return o != NULL ? rv_path_int(o->value, "spec.minMember", -2) : -1;
}

static bool wants_nothing(const struct scene *s) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, "podgroups", GROUP);
    return o != NULL && members(s) == 0 && rv_val_len(rv_val_path(o->value, "spec.minResources")) == 0;
}

/* No scheduler keeps a job from running; only Volcano wants an object of the job's. */
static void test_each(void) {
    static const struct {
        const char *settings;
        unsigned groups;
    } rows[] = {{"{}", 0},
                {VOLCANO, 1},
                {"{\"batchScheduler\":\"yunikorn\"}", 0},
                {"{\"batchScheduler\":\"kai-scheduler\"}", 0},
                {"{\"batchScheduler\":\"scheduler-plugins\"}", 0},
                {"{\"featureGates\":{\"KubernetesWAS\":true}}", 0}};
    static const char *const modes[] = {"K8sJobMode", "HTTPMode", "SidecarMode"};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < RV_ARRAY_LEN(modes); k++) {
            struct scene s;
            begin(&s, modes[k], rows[i].settings, ",'shutdownAfterJobFinishes':true");
            CHECK_ROW(scene_count(&s, "podgroups") == rows[i].groups, rows[i].settings);
            CHECK_ROW(rows[i].groups == 0 || members(&s) == 2, modes[k]);
            s.ray = "SUCCEEDED";
            if (k == 0) scene_submitter_ends(&s, true);
            scene_wait(&s, 10);
            if (k < 2) CHECK_ROW(scene_is(&s, "Complete", "") && scene_cluster(&s) == NULL, rows[i].settings);
            if (k < 2) CHECK_ROW(rows[i].groups == 0 || wants_nothing(&s), modes[k]);
            CHECK_ROW(s.complaints == 0, rows[i].settings);
            scene_end(&s);
        }
}

static void test_cluster_that_stays(void) {
    struct scene s;
    begin(&s, "HTTPMode", VOLCANO, "");
    s.ray = "SUCCEEDED";
    scene_wait(&s, 10);
    CU_ASSERT_TRUE(scene_is(&s, "Complete", ""));
    CU_ASSERT_EQUAL(members(&s), 2);
    scene_delete(&s, "rayclusters", NULL); /* by somebody, later */
    scene_wait(&s, 5);
    CU_ASSERT_TRUE(wants_nothing(&s));
    scene_end(&s);
}

static void test_workers_go(void) {
    static const char *const modes[] = {"HTTPMode", "K8sJobMode"};
    for (size_t i = 0; i < RV_ARRAY_LEN(modes); i++) {
        struct scene s;
        begin(&s, modes[i], VOLCANO,
              ",'deletionStrategy':{'onSuccess':{'policy':'DeleteWorkers'},'onFailure':{'policy':'DeleteNone'}}");
        s.ray = "SUCCEEDED";
        if (i == 1) scene_submitter_ends(&s, true);
        scene_wait(&s, 10);
        CHECK_ROW(scene_is(&s, "Complete", ""), modes[i]);
        CHECK_ROW(rv_path_bool(scene_cluster(&s)->value, "spec.workerGroupSpecs[0].suspend", false), modes[i]);
        CHECK_ROW(members(&s) == 1, modes[i]);
        scene_end(&s);
    }
}

static void test_pause_and_again(void) {
    struct scene s;
    begin(&s, "HTTPMode", VOLCANO, ",'shutdownAfterJobFinishes':true,'backoffLimit':1");
    scene_patch(&s, "rayjobs", SCENE_JOB, false, "{'spec':{'suspend':true}}");
    scene_wait(&s, 5);
    CU_ASSERT_TRUE(scene_is(&s, "Suspended", "") && wants_nothing(&s));
    scene_patch(&s, "rayjobs", SCENE_JOB, false, "{'spec':{'suspend':false}}");
    scene_wait(&s, 40); /* until the old head has gone */
    CU_ASSERT_EQUAL(members(&s), 2);
    scene_cluster_runs(&s);
    s.ray = "FAILED"; /* and once more */
    scene_wait(&s, 10);
    CU_ASSERT_TRUE(scene_is(&s, "Initializing", "") && members(&s) == 2);
    CU_ASSERT_EQUAL(scene_count(&s, "podgroups"), 1);
    CU_ASSERT_EQUAL(s.complaints, 0);
    scene_end(&s);
}

static void test_shared_cluster(void) {
    struct scene s = {.mode = "K8sJobMode", .shared = "theirs", .ray = "RUNNING", .settings = VOLCANO};
    scene_begin(&s);
    scene_wait(&s, 5);
    CU_ASSERT_TRUE(scene_is(&s, "Running", ""));
    CU_ASSERT_EQUAL(scene_count(&s, "podgroups"), 0);
    scene_end(&s);
}

static const struct suite_test tests[] = {{"each scheduler", test_each},
                                          {"a cluster that stays", test_cluster_that_stays},
                                          {"workers that go", test_workers_go},
                                          {"a pause, and once more", test_pause_and_again},
                                          {"a shared cluster", test_shared_cluster}};
SUITE_MAIN("rayjob: gangs", tests)
