/* test_pods.c - the steps of pods: phases, containers, mounts, restarts, faults on request, the end. */
#include "fixture.h"

#define POD(name, rest) "{'metadata':{'name':'" name "'},'spec':{" rest "'containers':[{'name':'c','image':'i:1'}]}}"
#define BENT(name, how, rest)                                                                                          \
    "{'metadata':{'name':'" name "','annotations':{'sandbox.rayvisor.io/behavior':'" how "'}},'spec':{" rest           \
    "'containers':[{'name':'c','image':'i:1'}]}}"

static bool pod_is(struct fixture *w, const char *path, const char *want) {
    return fixture_until(w, "pods", "p", path, want);
}
static const char *pod_text(struct fixture *w, const char *path) {
    return fixture_text(w, fixture_get(w, "pods", "p"), path);
}

/* The whole status, times and addresses aside, in the order a kubelet reports it. */
static void status_shape(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods", POD("p", "'initContainers':[{'name':'i','image':'i:2'}],"));
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "True"));
    static const char *const want[][2] = {
        {"status.phase", "Running"},
        {"status.conditions[0].type", "Initialized"},
        {"status.conditions[1].type", "Ready"},
        {"status.conditions[2].type", "ContainersReady"},
        {"status.conditions[3].type", "PodScheduled"},
        {"status.conditions[0].status", "True"},
        {"status.conditions[3].status", "True"},
        {"status.conditions[1].reason", ""},
        {"status.containerStatuses[0].name", "c"},
        {"status.containerStatuses[0].image", "i:1"},
        {"status.containerStatuses[0].imageID", ""},
        {"status.containerStatuses[0].lastState", "{}"},
        {"status.containerStatuses[0].ready", "true"},
        {"status.containerStatuses[0].restartCount", "0"},
        {"status.initContainerStatuses[0].ready", "true"},
        {"status.initContainerStatuses[0].state.terminated.exitCode", "0"},
        {"status.initContainerStatuses[0].state.terminated.reason", "Completed"},
        {"status.qosClass", "BestEffort"},
    };
    struct rv_val pod = fixture_get(&w, "pods", "p");
    for (size_t i = 0; i < RV_ARRAY_LEN(want); i++)
        CHECK_ROW(strcmp(fixture_text(&w, pod, want[i][0]), want[i][1]) == 0, want[i][0]);
    static const char *const set[] = {"status.podIP",  "status.podIPs[0].ip",
                                      "status.hostIP", "status.startTime",
                                      "spec.nodeName", "status.containerStatuses[0].state.running.startedAt"};
    for (size_t i = 0; i < RV_ARRAY_LEN(set); i++) CHECK_ROW(fixture_text(&w, pod, set[i])[0] != '\0', set[i]);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(pod, "status.conditions")), 4);
    fixture_close(&w);
}

static void addresses_are_unique(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods", POD("p", ""));
    fixture_create(&w, "pods", POD("q", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "q", "status.phase", "Running"));
    CU_ASSERT_STRING_NOT_EQUAL(pod_text(&w, "status.podIP"),
                               fixture_text(&w, fixture_get(&w, "pods", "q"), "status.podIP"));
    fixture_close(&w);
}

struct ending {
    const char *name, *policy, *behavior, *path, *want;
};
static const struct ending endings[] = {
    {"never, exit 1", "Never", "crash", "status.phase", "Failed"},
    {"never, succeeds", "Never", "succeed", "status.phase", "Succeeded"},
    {"always restarts", "Always", "crash", "status.containerStatuses[0].state.waiting.reason", "CrashLoopBackOff"},
    {"on failure restarts", "OnFailure", "crash", "status.containerStatuses[0].state.waiting.reason",
     "CrashLoopBackOff"},
    {"fails as a whole", "Always", "fail", "status.phase", "Failed"},
    {"no image", "Always", "image-pull-error", "status.containerStatuses[0].state.waiting.reason", "ImagePullBackOff"},
    {"no image stays pending", "Always", "image-pull-error", "status.phase", "Pending"},
    {"never scheduled", "Always", "never-schedule", "status.conditions[0].reason", "Unschedulable"},
    {"not ready", "Always", "not-ready", "status.conditions[1].reason", "ContainersNotReady"},
};

