/* test_restarts.c - the process dies after each of its writes, and at rest in every state of an upgrade. The next one
 * goes on with the same step: nothing is sent twice, and what is said stays. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

/* ---- after each write -------------------------------------------------------------------------------------------- */

static unsigned deaths;

/* One request after the other is carried out; after a write the process dies without having heard of it. */
static bool serve_and_die(struct scenario *s) {
    uint64_t version = s->api->version;
    unsigned submits = s->w.submits;
    if (!rv_fakehost_serve(s->host, 0)) return false;
    if (version != s->api->version || submits != s->w.submits) {
        deaths++;
        rv_fakehost_restart(s->host);
    } else {
        rv_fakehost_run(s->host);
    }
    s->w.round++;
    return true;
}

static bool dies_until(struct scenario *s, bool (*holds)(struct scenario *s)) {
    for (int i = 0; i < 4000; i++) {
        bool did = fixture_work(&s->w);
        while (rv_fakehost_deliver(s->host)) did = true;
        rv_fakehost_run(s->host);
        if (s->each_round != NULL) s->each_round(s);
        if (holds(s)) return true;
        if (serve_and_die(s) || did) continue;
        rv_fakehost_advance(s->host, 500);
        rv_fakehost_run(s->host);
    }
    rv_autobuf struct rv_buf b = {0};
    rv_json_write(scenario_status(s), &b);
    printf("\n    it stays so: %s", rv_buf_cstr(&b));
    return false;
}

/* Submissions that changed nothing, of those that ever were. */
static unsigned sent_again(const struct scenario *s) {
    unsigned news = 0;
    for (size_t i = 0; i < s->w.serve_n; i++) news += s->w.serves[i].puts;
    return s->w.submits - news;
}

static void weights_sum(struct scenario *s) {
    struct rv_val a = rv_val_path(scenario_status(s), "activeServiceStatus.trafficRoutedPercent"),
                  b = rv_val_path(scenario_status(s), "pendingServiceStatus.trafficRoutedPercent");
    if (rv_val_set(a) && rv_val_set(b)) CU_ASSERT_EQUAL(rv_val_int(a, 0) + rv_val_int(b, 0), 100);
    CU_ASSERT_TRUE(scenario_clusters(s) <= 2);
}

static bool at_rest(struct scenario *s) {
    return scenario_active(s).n != 0 && scenario_pending(s).n == 0 && scenario_clusters(s) == 1 &&
           scenario_is(s, "Ready", "True") && !scenario_is(s, "Reconciling", "True") &&
           rv_val_len(rv_val_get(scenario_status(s), "retiredClusters")) == 0;
}

static struct scenario_name before;
static bool replaced(struct scenario *s) { return at_rest(s) && !rv_str_is(scenario_active(s), before.text); }
static bool half_way(struct scenario *s) { return scenario_share(s) >= 50; }

static bool runs_other_config(struct scenario *s) {
    struct serve *v = fixture_serve(&s->w, scenario_name(scenario_active(s)).text);
    return v != NULL && v->config != NULL && strstr(v->config, "a.c") != NULL && at_rest(s);
}

static void after_each_write(void) {
    static const struct {
        const char *row, *strategy, *notes;
        bool (*begun)(struct scenario *s); /* then it is rolled back */
    } rows[] = {
        {"through a Gateway", SCENARIO_INCREMENTAL(50, 50, 2), NULL, half_way},
        {"without a Gateway", SCENARIO_INCREMENTAL(50, 25, 2), "{'rayvisor.io/traffic':'Endpoints'}", half_way},
        {"at once", "{'type':'NewCluster'}", NULL, scenario_upgrading},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.strategy = rows[i].strategy,
                             .notes = rows[i].notes,
                             .more = ",'rayClusterDeletionDelaySeconds':1",
                             .workers = 2,
                             .deploy_s = 2,
                             .each_round = weights_sum};
        deaths = 0;
        scenario_begin(&s);
        CHECK_ROW(dies_until(&s, at_rest), rows[i].row);
        before = scenario_name(scenario_active(&s));
        scenario_env(&s, "2");
        CHECK_ROW(dies_until(&s, rows[i].begun), rows[i].row);
        scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
        CHECK_ROW(dies_until(&s, at_rest) && rv_str_is(scenario_active(&s), before.text), rows[i].row);
        scenario_env(&s, "3");
        CHECK_ROW(dies_until(&s, replaced), rows[i].row);
        scenario_patch(&s, "{'spec':{'serveConfigV2':'" SCENARIO_OTHER_CONFIG "'}}");
        CHECK_ROW(dies_until(&s, runs_other_config), rows[i].row);
        CHECK_ROW(sent_again(&s) == 0, rows[i].row);
        CHECK_ROW(deaths > 25, rows[i].row);
        scenario_for(&s, 60); /* pods have a while to end */
        uint64_t version = s.api->version;
        scenario_for(&s, 120);
        CHECK_ROW(s.api->version == version, rows[i].row);
        scenario_end(&s);
    }
}

