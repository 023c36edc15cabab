/* test_conditions.c - what a cluster's conditions say: which pod blocks, that an edit reached no pod, what is not
 * valid, how to resume. And what is noted on pods of another version of the operator. */
#include "plugins/ray/fields.h"
#include "scenario.h"
#include "tests/unit/ray/reference_words.h"

#define MINUTE INT64_C(60000)
#define GROUP(n, image)                                                                                                \
    "{'groupName':'aa','replicas':" #n ",'minReplicas':0,'maxReplicas':9,'rayStartParams':{},'template':{'spec':{"     \
    "'containers':[{'name':'w','image':'" image "'}]}}}"
#define SPEC(n) SCENARIO_HEAD ",'workerGroupSpecs':[" GROUP(n, "i") "]"
#define SPEC_WITH_ACCOUNT                                                                                              \
    "'headGroupSpec':{'template':{'spec':{'serviceAccountName':'mine','containers':[{'name':'h','image':'i'}]}}}"
#define WAITS(why) "{'phase':'Pending','containerStatuses':[{'name':'w','state':{'waiting':{'reason':'" why "'}}}]}"
#define RUNS                                                                                                           \
    "{'phase':'Running','containerStatuses':[],'conditions':[{'type':'Ready','status':'False','message':'probe "       \
    "failed'}]}"
#define OLD_VERSION "{'metadata':{'annotations':{'ray.io/kuberay-version':'v0.0.1'}}}"

static bool told(const struct scenario *s, const char *type, const char *part) {
    return scenario_has(scenario_condition(s, type, "message"), part);
}

static void start(struct scenario *s, const char *spec) {
    scenario_start(s, "{}", spec);
    scenario_pass(s, 5000);
}

/* ---- what blocks ------------------------------------------------------------------------------------------------- */

/* The pods change in turn; the one that is told stays. */
static void test_one_that_blocks(void) {
    struct scenario s = {0};
    start(&s, SPEC(4));
    scenario_become(&s, "-worker-", WAITS("ImagePullBackOff"));
    scenario_pass(&s, 5000);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str first = rv_arena_str(a, scenario_condition(&s, RC_CONDITION_RECONCILING, "message"));
    CU_ASSERT_TRUE(scenario_has(first, "worker pod c-aa-worker-") && scenario_has(first, "ImagePullBackOff"));
    uint64_t writes = rv_fakehost_writes(s.host);
    for (struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next) {
        if (strstr(o->name, "-worker-") == NULL) continue;
        scenario_patch(&s, o, false, "{'metadata':{'annotations':{'x':'y'}}}");
        scenario_pass(&s, 5000);
        CU_ASSERT_TRUE(rv_str_eq(scenario_condition(&s, RC_CONDITION_RECONCILING, "message"), first));
    }
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host), writes);
    scenario_become(&s, "-head-", WAITS("ErrImagePull"));
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_RECONCILING, "head pod"));
    scenario_stop(&s);
}

static void test_long_without_a_reason(void) {
    static const struct {
        const char *status, *want;
    } rows[] = {{WAITS("ContainerCreating"), "container w waits for more than a minute: ContainerCreating"},
                {RUNS, "made more than a minute ago and not ready: probe failed"},
                {"{'phase':'Pending'}", "phase Pending, made more than a minute ago"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        start(&s, SPEC(1));
        scenario_become(&s, "-head-", SCENARIO_READY);
        scenario_become(&s, "-worker-", rows[i].status);
        scenario_pass(&s, 20000);
        CHECK_ROW(told(&s, RC_CONDITION_RECONCILING, "to be ready, such as c-aa-worker-"), rows[i].want);
        CHECK_ROW(!told(&s, RC_CONDITION_RECONCILING, rows[i].want), rows[i].want);
        scenario_pass(&s, MINUTE);
        CHECK_ROW(told(&s, RC_CONDITION_RECONCILING, "worker pod c-aa-worker-"), rows[i].want);
        CHECK_ROW(told(&s, RC_CONDITION_RECONCILING, rows[i].want), rows[i].want);
        scenario_stop(&s);
    }
}

static void test_how_to_resume(void) {
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(1));
    scenario_edit(&s, "{'spec':{'suspend':true}}");
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_SUSPENDED, "status"), "True"));
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_RECONCILING, "status").n, 0);
    scenario_edit(&s, "{'spec':{'suspend':null}}");
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "reason"), "Suspended"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_RECONCILING, "set it to false"));
    scenario_stop(&s);
}

