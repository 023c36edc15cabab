/* test_slow.c - a Serve that answers late: its proxies under load, the submission that starts it, answers that get
 * lost. Silence is no refusal, and what was asked may have been done. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

static int64_t endpoints(const struct scenario *s) { return rv_path_int(scenario_status(s), "numServeEndpoints", 0); }

static struct tale *active_tale(struct scenario *s) { return fixture_tale(&s->w, scenario_active(s)); }

static bool says(const struct scenario *s, const char *type, const char *words) {
    struct rv_str message = rv_path_str(scenario_condition(s, type), "message");
    return message.n != 0 && memmem(message.p, message.n, words, strlen(words)) != NULL;
}

/* ---- proxies ----------------------------------------------------------------------------------------------------- */

static unsigned emptied;
static void never_emptied(struct scenario *s) { emptied += endpoints(s) == 0; }

static void proxies(void) {
    static const struct {
        const char *row;
        unsigned workers;
        bool head_only;
        int code;
        uint32_t status;
        int64_t stay; /* endpoints that are left */
    } rows[] = {
        {"the only one is silent", 0, false, RV_E_TIMEOUT, 0, 1},
        {"the only one beside workers that do not serve is silent", 1, true, RV_E_TIMEOUT, 0, 1},
        {"one of two is silent", 1, false, RV_E_TIMEOUT, 0, 1},
        {"it was not even asked", 0, false, RV_E_THROTTLED, 0, 1},
        {"the only one refuses connections", 0, false, RV_E_UNAVAILABLE, 0, 0},
        {"the only one is not well", 0, false, 0, 503, 0},
        {"one of two refuses connections", 1, false, RV_E_UNAVAILABLE, 0, 1},
        {"one of two is not well", 1, false, 0, 503, 1},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = rows[i].workers};
        scenario_begin(&s);
        s.w.head_only = rows[i].head_only;
        CU_ASSERT_TRUE_FATAL(scenario_until(&s, scenario_settled));
        scenario_for(&s, 40);
        CHECK_ROW(endpoints(&s) == (rows[i].head_only ? 1 : rows[i].workers + 1), rows[i].row);
        emptied = 0;
        s.each_round = never_emptied;
        active_tale(&s)->proxy_code = rows[i].code;
        active_tale(&s)->proxy_status = rows[i].status;
        scenario_for(&s, 120);
        CHECK_ROW(endpoints(&s) == rows[i].stay, rows[i].row);
        CHECK_ROW((emptied == 0) == (rows[i].stay > 0), rows[i].row);
        CHECK_ROW(scenario_is(&s, "Ready", rows[i].stay > 0 ? "True" : "False"), rows[i].row);
        active_tale(&s)->proxy_code = 0; /* it answers again */
        active_tale(&s)->proxy_status = 0;
        scenario_for(&s, 40);
        CHECK_ROW(endpoints(&s) == (rows[i].head_only ? 1 : rows[i].workers + 1), rows[i].row);
        scenario_end(&s);
    }
}

/* Taken out for its silence while a worker served; it serves again when it is the last, and not when it refuses. */
static void last_one_comes_back(void) {
    static const struct {
        const char *row;
        int code;
        int64_t stay;
    } rows[] = {{"silent", RV_E_TIMEOUT, 1}, {"refuses", RV_E_UNAVAILABLE, 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1};
        scenario_start(&s);
        scenario_for(&s, 40);
        active_tale(&s)->proxy_code = rows[i].code;
        scenario_for(&s, 60);
        CHECK_ROW(endpoints(&s) == 1, rows[i].row);
        s.w.head_only = true; /* the worker that comes next does not serve */
        for (struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next)
            if (strcmp(o->resource, "pods") == 0 && strstr(o->name, "-worker-") != NULL) {
                (void)rv_fakeapi_delete(s.api, o, RV_STR(""));
                break;
            }
        scenario_for(&s, 30);
        CHECK_ROW(endpoints(&s) == rows[i].stay, rows[i].row);
        scenario_end(&s);
    }
}

/* ---- submissions ------------------------------------------------------------------------------------------------- */

static unsigned accused;
static void nobody_is_accused(struct scenario *s) {
    accused += scenario_is(s, "Stalled", "True") || says(s, "Reconciling", "did not take");
}

