/* test_tenants.c - a user who may only make RayClusters gets nothing else by them: no role, token or claim that happens
 * to have the name, and no Service that he may not make himself. */
#include "fixture.h"

#define CONTROLLED(uid) ",'ownerReferences':[{'kind':'X','name':'x','uid':'" uid "','controller':true}]"
#define LABELLED ",'labels':{'ray.io/cluster':'c'}"
#define RBAC "rbac.authorization.k8s.io/v1"

static void make_owner(struct fixture *w) { /* uid-2: of what is somebody else's, or it would be collected */
    fixture_create(w, "v1", "configmaps", "{'metadata':{'name':'owner'}}");
}

static bool says(struct rv_str text, const char *part) {
    return text.n != 0 && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void wait_long(struct fixture *w) {
    rv_fakehost_advance(w->host, 300000);
    fixture_run_until_idle(w);
}

/* ---- the role that a binding names ------------------------------------------------------------------------------- */

static void test_role(void) {
    static const struct {
        const char *row, *meta;
    } rows[] = {{"nobody's, without labels", ""},
                {"nobody's, with our label", LABELLED},
                {"another object's", LABELLED CONTROLLED("uid-2")}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(&w, "", "'enableInTreeAutoscaling':true," FIXTURE_HEAD);
        make_owner(&w);
        fixture_create(&w, RBAC, "roles", rv_arena_fmt(a, "{'metadata':{'name':'c'%s},'rules':[{}]}", rows[i].meta).p);
        fixture_go(&w, "{}");
        CHECK_ROW(fixture_count(&w, "rolebindings") == 0, rows[i].row);
        CHECK_ROW(fixture_events(&w, "FailedToCreateRoleBinding") == 1, rows[i].row);
        struct rv_str why = fixture_reconciling(&w, "message");
        CHECK_ROW(says(why, "Role ns/c") && says(why, "delete or rename"), rows[i].row);
        CHECK_ROW(fixture_count(&w, "pods") == 1, rows[i].row);
        fixture_delete(&w, "roles", "c");
        wait_long(&w);
        fixture_check(&w, "rolebindings", "c", "subjects[0].name", "'c'");
        fixture_check(&w, "roles", "c", "metadata.ownerReferences[0].uid", "'uid-1'");
        CHECK_ROW(!says(fixture_reconciling(&w, "reason"), "Role"), rows[i].row);
        fixture_check_idle(&w);
        fixture_stop(&w);
    }
}

/* The binding was there before the role became somebody else's. */
static void test_role_replaced(void) {
    struct fixture w;
    fixture_start(&w, "", "'enableInTreeAutoscaling':true," FIXTURE_HEAD);
    make_owner(&w);
    fixture_go(&w, "{}");
    fixture_check(&w, "rolebindings", "c", "subjects[0].name", "'c'");
    fixture_delete(&w, "roles", "c");
    fixture_create(&w, RBAC, "roles", "{'metadata':{'name':'c'" LABELLED "},'rules':[{}]}");
    fixture_run_until_idle(&w);
    wait_long(&w);
    fixture_check(&w, "rolebindings", "c", "subjects", "[]");
    fixture_check(&w, "roles", "c", "rules", "[{}]");
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToCreateRoleBinding"), 1);
    fixture_delete(&w, "roles", "c");
    wait_long(&w);
    fixture_check(&w, "rolebindings", "c", "subjects[0].name", "'c'");
    fixture_stop(&w);
}

/* An administrator's own binding is left alone, and is as good. */
static void test_binding_of_others(void) {
    struct fixture w;
    fixture_start(&w, "", "'enableInTreeAutoscaling':true," FIXTURE_HEAD);
    fixture_create(&w, RBAC, "roles", "{'metadata':{'name':'c'" LABELLED "},'rules':[{}]}");
    fixture_create(&w, RBAC, "rolebindings", "{'metadata':{'name':'c'" LABELLED "},'subjects':[{'name':'x'}]}");
    fixture_go(&w, "{}");
    fixture_check(&w, "rolebindings", "c", "subjects", "[{'name':'x'}]");
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedTo"), 0);
    fixture_stop(&w);
}

/* ---- tokens and claims ------------------------------------------------------------------------------------------- */

#define TOKEN "'authOptions':{'mode':'token'},'rayVersion':'2.52.0',"

static void test_secret(void) {
    static const struct {
        const char *row, *meta;
    } rows[] = {{"without labels", ""}, {"with our label", LABELLED}, {"another's", LABELLED CONTROLLED("uid-2")}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(&w, "", TOKEN FIXTURE_HEAD);
        make_owner(&w);
        fixture_create(&w, "v1", "secrets", rv_arena_fmt(a, "{'metadata':{'name':'c'%s}}", rows[i].meta).p);
        fixture_go(&w, "{}");
        CHECK_ROW(fixture_count(&w, "pods") == 0, rows[i].row);
        CHECK_ROW(rv_str_is(fixture_reconciling(&w, "reason"), "FailedToCreateAuthSecret"), rows[i].row);
        CHECK_ROW(says(fixture_reconciling(&w, "message"), "spec.authOptions.secretName"), rows[i].row);
        CHECK_ROW(fixture_events(&w, "FailedToCreateAuthSecret") == 1, rows[i].row);
        fixture_edit(&w, "rayclusters", "c", "{'spec':{'authOptions':{'secretName':'c'}}}"); /* it is meant */
        CHECK_ROW(fixture_count(&w, "pods") == 1, rows[i].row);
        fixture_stop(&w);
    }
}

/* A cluster that runs goes on. */
static void test_secret_replaced(void) {
    struct fixture w;
    fixture_start(&w, "",
                  TOKEN FIXTURE_HEAD
                  ",'workerGroupSpecs':[{'groupName':'g','replicas':1,'minReplicas':1,'maxReplicas':3," FIXTURE_POD
                  "}]");
    fixture_go(&w, "{}");
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 2);
    fixture_delete(&w, "secrets", "c");
    fixture_create(&w, "v1", "secrets", "{'metadata':{'name':'c'" LABELLED "}}");
    fixture_edit(&w, "rayclusters", "c", "{'metadata':{'annotations':{'k':'v'}}}");
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToCreateAuthSecret"), 1);
    for (struct rv_fake_object *o = w.api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "pods") == 0 && strstr(o->name, "worker") != NULL) {
            fixture_delete(&w, "pods", o->name);
            break;
        }
    fixture_run_until_idle(&w);
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 2);
    fixture_stop(&w);
}

