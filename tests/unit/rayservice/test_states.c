/* test_states.c - RayServices that do not come up as they are: specs that are refused, suspensions, time-outs. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

static bool says(const struct scenario *s, const char *type, const char *reason, const char *words) {
    struct rv_val c = scenario_condition(s, type);
    rv_autofree char *message = rv_strdup(rv_path_str(c, "message"));
    bool same = rv_str_is(rv_path_str(c, "reason"), reason) && strstr(message, words) != NULL;
    if (!same) printf("\n    " RV_STR_FMT ": %s", RV_STR_ARG(rv_path_str(c, "reason")), message);
    return same;
}

/* ---- refused ----------------------------------------------------------------------------------------------------- */

#define NOTE(key, value) "{'" key "':'" value "'}"
#define INCREMENTAL(options) "{'type':'NewClusterWithIncrementalUpgrade'" options "}"
#define OPTIONS(list) INCREMENTAL(",'clusterUpgradeOptions':{" list "}")

static void refused(void) {
    static const struct {
        const char *strategy, *notes, *more, *words; /* words NULL: it is taken */
    } rows[] = {
        {NULL, NULL, NULL, NULL},
        {NULL, NOTE("ray.io/initializing-timeout", "10m"), NULL, NULL},
        {NULL, NOTE("ray.io/initializing-timeout", "300"), NULL, NULL},
        {NULL, NOTE("ray.io/initializing-timeout", "soon"), NULL,
         "metadata.annotations[ray.io/initializing-timeout] must be a positive duration"},
        {NULL, NOTE("ray.io/initializing-timeout", "0"), NULL, "must be a positive duration"},
        {NULL, NOTE("ray.io/initializing-timeout", "-5"), NULL, "must be a positive duration"},
        {"{'type':'NewCluster'}", NULL, NULL, NULL},
        {"{'type':'None'}", NULL, NULL, NULL},
        {"{'type':'OldCluster'}", NULL, NULL, "Spec.UpgradeStrategy.Type value OldCluster is invalid"},
        {NULL, NULL, ",'rayClusterDeletionDelaySeconds':0", NULL},
        {NULL, NULL, ",'rayClusterDeletionDelaySeconds':-1",
         "spec.rayClusterDeletionDelaySeconds should be a non-negative integer, got -1"},
        {INCREMENTAL(""), NULL, NULL, "ClusterUpgradeOptions are required"},
        {OPTIONS("'maxSurgePercent':100,'stepSizePercent':100,'intervalSeconds':1,'gatewayClassName':'g'"), NULL, NULL,
         NULL},
        {OPTIONS("'maxSurgePercent':0,'stepSizePercent':0,'intervalSeconds':1,'gatewayClassName':'g'"), NULL, NULL,
         NULL},
        {OPTIONS("'maxSurgePercent':-1,'stepSizePercent':0,'intervalSeconds':1,'gatewayClassName':'g'"), NULL, NULL,
         "maxSurgePercent must be between 0 and 100"},
        {OPTIONS("'maxSurgePercent':101,'stepSizePercent':0,'intervalSeconds':1,'gatewayClassName':'g'"), NULL, NULL,
         "maxSurgePercent must be between 0 and 100"},
        {OPTIONS("'intervalSeconds':1,'gatewayClassName':'g'"), NULL, NULL,
         "stepSizePercent must be between 0 and 100"},
        {OPTIONS("'stepSizePercent':101,'intervalSeconds':1,'gatewayClassName':'g'"), NULL, NULL,
         "stepSizePercent must be between 0 and 100"},
        {OPTIONS("'maxSurgePercent':10,'stepSizePercent':11,'intervalSeconds':1,'gatewayClassName':'g'"), NULL, NULL,
         "stepSizePercent must be less than or equal to maxSurgePercent"},
        {OPTIONS("'stepSizePercent':10,'gatewayClassName':'g'"), NULL, NULL, "intervalSeconds must be greater than 0"},
        {OPTIONS("'stepSizePercent':10,'intervalSeconds':0,'gatewayClassName':'g'"), NULL, NULL,
         "intervalSeconds must be greater than 0"},
        {OPTIONS("'stepSizePercent':10,'intervalSeconds':1"), NULL, NULL, "gatewayClassName is required"},
        {OPTIONS("'stepSizePercent':10,'intervalSeconds':1"), NOTE("rayvisor.io/traffic", "Endpoints"), NULL, NULL},
        {NULL, NOTE("rayvisor.io/upgrade-deadline", "0"), NULL, NULL},
        {NULL, NOTE("rayvisor.io/upgrade-deadline", "x"), NULL,
         "metadata.annotations[rayvisor.io/upgrade-deadline] must"},
        {NULL, NOTE("rayvisor.io/max-drain", "0"), NULL, NULL},
        {NULL, NOTE("rayvisor.io/max-drain", "x"), NULL, "metadata.annotations[rayvisor.io/max-drain] must"},
        {NULL, NOTE("rayvisor.io/upgrade-deadline-policy", "RollBack"), NULL, NULL},
        {NULL, NOTE("rayvisor.io/upgrade-deadline-policy", "Report"), NULL, NULL},
        {NULL, NOTE("rayvisor.io/upgrade-deadline-policy", "Panic"), NULL, "must be RollBack or Report, got \"Panic\""},
        {NULL, NOTE("rayvisor.io/traffic", "Gateway"), NULL, NULL},
        {NULL, NOTE("rayvisor.io/traffic", "pigeons"), NULL, "metadata.annotations[rayvisor.io/traffic] must be "},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.strategy = rows[i].strategy, .notes = rows[i].notes, .more = rows[i].more, .workers = 1};
        const char *row = rows[i].words != NULL ? rows[i].words : "taken";
        scenario_begin(&s);
        scenario_settle(&s);
        CHECK_ROW(scenario_clusters(&s) == (rows[i].words == NULL ? 1 : 0), row);
        if (rows[i].words != NULL) CHECK_ROW(says(&s, "Ready", "ValidationFailed", rows[i].words), row);
        scenario_end(&s);
    }
}

