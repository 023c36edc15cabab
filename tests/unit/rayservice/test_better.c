/* test_better.c - what is better than in the reference, each by its name (the numbers are those of the issue). */
#include <stdlib.h>

#include "plugins/ray/cluster.h"
#include "scenario.h"
#include "tests/unit/ray/reference_words.h"
#include "tests/unit/sdk/suite.h"

static struct scenario_name first_name;

/* Whatever gets traffic has proven that it can take it. */
static void no_unproven_share(struct scenario *s) {
    struct rv_str pending = scenario_pending(s);
    int64_t share = scenario_share(s);
    if (pending.n == 0 || share == 0) return;
    if (fixture_tale(&s->w, pending)->proven < share) CU_FAIL("traffic moved before the replicas were there");
}

static int64_t surge;
/* Both clusters together never have more capacity than the surge allows. */
static void no_step_too_far(struct scenario *s) {
    int64_t a = rv_path_int(scenario_status(s), "activeServiceStatus.targetCapacity", 0),
            b = rv_path_int(scenario_status(s), "pendingServiceStatus.targetCapacity", 0);
    if (scenario_active(s).n != 0 && a + b > 100 + surge) CU_FAIL("more capacity than the surge allows");
    no_unproven_share(s);
}

static bool replaced(struct scenario *s) {
    return scenario_share(s) > 0 || !rv_str_is(scenario_active(s), first_name.text);
}
static bool half_way(struct scenario *s) { return scenario_share(s) >= 40; }

static void premature_step(void) {
    static const char *const strategies[] = {SCENARIO_INCREMENTAL(100, 100, 1), SCENARIO_INCREMENTAL(50, 25, 5)};
    for (size_t i = 0; i < RV_ARRAY_LEN(strategies); i++) {
        struct scenario s = {.strategy = strategies[i], .workers = 1, .deploy_s = 20, .each_round = no_step_too_far};
        surge = i == 0 ? 100 : 50;
        scenario_start(&s);
        struct scenario_name old = first_name = scenario_name(scenario_active(&s));
        scenario_env(&s, "2");
        CU_ASSERT_TRUE(scenario_until(&s, replaced));
        CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
        CU_ASSERT_FALSE(rv_str_is(scenario_active(&s), old.text));
        scenario_end(&s);
    }
}

/* Serve calls an application RUNNING that has no replica. */
static void running_is_no_proof(void) {
    struct scenario s = {.workers = 1, .deploy_s = 5};
    scenario_start(&s);
    struct scenario_name old = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    scenario_settle(&s);
    struct scenario_name next = scenario_name(scenario_pending(&s));
    fixture_tale(&s.w, rv_str(next.text))->empty = true;
    scenario_for(&s, 30);
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), old.text));
    fixture_tale(&s.w, rv_str(next.text))->empty = false;
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), next.text));
    scenario_end(&s);
}

static void stable_service_follows(void) {
    struct scenario s = {.workers = 1, .deploy_s = 1};
    scenario_start(&s); /* NewCluster, then the incremental strategy is adopted with its first upgrade */
    scenario_patch(&s, "{'spec':{'upgradeStrategy':%s}}", SCENARIO_INCREMENTAL(50, 50, 2));
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_TRUE(fixture_ready(&s.w, scenario_stable(&s)) > 0);
    struct rv_fake_object *route = rv_fakeapi_get(s.api, "httproutes", FIXTURE_SERVICE "-httproute");
    CU_ASSERT_PTR_NOT_NULL_FATAL(route);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(route->value, "spec.rules[0].backendRefs")), 1);
    scenario_end(&s);
}

