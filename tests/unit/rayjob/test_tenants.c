/* test_tenants.c - a RayJob uses its own cluster, or one that its selector chooses, and makes no Service that its user
 * may not make himself. */
#include "scenario.h"
#include "tests/unit/ray/made.h"

/* The status names somebody else's cluster: whoever may write it gets no job into that one. */
static void test_forged_status(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    scenario_begin(&s);
    struct rv_fake_object *theirs = NULL;
    CU_ASSERT_EQUAL_FATAL(rv_fakeapi_create(s.api, RV_STR("ray.io/v1"), RV_STR("rayclusters"),
                                            quoted(a, "{'metadata':{'name':'theirs'},'spec':{}}"), &theirs),
                          0);
    scenario_patch(&s, "rayclusters", "theirs", true, "{'status':{'state':'ready'}}");
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, true, "{'status':{'rayClusterName':'theirs'}}");
    scenario_wait(&s, 30);
    CU_ASSERT_TRUE(s.submitted == 0 && s.asked == 0);
    CU_ASSERT_FALSE(scenario_is(&s, "Running", ""));
    CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(s.api, "rayclusters", "theirs"));
    scenario_end(&s);
}

/* The operator refuses the address to which the user's Service leads: that is told, and held against no job. */
static void test_address_refused(void) {
    struct scenario s = {.mode = "HTTPMode",
                         .ray = "RUNNING",
                         .submitting = {.code = RV_E_DENIED, .text = "refused: 127.0.0.1 is a loopback address"}};
    s.asking = s.submitting;
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 600);
    struct rv_val why = scenario_condition(&s, "Reconciling");
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(why, "reason"), "DashboardNotAsked"));
    CU_ASSERT_TRUE(scenario_says(rv_path_str(why, "message"), "127.0.0.1 is a loopback address"));
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    scenario_end(&s);
}

static void test_service(void) {
    static const char *const settings[] = {"{}", "{\"allowExternalServices\":true}"};
    for (size_t i = 0; i < RV_ARRAY_LEN(settings); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING", .settings = settings[i]};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, false,
                       "{'spec':{'headGroupSpec':{'headService':{'spec':{'externalIPs':['10.1.2.3']}}}}}");
        scenario_wait(&s, 2);
        scenario_delete(&s, "services", SCENARIO_JOB "-head-svc");
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_count(&s, "services") == i, settings[i]);
        scenario_end(&s);
    }
}

static const struct suite_test tests[] = {{"a status that names another's cluster", test_forged_status},
                                          {"an address that is refused", test_address_refused},
                                          {"a service that its user may not make", test_service}};
SUITE_MAIN("rayjob: tenants", tests)
