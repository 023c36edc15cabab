/* test_tenants.c - a user who may only make RayClusters gets nothing else by them: no role, token or claim that happens
 * to have the name, and no Service that he may not make himself. */
#include "lone.h"

#define CONTROLLED(uid) ",'ownerReferences':[{'kind':'X','name':'x','uid':'" uid "','controller':true}]"
#define LABELLED ",'labels':{'ray.io/cluster':'c'}"
#define RBAC "rbac.authorization.k8s.io/v1"

static void make_owner(struct lone *w) { /* uid-2: of what is somebody else's, or it would be collected */
    lone_create(w, "v1", "configmaps", "{'metadata':{'name':'owner'}}");
}

static bool says(struct rv_str text, const char *part) {
    return text.n != 0 && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void wait_long(struct lone *w) {
    rv_fakehost_advance(w->host, 300000);
    lone_settle(w);
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
        struct lone w;
        lone_start(&w, "", "'enableInTreeAutoscaling':true," LONE_HEAD);
        make_owner(&w);
        lone_create(&w, RBAC, "roles", rv_arena_fmt(a, "{'metadata':{'name':'c'%s},'rules':[{}]}", rows[i].meta).p);
        lone_go(&w, "{}");
        CHECK_ROW(lone_count(&w, "rolebindings") == 0, rows[i].row);
        CHECK_ROW(lone_told(&w, "FailedToCreateRoleBinding") == 1, rows[i].row);
        struct rv_str why = lone_waits(&w, "message");
        CHECK_ROW(says(why, "Role ns/c") && says(why, "delete or rename"), rows[i].row);
        CHECK_ROW(lone_count(&w, "pods") == 1, rows[i].row);
        lone_delete(&w, "roles", "c");
        wait_long(&w);
        lone_is(&w, "rolebindings", "c", "subjects[0].name", "'c'");
        lone_is(&w, "roles", "c", "metadata.ownerReferences[0].uid", "'uid-1'");
        CHECK_ROW(!says(lone_waits(&w, "reason"), "Role"), rows[i].row);
        lone_rest(&w);
        lone_stop(&w);
    }
}

/* The binding was there before the role became somebody else's. */
static void test_role_replaced(void) {
    struct lone w;
    lone_start(&w, "", "'enableInTreeAutoscaling':true," LONE_HEAD);
    make_owner(&w);
    lone_go(&w, "{}");
    lone_is(&w, "rolebindings", "c", "subjects[0].name", "'c'");
    lone_delete(&w, "roles", "c");
    lone_create(&w, RBAC, "roles", "{'metadata':{'name':'c'" LABELLED "},'rules':[{}]}");
    lone_settle(&w);
    wait_long(&w);
    lone_is(&w, "rolebindings", "c", "subjects", "[]");
    lone_is(&w, "roles", "c", "rules", "[{}]");
    CU_ASSERT_EQUAL(lone_told(&w, "FailedToCreateRoleBinding"), 1);
    lone_delete(&w, "roles", "c");
    wait_long(&w);
    lone_is(&w, "rolebindings", "c", "subjects[0].name", "'c'");
    lone_stop(&w);
}

/* An administrator's own binding is left alone, and is as good. */
static void test_binding_of_others(void) {
    struct lone w;
    lone_start(&w, "", "'enableInTreeAutoscaling':true," LONE_HEAD);
    lone_create(&w, RBAC, "roles", "{'metadata':{'name':'c'" LABELLED "},'rules':[{}]}");
    lone_create(&w, RBAC, "rolebindings", "{'metadata':{'name':'c'" LABELLED "},'subjects':[{'name':'x'}]}");
    lone_go(&w, "{}");
    lone_is(&w, "rolebindings", "c", "subjects", "[{'name':'x'}]");
    CU_ASSERT_EQUAL(lone_told(&w, "FailedTo"), 0);
    lone_stop(&w);
}

/* ---- tokens and claims ------------------------------------------------------------------------------------------- */

#define TOKEN "'authOptions':{'mode':'token'},'rayVersion':'2.52.0',"

static void test_secret(void) {
    static const struct {
        const char *row, *meta;
    } rows[] = {{"without labels", ""}, {"with our label", LABELLED}, {"another's", LABELLED CONTROLLED("uid-2")}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct lone w;
        lone_start(&w, "", TOKEN LONE_HEAD);
        make_owner(&w);
        lone_create(&w, "v1", "secrets", rv_arena_fmt(a, "{'metadata':{'name':'c'%s}}", rows[i].meta).p);
        lone_go(&w, "{}");
        CHECK_ROW(lone_count(&w, "pods") == 0, rows[i].row);
        CHECK_ROW(rv_str_is(lone_waits(&w, "reason"), "FailedToCreateAuthSecret"), rows[i].row);
        CHECK_ROW(says(lone_waits(&w, "message"), "spec.authOptions.secretName"), rows[i].row);
        CHECK_ROW(lone_told(&w, "FailedToCreateAuthSecret") == 1, rows[i].row);
        lone_edit(&w, "rayclusters", "c", "{'spec':{'authOptions':{'secretName':'c'}}}"); /* it is meant */
        CHECK_ROW(lone_count(&w, "pods") == 1, rows[i].row);
        lone_stop(&w);
    }
}

