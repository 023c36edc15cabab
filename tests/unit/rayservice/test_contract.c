/* test_contract.c - what the reference promises of every RayService, whatever its upgrades do: strategies and settings,
 * what is copied to the objects that it makes, which pods take requests, metrics, and whose obstacle is told. */
#include <stdio.h>
#include <stdlib.h>

#include "scenario.h"
#include "tests/unit/sdk/suite.h"

/* ---- strategies and settings ------------------------------------------------------------------------------------- */

/* An edit of the cluster spec makes another cluster, or none at all. */
static void strategies(void) {
    static const struct {
        const char *row, *strategy, *settings;
        bool replaced;
    } rows[] = {{"none given", NULL, NULL, true},
                {"none given, zeroDowntime off", NULL, "{\"zeroDowntime\":false}", false},
                {"NewCluster", "{'type':'NewCluster'}", "{\"zeroDowntime\":false}", true},
                {"None", "{'type':'None'}", NULL, false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.strategy = rows[i].strategy, .settings = rows[i].settings, .workers = 1, .deploy_s = 2};
        scenario_start(&s);
        struct scenario_name old = scenario_name(scenario_active(&s));
        scenario_env(&s, "2");
        scenario_for(&s, 120);
        CHECK_ROW(rv_str_is(scenario_active(&s), old.text) != rows[i].replaced, rows[i].row);
        CHECK_ROW(scenario_pending(&s).n == 0 && scenario_is(&s, "Ready", "True"), rows[i].row);
        /* a configuration reaches the running cluster under each */
        scenario_patch(&s, "{'spec':{'serveConfigV2':'" SCENARIO_OTHER_CONFIG "'}}");
        scenario_for(&s, 20);
        const struct serve *v = fixture_serve(&s.w, scenario_name(scenario_active(&s)).text);
        CHECK_ROW(v != NULL && strstr(v->config, "a.c") != NULL, rows[i].row);
        scenario_end(&s);
    }
}

/* The plugin's settings are what counts where the annotations say nothing. */
static void deadline_of_the_settings(void) {
    static const struct {
        const char *row, *settings, *notes;
        bool given_up, reported; /* after two minutes in which the new cluster's head answers nothing */
    } rows[] = {
        {"an hour", NULL, NULL, false, false},
        {"setting", "{\"upgradeDeadlineSeconds\":60}", NULL, true, true},
        {"setting, which reports", "{\"upgradeDeadlineSeconds\":60,\"upgradeDeadlinePolicy\":\"Report\"}", NULL, false,
         true},
        {"setting, and an annotation that rolls back",
         "{\"upgradeDeadlineSeconds\":60,\"upgradeDeadlinePolicy\":\"Report\"}",
         "{'rayvisor.io/upgrade-deadline-policy':'RollBack'}", true, true},
        {"setting, and an annotation that allows more", "{\"upgradeDeadlineSeconds\":60}",
         "{'rayvisor.io/upgrade-deadline':'10m'}", false, false},
        {"setting, and an annotation that has none", "{\"upgradeDeadlineSeconds\":60}",
         "{'rayvisor.io/upgrade-deadline':'0'}", false, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.settings = rows[i].settings, .notes = rows[i].notes, .workers = 1, .deploy_s = 2};
        scenario_start(&s);
        scenario_env(&s, "2");
        scenario_settle(&s);
        CU_ASSERT_TRUE_FATAL(scenario_upgrading(&s));
        fixture_tale(&s.w, scenario_pending(&s))->hangs = true;
        scenario_for(&s, 120);
        bool failed = rv_path_str(scenario_status(&s), "upgrade.failedSpecHash").n != 0;
        CHECK_ROW(failed == rows[i].given_up && scenario_upgrading(&s) != rows[i].given_up, rows[i].row);
        CHECK_ROW(rv_str_is(rv_path_str(scenario_condition(&s, "Stalled"), "reason"), "UpgradeDeadlineExceeded") ==
                      rows[i].reported,
                  rows[i].row);
        scenario_end(&s);
    }
}