static void test_head_kept_down(void) {
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(1));
    scenario_edit(&s, "{'metadata':{'annotations':{'ray.io/disable-provisioned-head-restart':'true'}}}");
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-head-"), RV_STR("")), 0);
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "reason"), "HeadPodKeptDown"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_RECONCILING, "ray.io/disable-provisioned-head-restart"));
    scenario_stop(&s);
}

/* ---- what is not valid ------------------------------------------------------------------------------------------- */

static void test_not_valid(void) {
    struct scenario s = {0};
    start(&s, SPEC(2));
    scenario_become(&s, "-head-", SCENARIO_READY);
    scenario_become(&s, "-worker-", SCENARIO_READY);
    scenario_pass(&s, 5000);
    scenario_become(&s, "-worker-", RUNS);
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "status"), "True"));
    scenario_edit(&s, "{'spec':{'upgradeStrategy':{'type':'Sometimes'}}}");
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_STALLED, "status"), "True"));
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_RECONCILING, "status").n, 0);
    scenario_become(&s, "-worker-", SCENARIO_READY); /* what is so is told, valid or not */
    scenario_become(&s, "-head-", RUNS);
    scenario_pass(&s, 5000);
    CU_ASSERT_EQUAL(rv_val_int(scenario_status(&s, "readyWorkerReplicas"), 0), 2);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_HEAD_READY, "status"), "False"));
    CU_ASSERT_EQUAL(rv_val_str(scenario_status(&s, "state")).n, 0);
    scenario_stop(&s);
}

/* Not every cluster that becomes invalid does so by an edit of its spec. */
static void test_not_valid_by_an_annotation(void) {
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(1));
    scenario_edit(&s, "{'spec':{'gcsFaultToleranceOptions':{'redisAddress':'redis:6379'}}}");
    CU_ASSERT_FALSE(scenario_said(&s, "event InvalidRayClusterSpec"));
    scenario_edit(&s, "{'metadata':{'annotations':{'ray.io/ft-enabled':'false'}}}");
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_STALLED, "status"), "True"));
    CU_ASSERT_TRUE(scenario_said(&s, "event InvalidRayClusterSpec"));
    scenario_forget(&s);
    scenario_edit(&s, "{'metadata':{'annotations':{'x':'y'}}}");
    rv_fakehost_restart(s.host);
    scenario_pass(&s, 20 * MINUTE);
    CU_ASSERT_FALSE(scenario_said(&s, "event InvalidRayClusterSpec"));
    scenario_stop(&s);
}

/* ---- an older spec ----------------------------------------------------------------------------------------------- */

static void test_outdated(void) {
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(2));
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" GROUP(3, "i") "," SCENARIO_GROUP("bb", 1, "") "]}}");
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_OUTDATED, "status").n, 0); /* sizes make no pod old */
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" GROUP(3, "newer") "," SCENARIO_GROUP("bb", 1, "") "]}}");
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_OUTDATED, "status"), "True"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "3 pods were made of an older spec"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "spec.upgradeStrategy.type"));
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_RECONCILING, "status").n, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct rv_fake_object *old = s.api->objects;
        while (strstr(old->name, "-aa-worker-") == NULL || rv_meta_deleting(old->value) ||
               !rv_str_is(rv_path_str(old->value, "spec.containers[0].image"), "i"))
            old = old->next;
        CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, old, RV_STR("")), 0);
        scenario_pass(&s, 40000);
        CU_ASSERT_EQUAL(told(&s, RC_CONDITION_OUTDATED, "1 pod was made"), i == 1);
    }
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_OUTDATED, "status").n, 0);
    scenario_edit(&s, "{'spec':{'headGroupSpec':{'rayStartParams':{'num-cpus':'0'}}}}");
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "-head-"));
    scenario_stop(&s);
}

/* ---- what leads to the head follows the head --------------------------------------------------------------------- */