static void ending_table(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(endings); i++) {
        struct fixture w;
        rv_autobuf struct rv_buf b = {0};
        fixture_open(&w, "backoff_ms=60000");
        rv_buf_addf(&b, BENT("p", "%s", "'restartPolicy':'%s',"), endings[i].behavior, endings[i].policy);
        fixture_create(&w, "pods", rv_buf_cstr(&b));
        CHECK_ROW(pod_is(&w, endings[i].path, endings[i].want), endings[i].name);
        fixture_settle(&w);
        CHECK_ROW(pod_is(&w, endings[i].path, endings[i].want), endings[i].name);
        fixture_close(&w);
    }
}

static void crashes_and_recovers(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    CU_ASSERT_EQUAL(
        fixture_control(&w, "POST", "pods",
                        "{'match':{'name':'p'},'do':'crash','reason':'OOMKilled','exitCode':137,'times':3}"),
        200);
    fixture_create(&w, "pods", POD("p", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.containerStatuses[0].restartCount", "3"));
    CU_ASSERT_TRUE(pod_is(&w, "status.containerStatuses[0].ready", "true"));
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.phase"), "Running");
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.containerStatuses[0].lastState.terminated.reason"), "OOMKilled");
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.containerStatuses[0].lastState.terminated.exitCode"), "137");
    CU_ASSERT_TRUE(fixture_event(&w, "BackOff", "Back-off restarting failed container c in pod p"));
    fixture_close(&w);
}

static void init_failure(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods", "{'match':{'container':'i'},'do':'crash'}"), 200);
    fixture_create(&w, "pods", POD("p", "'restartPolicy':'Never','initContainers':[{'name':'i','image':'i:2'}],"));
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Failed"));
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.initContainerStatuses[0].state.terminated.exitCode"), "1");
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.containerStatuses[0].state.waiting.reason"), "PodInitializing");
    fixture_close(&w);
}

static void waits_for_mounts(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods",
                   POD("p", "'volumes':[{'name':'v','secret':{'secretName':'s'}},"
                            "{'name':'o','configMap':{'name':'absent','optional':true}}],"));
    fixture_settle(&w);
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.containerStatuses[0].state.waiting.reason"), "ContainerCreating");
    CU_ASSERT_TRUE(fixture_event(&w, "FailedMount", "secret \"s\" not found"));
    fixture_create(&w, "secrets", "{'metadata':{'name':'s'}}");
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    fixture_close(&w);
}

static void waits_for_environment(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods",
                   "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'i:1','env':[{'name':'A',"
                   "'valueFrom':{'configMapKeyRef':{'name':'m','key':'k'}}}]}]}}");
    CU_ASSERT_TRUE(pod_is(&w, "status.containerStatuses[0].state.waiting.reason", "CreateContainerConfigError"));
    fixture_create(&w, "configmaps", "{'metadata':{'name':'m'},'data':{'other':'x'}}");
    fixture_settle(&w);
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.containerStatuses[0].state.waiting.message"),
                           "couldn't find key k in ConfigMap default/m");
    CU_ASSERT_TRUE(fixture_patch(&w, "configmaps", "m", "data", "{'k':'x'}", false));
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    fixture_close(&w);
}

static void readiness_gate(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods", POD("p", "'readinessGates':[{'conditionType':'example.com/lb'}],"));
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].reason", "ReadinessGatesNotReady"));
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.conditions[2].status"), "True");
    CU_ASSERT_TRUE(fixture_patch(&w, "pods", "p", "status.conditions",
                                 "[{'type':'Initialized','status':'True'},{'type':'Ready','status':'False'},"
                                 "{'type':'ContainersReady','status':'True'},{'type':'PodScheduled','status':'True'},"
                                 "{'type':'example.com/lb','status':'True'}]",
                                 true));
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "True"));
    fixture_close(&w);
}

static void deletion(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods", POD("p", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    fixture_delete(&w, "pods", "p", "");
    CU_ASSERT_TRUE(rv_meta_deleting(fixture_get(&w, "pods", "p"))); /* graceful first */
    CU_ASSERT_TRUE(pod_is(&w, "", ""));
    fixture_create(&w, "pods",
                   "{'metadata':{'name':'p','finalizers':['example.com/keep']},'spec':{'containers':"
                   "[{'name':'c','image':'i:1'}]}}");
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    fixture_delete(&w, "pods", "p", "");
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Failed"));
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.containerStatuses[0].state.terminated.exitCode"), "143");
    fixture_settle(&w);
    CU_ASSERT_TRUE(rv_val_present(fixture_get(&w, "pods", "p")));
    CU_ASSERT_TRUE(fixture_patch(&w, "pods", "p", "metadata.finalizers", "null", false));
    CU_ASSERT_TRUE(pod_is(&w, "", ""));
    fixture_close(&w);
}

