/* test_leftovers.c - what an earlier upgrade, rollback or suspension left behind holds up nothing, and a cluster that
 * is being deleted counts as none, however long a finalizer keeps it. */
#include "rayvisor/json.h"
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

static bool half_way(struct scenario *s) { return scenario_share(s) >= 40; }
static bool alone(struct scenario *s) { return scenario_pending(s).n == 0 && scenario_clusters(s) == 1; }

static void revert(struct scenario *s) {
    scenario_patch(s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
}

/* The condition goes with the rollback, whichever way that ends, and the next upgrade comes to its end. */
static void after_a_rollback(void) {
    static const struct {
        const char *row, *strategy, *then; /* then: the strategy in the middle of the rollback; NULL: as before */
    } rows[] = {{"in shares", SCENARIO_INCREMENTAL(50, 50, 5), NULL},
                {"at once", NULL, NULL},
                {"in shares, then at once", SCENARIO_INCREMENTAL(50, 50, 5),
                 "{'type':'NewCluster','clusterUpgradeOptions':null}"},
                {"at once, then in shares", NULL, SCENARIO_INCREMENTAL(50, 50, 5)}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.strategy = rows[i].strategy, .workers = 1, .deploy_s = 3};
        scenario_start(&s);
        struct scenario_name old = scenario_name(scenario_active(&s));
        scenario_env(&s, "2");
        CHECK_ROW(scenario_until(&s, rows[i].strategy != NULL ? half_way : scenario_upgrading), rows[i].row);
        revert(&s);
        scenario_settle(&s);
        if (rows[i].strategy != NULL) CHECK_ROW(scenario_is(&s, "RollbackInProgress", "True"), rows[i].row);
        if (rows[i].then != NULL) scenario_patch(&s, "{'spec':{'upgradeStrategy':%s}}", rows[i].then);
        CHECK_ROW(scenario_until(&s, alone), rows[i].row);
        CHECK_ROW(rv_str_is(scenario_active(&s), old.text), rows[i].row);
        CHECK_ROW(!rv_val_present(scenario_condition(&s, "RollbackInProgress")), rows[i].row);
        scenario_env(&s, "3");
        CHECK_ROW(scenario_until(&s, scenario_upgrading), rows[i].row);
        CHECK_ROW(!rv_val_present(scenario_condition(&s, "RollbackInProgress")), rows[i].row);
        CHECK_ROW(scenario_until(&s, scenario_settled), rows[i].row);
        CHECK_ROW(!rv_str_is(scenario_active(&s), old.text), rows[i].row);
        scenario_end(&s);
    }
}

/* A condition that stayed, as an operator that died or another one leaves it, is taken away before the next upgrade. */
static void after_another_operator(void) {
    static const char *const strategies[] = {SCENARIO_INCREMENTAL(50, 50, 2), NULL};
    for (size_t i = 0; i < RV_ARRAY_LEN(strategies); i++) {
        struct scenario s = {.strategy = strategies[i], .workers = 1, .deploy_s = 3};
        scenario_start(&s);
        struct scenario_name old = scenario_name(scenario_active(&s));
        fixture_patch(&s.w, scenario_object(&s), true,
                      "{'status':{'conditions':[{'type':'Ready','status':'True','reason':'NonZeroServeEndpoints'},"
                      "{'type':'RollbackInProgress','status':'True','reason':'DesiredClusterSpecChanged'}]}}");
        scenario_settle(&s);
        CU_ASSERT_FALSE(rv_val_present(scenario_condition(&s, "RollbackInProgress")));
        fixture_patch(&s.w, scenario_object(&s), true,
                      "{'status':{'conditions':[{'type':'Ready','status':'True','reason':'NonZeroServeEndpoints'},"
                      "{'type':'RollbackInProgress','status':'True','reason':'DesiredClusterSpecChanged'}]}}");
        scenario_env(&s, "2"); /* both at once */
        CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
        CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
        CU_ASSERT_FALSE(rv_str_is(scenario_active(&s), old.text));
        CU_ASSERT_TRUE(scenario_told(&s, "UpgradeStarted") == 1 && scenario_told(&s, "RollbackComplete") == 0);
        scenario_end(&s);
    }
}