#define HEAD_OF(label, port, start)                                                                                    \
    "'headGroupSpec':{'serviceType':'ClusterIP','enableIngress':true,'rayStartParams':{" start                         \
    "},'template':{'metadata':{'labels':{'app.kubernetes.io/name':'" label                                             \
    "'}},'spec':{'containers':[{'name':'h','image':'i','ports':[{'name':'dashboard','containerPort':" port             \
    "},{'name':'serve','containerPort':8000}]}]}}}"

static struct rv_val of_object(const struct scenario *s, const char *resource, const char *name, const char *path) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, resource, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    return rv_val_path(o->value, path);
}

static void check_way(const struct scenario *s, const char *label, int64_t port, const char *when) {
    struct rv_str app =
        rv_val_str(rv_val_get(of_object(s, "services", "c-head-svc", "spec.selector"), "app.kubernetes.io/name"));
    CHECK_ROW(rv_str_is(app, label), when);
    CHECK_ROW(rv_val_int(of_object(s, "services", "c-head-svc", "spec.ports[0].port"), 0) == port, when);
    CHECK_ROW(rv_val_int(of_object(s, "ingresses", "c-head-ingress",
                                   "spec.rules[0].http.paths[0].backend.service.port.number"),
                         0) == port,
              when);
}

static void test_way_to_the_head(void) {
    struct scenario s = {.kubelets = true};
    start(&s, HEAD_OF("first", "8265", "'port':'6379'") ",'workerGroupSpecs':[" GROUP(1, "i") "]");
    check_way(&s, "first", 8265, "made");
    scenario_edit(&s,
                  "{'spec':{" HEAD_OF("second", "9265", "'port':'7000'") ",'workerGroupSpecs':[" GROUP(2, "i") "]}}");
    scenario_pass(&s, MINUTE);
    check_way(&s, "first", 8265, "edited, and the head stays");
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(scenario_status(&s, "state")), "ready"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "follow the labels and ports of the head"));
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 2);
    for (const struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next) {
        if (strstr(o->name, "-worker-") == NULL || strcmp(o->resource, "pods") != 0) continue;
        CU_ASSERT_TRUE(scenario_has(rv_path_str(o->value, "spec.containers[0].args[0]"), ":6379"));
    }
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-head-"), RV_STR("")), 0);
    scenario_pass(&s, 2 * MINUTE);
    check_way(&s, "second", 9265, "the head was made anew");
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(scenario_status(&s, "state")), "ready"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "2 pods were made of an older spec")); /* they call the old port */
    while (scenario_pods(&s, "-worker-") > 0)
        CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-worker-"), RV_STR("")), 0);
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 2);
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_OUTDATED, "status").n, 0);
    scenario_stop(&s);
}

/* A pod has the port of its metrics whether or not its spec names it, so the pod alone does not tell that its spec
 * named no other. */
static void test_only_the_port_of_metrics(void) {
#define HEAD_PORTS(ports)                                                                                              \
    "'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'containers':[{'name':'h','image':'i'" ports "}]}}}"
    static const char *const metrics =
        "{'spec':{" HEAD_PORTS(",'ports':[{'name':'metrics','containerPort':8080}]") "}}";
    struct scenario s = {.kubelets = true};
    start(&s, HEAD_PORTS("") ",'workerGroupSpecs':[" GROUP(1, "i") "]");
    CU_ASSERT_EQUAL(rv_val_len(of_object(&s, "services", "c-head-svc", "spec.ports")), 5);
    scenario_edit(&s, metrics);
    scenario_pass(&s, MINUTE);
    CU_ASSERT_EQUAL(rv_val_len(of_object(&s, "services", "c-head-svc", "spec.ports")), 5);
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "1 pod was made of an older spec and stays as it is"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "delete it to have it made anew. Until there is a new head"));
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-head-"), RV_STR("")), 0);
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_EQUAL(rv_val_len(of_object(&s, "services", "c-head-svc", "spec.ports")), 1);
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_OUTDATED, "status").n, 0);
    scenario_stop(&s);
}

