/* test_scheduler.c - which nodes pods get, and the messages about pods that fit nowhere. */
#include "fixture.h"

struct fit {
    const char *name, *spec, *want; /* want: "yes", or a part of the reason */
};
static const struct fit fits[] = {
    {"nothing asked", "{}", "yes"},
    {"all of it", "{'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'4','memory':'8Gi'}}}]}",
     "yes"},
    {"too much cpu", "{'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'4001m'}}}]}",
     "0/2 nodes are available: 2 Insufficient cpu."},
    {"too much of two",
     "{'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'5','memory':'9Gi'}}}]}",
     "2 Insufficient cpu, 2 Insufficient memory."},
    {"the sum of containers",
     "{'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'3'}}},"
     "{'name':'d','image':'i:1','resources':{'requests':{'cpu':'2'}}}]}",
     "Insufficient cpu"},
    {"init containers run one by one",
     "{'initContainers':[{'name':'a','image':'i:1','resources':{'requests':{'cpu':'4'}}},"
     "{'name':'b','image':'i:1','resources':{'requests':{'cpu':'4'}}}]}",
     "yes"},
    {"a sidecar adds up",
     "{'initContainers':[{'name':'a','image':'i:1','restartPolicy':'Always',"
     "'resources':{'requests':{'cpu':'2'}}}],"
     "'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'3'}}}]}",
     "Insufficient cpu"},
    {"an extended resource nobody has",
     "{'containers':[{'name':'c','image':'i:1','resources':{'limits':{'google.com/tpu':'4'}}}]}",
     "2 Insufficient google.com/tpu."},
    {"a GPU", "{'containers':[{'name':'c','image':'i:1','resources':{'limits':{'nvidia.com/gpu':'2'}}}]}", "yes"},
    {"node selector", "{'nodeSelector':{'kubernetes.io/hostname':'sandbox-node-1'}}", "yes"},
    {"node selector of nobody", "{'nodeSelector':{'disk':'ssd'}}",
     "2 node(s) didn't match Pod's node affinity/selector."},
    {"affinity in",
     "{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':[{"
     "'matchExpressions':[{'key':'kubernetes.io/arch','operator':'In','values':['arm64','amd64']}]}]}}}}",
     "yes"},
    {"affinity not in",
     "{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':[{"
     "'matchExpressions':[{'key':'kubernetes.io/arch','operator':'NotIn','values':['amd64']}]}]}}}}",
     "didn't match"},
    {"affinity: one term of two is enough",
     "{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':[{"
     "'matchExpressions':[{'key':'x','operator':'Exists'}]},{'matchExpressions':["
     "{'key':'kubernetes.io/os','operator':'Exists'}]}]}}}}",
     "yes"},
};

static void make_pod(struct fixture *w, const char *name, const char *spec) {
    rv_autobuf struct rv_buf b = {0};
    bool containers = strstr(spec, "'containers'") != NULL;
    size_t n = strlen(spec);
    rv_buf_addf(&b, "{'metadata':{'name':'%s'},'spec':%.*s%s%s}}", name, (int)(n - 1), spec,
                containers || n == 2 ? "" : ",", containers ? "" : "'containers':[{'name':'c','image':'i:1'}]");
    CU_ASSERT_TRUE(fixture_create(w, "pods", rv_buf_cstr(&b)));
}

static void fit_table(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(fits); i++) {
        struct fixture w;
        fixture_open(&w, "nodes=2,node_cpu=4,node_memory=8Gi,node_gpu=2");
        make_pod(&w, "p", fits[i].spec);
        bool yes = strcmp(fits[i].want, "yes") == 0;
        if (yes) {
            CHECK_ROW(fixture_until(&w, "pods", "p", "status.phase", "Running"), fits[i].name);
        } else {
            CHECK_ROW(fixture_until(&w, "pods", "p", "status.conditions[0].reason", "Unschedulable"), fits[i].name);
            const char *why = fixture_text(&w, fixture_get(&w, "pods", "p"), "status.conditions[0].message");
            CHECK_ROW(strstr(why, fits[i].want) != NULL, fits[i].name);
            CHECK_ROW(fixture_event(&w, "FailedScheduling", fits[i].want), fits[i].name);
        }
        fixture_close(&w);
    }
}

static void waits_for_room(void) {
    struct fixture w;
    fixture_open(&w, "nodes=1,node_cpu=1");
    const char *all = "{'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'1'}}}]}";
    make_pod(&w, "first", all);
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "first", "status.phase", "Running"));
    make_pod(&w, "second", all);
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "second", "status.conditions[0].reason", "Unschedulable"));
    fixture_delete(&w, "pods", "first", "");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "second", "status.phase", "Running"));
    CU_ASSERT_TRUE(fixture_event(&w, "Scheduled", "Successfully assigned default/second to sandbox-node-0"));
    fixture_close(&w);
}