/* What was refused is taken up when it is repaired. */
static void repaired(void) {
    struct scenario s = {.strategy = "{'type':'OldCluster'}", .workers = 1};
    scenario_begin(&s);
    scenario_for(&s, 5);
    CU_ASSERT_EQUAL(scenario_clusters(&s), 0);
    scenario_patch(&s, "{'spec':{'upgradeStrategy':{'type':'NewCluster'}}}");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    scenario_end(&s);
}

/* ---- suspended --------------------------------------------------------------------------------------------------- */

static bool suspended(struct scenario *s) { return scenario_is(s, "Suspended", "True"); }

static void suspends_and_resumes(void) {
    struct scenario s = {.workers = 1};
    scenario_start(&s);
    struct scenario_name old = scenario_name(scenario_active(&s));
    /* What there is nothing to say of is absent. */
    CU_ASSERT_FALSE(rv_val_present(rv_val_get(scenario_status(&s), "retiredClusters")));
    CU_ASSERT_FALSE(rv_val_present(rv_val_get(scenario_status(&s), "upgrade")));
    scenario_patch(&s, "{'spec':{'suspend':true}}");
    scenario_settle(&s);
    CU_ASSERT_FALSE(scenario_is(&s, "Ready", "True"));
    CU_ASSERT_TRUE(scenario_until(&s, suspended));
    CU_ASSERT_TRUE(says(&s, "Suspending", "SuspendComplete", "All owned resources have been deleted."));
    CU_ASSERT_TRUE(says(&s, "Ready", "SuspendComplete", "RayService is suspended."));
    CU_ASSERT_TRUE(scenario_clusters(&s) == 0 && scenario_active(&s).n == 0);
    for (const struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next)
        CHECK_ROW(strcmp(o->resource, "services") != 0, o->name);
    scenario_for(&s, 60);
    CU_ASSERT_TRUE(suspended(&s) && scenario_clusters(&s) == 0);
    scenario_patch(&s, "{'spec':{'suspend':false}}");
    scenario_settle(&s);
    CU_ASSERT_TRUE(says(&s, "Suspended", "RayServiceResumed", "RayService has resumed."));
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_FALSE(rv_str_is(scenario_active(&s), old.text));
    scenario_end(&s);
}

/* ---- time-outs --------------------------------------------------------------------------------------------------- */

static bool timed_out(struct scenario *s) {
    return rv_str_is(rv_path_str(scenario_condition(s, "Ready"), "reason"), "InitializingTimeout");
}

static void initializing_takes_too_long(void) {
    struct scenario s = {.notes = NOTE("ray.io/initializing-timeout", "60"), .workers = 1};
    scenario_begin(&s);
    s.w.bad_config = true;
    scenario_for(&s, 58);
    CU_ASSERT_FALSE(timed_out(&s));
    CU_ASSERT_EQUAL(scenario_clusters(&s), 1);
    scenario_for(&s, 4);
    CU_ASSERT_TRUE(timed_out(&s));
    CU_ASSERT_TRUE(says(&s, "Ready", "InitializingTimeout", "within the configured timeout of 60s"));
    CU_ASSERT_TRUE(scenario_told(&s, "RayServiceInitializingTimeout") >= 1 && scenario_active(&s).n == 0);
    scenario_end(&s);
}

static void in_time(void) {
    struct scenario s = {.notes = NOTE("ray.io/initializing-timeout", "60"), .workers = 1, .deploy_s = 20};
    scenario_start(&s);
    scenario_for(&s, 120);
    CU_ASSERT_TRUE(scenario_settled(&s) && scenario_told(&s, "RayServiceInitializingTimeout") == 0);
    scenario_end(&s);
}

/* ---- its Services ------------------------------------------------------------------------------------------------ */

/* People and NetworkPolicies find them by these labels. */
static void labels_of_services(void) {
    static const struct {
        const char *service, *label, *want;
    } rows[] = {{FIXTURE_SERVICE "-head-svc", "ray.io/originated-from-cr-name", FIXTURE_SERVICE},
                {FIXTURE_SERVICE "-head-svc", "ray.io/originated-from-crd", "RayService"},
                {FIXTURE_SERVICE "-head-svc", "ray.io/node-type", "head"},
                {FIXTURE_SERVICE "-head-svc", "ray.io/identifier", FIXTURE_SERVICE "-head"},
                {FIXTURE_SERVICE "-serve-svc", "ray.io/originated-from-cr-name", FIXTURE_SERVICE},
                {FIXTURE_SERVICE "-serve-svc", "ray.io/originated-from-crd", "RayService"}};
    struct scenario s = {.workers = 1};
    scenario_start(&s);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        const struct rv_fake_object *o = rv_fakeapi_get(s.api, "services", rows[i].service);
        CU_ASSERT_PTR_NOT_NULL_FATAL(o);
        struct rv_str is = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), rows[i].label));
        CHECK_ROW(rv_str_is(is, rows[i].want), rows[i].label);
    }
    scenario_end(&s);
}

static const struct suite_test tests[] = {{"refused", refused},
                                          {"repaired", repaired},
                                          {"suspends and resumes", suspends_and_resumes},
                                          {"initializing takes too long", initializing_takes_too_long},
                                          {"in time", in_time},
                                          {"labels of services", labels_of_services}};
SUITE_MAIN("rayservice: states", tests)