/* The sidecar of the head that runs acts as the account of its pod, and must not lose its rights by an edit. */
static void test_rights_of_the_sidecar(void) {
#define SCALED_AS(account)                                                                                             \
    "'enableInTreeAutoscaling':true,'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'serviceAccountName'"     \
    ":" account ",'containers':[{'name':'h','image':'i'}]}}}"
    struct scenario s = {.kubelets = true};
    start(&s, SCALED_AS("null") ",'workerGroupSpecs':[" GROUP(1, "i") "]");
    scenario_edit(&s, "{'spec':{" SCALED_AS("'other'") "}}");
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(of_object(&s, "rolebindings", "c", "subjects[0].name")), "c"));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *account = rv_node_map(a);
    struct rv_fake_object *made;
    rv_node_set_cstr(a, rv_node_ensure_map(a, account, "metadata"), "name", "other");
    CU_ASSERT_EQUAL(
        rv_fakeapi_create(s.api, RV_STR("v1"), RV_STR("serviceaccounts"), rv_node_freeze(a, account), &made), 0);
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-head-"), RV_STR("")), 0);
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(of_object(&s, "rolebindings", "c", "subjects[0].name")), "other"));
    scenario_stop(&s);
}

/* Whoever takes the label off the head, it is not ready without an endpoint. */
static void test_head_without_endpoint(void) {
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(1));
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(scenario_status(&s, "state")), "ready"));
    scenario_patch(&s, scenario_pod(&s, "-head-"), false, "{'metadata':{'labels':{'app.kubernetes.io/name':'mine'}}}");
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(scenario_status(&s, "state")), "ready")); /* the service goes with it */
    CU_ASSERT_TRUE(rv_str_is(
        rv_val_str(rv_val_get(of_object(&s, "services", "c-head-svc", "spec.selector"), "app.kubernetes.io/name")),
        "mine"));
    scenario_patch(&s, scenario_pod(&s, "-head-"), false,
                   "{'metadata':{'labels':{'app.kubernetes.io/created-by':null}}}");
    scenario_pass(&s, 5000);
    CU_ASSERT_EQUAL(rv_val_str(scenario_status(&s, "state")).n, 0);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "reason"), "HeadServiceNotReady"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_RECONCILING, "app.kubernetes.io/created-by=kuberay-operator"));
    scenario_stop(&s);
}

/* What is waited for has a name, and a cluster that waits does not say that all is well. */
static void test_names_of_pods(void) {
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(1));
    CU_ASSERT_TRUE(scenario_has(rv_str(rv_fakehost_explained(s.host, "c")), "all pods are as wanted"));
    struct rv_fake_object *head = scenario_pod(&s, "-head-");
    scenario_patch(&s, head, false, "{'metadata':{'finalizers':['example.com/held']}}");
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, head, RV_STR("")), 0);
    scenario_pass(&s, 5000);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_RECONCILING, rv_arena_fmt(a, "old head pod %s", head->name).p));
    struct rv_str lines = rv_str(rv_fakehost_explained(s.host, "c"));
    CU_ASSERT_TRUE(scenario_has(lines, rv_arena_fmt(a, "waiting for the old head pod %s to be gone", head->name).p));
    CU_ASSERT_FALSE(scenario_has(lines, "all pods are as wanted"));
    scenario_edit(&s, "{'spec':{'suspend':true}}");
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_RECONCILING, rv_arena_fmt(a, "to be gone, such as %s", head->name).p));
    lines = rv_str(rv_fakehost_explained(s.host, "c"));
    CU_ASSERT_TRUE(scenario_has(lines, rv_arena_fmt(a, "to be gone, such as %s", head->name).p));
    scenario_stop(&s);
}