static void taints_and_cordon(void) {
    struct fixture w;
    fixture_open(&w, "nodes=1");
    CU_ASSERT_TRUE(fixture_patch(&w, "nodes", "sandbox-node-0", "spec.taints",
                                 "[{'key':'gpu','value':'yes','effect':'NoSchedule'}]", false));
    make_pod(&w, "plain", "{}");
    make_pod(&w, "tolerant", "{'tolerations':[{'key':'gpu','operator':'Exists'}]}");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "tolerant", "status.phase", "Running"));
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "plain", "status.conditions[0].reason", "Unschedulable"));
    CU_ASSERT_TRUE(fixture_event(&w, "FailedScheduling", "1 node(s) had untolerated taint {gpu: yes}"));
    CU_ASSERT_TRUE(fixture_patch(&w, "nodes", "sandbox-node-0", "spec.taints", "null", false));
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "plain", "status.phase", "Running"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/cordon", NULL), 200);
    make_pod(&w, "late", "{}");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "late", "status.conditions[0].reason", "Unschedulable"));
    CU_ASSERT_TRUE(fixture_event(&w, "FailedScheduling", "1 node(s) were unschedulable"));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "nodes/sandbox-node-0/uncordon", NULL), 200);
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "late", "status.phase", "Running"));
    fixture_close(&w);
}

static void gates_hold(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    make_pod(&w, "p", "{'schedulingGates':[{'name':'example.com/wait'}]}");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "p", "status.conditions[0].reason", "SchedulingGated"));
    CU_ASSERT_STRING_EQUAL(fixture_text(&w, fixture_get(&w, "pods", "p"), "spec.nodeName"), "");
    CU_ASSERT_TRUE(fixture_patch(&w, "pods", "p", "spec.schedulingGates", "null", false));
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "p", "status.phase", "Running"));
    make_pod(&w, "foreign", "{'schedulerName':'somebody-elses'}");
    fixture_settle(&w);
    CU_ASSERT_STRING_EQUAL(fixture_text(&w, fixture_get(&w, "pods", "foreign"), "status.phase"), "Pending");
    fixture_close(&w);
}

static void waits_for_claims(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    make_pod(&w, "p", "{'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'data'}}]}");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "p", "status.conditions[0].reason", "Unschedulable"));
    CU_ASSERT_TRUE(fixture_event(&w, "FailedScheduling", "persistentvolumeclaim \"data\" not found"));
    fixture_create(&w, "persistentvolumeclaims",
                   "{'metadata':{'name':'data'},'spec':{'accessModes':['ReadWriteOnce']}}");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "p", "status.phase", "Running"));
    fixture_close(&w);
    fixture_open(&w, "volumes=0"); /* nobody makes volumes */
    fixture_create(&w, "persistentvolumeclaims",
                   "{'metadata':{'name':'data'},'spec':{'accessModes':['ReadWriteOnce']}}");
    make_pod(&w, "p", "{'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'data'}}]}");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "p", "status.conditions[0].reason", "Unschedulable"));
    CU_ASSERT_TRUE(fixture_event(&w, "FailedScheduling", "pod has unbound immediate PersistentVolumeClaims"));
    fixture_close(&w);
}

static void spreads(void) {
    struct fixture w;
    fixture_open(&w, "nodes=4,node_cpu=8");
    for (int i = 0; i < 32; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        make_pod(&w, name, "{'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'1'}}}]}");
    }
    for (int i = 0; i < 32;
         i++) { /* exactly full: a scheduler that does not spread would still fit, one that loses count not */
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        CU_ASSERT_TRUE(fixture_until(&w, "pods", name, "status.phase", "Running"));
    }
    make_pod(&w, "one-more", "{'containers':[{'name':'c','image':'i:1','resources':{'requests':{'cpu':'1'}}}]}");
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "one-more", "status.conditions[0].reason", "Unschedulable"));
    fixture_close(&w);
}

static const struct suite_test tests[] = {{"fit table", fit_table},
                                          {"waits for room", waits_for_room},
                                          {"taints and cordon", taints_and_cordon},
                                          {"scheduling gates hold", gates_hold},
                                          {"waits for claims", waits_for_claims},
                                          {"spreads and keeps count", spreads}};
SUITE_MAIN("scheduler", tests)
