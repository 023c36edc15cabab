/* test_words.c - what tools match on: the messages of conditions and the notes of events, in the reference's words
 * (contract, sections 6.2, 8 and 11), and what a RayService that waits says it waits for. */
#include "scenario.h"
#include "tests/unit/ray/reference_words.h"
#include "tests/unit/sdk/suite.h"

static bool says(const struct scenario *s, const char *type, const char *reason, const char *words) {
    struct rv_val c = scenario_condition(s, type);
    rv_autofree char *message = rv_strdup(rv_path_str(c, "message"));
    bool same = rv_str_is(rv_path_str(c, "reason"), reason) && has_reference_words(message, words);
    if (!same) printf("\n    " RV_STR_FMT ": %s", RV_STR_ARG(rv_path_str(c, "reason")), message);
    return same;
}

static bool told(const struct scenario *s, const char *words) {
    for (size_t i = 0; i < s->event_n && i < SCENARIO_EVENTS; i++)
        if (has_reference_words(s->events[i], words)) return true;
    return false;
}

static bool without_endpoints(struct scenario *s) { return !scenario_is(s, "Ready", "True"); }

static void of_life(void) {
    struct scenario s = {.workers = 1, .deploy_s = 3};
    scenario_begin(&s);
    scenario_settle(&s);
    CU_ASSERT_TRUE(says(&s, "Ready", "Initializing", "RayService is initializing"));
    CU_ASSERT_TRUE(says(&s, "UpgradeInProgress", "Initializing", "RayService is initializing"));
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_TRUE(says(&s, "Ready", "NonZeroServeEndpoints", "Number of serve endpoints is greater than 0"));
    CU_ASSERT_TRUE(
        says(&s, "UpgradeInProgress", "NoPendingCluster", "Active Ray cluster exists and no pending Ray cluster"));
    static const char *const events[] = {"event CreatedRayCluster: Created the RayCluster ns/s-",
                                         "event CreatedService: Created the Service ns/s-head-svc",
                                         "event CreatedService: Created the Service ns/s-serve-svc"};
    for (size_t i = 0; i < RV_ARRAY_LEN(events); i++) CHECK_ROW(told(&s, events[i]), events[i]);
    struct tale *t = fixture_tale(&s.w, scenario_active(&s));
    t->dead = true;
    for (struct rv_fake_object *o = s.api->objects, *next; o != NULL; o = next) {
        next = o->next;
        if (strcmp(o->resource, "pods") == 0) (void)rv_fakeapi_delete(s.api, o, RV_STR(""));
    }
    CU_ASSERT_TRUE(scenario_until(&s, without_endpoints));
    CU_ASSERT_TRUE(says(&s, "Ready", "ZeroServeEndpoints", "Number of serve endpoints dropped to 0"));
    scenario_end(&s);
}

static bool half_way(struct scenario *s) { return scenario_share(s) >= 40; }
static bool alone(struct scenario *s) { return scenario_pending(s).n == 0 && scenario_clusters(s) == 1; }

static void of_rollbacks(void) {
    static const struct {
        const char *row, *edit, *words;
    } rows[] = {
        {"reverted", "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}",
         "Goal state reverted to original cluster, rolling back."},
        {"changed", NULL, "Goal state changed mid-upgrade, rolling back to original cluster."},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.strategy = SCENARIO_INCREMENTAL(50, 50, 5), .workers = 1, .deploy_s = 3};
        scenario_start(&s);
        scenario_env(&s, "2");
        CHECK_ROW(scenario_until(&s, half_way), rows[i].row);
        CHECK_ROW(says(&s, "UpgradeInProgress", "BothActivePendingClustersExist",
                       "Both active and pending Ray clusters exist"),
                  rows[i].row);
        if (rows[i].edit != NULL)
            scenario_patch(&s, "%s", rows[i].edit);
        else
            scenario_env(&s, "3");
        scenario_settle(&s);
        CHECK_ROW(says(&s, "RollbackInProgress", "DesiredClusterSpecChanged", rows[i].words), rows[i].row);
        if (rows[i].edit != NULL) {
            CHECK_ROW(scenario_until(&s, alone), rows[i].row);
            CHECK_ROW(told(&s, "event RollbackComplete: Rollback complete, "), rows[i].row);
            CHECK_ROW(says(&s, "UpgradeInProgress", "NoPendingCluster",
                           "Active Ray cluster exists and no pending Ray cluster"),
                      rows[i].row);
        }
        scenario_end(&s);
    }
}

static bool suspended(struct scenario *s) { return scenario_is(s, "Suspended", "True"); }