/* Tools match on the reference's texts (contract, sections 5, 8, 10 and 11). */
static void test_words(void) {
    struct scenario s = {.kubelets = true};
    start(&s, "'headGroupSpec':{'enableIngress':true,'template':{'spec':{'containers':[{'name':'h','image':'i'}]}}},"
              "'workerGroupSpecs':[" GROUP(1, "i") "]");
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_PROVISIONED, "All Ray Pods are ready for the first time"));
    scenario_edit(&s, "{'spec':{'upgradeStrategy':{'type':'Sometimes'}}}");
    scenario_edit(&s, "{'spec':{'upgradeStrategy':null,'suspend':true}}");
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_PROVISIONED, "RayCluster has been suspended"));
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_HEAD_READY, "Head Pod not found"));
    static const char *const events[] = {"event CreatedHeadPod: Created head Pod ns/c-head-",
                                         "event CreatedWorkerPod: Created worker Pod ns/c-aa-worker-",
                                         "event CreatedService: Created *service ns/c-head-svc",
                                         "event CreatedIngress: Created ingress ns/c-head-ingress",
                                         "event InvalidRayClusterSpec: The RayCluster spec is invalid ns/c: ",
                                         "event DeletedPod: Deleted Pods for RayCluster ns/c due to suspension"};
    for (size_t i = 0; i < RV_ARRAY_LEN(events); i++)
        CHECK_ROW(has_reference_words(rv_buf_cstr(&s.said), events[i]), events[i]);
    scenario_stop(&s);
}

static bool said_in_words(struct scenario *s, const char *words) {
    bool said = has_reference_words(rv_buf_cstr(&s->said), words);
    if (!said) printf("\n    %s", rv_buf_cstr(&s->said));
    return said;
}

/* Why a worker goes (contract, sections 8.3 and 8.5). */
static void test_words_of_deletions(void) {
#define HOSTS(replicas, more)                                                                                          \
    "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP("aa", replicas, "'numOfHosts':2," more) "]}}"
    static const struct {
        const char *row, *status, *edit, *words;
    } rows[] = {
        {"a host ends", "{'phase':'Failed'}", NULL,
         "event DeletedWorkerPod: Deleted worker Pod* in namespace ns: * for group aa: The worker Pod c-aa-worker-* "
         "status is Failed which is a terminal state"},
        {"a host is gone", "gone", NULL,
         "event DeletedWorkerPod: Deleted worker Pod ns/c-aa-worker-* for group aa: cleanup of incomplete multi-host "
         "group"},
        {"named", NULL, "named",
         "event DeletedWorkerPod: Deleted worker Pod* in namespace ns: * for group aa: autoscaler scale-down request"},
        {"fewer", NULL, HOSTS(0, ""),
         "event DeletedWorkerPod: Deleted worker Pod* in namespace ns: * for group aa: scaling down"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.kubelets = true};
        start(&s, SCENARIO_HEAD ",'workerGroupSpecs':[" SCENARIO_GROUP("aa", 1, "'numOfHosts':2,") "]");
        rv_autoarena struct rv_arena *a = rv_arena_new();
        const char *one = scenario_pod(&s, "-worker-")->name;
        s.said.n = 0;
        if (rows[i].edit != NULL && strcmp(rows[i].edit, "named") == 0)
            scenario_edit(&s, rv_arena_fmt(a, HOSTS(1, "'scaleStrategy':{'workersToDelete':['%s']},"), one).p);
        else if (rows[i].edit != NULL)
            scenario_edit(&s, rows[i].edit);
        else if (strcmp(rows[i].status, "gone") == 0)
            (void)rv_fakeapi_delete(s.api, scenario_pod(&s, "-worker-"), RV_STR(""));
        else
            scenario_patch(&s, scenario_pod(&s, "-worker-"), true, "{'status':{'phase':'Failed'}}");
        scenario_pass(&s, 5000);
        CHECK_ROW(said_in_words(&s, rows[i].words), rows[i].row);
        scenario_stop(&s);
    }
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(1));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str words =
        rv_arena_fmt(a, "event DeletedWorkerPod: Deleted pod ns/%s", scenario_pod(&s, "-worker-")->name);
    scenario_edit(&s, rv_arena_fmt(a,
                                   "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP(
                                       "aa", 1, "'scaleStrategy':{'workersToDelete':['%s']},") "]}}",
                                   scenario_pod(&s, "-worker-")->name)
                          .p);
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(said_in_words(&s, words.p));
    scenario_pass(&s, MINUTE); /* another one is there */
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP("aa", 1, "'suspend':true,") "]}}");
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(
        said_in_words(&s, "event DeletedWorkerPod: Deleted all pods for suspended worker group aa in RayCluster ns/c"));
    scenario_edit(&s, "{'spec':{'upgradeStrategy':{'type':'Recreate'},'workerGroupSpecs':[" GROUP(2, "newer") "]}}");
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(said_in_words(
        &s, "event DeletedPod: Deleted all Pods for RayCluster ns/c due to spec change with Recreate upgradeStrategy"));
    scenario_stop(&s);
}