static bool rolls_back(struct scenario *s) { return scenario_is(s, "RollbackInProgress", "True"); }

/* A rollback that turns into something else is one no more, although two clusters are still there. */
static void in_the_middle_of_a_rollback(void) {
    static const struct {
        const char *row, *env, *strategy;
        bool same; /* the pending cluster is used after all */
    } rows[] = {{"forward again", "2", NULL, true},
                {"to a third spec, at once", "3", "{'type':'NewCluster','clusterUpgradeOptions':null}", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.strategy = SCENARIO_INCREMENTAL(50, 50, 5), .workers = 1, .deploy_s = 3};
        scenario_start(&s);
        scenario_env(&s, "2");
        CHECK_ROW(scenario_until(&s, half_way), rows[i].row);
        struct scenario_name pending = scenario_name(scenario_pending(&s));
        revert(&s);
        scenario_settle(&s);
        CHECK_ROW(scenario_is(&s, "RollbackInProgress", "True"), rows[i].row);
        scenario_env(&s, rows[i].env);
        if (rows[i].strategy != NULL) scenario_patch(&s, "{'spec':{'upgradeStrategy':%s}}", rows[i].strategy);
        scenario_settle(&s);
        CHECK_ROW(scenario_upgrading(&s), rows[i].row);
        CHECK_ROW(!rv_val_present(scenario_condition(&s, "RollbackInProgress")), rows[i].row);
        CHECK_ROW(scenario_until(&s, scenario_settled), rows[i].row);
        CHECK_ROW(rv_str_is(scenario_active(&s), pending.text) == rows[i].same, rows[i].row);
        scenario_end(&s);
    }
    /* the active cluster is lost while a late upgrade is rolled back: there is nothing to roll back to */
    struct scenario s = {
        .strategy = SCENARIO_INCREMENTAL(20, 20, 60), .workers = 1, .notes = "{'rayvisor.io/upgrade-deadline':'2m'}"};
    scenario_start(&s);
    struct scenario_name old = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    struct scenario_name pending = scenario_name(scenario_pending(&s));
    fixture_tale(&s.w, rv_str(pending.text))->hangs = true;
    CU_ASSERT_TRUE(scenario_until(&s, rolls_back));
    (void)rv_fakeapi_delete(s.api, rv_fakeapi_get(s.api, "rayclusters", old.text), RV_STR(""));
    scenario_settle(&s);
    CU_ASSERT_TRUE(rv_str_is(scenario_pending(&s), pending.text));
    CU_ASSERT_FALSE(rv_val_present(scenario_condition(&s, "RollbackInProgress")));
    scenario_end(&s);
}

/* A suspension says that there is no rollback. After it nothing is said of it. */
static bool suspended(struct scenario *s) { return scenario_is(s, "Suspended", "True"); }

static void after_a_suspension(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(50, 50, 5), .workers = 1, .deploy_s = 3};
    scenario_start(&s);
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    revert(&s);
    scenario_settle(&s);
    CU_ASSERT_TRUE(scenario_is(&s, "RollbackInProgress", "True"));
    scenario_patch(&s, "{'spec':{'suspend':true}}");
    CU_ASSERT_TRUE(scenario_until(&s, suspended));
    CU_ASSERT_TRUE(scenario_is(&s, "RollbackInProgress", "False"));
    scenario_patch(&s, "{'spec':{'suspend':false}}");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_FALSE(rv_val_present(scenario_condition(&s, "RollbackInProgress")));
    scenario_env(&s, "3");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    scenario_end(&s);
}

/* ---- clusters that are being deleted ----------------------------------------------------------------------------- */