static void bounds_reach_the_cluster(void) {
    struct scenario s = {.workers = 2};
    scenario_start(&s);
    struct scenario_name name = scenario_name(scenario_active(&s));
    struct rv_fake_object *o = rv_fakeapi_get(s.api, "rayclusters", name.text);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val ops = fixture_json(a, RV_STR("[{'op':'add','path':'/spec/workerGroupSpecs/0/replicas','value':5}]"));
    CU_ASSERT_EQUAL(rv_fakeapi_json_patch(s.api, o, RV_STR(""), ops), 0); /* as an autoscaler does */
    ops = fixture_json(
        a, RV_STR("[{'op':'add','path':'/spec/rayClusterConfig/workerGroupSpecs/0/minReplicas','value':3},"
                  "{'op':'add','path':'/spec/rayClusterConfig/workerGroupSpecs/0/maxReplicas','value':20}]"));
    CU_ASSERT_EQUAL(rv_fakeapi_json_patch(s.api, scenario_object(&s), RV_STR(""), ops), 0);
    scenario_for(&s, 5);
    struct rv_val group = rv_val_path(o->value, "spec.workerGroupSpecs[0]");
    CU_ASSERT_EQUAL(rv_path_int(group, "minReplicas", 0), 3);
    CU_ASSERT_EQUAL(rv_path_int(group, "maxReplicas", 0), 20);
    CU_ASSERT_EQUAL(rv_path_int(group, "replicas", 0), 5);
    /* a group that is added in place leaves what the autoscaler decided */
    ops = fixture_json(a, RV_STR("[{'op':'add','path':'/spec/rayClusterConfig/workerGroupSpecs/"
                                 "-','value':{'groupName':'h','minReplicas':0,'maxReplicas':1,'rayStartParams':{},'"
                                 "template':{'spec':{'containers':[{'name':'w','image':'ray:1'}]}}}}]"));
    CU_ASSERT_EQUAL(rv_fakeapi_json_patch(s.api, scenario_object(&s), RV_STR(""), ops), 0);
    scenario_for(&s, 5);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(o->value, "spec.workerGroupSpecs")), 2);
    CU_ASSERT_EQUAL(rv_path_int(o->value, "spec.workerGroupSpecs[0].replicas", 0), 5);
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), name.text));
    scenario_end(&s);
}

/* Where no autoscaler decides, the number of replicas is the user's, too. */
static void replicas_reach_the_cluster(void) {
    struct scenario s = {.workers = 2};
    scenario_start(&s);
    first_name = scenario_name(scenario_active(&s));
    scenario_patch(&s, "{'spec':{'rayClusterConfig':{'enableInTreeAutoscaling':false}}}");
    CU_ASSERT_TRUE(scenario_until(&s, replaced)); /* that is another cluster */
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    struct scenario_name name = scenario_name(scenario_active(&s));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val ops =
        fixture_json(a, RV_STR("[{'op':'add','path':'/spec/rayClusterConfig/workerGroupSpecs/0/replicas','value':7}]"));
    CU_ASSERT_EQUAL(rv_fakeapi_json_patch(s.api, scenario_object(&s), RV_STR(""), ops), 0);
    scenario_for(&s, 5);
    struct rv_fake_object *o = rv_fakeapi_get(s.api, "rayclusters", name.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_EQUAL(rv_path_int(o->value, "spec.workerGroupSpecs[0].replicas", 0), 7);
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), name.text) && !scenario_upgrading(&s));
    scenario_end(&s);
}

static void lost_clusters(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(50, 50, 2), .workers = 0, .deploy_s = 2};
    scenario_start(&s);
    struct scenario_name old = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    /* the pending one's head dies */
    struct scenario_name next = scenario_name(scenario_pending(&s));
    fixture_tale(&s.w, rv_str(next.text))->dead = true;
    struct rv_fake_object *head = fixture_head(&s.w, next.text);
    (void)rv_fakeapi_delete(s.api, head, RV_STR(""));
    scenario_settle(&s);
    CU_ASSERT_EQUAL(scenario_share(&s), 0);
    CU_ASSERT_TRUE(rv_str_is(scenario_stable(&s), old.text));
    fixture_tale(&s.w, rv_str(next.text))->dead = false;
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    /* it is deleted by hand */
    (void)rv_fakeapi_delete(s.api, rv_fakeapi_get(s.api, "rayclusters", next.text), RV_STR(""));
    scenario_settle(&s);
    CU_ASSERT_EQUAL(scenario_share(&s), 0);
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    /* the active one is */
    next = scenario_name(scenario_pending(&s));
    (void)rv_fakeapi_delete(s.api, rv_fakeapi_get(s.api, "rayclusters", old.text), RV_STR(""));
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), next.text));
    scenario_end(&s);
}

static bool at_full(struct scenario *s, struct rv_str cluster) {
    struct serve *v = fixture_serve(&s->w, scenario_name(cluster).text);
    return v != NULL && (v->capacity < 0 || v->capacity == 100);
}