/* The answer to a submission comes too late, or never. */
static void submissions(void) {
    static const struct {
        const char *row;
        unsigned late, lost, foreign, submits;
    } rows[] = {
        {"answered in time", 0, 0, 0, 1},
        {"taken, and answered too late: not sent again", 1, 0, 0, 1},
        {"lost: sent again", 0, 1, 0, 2},
        {"lost twice: sent again", 0, 2, 0, 3},
        {"answered by somebody else: sent again", 0, 0, 1, 2},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1, .deploy_s = 2, .each_round = nobody_is_accused};
        accused = 0;
        scenario_begin(&s);
        s.w.late_puts = rows[i].late;
        s.w.lost_puts = rows[i].lost;
        s.w.foreign_puts = rows[i].foreign;
        CHECK_ROW(scenario_until(&s, scenario_settled), rows[i].row);
        scenario_for(&s, 60);
        CHECK_ROW(s.w.submits == rows[i].submits, rows[i].row);
        CHECK_ROW(accused == 0 && scenario_told(&s, "FailedToUpdateServeApplications") == 0, rows[i].row);
        CHECK_ROW(scenario_told(&s, "UpdatedServeApplications") == 1, rows[i].row);
        CHECK_ROW(s.w.put_ms >= 30000, rows[i].row); /* Serve is not there yet: the submission starts it */
        scenario_patch(&s, "{'spec':{'serveConfigV2':'" SCENARIO_OTHER_CONFIG "'}}");
        scenario_for(&s, 10);
        CHECK_ROW(s.w.submits == rows[i].submits + 1 && s.w.put_ms <= 10000, rows[i].row);
        scenario_end(&s);
    }
}

static bool waits(struct scenario *s) { return says(s, "Reconciling", "waiting for Serve's answer"); }

static void waiting_is_told(void) {
    struct scenario s = {.workers = 1};
    scenario_begin(&s);
    s.w.lost_puts = 1;
    CU_ASSERT_TRUE(scenario_until(&s, waits));
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_FALSE(scenario_is(&s, "Reconciling", "True"));
    scenario_end(&s);
}

static bool runs(struct scenario *s, const char *path) {
    struct serve *v = fixture_serve(&s->w, scenario_name(scenario_active(s)).text);
    return v != NULL && v->config != NULL && strstr(v->config, path) != NULL;
}

/* Serve took an edit, nobody heard of it, and the edit is taken back: the status says what Serve no longer runs. */
static void edit_taken_back(void) {
    for (int restarts = 0; restarts < 2; restarts++) {
        struct scenario s = {.workers = 1};
        scenario_start(&s);
        s.w.late_puts = 1;
        scenario_patch(&s, "{'spec':{'serveConfigV2':'" SCENARIO_OTHER_CONFIG "'}}");
        for (int i = 0; i < 40 && !runs(&s, "a.c"); i++) {
            (void)rv_fakehost_deliver(s.host);
            rv_fakehost_run(s.host);
            if (!runs(&s, "a.c")) (void)rv_fakehost_serve(s.host, 0);
        }
        CU_ASSERT_TRUE(runs(&s, "a.c"));
        if (restarts) rv_fakehost_restart(s.host);
        scenario_patch(&s, "{'spec':{'serveConfigV2':'" SCENARIO_CONFIG "'}}");
        scenario_for(&s, 60);
        CU_ASSERT_TRUE(runs(&s, "a.b"));
        scenario_end(&s);
    }
}

/* ---- upgrades ---------------------------------------------------------------------------------------------------- */

static bool given_up(struct scenario *s) {
    return scenario_pending(s).n == 0 && rv_path_str(scenario_status(s), "upgrade.failedSpecHash").n != 0;
}

static bool late(const struct scenario *s) {
    return rv_str_is(rv_path_str(scenario_condition(s, "Stalled"), "reason"), "UpgradeDeadlineExceeded");
}