/* A cluster that runs goes on. */
static void test_secret_replaced(void) {
    struct lone w;
    lone_start(&w, "",
               TOKEN LONE_HEAD
               ",'workerGroupSpecs':[{'groupName':'g','replicas':1,'minReplicas':1,'maxReplicas':3," LONE_POD "}]");
    lone_go(&w, "{}");
    CU_ASSERT_EQUAL(lone_count(&w, "pods"), 2);
    lone_delete(&w, "secrets", "c");
    lone_create(&w, "v1", "secrets", "{'metadata':{'name':'c'" LABELLED "}}");
    lone_edit(&w, "rayclusters", "c", "{'metadata':{'annotations':{'k':'v'}}}");
    CU_ASSERT_EQUAL(lone_told(&w, "FailedToCreateAuthSecret"), 1);
    for (struct rv_fake_object *o = w.api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "pods") == 0 && strstr(o->name, "worker") != NULL) {
            lone_delete(&w, "pods", o->name);
            break;
        }
    lone_settle(&w);
    CU_ASSERT_EQUAL(lone_count(&w, "pods"), 2);
    lone_stop(&w);
}

/* What a cluster of another name has left behind is not adopted, and so not deleted with this one. */
static void test_claim_of_another(void) {
    struct lone w;
    lone_start(&w, "", "'gcsFaultToleranceOptions':{'backend':'rocksdb'}," LONE_HEAD);
    lone_create(&w, "v1", "persistentvolumeclaims",
                "{'metadata':{'name':'c-gcs-pvc','labels':{'ray.io/cluster':'other'}},'spec':{'accessModes':["
                "'ReadWriteOnce'],'resources':{'requests':{'storage':'1Gi'}}}}");
    lone_go(&w, "{'featureGates':{'GCSFaultToleranceEmbeddedStorage':true}}");
    lone_is(&w, "persistentvolumeclaims", "c-gcs-pvc", "metadata.ownerReferences", NULL);
    CU_ASSERT_EQUAL(lone_count(&w, "pods"), 0);
    CU_ASSERT_EQUAL(lone_told(&w, "FailedToCreatePVC"), 1);
    lone_stop(&w);
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
            struct lone w;
            lone_start(&w, "", rv_arena_fmt(a, "'headGroupSpec':{%s" LONE_POD "}", services[i].head).p);
            lone_go(&w, allowed != 0 ? "{'allowExternalServices':true}" : "{}");
            bool refused = allowed == 0 && services[i].path != NULL;
            CHECK_ROW(lone_count(&w, "services") == (refused ? 0 : 1), services[i].row);
            CHECK_ROW(lone_count(&w, "pods") == (refused ? 0 : 1), services[i].row);
            CHECK_ROW(lone_told(&w, "InvalidRayClusterSpec") == (refused ? 1 : 0), services[i].row);
            struct rv_val stalled = rv_condition_find(
                rv_val_path(rv_fakeapi_get(w.api, "rayclusters", "c")->value, "status.conditions"), "Stalled");
            CHECK_ROW(!refused || (says(rv_path_str(stalled, "message"), services[i].path) &&
                                   says(rv_path_str(stalled, "message"), "allowExternalServices")),
                      services[i].row);
            lone_stop(&w);
        }
    }
}

/* An edit, or a stricter operator: the service that is there stays, and so does all the rest. */
static void test_running(void) {
    struct lone w;
    lone_start(&w, "",
               LONE_HEAD ",'workerGroupSpecs':[{'groupName':'g','replicas':1,'minReplicas':1,'maxReplicas':3," LONE_POD
                         "}]");
    lone_go(&w, "{}");
    lone_patch(&w, "services", "c-head-svc", "{'spec':{'externalIPs':['10.1.2.3']}}");
    lone_edit(&w, "rayclusters", "c",
              "{'spec':{'headGroupSpec':{'headService':{'spec':{'externalIPs':['10.1.2.3']}}}}}");
    CU_ASSERT_EQUAL(lone_told(&w, "InvalidRayClusterSpec"), 1);
    CU_ASSERT_TRUE(says(lone_waits(&w, "message"), "spec.headGroupSpec.headService.spec.externalIPs"));
    lone_is(&w, "services", "c-head-svc", "spec.externalIPs", "['10.1.2.3']");
    lone_edit(&w, "rayclusters", "c",
              "{'spec':{'workerGroupSpecs':[{'groupName':'g','replicas':2,'minReplicas':1,"
              "'maxReplicas':3," LONE_POD "}]}}");
    CU_ASSERT_EQUAL(lone_count(&w, "pods"), 3);
    CU_ASSERT_EQUAL(lone_told(&w, "InvalidRayClusterSpec"), 1);
    lone_edit(&w, "rayclusters", "c", "{'spec':{'headGroupSpec':{'headService':null}}}");
    CU_ASSERT_FALSE(says(lone_waits(&w, "reason"), "Invalid"));
    lone_rest(&w);
    lone_stop(&w);
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