static void leaving_incremental(void) {
    static const char *const to[] = {"{'type':'NewCluster','clusterUpgradeOptions':null}",
                                     "{'type':'None','clusterUpgradeOptions':null}"};
    for (size_t i = 0; i < RV_ARRAY_LEN(to); i++) {
        struct scenario s = {.strategy = SCENARIO_INCREMENTAL(50, 50, 5), .workers = 1, .deploy_s = 3};
        scenario_start(&s);
        scenario_env(&s, "2");
        CU_ASSERT_TRUE(scenario_until(&s, half_way));
        scenario_patch(&s, "{'spec':{'upgradeStrategy':%s}}", to[i]);
        CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
        CU_ASSERT_TRUE(at_full(&s, scenario_active(&s)));
        CU_ASSERT_FALSE(scenario_is(&s, "RollbackInProgress", "True"));
        scenario_end(&s);
    }
    /* in the middle of a rollback */
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(50, 50, 5), .workers = 1, .deploy_s = 3};
    scenario_start(&s);
    struct scenario_name old = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
    scenario_settle(&s);
    CU_ASSERT_TRUE(scenario_is(&s, "RollbackInProgress", "True"));
    scenario_patch(&s, "{'spec':{'upgradeStrategy':%s}}", to[0]);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), old.text) && at_full(&s, scenario_active(&s)));
    scenario_env(&s, "3");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading)); /* no left-over blocks it */
    scenario_end(&s);
}

static bool given_up(struct scenario *s) {
    return rv_path_str(scenario_status(s), "upgrade.failedSpecHash").n != 0 && scenario_pending(s).n == 0;
}

static void upgrade_deadline(void) {
    struct scenario s = {.workers = 1, .deploy_s = 5, .notes = "{'rayvisor.io/upgrade-deadline':'2m'}"};
    scenario_start(&s);
    struct scenario_name old = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    scenario_settle(&s);
    fixture_tale(&s.w, scenario_pending(&s))->hangs = true;
    CU_ASSERT_TRUE(scenario_until(&s, given_up));
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), old.text));
    CU_ASSERT_TRUE(scenario_is(&s, "Stalled", "True"));
    struct rv_val why = scenario_condition(&s, "Stalled");
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(why, "reason"), "UpgradeDeadlineExceeded"));
    CU_ASSERT_TRUE(rv_path_str(why, "message").n > 0);
    CU_ASSERT_EQUAL(scenario_told(&s, "UpgradeDeadlineExceeded"), 1);
    scenario_for(&s, 120);
    CU_ASSERT_EQUAL(scenario_clusters(&s), 1); /* and the same spec is not tried again */
    scenario_env(&s, "3");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    CU_ASSERT_FALSE(scenario_is(&s, "Stalled", "True"));
    scenario_end(&s);
    /* only reported */
    struct scenario r = {.workers = 1,
                         .deploy_s = 5,
                         .notes =
                             "{'rayvisor.io/upgrade-deadline':'60','rayvisor.io/upgrade-deadline-policy':'Report'}"};
    scenario_start(&r);
    scenario_env(&r, "2");
    scenario_settle(&r);
    fixture_tale(&r.w, scenario_pending(&r))->hangs = true;
    scenario_for(&r, 70);
    CU_ASSERT_TRUE(scenario_upgrading(&r) && scenario_is(&r, "Stalled", "True"));
    fixture_tale(&r.w, scenario_pending(&r))->hangs = false;
    CU_ASSERT_TRUE(scenario_until(&r, scenario_settled));
    scenario_end(&r);
}

/* The reason is the application's own. */
static void deadline_tells_the_traceback(void) {
    struct scenario s = {.workers = 1, .deploy_s = 5, .notes = "{'rayvisor.io/upgrade-deadline':'60'}"};
    scenario_start(&s);
    scenario_env(&s, "2");
    scenario_settle(&s);
    fixture_tale(&s.w, scenario_pending(&s))->broken = true;
    CU_ASSERT_TRUE(scenario_until(&s, given_up));
    rv_autofree char *why = rv_strdup(rv_path_str(scenario_condition(&s, "Stalled"), "message"));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "application app is DEPLOY_FAILED: Traceback: RuntimeError: no weights"));
    CU_ASSERT_EQUAL(scenario_told(&s, "RuntimeError: no weights"), 1);
    scenario_end(&s);
}

static void suspended_by_a_queue(void) {
    struct scenario s = {.workers = 1, .notes = "{'rayvisor.io/upgrade-deadline':'60'}"};
    scenario_start(&s);
    scenario_patch(&s, "{'spec':{'rayClusterConfig':{'suspend':true}}}"); /* as Kueue's webhook does; no new cluster */
    scenario_for(&s, 10);
    CU_ASSERT_FALSE(scenario_upgrading(&s));
    scenario_env(&s, "2");
    scenario_settle(&s);
    CU_ASSERT_TRUE(scenario_upgrading(&s));
    scenario_for(&s, 300); /* it waits, however long, without an error */
    CU_ASSERT_TRUE(scenario_upgrading(&s));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_status(&s), "upgrade.step"), "Queued"));
    CU_ASSERT_FALSE(scenario_is(&s, "Stalled", "True"));
    struct rv_fake_object *o = rv_fakeapi_get(s.api, "rayclusters", scenario_name(scenario_pending(&s)).text);
    fixture_patch(&s.w, o, false, "{'spec':{'suspend':false}}"); /* admitted */
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    scenario_end(&s);
}