static void of_a_suspension(void) {
    struct scenario s = {.workers = 1, .deploy_s = 3};
    scenario_start(&s);
    struct rv_fake_object *held = rv_fakeapi_get(s.api, "services", "s-serve-svc");
    fixture_patch(&s.w, held, false, "{'metadata':{'finalizers':['example.com/held']}}");
    scenario_patch(&s, "{'spec':{'suspend':true}}");
    scenario_for(&s, 10);
    CU_ASSERT_TRUE(says(&s, "Ready", "SuspendInProgress", "RayService is suspending."));
    CU_ASSERT_TRUE(says(&s, "UpgradeInProgress", "SuspendInProgress", "No upgrade in progress."));
    CU_ASSERT_TRUE(says(&s, "RollbackInProgress", "SuspendInProgress", "No rollback in progress."));
    CU_ASSERT_TRUE(has_reference_words(rv_fakehost_explained(s.host, "s"),
                                       "suspending: 1 objects are still there, such as services/s-serve-svc"));
    fixture_patch(&s.w, rv_fakeapi_get(s.api, "services", "s-serve-svc"), false, "{'metadata':{'finalizers':null}}");
    CU_ASSERT_TRUE(scenario_until(&s, suspended));
    static const char *const events[] = {"event DeletedRayCluster: Deleted the RayCluster ns/s-* during suspend",
                                         "event DeletedService: Deleted the Service ns/s-head-svc during suspend",
                                         "event DeletedService: Deleted the Service ns/s-serve-svc during suspend"};
    for (size_t i = 0; i < RV_ARRAY_LEN(events); i++) CHECK_ROW(told(&s, events[i]), events[i]);
    static const char *const types[] = {"Suspending", "Suspended"};
    for (size_t i = 0; i < RV_ARRAY_LEN(types); i++)
        CHECK_ROW(says(&s, types[i], "SuspendComplete", "All owned resources have been deleted."), types[i]);
    CU_ASSERT_TRUE(says(&s, "Ready", "SuspendComplete", "RayService is suspended."));
    scenario_patch(&s, "{'spec':{'suspend':false}}");
    scenario_settle(&s);
    CU_ASSERT_TRUE(says(&s, "Suspended", "RayServiceResumed", "Spec.Suspend is false; RayService has resumed."));
    CU_ASSERT_TRUE(says(&s, "Ready", "Initializing", "RayService is initializing after resuming from suspend."));
    CU_ASSERT_TRUE(
        says(&s, "UpgradeInProgress", "Initializing", "RayService is initializing after resuming from suspend."));
    s.event_n = 0;
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_FALSE(told(&s, "during suspend")); /* what goes later goes for another reason */
    scenario_end(&s);
}

static void of_a_time_out(void) {
    struct scenario s = {.notes = "{'ray.io/initializing-timeout':'60'}", .workers = 1};
    scenario_begin(&s);
    s.w.bad_config = true;
    scenario_for(&s, 64);
    CU_ASSERT_TRUE(says(&s, "Ready", "InitializingTimeout",
                        "RayService failed to become ready within the configured timeout of 60s. Time spent "
                        "initializing: *s"));
    scenario_end(&s);
}

/* What is waited for stands in the condition Reconciling and in explain. */
static void of_waiting(void) {
    static const struct {
        const char *row;
        bool dead, bad, late;
        const char *words;
    } rows[] = {
        {.row = "a head that does not come", .dead = true, .words = "head pod "},
        {.row = "Serve refuses", .bad = true, .words = "Serve did not take the configuration: "},
        {.row = "no answer to a submission",
         .late = true,
         .words = "waiting for Serve's answer: the configuration was sent"},
        {.row = "replicas that start", .words = "application app is DEPLOYING"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1, .deploy_s = 600};
        scenario_begin(&s);
        s.w.bad_config = rows[i].bad;
        s.w.lost_puts = rows[i].late ? 1000 : 0;
        scenario_settle(&s);
        if (rows[i].dead) {
            fixture_tale(&s.w, scenario_pending(&s))->dead = true;
            (void)rv_fakeapi_delete(s.api, fixture_head(&s.w, scenario_name(scenario_pending(&s)).text), RV_STR(""));
        }
        bool said = false;
        for (int k = 0; k < 60 && !said; k++) {
            scenario_for(&s, 1);
            said = has_reference_words(rv_fakehost_explained(s.host, "s"), rows[i].words);
        }
        if (!said) printf("\n    %s", rv_fakehost_explained(s.host, "s"));
        CHECK_ROW(said, rows[i].row);
        const char *type = rows[i].bad ? "Stalled" : "Reconciling";
        rv_autofree char *told_of = rv_strdup(rv_path_str(scenario_condition(&s, type), "message"));
        if (!has_reference_words(told_of, rows[i].words)) printf("\n    %s: %s", type, told_of);
        CHECK_ROW(has_reference_words(told_of, rows[i].words), rows[i].row);
        scenario_end(&s);
    }
}

static int namespace_ends(void *arg, const struct rv_action *a, struct rv_str *message) {
    (void)arg;
    if (a->verb != RV_VERB_CREATE || a->api_version.n == 0 || rv_str_is(a->resource, "events")) return 0;
    *message = RV_STR("unable to create new content in namespace ns because it is being terminated");
    return RV_E_FORBIDDEN;
}

/* Its namespace takes nothing new: that is found out once and told until the end, and nobody is warned. */
static void of_the_namespaces_end(void) {
    struct scenario s = {.workers = 1, .refuse = namespace_ends};
    scenario_begin(&s);
    scenario_for(&s, 60);
    uint64_t writes = rv_fakehost_writes(s.host);
    scenario_for(&s, 480);
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host), writes);
    CU_ASSERT_FALSE(told(&s, "event Failed"));
    scenario_patch(&s, "{'metadata':{'labels':{'looked':'at'}}}");
    scenario_for(&s, 5);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_condition(&s, "Stalled"), "reason"), "NamespaceTerminating"));
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host), writes);
    scenario_end(&s);
}

static const struct suite_test tests[] = {{"of the namespace's end", of_the_namespaces_end},
                                          {"of life", of_life},
                                          {"of rollbacks", of_rollbacks},
                                          {"of a suspension", of_a_suspension},
                                          {"of a time-out", of_a_time_out},
                                          {"of waiting", of_waiting}};
SUITE_MAIN("rayservice: words", tests)