/* Warnings that hold nothing up, and what stands in a condition while pods are made. */
static void test_words_of_warnings(void) {
    static const struct {
        const char *gates, *spec, *words;
    } rows[] = {
        {"{}",
         "'enableInTreeAutoscaling':true,'autoscalerOptions':{'version':'v1'}," SCENARIO_HEAD
         ",'workerGroupSpecs':[{'groupName':'aa','replicas':1,'minReplicas':0,'maxReplicas':9,'rayStartParams':{},"
         "'template':{'spec':{'restartPolicy':'Always','containers':[{'name':'w','image':'i'}]}}}]",
         "event InvalidRayClusterSpec: RayCluster spec warning ns/c: restartPolicy for worker groups [aa] should be "
         "Never or unset when using autoscaler V1"},
        {"{\"featureGates\":{\"GCSFaultToleranceEmbeddedStorage\":true}}",
         "'gcsFaultToleranceOptions':{'backend':'rocksdb','storage':{'claimName':'mine'}}," SPEC(1),
         "event FailedToCreatePVC: GcsFaultToleranceOptions.Storage.ClaimName \"mine\" not found in namespace ns; the "
         "head Pod will not start until it exists"},
        {"{}", "'enableInTreeAutoscaling':true," SPEC_WITH_ACCOUNT, "event AutoscalerServiceAccountNotFound: "},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.kubelets = false};
        scenario_start(&s, rows[i].gates, rows[i].spec);
        scenario_pass(&s, 5000);
        CHECK_ROW(said_in_words(&s, rows[i].words), rows[i].words);
        if (i == 0)
            CU_ASSERT_TRUE(told(&s, RC_CONDITION_PROVISIONED, "RayCluster Pods are being provisioned for first time"));
        scenario_stop(&s);
    }
}

static void test_words_of_failures(void) {
    struct scenario s = {.kubelets = true,
                         .no_verb = RV_VERB_CREATE,
                         .no_resource = "pods",
                         .no_name = "-worker-",
                         .no_code = RV_E_DENIED,
                         .no_message = RV_STR("no room")};
    start(&s, SPEC(1));
    CU_ASSERT_TRUE(
        scenario_said(&s, "event FailedToCreateWorkerPod: Failed to create worker Pod for the cluster ns/c, no room"));
    scenario_stop(&s);
}

/* A RayJob's submitter in the head pod ends as it should; the head is as good as before. */
static void test_head_whose_submitter_has_ended(void) {
    struct scenario s = {0};
    start(&s, SPEC(1));
    scenario_become(&s, "-worker-", SCENARIO_READY);
#define HEAD_WITH(ray_ready, submitter)                                                                                \
    "{'phase':'Running','podIP':'10.0.0.1','conditions':[{'type':'Ready','status':'False','reason':"                   \
    "'ContainersNotReady','message':'m'}],'containerStatuses':[{'name':'h','ready':" ray_ready                         \
    "},{'name':'ray-job-submitter','ready':false,'state':{" submitter "}}]}"
    static const struct {
        const char *status, *state;
    } rows[] = {{HEAD_WITH("true", "'running':{}"), ""},
                {HEAD_WITH("false", "'terminated':{'exitCode':0}"), ""},
                {HEAD_WITH("true", "'terminated':{'exitCode':0}"), "ready"},
                {HEAD_WITH("true", "'terminated':{'exitCode':1}"), "ready"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        scenario_become(&s, "-head-", rows[i].status);
        scenario_pass(&s, 5000);
        CHECK_ROW(rv_str_is(rv_val_str(scenario_status(&s, "state")), rows[i].state), rows[i].status);
        CHECK_ROW(rv_str_is(scenario_condition(&s, RC_CONDITION_HEAD_READY, "status"),
                            rows[i].state[0] != 0 ? "True" : "False"),
                  rows[i].status);
    }
    scenario_stop(&s);
}

static bool noted(const struct rv_fake_object *pod, const char *key, const char *part) {
    return scenario_has(rv_val_str(rv_val_get(rv_val_path(pod->value, "metadata.annotations"), key)), part);
}

/* The schema's new version brings defaults of its own, and the operator another hash. */
static void test_another_version(void) {
    struct scenario s = {.kubelets = true};
    start(&s, SPEC(20));
    for (struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "pods") == 0)
            scenario_patch(&s, o, false, "{'metadata':{'annotations':{'rayvisor.io/pod-spec':'v0.0.1/other'}}}");
    scenario_pass(&s, 5000);
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_OUTDATED, "status").n, 0);
    for (struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "pods") == 0) CU_ASSERT_TRUE(noted(o, RC_ANNOTATION_POD_SPEC, "v" RV_VERSION "/"));
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" GROUP(20, "newer") "]}}");
    CU_ASSERT_TRUE(told(&s, RC_CONDITION_OUTDATED, "9 pods were made")); /* maxReplicas */
    scenario_stop(&s);
}