static void make_quota(struct scenario *s, const char *hard, const char *used) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    struct rv_str text = rv_arena_fmt(a, "{'metadata':{'name':'q'},'spec':{'hard':%s},'status':{'hard':%s,'used':%s}}",
                                      hard, hard, used);
    CU_ASSERT_EQUAL(rv_fakeapi_create(s->api, RV_STR("v1"), RV_STR("resourcequotas"), fixture_json(a, text), &made), 0);
}

static void peak_is_shown(void) {
    struct scenario s = {.workers = 2, .deploy_s = 5};
    scenario_start(&s);
    make_quota(&s, "{'requests.nvidia.com/gpu':'3','pods':'100'}", "{'requests.nvidia.com/gpu':'2','pods':'3'}");
    scenario_env(&s, "2");
    scenario_for(&s, 5);
    CU_ASSERT_FALSE(scenario_upgrading(&s)); /* said before anything is created */
    struct rv_str why = rv_path_str(scenario_condition(&s, "Reconciling"), "message");
    CU_ASSERT_TRUE(why.n > 0 && memmem(why.p, why.n, "needs 2 requests.nvidia.com/gpu, 1 are left", 43) != NULL);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_condition(&s, "Reconciling"), "reason"), "BlockedByQuota"));
    fixture_patch(&s.w, rv_fakeapi_get(s.api, "resourcequotas", "q"), true,
                  "{'status':{'hard':{'requests.nvidia.com/gpu':'4'}}}");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
    CU_ASSERT_EQUAL(scenario_told(&s, "UpgradeStarted"), 1);
    CU_ASSERT_EQUAL(scenario_told(&s, "needs 3 pods, 4 cpu, 2 nvidia.com/gpu beside the first"), 1);
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    scenario_end(&s);
}

/* What the RayCluster's controller makes of the cluster. */
static struct rv_val worker_of(struct rv_arena *a, const struct rv_fake_object *cluster) {
    static const struct rc_settings settings = {.probes_injection = true};
    struct rc_cluster c;
    rc_cluster_read(&c, cluster->value, &settings);
    return rv_node_freeze(
        a, rc_worker_pod(a, &c, rv_val_at(rc_groups(&c), 0), &(struct rc_place){.index = -1}, "abcde", RV_STR("")));
}

static void head_only_proxies(void) {
    static const char *const where[] = {"HeadOnly", "Disabled", "EveryNode"};
    for (size_t i = 0; i < RV_ARRAY_LEN(where); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct scenario s = {.workers = 1};
        scenario_begin(&s);
        s.w.head_only = i < 2;
        scenario_patch(&s, "{'spec':{'serveConfigV2':'proxy_location: %s\\n" SCENARIO_CONFIG "'}}", where[i]);
        CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
        struct rv_val pod = worker_of(a, rv_fakeapi_get(s.api, "rayclusters", scenario_name(scenario_active(&s)).text));
        rv_autobuf struct rv_buf probe = {0};
        rv_json_write(rv_val_path(pod, "spec.containers[0].readinessProbe"), &probe);
        CU_ASSERT_EQUAL(strstr(rv_buf_cstr(&probe), "/-/healthz") != NULL, i == 2);
        CU_ASSERT_TRUE(rv_str_is(rv_val_str(rv_val_get(rv_val_path(pod, "metadata.labels"), "ray.io/serve")),
                                 i == 2 ? "true" : "false"));
        scenario_end(&s);
    }
}

static void one_miss_is_none(void) {
    struct scenario s = {.workers = 1};
    scenario_start(&s);
    struct scenario_name name = scenario_name(scenario_active(&s));
    struct rv_fake_object *head = fixture_head(&s.w, name.text);
    scenario_for(&s, 40);
    CU_ASSERT_EQUAL(rv_path_int(scenario_status(&s), "numServeEndpoints", 0), 2);
    /* the head hangs: its numbers stay, its worker's endpoint too; after some misses it takes no requests itself */
    fixture_tale(&s.w, rv_str(name.text))->hangs = true;
    scenario_for(&s, 120);
    CU_ASSERT_EQUAL(rv_path_int(scenario_status(&s), "numServeEndpoints", 0), 1);
    CU_ASSERT_TRUE(scenario_is(&s, "Ready", "True"));
    CU_ASSERT_TRUE(
        rv_str_is(rv_path_str(scenario_status(&s), "activeServiceStatus.applicationStatuses.app.status"), "RUNNING"));
    /* it goes altogether: the worker goes on serving */
    fixture_tale(&s.w, rv_str(name.text))->dead = true;
    (void)rv_fakeapi_delete(s.api, head, RV_STR(""));
    scenario_for(&s, 60);
    CU_ASSERT_TRUE(scenario_is(&s, "Ready", "True") && rv_str_is(scenario_stable(&s), name.text));
    scenario_end(&s);
}