/* Its deletion waits for a finalizer, and its pods run meanwhile. */
static void doom(struct scenario *s, const char *cluster) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "rayclusters", cluster);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    fixture_patch(&s->w, o, false, "{'metadata':{'finalizers':['example.com/slow']}}");
    (void)rv_fakeapi_delete(s->api, o, RV_STR(""));
    CU_ASSERT_TRUE(rv_meta_deleting(o->value));
}

static void release(struct scenario *s, const char *cluster) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "rayclusters", cluster);
    if (o != NULL) fixture_patch(&s->w, o, false, "{'metadata':{'finalizers':null}}");
}

static struct scenario_name doomed;
static bool another_pending(struct scenario *s) {
    return scenario_pending(s).n != 0 && !rv_str_is(scenario_pending(s), doomed.text);
}
static bool another_active(struct scenario *s) {
    return scenario_active(s).n != 0 && !rv_str_is(scenario_active(s), doomed.text) && scenario_pending(s).n == 0 &&
           scenario_is(s, "Ready", "True");
}
/* It is never promoted. */
static void never_active(struct scenario *s) {
    if (rv_str_is(scenario_active(s), doomed.text)) CU_FAIL("a cluster that is being deleted was promoted");
}

static const char *const strategies[] = {NULL, SCENARIO_INCREMENTAL(50, 50, 2), SCENARIO_INCREMENTAL(100, 100, 1)};

static void pending_is_deleted(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(strategies); i++) {
        struct scenario s = {.strategy = strategies[i], .workers = 1, .deploy_s = 4};
        scenario_start(&s);
        struct scenario_name old = scenario_name(scenario_active(&s));
        scenario_env(&s, "2");
        CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
        doomed = scenario_name(scenario_pending(&s));
        scenario_settle(&s);
        doom(&s, doomed.text);
        s.each_round = never_active;
        CU_ASSERT_TRUE(scenario_until(&s, another_pending));
        CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), old.text) && scenario_share(&s) == 0);
        CU_ASSERT_TRUE(scenario_until(&s, another_active));
        CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(s.api, "rayclusters", doomed.text)); /* it is there to the end */
        release(&s, doomed.text);
        CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
        scenario_end(&s);
    }
}

static bool leads_to(const struct rv_fake_object *o, const char *list, const char *cluster) {
    rv_autobuf struct rv_buf b = {0};
    if (o != NULL) rv_json_write(rv_val_path(o->value, list), &b);
    return strstr(rv_buf_cstr(&b), cluster) != NULL;
}

/* Nothing leads to it any more, by a Gateway or by endpoints. */
static void no_way_to_it(void) {
    static const char *const notes[] = {"{}", "{'rayvisor.io/traffic':'Endpoints'}"};
    for (size_t i = 0; i < RV_ARRAY_LEN(notes); i++) {
        struct scenario s = {
            .strategy = SCENARIO_INCREMENTAL(50, 50, 5), .workers = 2, .deploy_s = 3, .notes = notes[i]};
        scenario_begin(&s);
        scenario_for(&s, 60);
        scenario_env(&s, "2");
        CU_ASSERT_TRUE(scenario_until(&s, half_way));
        scenario_settle(&s);
        doomed = scenario_name(scenario_pending(&s));
        const char *resource = i == 0 ? "httproutes" : "endpointslices", *list = i == 0 ? "spec.rules" : "endpoints",
                   *name = i == 0 ? FIXTURE_SERVICE "-httproute" : FIXTURE_SERVICE "-serve-svc-shared";
        CU_ASSERT_TRUE(leads_to(rv_fakeapi_get(s.api, resource, name), list, doomed.text));
        doom(&s, doomed.text);
        scenario_settle(&s);
        CU_ASSERT_FALSE(leads_to(rv_fakeapi_get(s.api, resource, name), list, doomed.text));
        scenario_end(&s);
    }
}