static void stuck_terminating(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods", BENT("p", "stuck-terminating", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    fixture_delete(&w, "pods", "p", "");
    fixture_settle(&w);
    CU_ASSERT_TRUE(rv_meta_deleting(fixture_get(&w, "pods", "p")));
    fixture_close(&w);
}

static void rules(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    CU_ASSERT_EQUAL(
        fixture_control(&w, "POST", "pods",
                        "{'match':{'name':'bad-','labelSelector':'tier=x'},'do':'never-schedule','count':1}"),
        200);
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods", "{'do':'explode'}"), 400);
    static const struct {
        const char *name, *label;
        bool held;
    } pods[] = {{"good-1", "x", false}, {"bad-0", "y", false}, {"bad-1", "x", true}, {"bad-2", "x", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(pods); i++) {
        rv_autobuf struct rv_buf b = {0};
        rv_buf_addf(&b,
                    "{'metadata':{'name':'%s','labels':{'tier':'%s'}},'spec':{'containers':[{'name':'c',"
                    "'image':'i:1'}]}}",
                    pods[i].name, pods[i].label);
        fixture_create(&w, "pods", rv_buf_cstr(&b));
        fixture_settle(&w);
        const char *phase = fixture_text(&w, fixture_get(&w, "pods", pods[i].name), "status.phase");
        CHECK_ROW(strcmp(phase, pods[i].held ? "Pending" : "Running") == 0, pods[i].name);
    }
    CU_ASSERT_EQUAL(fixture_control(&w, "DELETE", "pods/77", NULL), 404);
    CU_ASSERT_EQUAL(fixture_control(&w, "DELETE", "pods", NULL), 200);
    fixture_close(&w);
}

static void one_shots(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods", POD("p", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "True"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods/default/p/unready", NULL), 200);
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "False"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods/default/p/ready", NULL), 200);
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "True"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods/default/p/crash", "{'exitCode':3}"), 200);
    CU_ASSERT_TRUE(pod_is(&w, "status.containerStatuses[0].restartCount", "1"));
    CU_ASSERT_TRUE(pod_is(&w, "status.containerStatuses[0].lastState.terminated.exitCode", "3"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods/default/p/evict", NULL), 200);
    CU_ASSERT_TRUE(pod_is(&w, "status.reason", "Evicted"));
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.phase"), "Failed");
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods/default/nobody/fail", NULL), 404);
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods/default/p/tickle", NULL), 400);
    CU_ASSERT_EQUAL(fixture_control(&w, "PUT", "pods/default/p/fail", NULL), 405);
    CU_ASSERT_EQUAL(fixture_control(&w, "GET", "state", NULL), 200);
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nowhere", NULL), 404);
    fixture_close(&w);
}

static void nodes_go(void) {
    struct fixture w;
    fixture_open(&w, "nodes=1");
    fixture_create(&w, "pods", POD("p", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "True"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/notready", NULL), 200);
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "False"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/ready", NULL), 200);
    CU_ASSERT_TRUE(pod_is(&w, "status.conditions[1].status", "True"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/drain", NULL), 200);
    CU_ASSERT_TRUE(pod_is(&w, "", ""));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/uncordon", NULL), 200);
    fixture_create(&w, "pods", POD("p", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/delete", NULL), 200);
    CU_ASSERT_TRUE(pod_is(&w, "", "")); /* nobody could stop it gracefully */
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/drain", NULL), 404);
    fixture_close(&w);
}

static void status_by_others(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "pods", POD("p", ""));
    CU_ASSERT_TRUE(pod_is(&w, "status.phase", "Running"));
    CU_ASSERT_TRUE(fixture_patch(&w, "pods", "p", "status.phase", "'Failed'", true));
    fixture_settle(&w);
    CU_ASSERT_STRING_EQUAL(pod_text(&w, "status.phase"), "Failed"); /* a test's own hand is not undone */
    fixture_close(&w);
}

static void options(void) {
    static const struct {
        const char *text, *complaint;
    } rows[] = {{"nodes=2,node_memory=1Gi", NULL},       {"", NULL},
                {"nodse=2", "unknown option \"nodse\""}, {"nodes=two", "nodes=two is not a whole number from 0 to"},
                {"nodes", "\"nodes\" has no value"},     {"node_memory=much", "node_memory=much is not a quantity"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct sim_opts o;
        struct rv_error err = {0};
        sim_opts_init(&o);
        int e = sim_opts_parse(&o, rv_str(rows[i].text), &err);
        CHECK_ROW((e == 0) == (rows[i].complaint == NULL), rows[i].text);
        CHECK_ROW(e == 0 || strstr(err.text, rows[i].complaint) != NULL, rows[i].text);
        sim_opts_free(&o);
    }
}

/* A delay of an hour at one point: everything up to there happens, nothing after it. */
static void delay_table(void) {
    static const struct {
        const char *rule, *node, *phase, *ready; /* node: is it on one? */
        bool leaves;                             /* when it is deleted */
    } rows[] = {{"scheduleMs", "", "Pending", "", true},
                {"startMs", "yes", "Pending", "False", true},
                {"readyMs", "yes", "Running", "False", true},
                {"terminateMs", "yes", "Running", "True", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        rv_autobuf struct rv_buf b = {0};
        fixture_open(&w, NULL);
        rv_buf_addf(&b, "{'match':{'name':'p'},'do':'delay','%s':3600000}", rows[i].rule);
        CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods", rv_buf_cstr(&b)), 200);
        fixture_create(&w, "pods", POD("p", "'terminationGracePeriodSeconds':7200,"));
        fixture_create(&w, "pods", POD("other", ""));
        CU_ASSERT_TRUE(fixture_until(&w, "pods", "other", "status.phase", "Running"));
        fixture_settle(&w);
        struct rv_val ready =
            rv_condition_find(rv_val_path(fixture_get(&w, "pods", "p"), "status.conditions"), "Ready");
        CHECK_ROW((pod_text(&w, "spec.nodeName")[0] != '\0') == (rows[i].node[0] != '\0'), rows[i].rule);
        CHECK_ROW(strcmp(pod_text(&w, "status.phase"), rows[i].phase) == 0, rows[i].rule);
        CHECK_ROW(rv_str_is(rv_path_str(ready, "status"), rows[i].ready), rows[i].rule);
        fixture_delete(&w, "pods", "p", "");
        fixture_settle(&w);
        CHECK_ROW(rv_val_present(fixture_get(&w, "pods", "p")) == !rows[i].leaves, rows[i].rule);
        CHECK_ROW(rows[i].leaves || rv_meta_deleting(fixture_get(&w, "pods", "p")), rows[i].rule);
        fixture_close(&w);
    }
}

/* Without any option: 20,000 pods of a processor and 4 GiB. */
static void default_room(void) {
    struct sim_opts o;
    struct rv_quantity memory;
    sim_opts_init(&o);
    CU_ASSERT_TRUE(o.nodes * o.node_cpu >= 20000);
    CU_ASSERT_TRUE(o.nodes * o.node_pods >= 20000);
    CU_ASSERT_EQUAL(rv_quantity_parse(rv_str(o.node_memory), &memory), 0);
    CU_ASSERT_TRUE(o.nodes * rv_quantity_ceil(memory) >= (int64_t)20000 * 4 << 30);
    sim_opts_free(&o);
}

static const struct suite_test tests[] = {{"status shape", status_shape},
                                          {"addresses are unique", addresses_are_unique},
                                          {"ending table", ending_table},
                                          {"crashes and recovers", crashes_and_recovers},
                                          {"init container fails", init_failure},
                                          {"waits for mounts", waits_for_mounts},
                                          {"waits for environment", waits_for_environment},
                                          {"readiness gate", readiness_gate},
                                          {"deletion", deletion},
                                          {"stuck terminating", stuck_terminating},
                                          {"rules", rules},
                                          {"one shots", one_shots},
                                          {"nodes go", nodes_go},
                                          {"status written by others", status_by_others},
                                          {"options", options},
                                          {"delay table", delay_table},
                                          {"default room", default_room}};
SUITE_MAIN("pods", tests)