/* What a cluster of another name has left behind is not adopted, and so not deleted with this one. */
static void test_claim_of_another(void) {
    struct fixture w;
    fixture_start(&w, "", "'gcsFaultToleranceOptions':{'backend':'rocksdb'}," FIXTURE_HEAD);
    fixture_create(&w, "v1", "persistentvolumeclaims",
                   "{'metadata':{'name':'c-gcs-pvc','labels':{'ray.io/cluster':'other'}},'spec':{'accessModes':["
                   "'ReadWriteOnce'],'resources':{'requests':{'storage':'1Gi'}}}}");
    fixture_go(&w, "{'featureGates':{'GCSFaultToleranceEmbeddedStorage':true}}");
    fixture_check(&w, "persistentvolumeclaims", "c-gcs-pvc", "metadata.ownerReferences", NULL);
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 0);
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToCreatePVC"), 1);
    fixture_stop(&w);
}

/* ---- Services that the user may not make ------------------------------------------------------------------------- */

static const struct {
    const char *row, *head, *path;
} services[] = {
    {"externalIPs", "'headService':{'spec':{'externalIPs':['10.1.2.3']}},",
     "spec.headGroupSpec.headService.spec.externalIPs"},
    {"ExternalName", "'headService':{'spec':{'type':'ExternalName','externalName':'x.y'}},",
     "spec.headGroupSpec.headService.spec.type"},
    {"a name", "'headService':{'spec':{'externalName':'x.y'}},", "spec.headGroupSpec.headService.spec.externalName"},
    {"serviceType", "'serviceType':'ExternalName',", "spec.headGroupSpec.serviceType"},
    {"LoadBalancer", "'headService':{'spec':{'type':'LoadBalancer','loadBalancerIP':'10.1.2.3'}},", NULL},
    {"NodePort", "'serviceType':'NodePort',", NULL},
    {"Go's zeros", "'headService':{'spec':{'type':'','externalIPs':[],'externalName':''}},", NULL},
};

