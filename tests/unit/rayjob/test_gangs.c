/* test_gangs.c - RayJobs with each batch scheduler: what it needs is there when the job begins, and given back when the
 * job ends, pauses or tries again. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

#define VOLCANO "{\"batchScheduler\":\"volcano\"}"
#define GROUP "ray-j-pg"

static void begin(struct scenario *s, const char *mode, const char *settings, const char *spec) {
    *s = (struct scenario){.mode = mode, .ray = "RUNNING", .settings = settings, .spec = spec};
    scenario_begin(s);
    scenario_cluster_runs(s);
    scenario_wait(s, 5);
    CHECK_ROW(scenario_is(s, "Running", ""), settings);
}

/* Of the group; -1: there is none. */
static int64_t members(const struct scenario *s) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, "podgroups", GROUP);
    return o != NULL ? rv_path_int(o->value, "spec.minMember", -2) : -1;
}

static bool wants_nothing(const struct scenario *s) {
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
            struct scenario s;
            begin(&s, modes[k], rows[i].settings, ",'shutdownAfterJobFinishes':true");
            CHECK_ROW(scenario_count(&s, "podgroups") == rows[i].groups, rows[i].settings);
            CHECK_ROW(rows[i].groups == 0 || members(&s) == 2, modes[k]);
            s.ray = "SUCCEEDED";
            if (k == 0) scenario_submitter_ends(&s, true);
            scenario_wait(&s, 10);
            if (k < 2) CHECK_ROW(scenario_is(&s, "Complete", "") && scenario_cluster(&s) == NULL, rows[i].settings);
            if (k < 2) CHECK_ROW(rows[i].groups == 0 || wants_nothing(&s), modes[k]);
            CHECK_ROW(s.complaints == 0, rows[i].settings);
            scenario_end(&s);
        }
}

static void test_cluster_that_stays(void) {
    struct scenario s;
    begin(&s, "HTTPMode", VOLCANO, "");
    s.ray = "SUCCEEDED";
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    CU_ASSERT_EQUAL(members(&s), 2);
    scenario_delete(&s, "rayclusters", NULL); /* by somebody, later */
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(wants_nothing(&s));
    scenario_end(&s);
}

static void test_workers_go(void) {
    static const char *const modes[] = {"HTTPMode", "K8sJobMode"};
    for (size_t i = 0; i < RV_ARRAY_LEN(modes); i++) {
        struct scenario s;
        begin(&s, modes[i], VOLCANO,
              ",'deletionStrategy':{'onSuccess':{'policy':'DeleteWorkers'},'onFailure':{'policy':'DeleteNone'}}");
        s.ray = "SUCCEEDED";
        if (i == 1) scenario_submitter_ends(&s, true);
        scenario_wait(&s, 10);
        CHECK_ROW(scenario_is(&s, "Complete", ""), modes[i]);
        CHECK_ROW(rv_path_bool(scenario_cluster(&s)->value, "spec.workerGroupSpecs[0].suspend", false), modes[i]);
        CHECK_ROW(members(&s) == 1, modes[i]);
        scenario_end(&s);
    }
}

static void test_pause_and_again(void) {
    struct scenario s;
    begin(&s, "HTTPMode", VOLCANO, ",'shutdownAfterJobFinishes':true,'backoffLimit':1");
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'suspend':true}}");
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Suspended", "") && wants_nothing(&s));
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'suspend':false}}");
    scenario_wait(&s, 40); /* until the old head has gone */
    CU_ASSERT_EQUAL(members(&s), 2);
    scenario_cluster_runs(&s);
    s.ray = "FAILED"; /* and once more */
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Initializing", "") && members(&s) == 2);
    CU_ASSERT_EQUAL(scenario_count(&s, "podgroups"), 1);
    CU_ASSERT_EQUAL(s.complaints, 0);
    scenario_end(&s);
}

static void test_shared_cluster(void) {
    struct scenario s = {.mode = "K8sJobMode", .shared = "theirs", .ray = "RUNNING", .settings = VOLCANO};
    scenario_begin(&s);
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_EQUAL(scenario_count(&s, "podgroups"), 0);
    scenario_end(&s);
}

static const struct suite_test tests[] = {{"each scheduler", test_each},
                                          {"a cluster that stays", test_cluster_that_stays},
                                          {"workers that go", test_workers_go},
                                          {"a pause, and once more", test_pause_and_again},
                                          {"a shared cluster", test_shared_cluster}};
SUITE_MAIN("rayjob: gangs", tests)
