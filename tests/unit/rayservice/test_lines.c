/* test_lines.c - in every state one line tells a person where an upgrade stands: the step, the shares, what is waited
 * for, until when, and what happens then. The conditions and `explain` say the same. */
#include <stdio.h>

#include "scenario.h"
#include "tests/unit/sdk/suite.h"

enum { LINES = 512 };
static struct { char step[32], line[640]; } said[LINES];
static size_t said_n;
static unsigned unexplained;

static struct rv_val now_said(struct scenario *s) {
    struct rv_val stalled = scenario_condition(s, "Stalled");
    return rv_val_present(stalled) ? stalled : scenario_condition(s, "Reconciling");
}

/* Every line that was ever said, with its step. */
static void collect(struct scenario *s) {
    struct rv_val c = now_said(s);
    struct rv_str line = rv_path_str(c, "message"), step = rv_path_str(scenario_status(s), "upgrade.step");
    if (step.n == 0) step = rv_path_str(c, "reason");
    if (!rv_val_present(c) ||
        (said_n > 0 && rv_str_is(line, said[said_n - 1].line) && rv_str_is(step, said[said_n - 1].step)))
        return;
    CU_ASSERT_TRUE_FATAL(said_n < LINES && line.n < sizeof said[0].line);
    snprintf(said[said_n].step, sizeof said[0].step, RV_STR_FMT, RV_STR_ARG(step));
    snprintf(said[said_n++].line, sizeof said[0].line, RV_STR_FMT, RV_STR_ARG(line));
}

static bool is_explained(struct scenario *s) {
    rv_autofree char *line = rv_strdup(rv_path_str(now_said(s), "message"));
    return strstr(rv_fakehost_explained(s->host, FIXTURE_SERVICE), line) != NULL;
}

static bool collected(const char *step, const char *const *words) {
    for (size_t i = 0; i < said_n; i++) {
        bool all = strcmp(said[i].step, step) == 0 && strchr(said[i].line, '\n') == NULL;
        for (size_t k = 0; words[k] != NULL; k++) all &= strstr(said[i].line, words[k]) != NULL;
        if (all) return true;
    }
    for (size_t i = 0; i < said_n; i++) printf("\n    %s: %s", said[i].step, said[i].line);
    return false;
}

static void take(struct scenario *s, int64_t seconds) {
    for (int64_t i = 0; i < seconds * 2; i++) {
        scenario_for(s, 1);
        unexplained += rv_val_present(now_said(s)) && !is_explained(s);
    }
}

static bool half_way(struct scenario *s) { return scenario_share(s) >= 50; }