static void old_cluster_drains(void) {
    struct scenario s = {.workers = 1,
                         .deploy_s = 5,
                         .more = ",'rayClusterDeletionDelaySeconds':10",
                         .notes = "{'rayvisor.io/max-drain':'10m'}"};
    scenario_start(&s);
    s.w.ongoing = 1;
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_upgrading));
    scenario_for(&s, 100);
    CU_ASSERT_TRUE(scenario_pending(&s).n == 0 &&
                   scenario_clusters(&s) == 2); /* long past the delay, one request each */
    s.w.ongoing = 0;
    scenario_for(&s, 25);
    CU_ASSERT_EQUAL(scenario_clusters(&s), 1);
    scenario_end(&s);
    struct scenario r = {
        .workers = 1, .more = ",'rayClusterDeletionDelaySeconds':10", .notes = "{'rayvisor.io/max-drain':'60'}"};
    scenario_start(&r);
    r.w.ongoing = 2;
    scenario_env(&r, "2");
    scenario_for(&r, 100);
    CU_ASSERT_EQUAL(scenario_clusters(&r), 1); /* a maximum has passed */
    scenario_end(&r);
}

static void grpc_and_shared_gateway(void) {
    struct scenario s = {
        .strategy = SCENARIO_INCREMENTAL(50, 50, 2),
        .workers = 1,
        .notes = "{'rayvisor.io/gateway':'infra/shared:web','rayvisor.io/hostnames':'a.example, b.example'}",
        .more = ",'serveService':{'spec':{'ports':[{'name':'serve','port':8000,'appProtocol':'kubernetes.io/h2c'}]}}"};
    scenario_begin(&s);
    scenario_patch(&s,
                   "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'spec':{'containers':[{'name':'h','"
                   "image':'ray:1','ports':[{'name':'dashboard','containerPort':8265},{'name':'serve','containerPort':"
                   "8000},{'name':'serve-grpc','containerPort':9000}]}]}}}}}}");
    CU_ASSERT_TRUE(scenario_until(&s, scenario_settled));
    scenario_settle(&s);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(s.api, "gateways", FIXTURE_SERVICE "-gateway"));
    struct rv_fake_object *http = rv_fakeapi_get(s.api, "httproutes", FIXTURE_SERVICE "-httproute"),
                          *grpc = rv_fakeapi_get(s.api, "grpcroutes", FIXTURE_SERVICE "-grpcroute");
    CU_ASSERT_PTR_NOT_NULL_FATAL(http);
    CU_ASSERT_PTR_NOT_NULL_FATAL(grpc);
    CU_ASSERT_TRUE(json_is(rv_val_path(http->value, "spec.parentRefs"),
                           "[{\"name\":\"shared\",\"namespace\":\"infra\",\"sectionName\":\"web\"}]"));
    CU_ASSERT_TRUE(json_is(rv_val_path(http->value, "spec.hostnames"), "[\"a.example\",\"b.example\"]"));
    CU_ASSERT_EQUAL(rv_path_int(grpc->value, "spec.rules[0].backendRefs[0].port", 0), 9000);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *service =
        rv_fakeapi_get(s.api, "services", rv_arena_fmt(a, RV_STR_FMT "-serve-svc", RV_STR_ARG(scenario_active(&s))).p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(service);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(service->value, "spec.ports")), 2);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(service->value, "spec.ports[0].appProtocol"), "kubernetes.io/h2c"));
    scenario_end(&s);
}

static size_t slice_of(struct scenario *s, const char *cluster) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared");
    size_t n = 0;
    for (struct rv_iter it = rv_iter(o != NULL ? rv_val_get(o->value, "endpoints") : RV_VAL_ABSENT); rv_iter_next(&it);)
        n += rv_str_starts(rv_path_str(it.val, "targetRef.name"), cluster);
    return n;
}

static void never_empty(struct scenario *s) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared");
    if (o != NULL && scenario_is(s, "Ready", "True") && rv_val_len(rv_val_get(o->value, "endpoints")) == 0)
        CU_FAIL("a moment without an endpoint");
}