/* How long an old cluster with requests under way stays at the most. */
static void drain_of_the_settings(void) {
    static const struct {
        const char *row, *settings, *notes;
        unsigned clusters; /* a minute after the upgrade */
    } rows[] = {{"setting", "{\"maxDrainSeconds\":30}", NULL, 1},
                {"setting that allows more", "{\"maxDrainSeconds\":600}", NULL, 2},
                {"annotation", "{\"maxDrainSeconds\":600}", "{'rayvisor.io/max-drain':'30'}", 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.settings = rows[i].settings,
                             .notes = rows[i].notes,
                             .more = ",'rayClusterDeletionDelaySeconds':5",
                             .workers = 1,
                             .deploy_s = 2};
        scenario_start(&s);
        s.w.ongoing = 1;
        scenario_env(&s, "2");
        CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
        scenario_for(&s, 60);
        CHECK_ROW(scenario_clusters(&s) == rows[i].clusters, rows[i].row);
        scenario_end(&s);
    }
}

/* ---- what is copied ---------------------------------------------------------------------------------------------- */

static struct rv_str at_key(struct rv_val o, const char *map, const char *key) {
    return rv_val_str(rv_val_get(rv_val_path(o, map), key));
}

static bool is_of_the_service(const struct scenario *s, struct rv_val o) {
    return rv_str_is(rv_meta_controller_uid(o), scenario_object(s)->uid);
}

static void cluster_has_what_the_service_has(void) {
    struct scenario s = {.workers = 1, .notes = "{'team':'ml','kubectl.kubernetes.io/last-applied-configuration':'x'}"};
    scenario_begin(&s);
    scenario_patch(&s, "{'metadata':{'labels':{'kueue.x-k8s.io/queue-name':'q'}}}");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    struct scenario_name name = scenario_name(scenario_active(&s));
    struct rv_val v = rv_fakeapi_get(s.api, "rayclusters", name.text)->value;
    CU_ASSERT_TRUE(rv_str_is(at_key(v, "metadata.labels", "kueue.x-k8s.io/queue-name"), "q"));
    CU_ASSERT_TRUE(rv_str_is(at_key(v, "metadata.labels", "ray.io/originated-from-cr-name"), FIXTURE_SERVICE));
    CU_ASSERT_TRUE(rv_str_is(at_key(v, "metadata.labels", "ray.io/originated-from-crd"), "RayService"));
    CU_ASSERT_TRUE(rv_str_is(at_key(v, "metadata.annotations", "team"), "ml"));
    CU_ASSERT_EQUAL(at_key(v, "metadata.annotations", "kubectl.kubernetes.io/last-applied-configuration").n, 0);
    CU_ASSERT_TRUE(is_of_the_service(&s, v) && strncmp(name.text, FIXTURE_SERVICE "-", 2) == 0);
    static const char *const services[] = {FIXTURE_SERVICE "-head-svc", FIXTURE_SERVICE "-serve-svc"};
    for (size_t i = 0; i < RV_ARRAY_LEN(services); i++) {
        struct rv_fake_object *o = rv_fakeapi_get(s.api, "services", services[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(o);
        CHECK_ROW(is_of_the_service(&s, o->value), services[i]);
    }
    scenario_end(&s);
}

/* Its own name, type, labels, annotations and ports; the selector is ours. What a person changes comes back. */
static void serve_service_of_the_user(void) {
    struct scenario s = {
        .workers = 1,
        .more = ",'serveService':{'metadata':{'name':'mine','labels':{'a':'b'},'annotations':{'lb':'internal'}},'spec':"
                "{'type':'NodePort','selector':{'x':'y'},'ports':[{'name':'serve','port':80,'targetPort':8000}]}}"};
    scenario_begin(&s);
    scenario_for(&s, 60);
    struct rv_fake_object *o = rv_fakeapi_get(s.api, "services", "mine");
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(s.api, "services", FIXTURE_SERVICE "-serve-svc"));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(rv_str_is(rv_path_str(o->value, "spec.type"), "NodePort"));
        CU_ASSERT_TRUE(rv_str_is(at_key(o->value, "metadata.labels", "a"), "b"));
        CU_ASSERT_TRUE(rv_str_is(at_key(o->value, "metadata.annotations", "lb"), "internal"));
        CU_ASSERT_TRUE(rv_str_eq(at_key(o->value, "spec.selector", "ray.io/cluster"), scenario_active(&s)));
        CU_ASSERT_EQUAL(at_key(o->value, "spec.selector", "x").n, 0);
        CU_ASSERT_EQUAL(rv_path_int(o->value, "spec.ports[0].port", 0), 80);
        CU_ASSERT_EQUAL(rv_path_int(o->value, "spec.ports[0].targetPort", 0), 8000);
        fixture_patch(&s.w, o, false,
                      "{'metadata':{'annotations':{'lb':'external'}},'spec':{'type':'ClusterIP','selector':{'ray.io/"
                      "cluster':'other'}}}");
        scenario_for(&s, 5);
    }
    CU_ASSERT_TRUE(scenario_is(&s, "Ready", "True"));
    scenario_end(&s);
}