/* What is said of an upgrade that failed is withdrawn when another spec is wanted, not when that one is there. */
static void failure_is_withdrawn(void) {
    static const struct {
        const char *row, *strategy, *spec, *type;
    } rows[] = {
        {"another spec", "{'type':'NewCluster'}", "3", "'NewCluster'"},
        {"another spec, incremental", SCENARIO_INCREMENTAL(100, 50, 5), "3", "'NewClusterWithIncrementalUpgrade'"},
        {"the spec of before", "{'type':'NewCluster'}", NULL, "'NewCluster'"},
        {"another spec, and no upgrades any more", "{'type':'NewCluster'}", "3", "'None'"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1,
                             .deploy_s = 5,
                             .strategy = rows[i].strategy,
                             .notes = "{'rayvisor.io/upgrade-deadline':'2m'}"};
        scenario_start(&s);
        scenario_env(&s, "2");
        scenario_settle(&s);
        fixture_tale(&s.w, scenario_pending(&s))->hangs = true;
        CHECK_ROW(scenario_until(&s, given_up) && late(&s), rows[i].row);
        scenario_patch(&s, "{'spec':{'upgradeStrategy':{'type':%s}}}", rows[i].type);
        if (rows[i].spec != NULL)
            scenario_env(&s, rows[i].spec);
        else
            scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
        scenario_settle(&s);
        CHECK_ROW(!late(&s), rows[i].row);
        CHECK_ROW(rv_path_str(scenario_status(&s), "upgrade.failedSpecHash").n == 0, rows[i].row);
        scenario_end(&s);
    }
}

static bool half_way(struct scenario *s) { return scenario_share(s) >= 50; }

static unsigned most_clusters;
static void count_clusters(struct scenario *s) {
    if (scenario_clusters(s) > most_clusters) most_clusters = scenario_clusters(s);
}

/* Half of an upgrade is done when the strategy and the spec are edited at once. */
static void no_third_cluster(void) {
    struct scenario s = {
        .workers = 1, .deploy_s = 2, .strategy = SCENARIO_INCREMENTAL(50, 50, 5), .each_round = count_clusters};
    scenario_start(&s);
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    most_clusters = 0;
    scenario_patch(&s, "{'spec':{'upgradeStrategy':{'type':'NewCluster','clusterUpgradeOptions':null},"
                       "'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':{'labels':{'v':'3'}}}}}}}");
    scenario_for(&s, 10);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_EQUAL(most_clusters, 2);
    struct rv_fake_object *c = rv_fakeapi_get(s.api, "rayclusters", scenario_name(scenario_active(&s)).text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(c->value, "spec.headGroupSpec.template.metadata.labels.v"), "3"));
    scenario_end(&s);
}

/* ---- shares that act late ---------------------------------------------------------------------------------------- */

#define SOME_SECONDS INT64_C(4000000000)

/* One cluster, and since when its share is what it is. */
static struct {
    char cluster[64];
    int64_t share, since;
    bool served, early, stop_gateway;
} watched;

static void watch(const struct scenario *s, struct rv_str cluster) {
    memset(&watched, 0, sizeof watched);
    snprintf(watched.cluster, sizeof watched.cluster, RV_STR_FMT, RV_STR_ARG(cluster));
    watched.since = s->api->now;
}

static void emptied_early(struct scenario *s) {
    int64_t other = scenario_share(s), share = rv_str_is(scenario_active(s), watched.cluster)    ? 100 - other
                                               : rv_str_is(scenario_pending(s), watched.cluster) ? other
                                                                                                 : 0;
    const struct serve *serve = fixture_serve(&s->w, watched.cluster);
    if (share != watched.share) {
        watched.share = share;
        watched.since = s->api->now;
        if (watched.stop_gateway) s->w.no_gateway = true;
    }
    watched.served |= share > 0;
    watched.early |=
        watched.served && serve != NULL && serve->capacity == 0 && s->api->now - watched.since < SOME_SECONDS;
}