/* A pod that is being deleted takes no new requests, though it stays Ready for a while. */
static bool leaves_slice_at_once(struct scenario *s) {
    struct rv_fake_object *pod = s->api->objects;
    while (pod != NULL && (strcmp(pod->resource, "pods") != 0 || strstr(pod->name, "-worker-") == NULL))
        pod = pod->next;
    CU_ASSERT_PTR_NOT_NULL_FATAL(pod);
    struct scenario_name name = scenario_name(rv_str(pod->name));
    if (slice_of(s, name.text) != 1) return false;
    (void)rv_fakeapi_delete(s->api, pod, RV_STR(""));
    scenario_settle(s);
    return rv_fakeapi_get(s->api, "pods", name.text) != NULL && slice_of(s, name.text) == 0;
}

static int64_t worst;
static void within_five_points(struct scenario *s) {
    struct scenario_name a = scenario_name(scenario_active(s)), b = scenario_name(scenario_pending(s));
    never_empty(s);
    if (scenario_pending(s).n == 0 || scenario_share(s) == 0) return;
    size_t n = slice_of(s, a.text), m = slice_of(s, b.text);
    if (n + m == 0 || rv_fakehost_waiting(s->host) > 0) return;
    int64_t off = (int64_t)(m * 100 / (n + m)) - scenario_share(s);
    if (llabs(off) > worst) worst = llabs(off);
}

static void without_a_gateway(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 25, 5),
                         .workers = 8,
                         .deploy_s = 2,
                         .notes = "{'rayvisor.io/traffic':'Endpoints'}",
                         .each_round = never_empty};
    /* the Service has no selector from its first day */
    scenario_begin(&s);
    scenario_for(&s, 60);
    struct scenario_name old = scenario_name(scenario_active(&s));
    CU_ASSERT_EQUAL(scenario_stable(&s).n, 0);
    CU_ASSERT_TRUE(scenario_is(&s, "Ready", "True"));
    CU_ASSERT_EQUAL(slice_of(&s, old.text), 9);
    struct rv_fake_object *slice = rv_fakeapi_get(s.api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared");
    CU_ASSERT_PTR_NOT_NULL_FATAL(slice); /* a real API server refuses it otherwise, for want of services/finalizers */
    CU_ASSERT_TRUE(rv_val_present(rv_val_path(slice->value, "metadata.ownerReferences[0].controller")) &&
                   !rv_val_present(rv_val_path(slice->value, "metadata.ownerReferences[0].blockOwnerDeletion")));
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(s.api, "endpointslices", FIXTURE_SERVICE "-serve-svc-auto"));
    CU_ASSERT_TRUE(leaves_slice_at_once(&s));
    scenario_for(&s, 60);
    worst = 0;
    s.each_round = within_five_points;
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, half_way));
    scenario_for(&s, 120);
    CU_ASSERT_TRUE(worst <= 5);
    CU_ASSERT_EQUAL(slice_of(&s, old.text), 0);
    CU_ASSERT_EQUAL(slice_of(&s, scenario_name(scenario_active(&s)).text), 9);
    /* back to a selector */
    scenario_patch(&s, "{'metadata':{'annotations':{'rayvisor.io/traffic':null}}}");
    scenario_for(&s, 20);
    CU_ASSERT_TRUE(rv_str_eq(scenario_stable(&s), scenario_active(&s)));
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(s.api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared"));
    scenario_end(&s);
}

/* What the user may not make himself is refused by its path; what serves goes on. */
static void services_of_others(void) {
    static const struct {
        const char *row, *spec, *path;
    } rows[] = {
        {"externalIPs", "'serveService':{'spec':{'externalIPs':['10.1.2.3']}}", "spec.serveService.spec.externalIPs"},
        {"ExternalName", "'serveService':{'spec':{'type':'ExternalName'}}", "spec.serveService.spec.type"},
        {"head", "'rayClusterConfig':{'headGroupSpec':{'headService':{'spec':{'externalIPs':['10.1.2.3']}}}}",
         "headGroupSpec.headService.spec.externalIPs"},
        {"LoadBalancer", "'serveService':{'spec':{'type':'LoadBalancer'}}", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1};
        scenario_start(&s);
        unsigned clusters = scenario_clusters(&s);
        scenario_patch(&s, "{'spec':{%s}}", rows[i].spec);
        scenario_for(&s, 20);
        struct rv_str why = rv_path_str(scenario_condition(&s, "Stalled"), "message");
        CHECK_ROW(scenario_is(&s, "Stalled", "True") == (rows[i].path != NULL), rows[i].row);
        CHECK_ROW(scenario_told(&s, "InvalidRayServiceSpec") == (rows[i].path != NULL), rows[i].row);
        if (rows[i].path != NULL)
            CHECK_ROW(memmem(why.p, why.n, rows[i].path, strlen(rows[i].path)) != NULL, rows[i].row);
        CHECK_ROW(scenario_clusters(&s) == clusters, rows[i].row);
        for (const struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next)
            CHECK_ROW(!rv_val_present(rv_val_path(o->value, "spec.externalIPs")), rows[i].row);
        scenario_end(&s);
    }
}