/* ---- who takes requests ------------------------------------------------------------------------------------------ */

static bool head_serves(struct scenario *s) {
    const struct rv_fake_object *head = fixture_head(&s->w, scenario_name(scenario_active(s)).text);
    return rv_str_is(at_key(head->value, "metadata.labels", "ray.io/serve"), "true");
}

static void head_is_left_out(void) {
    struct scenario s = {.workers = 1, .more = ",'excludeHeadPodFromServeSvc':true"};
    scenario_start(&s);
    CU_ASSERT_FALSE(head_serves(&s));
    CU_ASSERT_EQUAL(rv_path_int(scenario_status(&s), "numServeEndpoints", 0), 1);
    scenario_patch(&s, "{'spec':{'excludeHeadPodFromServeSvc':false}}");
    scenario_for(&s, 40);
    CU_ASSERT_TRUE(head_serves(&s));
    scenario_patch(&s, "{'spec':{'excludeHeadPodFromServeSvc':true}}");
    scenario_for(&s, 40);
    CU_ASSERT_FALSE(head_serves(&s));
    CU_ASSERT_TRUE(scenario_is(&s, "Ready", "True"));
    scenario_end(&s);
}

/* ---- why it does not come up ------------------------------------------------------------------------------------- */

/* What the cluster's controller says of its pods stands in the RayService, and is the reason of the deadline. */
static void obstacles_of_the_cluster(void) {
    static const struct {
        const char *type, *reason, *message;
    } rows[] = {{"Reconciling", "Unschedulable", "pod p: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu"},
                {"Stalled", "CrashLoopBackOff", "pod p: back-off 10s restarting failed container"},
                {"Stalled", "ImagePullBackOff", "pod p: no such image"},
                {"ReplicaFailure", "FailedCreateHeadPod", "exceeded quota: q"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1, .notes = "{'rayvisor.io/upgrade-deadline':'60'}"};
        scenario_start(&s);
        scenario_env(&s, "2");
        rv_fakehost_run_until_idle(s.host);
        CU_ASSERT_TRUE_FATAL(scenario_pending(&s).n != 0);
        struct scenario_name next = scenario_name(scenario_pending(&s));
        fixture_tale(&s.w, rv_str(next.text))->dead = true;
        rv_fakehost_run_until_idle(s.host);
        fixture_patch(&s.w, rv_fakeapi_get(s.api, "rayclusters", next.text), true,
                      "{'status':{'conditions':[{'type':'HeadPodReady','status':'False'},{'type':'%s','status':'True',"
                      "'reason':'%s','message':'%s'}]}}",
                      rows[i].type, rows[i].reason, rows[i].message);
        scenario_for(&s, 10);
        rv_autofree char *line = rv_strdup(rv_path_str(scenario_condition(&s, "Reconciling"), "message"));
        CHECK_ROW(strstr(line, rows[i].reason) != NULL && strstr(line, rows[i].message) != NULL, line);
        scenario_for(&s, 60);
        rv_autofree char *why = rv_strdup(rv_path_str(scenario_condition(&s, "Stalled"), "message"));
        CHECK_ROW(strstr(why, rows[i].reason) != NULL && strstr(why, rows[i].message) != NULL, why);
        CHECK_ROW(scenario_told(&s, rows[i].message) >= 1, rows[i].reason);
        scenario_end(&s);
    }
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static struct gauge {
    char line[200];
    double value;
} gauges[16];
static size_t gauge_n;

/* Gauges that are there, each by its name and labels. */
static void keep_gauge(struct scenario *s, struct rv_str name, uint32_t type, double value, struct rv_val labels) {
    (void)s;
    rv_autobuf struct rv_buf b = {0};
    if (!rv_str_starts(name, "kuberay_service_")) return;
    rv_buf_addf(&b, RV_STR_FMT " ", RV_STR_ARG(name));
    rv_json_write(labels, &b);
    size_t i = 0;
    while (i < gauge_n && strcmp(gauges[i].line, rv_buf_cstr(&b)) != 0) i++;
    if (type == RV_METRIC_REMOVED) {
        if (i < gauge_n) gauges[i] = gauges[--gauge_n];
        return;
    }
    if (i == RV_ARRAY_LEN(gauges)) return;
    if (i == gauge_n) gauge_n++;
    snprintf(gauges[i].line, sizeof gauges[i].line, "%s", rv_buf_cstr(&b));
    gauges[i].value = value;
}

static unsigned has_gauge(const char *name, const char *label) {
    unsigned n = 0;
    for (size_t i = 0; i < gauge_n; i++)
        n += strstr(gauges[i].line, name) == gauges[i].line && strstr(gauges[i].line, label) != NULL &&
             gauges[i].value > 0.5 && gauges[i].value < 1.5;
    return n;
}

#define READY_GAUGE "kuberay_service_condition_ready "
#define UPGRADE_GAUGE "kuberay_service_condition_upgrade_in_progress "
#define IS_TRUE "\"condition\":\"true\""
#define IS_FALSE "\"condition\":\"false\""

static void metrics(void) {
    struct scenario s = {.workers = 1, .deploy_s = 5, .metric = keep_gauge};
    gauge_n = 0;
    scenario_begin(&s);
    scenario_settle(&s);
    CU_ASSERT_EQUAL(has_gauge("kuberay_service_info ", "\"name\":\"" FIXTURE_SERVICE "\""), 1);
    CU_ASSERT_TRUE(has_gauge(READY_GAUGE, IS_FALSE) == 1 && has_gauge(READY_GAUGE, IS_TRUE) == 0);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_TRUE(has_gauge(READY_GAUGE, IS_TRUE) == 1 && has_gauge(READY_GAUGE, IS_FALSE) == 0);
    CU_ASSERT_TRUE(has_gauge(UPGRADE_GAUGE, IS_FALSE) == 1 && has_gauge(UPGRADE_GAUGE, IS_TRUE) == 0);
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
    scenario_settle(&s);
    CU_ASSERT_TRUE(has_gauge(UPGRADE_GAUGE, IS_TRUE) == 1 && has_gauge(UPGRADE_GAUGE, IS_FALSE) == 0);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_TRUE(has_gauge(UPGRADE_GAUGE, IS_FALSE) == 1 && gauge_n == 3);
    (void)rv_fakeapi_delete(s.api, scenario_object(&s), RV_STR(""));
    scenario_for(&s, 60);
    CU_ASSERT_TRUE(scenario_object(&s) == NULL && gauge_n == 0);
    scenario_end(&s);
}

static const struct suite_test tests[] = {
    {"strategies", strategies},
    {"the deadline of the settings", deadline_of_the_settings},
    {"the drain of the settings", drain_of_the_settings},
    {"a cluster has what the service has", cluster_has_what_the_service_has},
    {"the serve Service of the user", serve_service_of_the_user},
    {"the head is left out", head_is_left_out},
    {"obstacles of the cluster", obstacles_of_the_cluster},
    {"metrics", metrics},
};
SUITE_MAIN("rayservice: the contract", tests)