static void test_services(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(services); i++) {
        for (int allowed = 0; allowed < 2; allowed++) {
            rv_autoarena struct rv_arena *a = rv_arena_new();
            struct fixture w;
            fixture_start(&w, "", rv_arena_fmt(a, "'headGroupSpec':{%s" FIXTURE_POD "}", services[i].head).p);
            fixture_go(&w, allowed != 0 ? "{'allowExternalServices':true}" : "{}");
            bool refused = allowed == 0 && services[i].path != NULL;
            CHECK_ROW(fixture_count(&w, "services") == (refused ? 0 : 1), services[i].row);
            CHECK_ROW(fixture_count(&w, "pods") == (refused ? 0 : 1), services[i].row);
            CHECK_ROW(fixture_events(&w, "InvalidRayClusterSpec") == (refused ? 1 : 0), services[i].row);
            struct rv_val stalled = rv_condition_find(
                rv_val_path(rv_fakeapi_get(w.api, "rayclusters", "c")->value, "status.conditions"), "Stalled");
            CHECK_ROW(!refused || (says(rv_path_str(stalled, "message"), services[i].path) &&
                                   says(rv_path_str(stalled, "message"), "allowExternalServices")),
                      services[i].row);
            fixture_stop(&w);
        }
    }
}

/* An edit, or a stricter operator: the service that is there stays, and so does all the rest. */
static void test_running(void) {
    struct fixture w;
    fixture_start(&w, "",
                  FIXTURE_HEAD
                  ",'workerGroupSpecs':[{'groupName':'g','replicas':1,'minReplicas':1,'maxReplicas':3," FIXTURE_POD
                  "}]");
    fixture_go(&w, "{}");
    fixture_patch(&w, "services", "c-head-svc", "{'spec':{'externalIPs':['10.1.2.3']}}");
    fixture_edit(&w, "rayclusters", "c",
                 "{'spec':{'headGroupSpec':{'headService':{'spec':{'externalIPs':['10.1.2.3']}}}}}");
    CU_ASSERT_EQUAL(fixture_events(&w, "InvalidRayClusterSpec"), 1);
    CU_ASSERT_TRUE(says(fixture_reconciling(&w, "message"), "spec.headGroupSpec.headService.spec.externalIPs"));
    fixture_check(&w, "services", "c-head-svc", "spec.externalIPs", "['10.1.2.3']");
    fixture_edit(&w, "rayclusters", "c",
                 "{'spec':{'workerGroupSpecs':[{'groupName':'g','replicas':2,'minReplicas':1,"
                 "'maxReplicas':3," FIXTURE_POD "}]}}");
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 3);
    CU_ASSERT_EQUAL(fixture_events(&w, "InvalidRayClusterSpec"), 1);
    fixture_edit(&w, "rayclusters", "c", "{'spec':{'headGroupSpec':{'headService':null}}}");
    CU_ASSERT_FALSE(says(fixture_reconciling(&w, "reason"), "Invalid"));
    fixture_check_idle(&w);
    fixture_stop(&w);
}

static const struct suite_test tests[] = {{"a role of somebody else", test_role},
                                          {"a role that was replaced", test_role_replaced},
                                          {"a binding of somebody else", test_binding_of_others},
                                          {"a token of somebody else", test_secret},
                                          {"a token that was replaced", test_secret_replaced},
                                          {"a claim of another cluster", test_claim_of_another},
                                          {"services", test_services},
                                          {"a running cluster", test_running}};
SUITE_MAIN("raycluster: tenants", tests)