static void bad_configuration(void) {
    static const char *const bad[] = {"''", "'applications: ['", "'applications: 3'"};
    for (size_t i = 0; i <= RV_ARRAY_LEN(bad); i++) {
        struct scenario s = {.workers = 1};
        scenario_start(&s);
        struct serve *v = fixture_serve(&s.w, scenario_name(scenario_active(&s)).text);
        unsigned puts = v->puts;
        s.w.bad_config = i == RV_ARRAY_LEN(bad);
        scenario_patch(&s, "{'spec':{'serveConfigV2':%s}}", s.w.bad_config ? "'" SCENARIO_OTHER_CONFIG "'" : bad[i]);
        scenario_for(&s, 60);
        CU_ASSERT_TRUE(scenario_is(&s, "Stalled", "True") && scenario_is(&s, "Ready", "True"));
        struct rv_str why = rv_path_str(scenario_condition(&s, "Stalled"), "message");
        CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_condition(&s, "Stalled"), "reason"), "InvalidServeConfig"));
        if (s.w.bad_config) CU_ASSERT_TRUE(memmem(why.p, why.n, "this is no good", 15) != NULL);
        CU_ASSERT_EQUAL(v->puts, puts); /* what serves goes on with what it has */
        CU_ASSERT_EQUAL(rv_path_int(scenario_status(&s), "observedGeneration", 0),
                        rv_path_int(scenario_object(&s)->value, "metadata.generation", -1));
        CU_ASSERT_EQUAL(scenario_told(&s, "FailedToUpdateServeApplications"), 1);
        s.w.bad_config = false;
        scenario_patch(&s, "{'spec':{'serveConfigV2':'" SCENARIO_OTHER_CONFIG "'}}");
        scenario_for(&s, 10);
        CU_ASSERT_FALSE(scenario_is(&s, "Stalled", "True"));
        scenario_end(&s);
    }
}

static void quiet(void) {
    struct scenario s = {.workers = 2, .strategy = SCENARIO_INCREMENTAL(50, 50, 2)};
    scenario_start(&s);
    scenario_for(&s, 60);
    uint64_t writes = rv_fakehost_writes(s.host);
    unsigned asked = s.w.apps_asked + s.w.probes;
    scenario_for(&s, 600);
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host), writes);
    CU_ASSERT_TRUE(s.w.apps_asked + s.w.probes - asked <= 10 * 4 + 2); /* four a minute */
    fixture_tale(&s.w, scenario_active(&s))->hangs = true;             /* one head that is away freezes its numbers */
    scenario_for(&s, 10);
    CU_ASSERT_TRUE(rv_val_len(rv_val_path(scenario_status(&s), "activeServiceStatus.applicationStatuses")) == 1);
    scenario_end(&s);
}

/* A person edits the cluster itself. Its head stays, and so does what leads there. */
static void edited_cluster_keeps_its_head(void) {
#define PORTS(dashboard)                                                                                               \
    "'ports':[{'name':'dashboard','containerPort':" #dashboard "},{'name':'serve','containerPort':8000}]"
    struct scenario s = {.workers = 1, .deploy_s = 1};
    scenario_start(&s);
    struct scenario_name name = scenario_name(scenario_active(&s));
    struct rv_fake_object *cluster = rv_fakeapi_get(s.api, "rayclusters", name.text);
    fixture_patch(&s.w, fixture_head(&s.w, name.text), false,
                  "{'metadata':{'labels':{'app.kubernetes.io/name':'mine'}},'spec':{'containers':[{'name':'h'," PORTS(
                      8265) "}]}}");
    fixture_patch(&s.w, cluster, false,
                  "{'spec':{'headGroupSpec':{'template':{'metadata':{'labels':{'app.kubernetes.io/"
                  "name':'other'}},'spec':{'containers':[{'name':'h','image':'i'," PORTS(9265) "}]}}}}}");
    scenario_settle(&s);
    struct rv_fake_object *service = rv_fakeapi_get(s.api, "services", FIXTURE_SERVICE "-head-svc");
    CU_ASSERT_PTR_NOT_NULL_FATAL(service);
    CU_ASSERT_EQUAL(rv_path_int(service->value, "spec.ports[0].port", 0), 8265);
    CU_ASSERT_TRUE(rv_str_is(
        rv_val_str(rv_val_get(rv_val_path(service->value, "spec.selector"), "app.kubernetes.io/name")), "mine"));
    scenario_end(&s);
}

