/* test_prerequisites.c - what a cluster needs that others make, what is told of a head that is not ready, and what the
 * status says that the spec asks for. */
#include "plugins/ray/fields.h"
#include "scenario.h"

#define MINUTE INT64_C(60000)
#define HEAD(more)                                                                                                     \
    "'headGroupSpec':{'rayStartParams':{},'template':{'spec':{" more "'containers':[{'name':'h','image':'i'}]}}}"
#define WORKERS(more)                                                                                                  \
    ",'workerGroupSpecs':[{'groupName':'aa','replicas':2,'minReplicas':0,'maxReplicas':9,'numOfHosts':2,"              \
    "'rayStartParams':{},'template':{'spec':{" more "}}}]"
#define PLAIN "'containers':[{'name':'w','image':'i'}]"

static void create(struct scenario *s, const char *resource, const char *name) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    struct rv_val v = from_json(a, rv_arena_fmt(a, "{\"metadata\":{\"name\":\"%s\"}}", name).p);
    CU_ASSERT_EQUAL_FATAL(rv_fakeapi_create(s->api, RV_STR("v1"), rv_str(resource), v, &made), 0);
}

/* The account of the autoscaler's is the user's to make: no head before it is there. */
static void test_account(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", HEAD("'serviceAccountName':'mine',") ",'enableInTreeAutoscaling':true");
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(scenario_said(&s, "AutoscalerServiceAccountNotFound"));
    CU_ASSERT_EQUAL(scenario_pods(&s, ""), 0);
    create(&s, "serviceaccounts", "mine");
    scenario_forget(&s);
    scenario_pass(&s, 10 * MINUTE);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-head-"), 1);
    CU_ASSERT_FALSE(scenario_said(&s, "AutoscalerServiceAccountNotFound"));
    scenario_stop(&s);
}

/* A claim that is not there is told once: the head waits for it by itself. */
static void test_claim(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{\"featureGates\":{\"GCSFaultToleranceEmbeddedStorage\":true}}",
                   HEAD("") ",'gcsFaultToleranceOptions':{'backend':'rocksdb','storage':{'claimName':'disk'}}");
    scenario_pass(&s, 5000);
    CU_ASSERT_TRUE(scenario_said(&s, "FailedToCreatePVC"));

    scenario_forget(&s);
    scenario_pass(&s, 10 * MINUTE);
    CU_ASSERT_FALSE(scenario_said(&s, "FailedToCreatePVC"));
    scenario_stop(&s);
}

/* Version 1 of the autoscaler replaces pods; a group that restarts them itself is warned of. */
static void test_restarts(void) {
    static const struct {
        const char *spec;
        bool warned;
    } rows[] = {
        {HEAD("") ",'enableInTreeAutoscaling':true,'autoscalerOptions':{'version':'v1'}" WORKERS(
             "'restartPolicy':'Always'," PLAIN),
         true},
        {HEAD("") ",'enableInTreeAutoscaling':true,'autoscalerOptions':{'version':'v1'}" WORKERS(
             "'restartPolicy':'Never'," PLAIN),
         false},
        {HEAD("") ",'enableInTreeAutoscaling':true,'autoscalerOptions':{'version':'v1'}" WORKERS(PLAIN), false},
        {HEAD("") ",'enableInTreeAutoscaling':true,'autoscalerOptions':{'version':'v2'}" WORKERS(
             "'restartPolicy':'Always'," PLAIN),
         false},
        {HEAD("") WORKERS("'restartPolicy':'Always'," PLAIN), false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.kubelets = true};
        scenario_start(&s, "{}", rows[i].spec);
        scenario_pass(&s, 5000);
        CHECK_ROW(scenario_said(&s, "restartPolicy for worker groups [aa] should be Never") == rows[i].warned,
                  rows[i].spec);
        scenario_stop(&s);
    }
}

