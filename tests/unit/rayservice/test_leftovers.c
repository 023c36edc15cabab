/* test_leftovers.c - what an earlier upgrade, rollback or suspension left behind holds up nothing, and a cluster that
 * is being deleted counts as none, however long a finalizer keeps it. */
#include "rayvisor/json.h"
#include "scene.h"
#include "tests/unit/sdk/suite.h"

static bool half_way(struct scene *s) { return scene_share(s) >= 40; }
static bool alone(struct scene *s) { return scene_pending(s).n == 0 && scene_clusters(s) == 1; }

static void revert(struct scene *s) {
    scene_patch(s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
}

/* The condition goes with the rollback, whichever way that ends, and the next upgrade comes to its end. */
static void after_a_rollback(void) {
    static const struct {
        const char *row, *strategy, *then; /* then: the strategy in the middle of the rollback; NULL: as before */
    } rows[] = {
        {"in shares", SCENE_INCREMENTAL(50, 50, 5), NULL},
        {"at once", NULL, NULL},
        {"in shares, then at once", SCENE_INCREMENTAL(50, 50, 5), "{'type':'NewCluster','clusterUpgradeOptions':null}"},
        {"at once, then in shares", NULL, SCENE_INCREMENTAL(50, 50, 5)}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scene s = {.strategy = rows[i].strategy, .workers = 1, .deploy_s = 3};
        scene_start(&s);
        struct scene_name old = scene_name(scene_active(&s));
        scene_env(&s, "2");
        CHECK_ROW(scene_until(&s, rows[i].strategy != NULL ? half_way : scene_upgrading), rows[i].row);
        revert(&s);
        scene_settle(&s);
        if (rows[i].strategy != NULL) CHECK_ROW(scene_is(&s, "RollbackInProgress", "True"), rows[i].row);
        if (rows[i].then != NULL) scene_patch(&s, "{'spec':{'upgradeStrategy':%s}}", rows[i].then);
        CHECK_ROW(scene_until(&s, alone), rows[i].row);
        CHECK_ROW(rv_str_is(scene_active(&s), old.text), rows[i].row);
        CHECK_ROW(!rv_val_present(scene_condition(&s, "RollbackInProgress")), rows[i].row);
        scene_env(&s, "3");
        CHECK_ROW(scene_until(&s, scene_upgrading), rows[i].row);
        CHECK_ROW(!rv_val_present(scene_condition(&s, "RollbackInProgress")), rows[i].row);
        CHECK_ROW(scene_until(&s, scene_settled), rows[i].row);
        CHECK_ROW(!rv_str_is(scene_active(&s), old.text), rows[i].row);
        scene_end(&s);
    }
}

/* A condition that stayed, as an operator that died or another one leaves it, is taken away before the next upgrade. */
static void after_another_operator(void) {
    static const char *const strategies[] = {SCENE_INCREMENTAL(50, 50, 2), NULL};
    for (size_t i = 0; i < RV_ARRAY_LEN(strategies); i++) {
        struct scene s = {.strategy = strategies[i], .workers = 1, .deploy_s = 3};
        scene_start(&s);
        struct scene_name old = scene_name(scene_active(&s));
        world_patch(&s.w, scene_object(&s), true,
                    "{'status':{'conditions':[{'type':'Ready','status':'True','reason':'NonZeroServeEndpoints'},"
                    "{'type':'RollbackInProgress','status':'True','reason':'DesiredClusterSpecChanged'}]}}");
        scene_settle(&s);
        CU_ASSERT_FALSE(rv_val_present(scene_condition(&s, "RollbackInProgress")));
        world_patch(&s.w, scene_object(&s), true,
                    "{'status':{'conditions':[{'type':'Ready','status':'True','reason':'NonZeroServeEndpoints'},"
                    "{'type':'RollbackInProgress','status':'True','reason':'DesiredClusterSpecChanged'}]}}");
        scene_env(&s, "2"); /* both at once */
        CU_ASSERT_TRUE(scene_until(&s, scene_upgrading));
        CU_ASSERT_TRUE(scene_until(&s, scene_settled));
        CU_ASSERT_FALSE(rv_str_is(scene_active(&s), old.text));
        CU_ASSERT_TRUE(scene_told(&s, "UpgradeStarted") == 1 && scene_told(&s, "RollbackComplete") == 0);
        scene_end(&s);
    }
}

static bool rolls_back(struct scene *s) { return scene_is(s, "RollbackInProgress", "True"); }

/* A rollback that turns into something else is one no more, although two clusters are still there. */
static void in_the_middle_of_a_rollback(void) {
    static const struct {
        const char *row, *env, *strategy;
        bool same; /* the pending cluster is used after all */
    } rows[] = {{"forward again", "2", NULL, true},
                {"to a third spec, at once", "3", "{'type':'NewCluster','clusterUpgradeOptions':null}", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scene s = {.strategy = SCENE_INCREMENTAL(50, 50, 5), .workers = 1, .deploy_s = 3};
        scene_start(&s);
        scene_env(&s, "2");
        CHECK_ROW(scene_until(&s, half_way), rows[i].row);
        struct scene_name pending = scene_name(scene_pending(&s));
        revert(&s);
        scene_settle(&s);
        CHECK_ROW(scene_is(&s, "RollbackInProgress", "True"), rows[i].row);
        scene_env(&s, rows[i].env);
        if (rows[i].strategy != NULL) scene_patch(&s, "{'spec':{'upgradeStrategy':%s}}", rows[i].strategy);
        scene_settle(&s);
        CHECK_ROW(scene_upgrading(&s), rows[i].row);
        CHECK_ROW(!rv_val_present(scene_condition(&s, "RollbackInProgress")), rows[i].row);
        CHECK_ROW(scene_until(&s, scene_settled), rows[i].row);
        CHECK_ROW(rv_str_is(scene_active(&s), pending.text) == rows[i].same, rows[i].row);
        scene_end(&s);
    }
    /* the active cluster is lost while a late upgrade is rolled back: there is nothing to roll back to */
    struct scene s = {
        .strategy = SCENE_INCREMENTAL(20, 20, 60), .workers = 1, .notes = "{'rayvisor.io/upgrade-deadline':'2m'}"};
    scene_start(&s);
    struct scene_name old = scene_name(scene_active(&s));
    scene_env(&s, "2");
    CU_ASSERT_TRUE(scene_until(&s, half_way));
    struct scene_name pending = scene_name(scene_pending(&s));
    world_tale(&s.w, rv_str(pending.text))->hangs = true;
    CU_ASSERT_TRUE(scene_until(&s, rolls_back));
    (void)rv_fakeapi_delete(s.api, rv_fakeapi_get(s.api, "rayclusters", old.text), RV_STR(""));
    scene_settle(&s);
    CU_ASSERT_TRUE(rv_str_is(scene_pending(&s), pending.text));
    CU_ASSERT_FALSE(rv_val_present(scene_condition(&s, "RollbackInProgress")));
    scene_end(&s);
}

/* A suspension says that there is no rollback. After it nothing is said of it. */
static bool suspended(struct scene *s) { return scene_is(s, "Suspended", "True"); }

static void after_a_suspension(void) {
    struct scene s = {.strategy = SCENE_INCREMENTAL(50, 50, 5), .workers = 1, .deploy_s = 3};
    scene_start(&s);
    scene_env(&s, "2");
    CU_ASSERT_TRUE(scene_until(&s, half_way));
    revert(&s);
    scene_settle(&s);
    CU_ASSERT_TRUE(scene_is(&s, "RollbackInProgress", "True"));
    scene_patch(&s, "{'spec':{'suspend':true}}");
    CU_ASSERT_TRUE(scene_until(&s, suspended));
    CU_ASSERT_TRUE(scene_is(&s, "RollbackInProgress", "False"));
    scene_patch(&s, "{'spec':{'suspend':false}}");
    CU_ASSERT_TRUE(scene_until(&s, scene_settled));
    CU_ASSERT_FALSE(rv_val_present(scene_condition(&s, "RollbackInProgress")));
    scene_env(&s, "3");
    CU_ASSERT_TRUE(scene_until(&s, scene_upgrading));
    CU_ASSERT_TRUE(scene_until(&s, scene_settled));
    scene_end(&s);
}

/* ---- clusters that are being deleted ----------------------------------------------------------------------------- */

/* Its deletion waits for a finalizer, and its pods run meanwhile. */
static void doom(struct scene *s, const char *cluster) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "rayclusters", cluster);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    world_patch(&s->w, o, false, "{'metadata':{'finalizers':['example.com/slow']}}");
    (void)rv_fakeapi_delete(s->api, o, RV_STR(""));
    CU_ASSERT_TRUE(rv_meta_deleting(o->value));
}