/* An edit that Serve took unheard is sent again where its answers cannot show whether it did. */
static void what_answers_do_not_show(void) {
    struct scenario s = {.workers = 1, .deploy_s = 2};
    scenario_start(&s);
    scenario_patch(&s, "{'spec':{'serveConfigV2':'logging_config: {log_level: DEBUG}\\n" SCENARIO_CONFIG "'}}");
    rv_fakehost_restart(s.host);
    scenario_for(&s, 10);
    struct serve *v = fixture_serve(&s.w, scenario_name(scenario_active(&s)).text);
    CU_ASSERT_TRUE(v != NULL && strstr(v->config, "DEBUG") != NULL);
    scenario_end(&s);
}

/* ---- at rest ----------------------------------------------------------------------------------------------------- */

static bool stays(struct scenario *s, const char *row) {
    scenario_for(s, 5);
    uint64_t version = s->api->version;
    rv_fakehost_restart(s->host);
    scenario_settle(s);
    scenario_for(s, 5);
    bool same = s->api->version == version;
    if (!same) {
        rv_autobuf struct rv_buf b = {0};
        rv_json_write(rv_val_get(scenario_status(s), "conditions"), &b);
        printf("\n    %s: %s", row, rv_buf_cstr(&b));
    }
    return same;
}

static bool step_is(struct scenario *s, const char *step) {
    return rv_str_is(rv_path_str(scenario_status(s), "upgrade.step"), step);
}
static bool shifting(struct scenario *s) { return step_is(s, "ShiftingTraffic"); }

static void nothing_is_written(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 50, 600), .workers = 1};
    scenario_start(&s);
    CU_ASSERT_TRUE(stays(&s, "serving"));
    s.w.deploy_s = 100;
    scenario_env(&s, "2");
    scenario_for(&s, 5);
    CU_ASSERT_TRUE(step_is(&s, "DeployingApplications"));
    CU_ASSERT_TRUE(stays(&s, "deploying"));
    CU_ASSERT_TRUE(scenario_until(&s, shifting));
    CU_ASSERT_TRUE(stays(&s, "shifting"));
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    CU_ASSERT_TRUE(stays(&s, "half way"));
    scenario_end(&s);
    struct scenario r = {.workers = 1};
    scenario_start(&r);
    scenario_patch(&r, "{'spec':{'serveConfigV2':'applications: 3'}}");
    CU_ASSERT_TRUE(stays(&r, "a configuration that is none"));
    r.w.bad_config = true;
    scenario_patch(&r, "{'spec':{'serveConfigV2':'" SCENARIO_OTHER_CONFIG "'}}");
    CU_ASSERT_TRUE(stays(&r, "a configuration that Serve refuses"));
    scenario_end(&r);
    struct scenario q = {.workers = 1, .deploy_s = 1000};
    scenario_begin(&q);
    scenario_for(&q, 20);
    CU_ASSERT_TRUE(stays(&q, "initializing"));
    scenario_end(&q);
}

static const struct suite_test tests[] = {{"after each write", after_each_write},
                                          {"what answers do not show is sent", what_answers_do_not_show},
                                          {"a restart at rest writes nothing", nothing_is_written}};
SUITE_MAIN("rayservice: restarts", tests)