static void empty_ones_get_no_request(void) {
    static const struct {
        const char *row, *strategy;
        bool back;
    } rows[] = {{"all at once", SCENARIO_INCREMENTAL(100, 100, 1), false},
                {"in steps", SCENARIO_INCREMENTAL(50, 50, 1), false},
                {"back", SCENARIO_INCREMENTAL(50, 50, 1), true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1, .deploy_s = 2, .strategy = rows[i].strategy};
        scenario_start(&s);
        watch(&s, scenario_active(&s));
        s.each_round = emptied_early;
        scenario_env(&s, "2");
        CHECK_ROW(scenario_until(&s, scenario_upgrading), rows[i].row);
        if (rows[i].back) {
            CHECK_ROW(scenario_until(&s, half_way), rows[i].row);
            watch(&s, scenario_pending(&s));
            scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
        }
        CHECK_ROW(scenario_until(&s, scenario_settled), rows[i].row);
        CHECK_ROW(watched.served && !watched.early, rows[i].row);
        scenario_end(&s);
    }
}

static int64_t capacity_left(struct scenario *s) {
    const struct serve *serve = fixture_serve(&s->w, watched.cluster);
    return serve != NULL ? serve->capacity : -1;
}

/* The Gateway's controller goes away when the last share moves: what it said before is of the shares before. */
static void gateway_that_does_not_follow(void) {
    struct scenario s = {.workers = 1, .deploy_s = 2, .strategy = SCENARIO_INCREMENTAL(100, 100, 1)};
    scenario_start(&s);
    watch(&s, scenario_active(&s));
    watched.share = 100;
    watched.stop_gateway = true;
    s.each_round = emptied_early;
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    scenario_for(&s, 30);
    CU_ASSERT_EQUAL(capacity_left(&s), 100);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_status(&s), "upgrade.step"), "WaitingForGateway"));
    watched.stop_gateway = s.w.no_gateway = false;
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_FALSE(rv_str_is(scenario_active(&s), watched.cluster));
    scenario_end(&s);
}

/* A rollback waits for it too, but not for ever. */
static void rollback_without_a_gateway(void) {
    struct scenario s = {.workers = 1, .deploy_s = 2, .strategy = SCENARIO_INCREMENTAL(50, 50, 5)};
    scenario_start(&s);
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    watch(&s, scenario_pending(&s));
    watched.served = s.w.no_gateway = true;
    scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
    scenario_for(&s, 30);
    CU_ASSERT_TRUE(scenario_share(&s) == 0 && capacity_left(&s) > 0);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    scenario_end(&s);
}

/* A head that does not answer is asked no more often than one that does, unless something is expected of it. */
static void heads_away(void) {
    static const struct {
        const char *row, *settings;
        bool upgrades;
        unsigned least, most;
    } rows[] = {{"quiet", "{}", false, 8, 12},
                {"quiet, asked often", "{\"quietPollSeconds\":5}", false, 18, 24},
                {"an upgrade waits", "{}", true, 18, 24}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1, .deploy_s = 2, .settings = rows[i].settings};
        scenario_start(&s);
        scenario_for(&s, 60);
        if (rows[i].upgrades) {
            scenario_env(&s, "2");
            CHECK_ROW(scenario_until(&s, scenario_upgrading), rows[i].row);
        }
        fixture_tale(&s.w, rows[i].upgrades ? scenario_pending(&s) : scenario_active(&s))->hangs = true;
        scenario_for(&s, 120);
        s.w.in_vain = 0;
        scenario_for(&s, 300);
        if (s.w.in_vain < rows[i].least || s.w.in_vain > rows[i].most) printf("\n    %u times", s.w.in_vain);
        CHECK_ROW(s.w.in_vain >= rows[i].least && s.w.in_vain <= rows[i].most, rows[i].row);
        scenario_end(&s);
    }
}

static const struct suite_test tests[] = {
    {"heads that are away", heads_away},
    {"proxies that are silent, and others that refuse", proxies},
    {"the last one serves again", last_one_comes_back},
    {"submissions that are answered late", submissions},
    {"waiting for an answer is told as that", waiting_is_told},
    {"an edit that Serve took unheard, taken back", edit_taken_back},
    {"a failed upgrade is not told of any longer", failure_is_withdrawn},
    {"no third cluster beside two that serve", no_third_cluster},
    {"a cluster without capacity gets no request", empty_ones_get_no_request},
    {"a Gateway that does not follow", gateway_that_does_not_follow},
    {"a rollback without a Gateway", rollback_without_a_gateway},
};
SUITE_MAIN("rayservice: a Serve that is slow", tests)