static void release(struct scene *s, const char *cluster) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "rayclusters", cluster);
    if (o != NULL) world_patch(&s->w, o, false, "{'metadata':{'finalizers':null}}");
}

static struct scene_name doomed;
static bool another_pending(struct scene *s) {
    return scene_pending(s).n != 0 && !rv_str_is(scene_pending(s), doomed.text);
}
static bool another_active(struct scene *s) {
    return scene_active(s).n != 0 && !rv_str_is(scene_active(s), doomed.text) && scene_pending(s).n == 0 &&
           scene_is(s, "Ready", "True");
}
/* It is never promoted. */
static void never_active(struct scene *s) {
    if (rv_str_is(scene_active(s), doomed.text)) CU_FAIL("a cluster that is being deleted was promoted");
}

static const char *const strategies[] = {NULL, SCENE_INCREMENTAL(50, 50, 2), SCENE_INCREMENTAL(100, 100, 1)};

static void pending_is_deleted(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(strategies); i++) {
        struct scene s = {.strategy = strategies[i], .workers = 1, .deploy_s = 4};
        scene_start(&s);
        struct scene_name old = scene_name(scene_active(&s));
        scene_env(&s, "2");
        CU_ASSERT_TRUE(scene_until(&s, scene_upgrading));
        doomed = scene_name(scene_pending(&s));
        scene_settle(&s);
        doom(&s, doomed.text);
        s.each_round = never_active;
        CU_ASSERT_TRUE(scene_until(&s, another_pending));
        CU_ASSERT_TRUE(rv_str_is(scene_active(&s), old.text) && scene_share(&s) == 0);
        CU_ASSERT_TRUE(scene_until(&s, another_active));
        CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(s.api, "rayclusters", doomed.text)); /* it is there to the end */
        release(&s, doomed.text);
        CU_ASSERT_TRUE(scene_until(&s, scene_settled));
        scene_end(&s);
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
        struct scene s = {.strategy = SCENE_INCREMENTAL(50, 50, 5), .workers = 2, .deploy_s = 3, .notes = notes[i]};
        scene_begin(&s);
        scene_for(&s, 60);
        scene_env(&s, "2");
        CU_ASSERT_TRUE(scene_until(&s, half_way));
        scene_settle(&s);
        doomed = scene_name(scene_pending(&s));
        const char *resource = i == 0 ? "httproutes" : "endpointslices", *list = i == 0 ? "spec.rules" : "endpoints",
                   *name = i == 0 ? WORLD_SERVICE "-httproute" : WORLD_SERVICE "-serve-svc-shared";
        CU_ASSERT_TRUE(leads_to(rv_fakeapi_get(s.api, resource, name), list, doomed.text));
        doom(&s, doomed.text);
        scene_settle(&s);
        CU_ASSERT_FALSE(leads_to(rv_fakeapi_get(s.api, resource, name), list, doomed.text));
        scene_end(&s);
    }
}