/* Its Serve is neither asked nor told anything, and its groups stay as they are. */
static void is_left_alone(void) {
    struct scenario s = {.workers = 1, .deploy_s = 30};
    scenario_start(&s);
    doomed = scenario_name(scenario_active(&s));
    doom(&s, doomed.text);
    scenario_settle(&s);
    struct serve *v = fixture_serve(&s.w, doomed.text);
    unsigned puts = v->puts, asked = v->asked;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val ops = fixture_json(
        a, RV_STR("[{'op':'add','path':'/spec/rayClusterConfig/workerGroupSpecs/0/maxReplicas','value':20}]"));
    CU_ASSERT_EQUAL(rv_fakeapi_json_patch(s.api, scenario_object(&s), RV_STR(""), ops), 0);
    scenario_patch(&s, "{'spec':{'serveConfigV2':'" SCENARIO_OTHER_CONFIG "'}}");
    scenario_for(&s, 10);
    CU_ASSERT_TRUE(scenario_pending(&s).n != 0);
    CU_ASSERT_TRUE(v->puts == puts && v->asked == asked);
    struct rv_fake_object *o = rv_fakeapi_get(s.api, "rayclusters", doomed.text);
    CU_ASSERT_EQUAL(rv_path_int(o->value, "spec.workerGroupSpecs[0].maxReplicas", 0), 9);
    scenario_end(&s);
}

static void active_is_deleted(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(strategies); i++) {
        struct scenario s = {.strategy = strategies[i], .workers = 1, .deploy_s = 1};
        scenario_start(&s);
        doomed = scenario_name(scenario_active(&s));
        doom(&s, doomed.text);
        scenario_settle(&s);
        CU_ASSERT_TRUE(another_pending(&s)); /* at once, not when the finalizer has gone */
        CU_ASSERT_TRUE(scenario_until(&s, another_active));
        CU_ASSERT_TRUE(rv_str_eq(scenario_stable(&s), scenario_active(&s)));
        CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(s.api, "rayclusters", doomed.text));
        release(&s, doomed.text);
        CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
        scenario_end(&s);
    }
}

/* The first cluster ever is deleted before it serves. */
static void first_is_deleted(void) {
    struct scenario s = {.workers = 1, .deploy_s = 4};
    scenario_begin(&s);
    scenario_settle(&s);
    doomed = scenario_name(scenario_pending(&s));
    s.each_round = never_active;
    doom(&s, doomed.text);
    CU_ASSERT_TRUE(scenario_until(&s, another_active));
    release(&s, doomed.text);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    scenario_end(&s);
}

/* An old cluster that goes already does not stand in the way of the next upgrade. */
static void old_is_deleted(void) {
    struct scenario s = {.workers = 1, .deploy_s = 3, .more = ",'rayClusterDeletionDelaySeconds':600"};
    scenario_start(&s);
    struct scenario_name old = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
    scenario_for(&s, 10);
    CU_ASSERT_TRUE(scenario_pending(&s).n == 0 && scenario_clusters(&s) == 2);
    scenario_env(&s, "3");
    scenario_for(&s, 10);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_status(&s), "upgrade.step"), "WaitingForOldCluster"));
    doom(&s, old.text);
    scenario_settle(&s);
    CU_ASSERT_TRUE(scenario_upgrading(&s));
    scenario_end(&s);
}

static const struct suite_test tests[] = {{"after a rollback", after_a_rollback},
                                          {"after another operator", after_another_operator},
                                          {"in the middle of a rollback", in_the_middle_of_a_rollback},
                                          {"after a suspension", after_a_suspension},
                                          {"the pending cluster is being deleted", pending_is_deleted},
                                          {"the active cluster is being deleted", active_is_deleted},
                                          {"nothing leads to it", no_way_to_it},
                                          {"it is left alone", is_left_alone},
                                          {"the first cluster is being deleted", first_is_deleted},
                                          {"an old cluster is being deleted", old_is_deleted}};
SUITE_MAIN("rayservice leftovers", tests)