/* ---- Recreate, after another version of the operator ------------------------------------------------------------- */

#define RECREATE(n) SPEC(n) ",'upgradeStrategy':{'type':'Recreate'}"

static void test_recreate_after_upgrade(void) {
    struct scenario s = {.kubelets = true};
    start(&s, RECREATE(1));
    scenario_patch(&s, scenario_pod(&s, "-head-"), false, OLD_VERSION); /* its hash is the same */
    scenario_patch(&s, scenario_pod(&s, "-worker-"), false, OLD_VERSION);
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(noted(scenario_pod(&s, "-head-"), RC_ANNOTATION_VERSION, "v" RV_VERSION));
    uint64_t before = s.api->uids;
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" GROUP(1, "newer") "]}}");
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_EQUAL(s.api->uids, before + 2); /* all of them are made anew */
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_pod(&s, "-worker-")->value, "spec.containers[0].image"), "newer"));
    scenario_stop(&s);
}

static void test_stamping_refused(void) {
    struct scenario s = {.kubelets = true};
    start(&s, RECREATE(1));
    s.no_verb = RV_VERB_MERGE_PATCH;
    s.no_resource = "pods";
    s.no_code = RV_E_FORBIDDEN;
    scenario_patch(&s, scenario_pod(&s, "-head-"), false, OLD_VERSION);
    scenario_pass(&s, 10 * MINUTE);
    uint64_t writes = rv_fakehost_writes(s.host);
    scenario_pass(&s, 30 * MINUTE);
    CU_ASSERT_TRUE(rv_fakehost_writes(s.host) - writes <= 7);
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-worker-"), RV_STR("")), 0); /* it holds nothing else */
    scenario_pass(&s, 40000);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 1);
    s.no_verb = 0;
    scenario_pass(&s, 6 * MINUTE);
    CU_ASSERT_TRUE(noted(scenario_pod(&s, "-head-"), RC_ANNOTATION_VERSION, "v" RV_VERSION));
    scenario_stop(&s);
}

static const struct suite_test tests[] = {
    {"one pod that blocks, always the same", test_one_that_blocks},
    {"long without a reason", test_long_without_a_reason},
    {"how to resume", test_how_to_resume},
    {"a head that is kept down", test_head_kept_down},
    {"not valid", test_not_valid},
    {"not valid by an annotation", test_not_valid_by_an_annotation},
    {"pods of an older spec", test_outdated},
    {"pods of another version", test_another_version},
    {"what leads to the head", test_way_to_the_head},
    {"only the port of metrics", test_only_the_port_of_metrics},
    {"rights of the sidecar", test_rights_of_the_sidecar},
    {"words of the reference", test_words},
    {"names of pods that are waited for", test_names_of_pods},
    {"its words of deletions", test_words_of_deletions},
    {"its words of warnings", test_words_of_warnings},
    {"its words of failures", test_words_of_failures},
    {"a head without endpoint", test_head_without_endpoint},
    {"a head whose submitter has ended", test_head_whose_submitter_has_ended},
    {"recreate after an upgrade of the operator", test_recreate_after_upgrade},
    {"stamping is refused", test_stamping_refused},
};
SUITE_MAIN("raycluster: conditions", tests)