/* Its Serve is neither asked nor told anything, and its groups stay as they are. */
static void is_left_alone(void) {
    struct scene s = {.workers = 1, .deploy_s = 30};
    scene_start(&s);
    doomed = scene_name(scene_active(&s));
    doom(&s, doomed.text);
    scene_settle(&s);
    struct serve *v = world_serve(&s.w, doomed.text);
    unsigned puts = v->puts, asked = v->asked;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val ops = world_json(
        a, RV_STR("[{'op':'add','path':'/spec/rayClusterConfig/workerGroupSpecs/0/maxReplicas','value':20}]"));
    CU_ASSERT_EQUAL(rv_fakeapi_json_patch(s.api, scene_object(&s), RV_STR(""), ops), 0);
    scene_patch(&s, "{'spec':{'serveConfigV2':'" SCENE_OTHER_CONFIG "'}}");
    scene_for(&s, 10);
    CU_ASSERT_TRUE(scene_pending(&s).n != 0);
    CU_ASSERT_TRUE(v->puts == puts && v->asked == asked);
    struct rv_fake_object *o = rv_fakeapi_get(s.api, "rayclusters", doomed.text);
    CU_ASSERT_EQUAL(rv_path_int(o->value, "spec.workerGroupSpecs[0].maxReplicas", 0), 9);
    scene_end(&s);
}

static void active_is_deleted(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(strategies); i++) {
        struct scene s = {.strategy = strategies[i], .workers = 1, .deploy_s = 1};
        scene_start(&s);
        doomed = scene_name(scene_active(&s));
        doom(&s, doomed.text);
        scene_settle(&s);
        CU_ASSERT_TRUE(another_pending(&s)); /* at once, not when the finalizer has gone */
        CU_ASSERT_TRUE(scene_until(&s, another_active));
        CU_ASSERT_TRUE(rv_str_eq(scene_stable(&s), scene_active(&s)));
        CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(s.api, "rayclusters", doomed.text));
        release(&s, doomed.text);
        CU_ASSERT_TRUE(scene_until(&s, scene_settled));
        scene_end(&s);
    }
}

/* The first cluster ever is deleted before it serves. */
static void first_is_deleted(void) {
    struct scene s = {.workers = 1, .deploy_s = 4};
    scene_begin(&s);
    scene_settle(&s);
    doomed = scene_name(scene_pending(&s));
    s.each_round = never_active;
    doom(&s, doomed.text);
    CU_ASSERT_TRUE(scene_until(&s, another_active));
    release(&s, doomed.text);
    CU_ASSERT_TRUE(scene_until(&s, scene_settled));
    scene_end(&s);
}

/* An old cluster that goes already does not stand in the way of the next upgrade. */
static void old_is_deleted(void) {
    struct scene s = {.workers = 1, .deploy_s = 3, .more = ",'rayClusterDeletionDelaySeconds':600"};
    scene_start(&s);
    struct scene_name old = scene_name(scene_active(&s));
    scene_env(&s, "2");
    CU_ASSERT_TRUE(scene_until(&s, scene_upgrading));
    scene_for(&s, 10);
    CU_ASSERT_TRUE(scene_pending(&s).n == 0 && scene_clusters(&s) == 2);
    scene_env(&s, "3");
    scene_for(&s, 10);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scene_status(&s), "upgrade.step"), "WaitingForOldCluster"));
    doom(&s, old.text);
    scene_settle(&s);
    CU_ASSERT_TRUE(scene_upgrading(&s));
    scene_end(&s);
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