/* Tools match on the reference's texts (contract, section 10). */
static void refusals_in_the_words_of_the_reference(void) {
#define OPTIONS(surge, step, interval, class)                                                                          \
    "'upgradeStrategy':{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':{'maxSurgePercent':" #surge  \
    ",'stepSizePercent':" #step ",'intervalSeconds':" #interval ",'gatewayClassName':'" class "'}}"
    static const struct {
        const char *patch, *words;
    } rows[] = {
        {"'rayClusterConfig':{'authOptions':{'mode':'token','enableK8sTokenAuth':true}}",
         "The RayService spec is invalid: *K8s token auth mode is currently not supported for RayService"},
        {"'rayClusterConfig':{'headGroupSpec':{'headService':{'metadata':{'name':'x'}}}}",
         "spec.rayClusterConfig.headGroupSpec.headService.metadata.name should not be set"},
        {"'upgradeStrategy':{'type':'Rolling'}",
         "Spec.UpgradeStrategy.Type value Rolling is invalid, valid options are NewClusterWithIncrementalUpgrade, "
         "NewCluster, or None"},
        {"'rayClusterDeletionDelaySeconds':-1", "should be a non-negative integer, got -1"},
        {OPTIONS(50, 5, 5, "g") ",'rayClusterConfig':{'enableInTreeAutoscaling':false}",
         "Ray Autoscaler is required for NewClusterWithIncrementalUpgrade"},
        {"'upgradeStrategy':{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':null}",
         "ClusterUpgradeOptions are required for NewClusterWithIncrementalUpgrade"},
        {OPTIONS(101, 5, 5, "g"), "maxSurgePercent must be between 0 and 100"},
        {OPTIONS(50, 101, 5, "g"), "stepSizePercent must be between 0 and 100"},
        {OPTIONS(50, 60, 5, "g"), "stepSizePercent must be less than or equal to maxSurgePercent"},
        {OPTIONS(50, 5, 0, "g"), "intervalSeconds must be greater than 0"},
        {OPTIONS(50, 5, 5, ""), "gatewayClassName is required for NewClusterWithIncrementalUpgrade"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.workers = 1};
        scenario_begin(&s);
        scenario_patch(&s, "{'spec':{%s}}", rows[i].patch);
        scenario_settle(&s);
        rv_autoarena struct rv_arena *a = rv_arena_new();
        const char *said = rv_arena_str(a, rv_path_str(scenario_condition(&s, "Stalled"), "message")).p;
        bool quoted = has_reference_words(said != NULL ? said : "", rows[i].words);
        if (!quoted) printf("\n    %s", said != NULL ? said : "nothing");
        CHECK_ROW(quoted, rows[i].words);
        scenario_end(&s);
    }
}

static const struct suite_test tests[] = {
    {"refusals in the words of the reference", refusals_in_the_words_of_the_reference},
    {"an edited cluster keeps its head", edited_cluster_keeps_its_head},
    {"01 no step before the replicas are there", premature_step},
    {"01 an application without a replica proves nothing", running_is_no_proof},
    {"02 the stable Service follows the traffic", stable_service_follows},
    {"03 edited bounds reach the running cluster", bounds_reach_the_cluster},
    {"03 edited replicas reach it without an autoscaler", replicas_reach_the_cluster},
    {"04 clusters that die or are deleted by hand", lost_clusters},
    {"05 leaving the incremental strategy midway", leaving_incremental},
    {"06 upgrade deadline", upgrade_deadline},
    {"06 the deadline tells the traceback", deadline_tells_the_traceback},
    {"07 suspension by a queue manager is a state", suspended_by_a_queue},
    {"08 the peak is shown before it is taken", peak_is_shown},
    {"09 proxies on the head only", head_only_proxies},
    {"10 a head dies while workers serve", one_miss_is_none},
    {"11 the old cluster drains", old_cluster_drains},
    {"12 gRPC, appProtocol, a shared Gateway", grpc_and_shared_gateway},
    {"13 incremental without a Gateway", without_a_gateway},
    {"services that the user may not make", services_of_others},
    {"14 empty or invalid Serve configuration", bad_configuration},
    {"15 no write when nothing changed", quiet},
};
SUITE_MAIN("rayservice: better than the reference", tests)