static void upgrade_and_rollback(void) {
    struct scenario s = {
        .strategy = SCENARIO_INCREMENTAL(50, 50, 20), .workers = 1, .deploy_s = 6, .each_round = collect};
    scenario_begin(&s);
    take(&s, 2);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *quota, *route;
    CU_ASSERT_EQUAL(rv_fakeapi_create(s.api, RV_STR("v1"), RV_STR("resourcequotas"),
                                      fixture_json(a, RV_STR("{'metadata':{'name':'q'},'spec':{'hard':{'pods':'3'}},"
                                                             "'status':{'hard':{'pods':'3'},'used':{'pods':'2'}}}")),
                                      &quota),
                    0);
    scenario_env(&s, "2");
    take(&s, 2);
    s.w.no_gateway = true; /* nobody programs the route that is made anew */
    if ((route = rv_fakeapi_get(s.api, "httproutes", FIXTURE_SERVICE "-httproute")) != NULL)
        (void)rv_fakeapi_delete(s.api, route, RV_STR(""));
    (void)rv_fakeapi_delete(s.api, quota, RV_STR(""));
    for (int i = 0; i < 20 && !scenario_upgrading(&s); i++) scenario_for(&s, 1);
    struct scenario_name next = scenario_name(scenario_pending(&s));
    struct rv_fake_object *cluster = rv_fakeapi_get(s.api, "rayclusters", next.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(cluster);
    fixture_tale(&s.w, rv_str(next.text))->dead = true; /* its head dies */
    (void)rv_fakeapi_delete(s.api, fixture_head(&s.w, next.text), RV_STR(""));
    take(&s, 2);
    fixture_patch(&s.w, cluster, false, "{'spec':{'suspend':true}}");
    take(&s, 2);
    fixture_patch(&s.w, cluster, false, "{'spec':{'suspend':false}}");
    fixture_tale(&s.w, rv_str(next.text))->dead = false;
    take(&s, 3);
    s.w.no_gateway = false;
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    take(&s, 1);
    scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
    scenario_settle(&s);
    take(&s, 10);
    scenario_end(&s);
}

static void deadlines(void) {
    static const char *const policies[] = {"Report", "RollBack"};
    for (size_t i = 0; i < RV_ARRAY_LEN(policies); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct scenario s = {
            .workers = 1,
            .deploy_s = 2,
            .each_round = collect,
            .notes = rv_arena_fmt(a, "{'rayvisor.io/upgrade-deadline':'20','rayvisor.io/upgrade-deadline-policy':'%s'}",
                                  policies[i])
                         .p};
        scenario_start(&s);
        scenario_env(&s, "2");
        scenario_settle(&s);
        s.w.deploy_s = 10000;
        fixture_tale(&s.w, scenario_pending(&s))->hangs = true;
        take(&s, 25);
        scenario_end(&s);
    }
}

/* The spec is edited again while the cluster of the edit before still drains. */
static void old_cluster_in_the_way(void) {
    struct scenario s = {.workers = 1,
                         .deploy_s = 2,
                         .more = ",'rayClusterDeletionDelaySeconds':60",
                         .strategy = "{'type':'NewCluster'}",
                         .each_round = collect};
    scenario_start(&s);
    struct scenario_name first = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    for (int i = 0; i < 60 && (scenario_pending(&s).n != 0 || rv_str_is(scenario_active(&s), first.text)); i++)
        scenario_for(&s, 1);
    scenario_env(&s, "3");
    take(&s, 3);
    scenario_end(&s);
}

static void every_state(void) {
    static const struct {
        const char *step, *words[6];
    } rows[] = {
        {"Initializing", {"its head pod"}},
        {"Initializing", {"application app is DEPLOYING"}},
        {"BlockedByQuota",
         {"ResourceQuota q has no room", "needs 2 pods, 1 are left", "until 20", "then it is given up"}},
        {"WaitingForOldCluster", {"the old cluster goes when its requests have ended"}},
        {"StartingCluster",
         {"to RayCluster s-", "0 % of traffic, capacity 0 %; the active one has 100 %, capacity 100 %"}},
        {"StartingCluster",
         {"needs 2 pods, 3 cpu, 1 nvidia.com/gpu beside the first", "its head pod", "until 20",
          "then it is rolled back"}},
        {"Queued", {"the RayCluster is suspended: it waits for admission"}},
        {"WaitingForGateway", {"waits: ", "HTTPRoute", "until 20", "then it is rolled back"}},
        {"DeployingApplications", {"0 % of traffic, capacity 50 %", "application app is DEPLOYING", "until 20"}},
        {"ShiftingTraffic",
         {"the next 50 % move after an interval of 20 s, at 20", "until 20", "then it is rolled back"}},
        {"ChangingCapacity", {"target capacities are being changed", "then it is rolled back"}},
        {"RollingBack", {"to RayCluster s-", "then that cluster is given up"}},
        {"DeadlineExceeded", {"Serve does not answer", "then it is reported as late"}},
        {"GivenUp", {"Serve does not answer", "it is tried again when the cluster spec is edited"}},
    };
    said_n = 0;
    unexplained = 0;
    upgrade_and_rollback();
    deadlines();
    old_cluster_in_the_way();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) CHECK_ROW(collected(rows[i].step, rows[i].words), rows[i].words[0]);
    CU_ASSERT_EQUAL(unexplained, 0);
}

static const struct suite_test tests[] = {{"every state has its line", every_state}};
SUITE_MAIN("rayservice: lines", tests)