/* A Ready condition that only says that containers are not ready: the container says more. */
static void test_head_reason(void) {
#define NOT_READY(containers)                                                                                          \
    "{'phase':'Running','podIP':'10.0.0.1','containerStatuses':[" containers                                           \
    "],'conditions':[{'type':'Ready','status':'False','reason':'ContainersNotReady','message':'m'}]}"
    static const struct {
        const char *status, *reason, *message;
    } rows[] = {
        {NOT_READY("{'name':'h','state':{'waiting':{'reason':'CrashLoopBackOff','message':'back-off 10s'}}}"),
         "CrashLoopBackOff", "m; h: back-off 10s"},
        {NOT_READY("{'name':'h','state':{'terminated':{'reason':'OOMKilled'}}}"), "OOMKilled", "m"},
        {NOT_READY("{'name':'g','state':{'waiting':{'reason':''}}},{'name':'h','state':{'waiting':{'reason':'Late'}}}"),
         "Late", "m"},
        {NOT_READY("{'name':'h','state':{'running':{}}}"), "ContainersNotReady", "m"},
        {"{'phase':'Running','conditions':[{'type':'Ready','status':'False'}]}", "Unknown", ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        scenario_start(&s, "{}", HEAD(""));
        scenario_pass(&s, 1000);
        scenario_become(&s, "-head-", rows[i].status);
        scenario_pass(&s, 5000);
        CHECK_ROW(rv_str_is(scenario_condition(&s, RC_CONDITION_HEAD_READY, "status"), "False"), rows[i].reason);
        CHECK_ROW(rv_str_is(scenario_condition(&s, RC_CONDITION_HEAD_READY, "reason"), rows[i].reason), rows[i].reason);
        CHECK_ROW(rv_str_is(scenario_condition(&s, RC_CONDITION_HEAD_READY, "message"), rows[i].message),
                  rows[i].reason);
        scenario_stop(&s);
    }
}

/* Requests, and limits where there is no request, of every pod that is wanted. */
static void test_desired(void) {
    static const struct {
        const char *path, *want;
    } rows[] = {{"desiredCPU", "2"}, {"desiredMemory", "4Gi"}, {"desiredTPU", "16"}, {"desiredGPU", "8"}};
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}",
                   HEAD("")
                       WORKERS("'containers':[{'name':'w','image':'i','resources':{'requests':{'cpu':'500m'},"
                               "'limits':{'cpu':'3','memory':'1Gi','google.com/tpu':'4','nvidia.com/gpu':'2'}}}]"));
    scenario_pass(&s, 5000);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_str have = rv_val_str(scenario_status(&s, rows[i].path));
        if (!rv_str_is(have, rows[i].want)) printf("\n    " RV_STR_FMT, RV_STR_ARG(have));
        CHECK_ROW(rv_str_is(have, rows[i].want), rows[i].path);
    }
    scenario_stop(&s);
}

/* Nobody makes more pods than maxReplicas, and no more are counted. */
static void test_desired_within_bounds(void) {
    static const struct {
        int replicas, least, most;
        const char *cpu;
    } rows[] = {{9, 0, 3, "1500m"}, {0, 2, 3, "1"}, {2, 0, 3, "1"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct scenario s = {.kubelets = true};
        scenario_start(&s, "{}",
                       rv_arena_fmt(a,
                                    "%s,'workerGroupSpecs':[{'groupName':'g','replicas':%d,'minReplicas':%d,"
                                    "'maxReplicas':%d,'template':{'spec':{'containers':[{'name':'w','image':'i',"
                                    "'resources':{'requests':{'cpu':'500m'}}}]}}}]",
                                    SCENARIO_HEAD, rows[i].replicas, rows[i].least, rows[i].most)
                           .p);
        scenario_pass(&s, 5000);
        CHECK_ROW(rv_str_is(rv_val_str(scenario_status(&s, "desiredCPU")), rows[i].cpu), rows[i].cpu);
        scenario_stop(&s);
    }
}

static const struct suite_test tests[] = {{"desired within bounds", test_desired_within_bounds},
                                          {"the autoscaler's account", test_account},
                                          {"a claim", test_claim},
                                          {"groups that restart their pods", test_restarts},
                                          {"why a head is not ready", test_head_reason},
                                          {"desired resources", test_desired}};
SUITE_MAIN("raycluster: prerequisites", tests)
