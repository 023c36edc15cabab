/* test_policies.c - policies are kept exactly as requested, and never loosened too early. */
#define FIXTURE_PLUGIN "networkpolicy"
#include "tests/unit/raycluster/fixture.h"

#define GROUPS(names) "'workerGroupSpecs':[" names "]"
#define RULE                                                                                                           \
    "{'ports':[{'port':1},{'port':2,'protocol':'UDP'}],'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/"   \
    "16']"                                                                                                             \
    "}}]}"
#define WITH(rules) "'networkPolicy':{'mode':'DenyAll','head':{'ingressRules':[" rules "]}}"

/* What the raycluster plugin says of the spec as it is now. */
static void judged(struct fixture *w, bool valid) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = rv_fakeapi_get(w->api, "rayclusters", "c");
    struct rv_str status =
        rv_arena_fmt(a, "{'status':{'observedGeneration':%lld,'conditions':[{'type':'Stalled','status':'%s'}]}}",
                     (long long)rv_path_int(o->value, "metadata.generation", 0), valid ? "False" : "True");
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, true, RV_STR(""), quoted(a, status.p)), 0);
    fixture_run_until_idle(w);
}

static void edit(struct fixture *w, const char *spec) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    fixture_edit(w, "rayclusters", "c", rv_arena_fmt(a, "{'spec':{%s}}", spec).p);
}

static void test_exact(void) {
    static const struct {
        const char *row, *spec; /* what the spec becomes, or NULL */
        const char *policy;     /* what somebody makes of the policy, or NULL */
        const char *path, *want;
    } rows[] = {
        {"a selector made narrower", NULL, "{'spec':{'podSelector':{'matchLabels':{'x':'y'}}}}",
         "spec.podSelector.matchLabels|x", NULL},
        {"an expression added", NULL, "{'spec':{'podSelector':{'matchExpressions':[{'key':'x','operator':'Exists'}]}}}",
         "spec.podSelector.matchExpressions", NULL},
        {"a peer made wider", NULL,
         "{'spec':{'ingress':[{'from':[{'podSelector':{'matchLabels':{'ray.io/"
         "cluster':'c'}},'namespaceSelector':{}}]}]}}",
         "spec.ingress[0].from[0].namespaceSelector", NULL},
        {"the user takes a port back", WITH("{'ports':[{'port':1}],'from':[{'ipBlock':{'cidr':'10.0.0.0/8'}}]}"), NULL,
         "spec.ingress[1]", "{'ports':[{'port':1}],'from':[{'ipBlock':{'cidr':'10.0.0.0/8'}}]}"},
        {"the user takes the exception back", WITH("{'from':[{'ipBlock':{'cidr':'10.0.0.0/8'}}]}"), NULL,
         "spec.ingress[1].from[0].ipBlock.except", NULL},
        {"the user takes the peers back", WITH("{'ports':[{'port':1}]}"), NULL, "spec.ingress[1].from", NULL},
        {"one direction only", "'networkPolicy':{'mode':'DenyAllEgress'}", NULL, "spec.ingress", NULL},
        {"labels of others stay", NULL, "{'metadata':{'labels':{'x':'y'}}}", "metadata.labels|x", "'y'"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        fixture_start(&w, "", WITH(RULE) "," GROUPS("{'groupName':'g'}"));
        fixture_go(&w, "{}");
        judged(&w, true);
        CHECK_ROW(fixture_count(&w, "networkpolicies") == 2, rows[i].row);
        if (rows[i].policy != NULL) fixture_edit(&w, "networkpolicies", "c-head", rows[i].policy);
        if (rows[i].spec != NULL) edit(&w, rows[i].spec);
        if (rows[i].spec != NULL) judged(&w, true);
        fixture_check(&w, "networkpolicies", "c-head", rows[i].path, rows[i].want);
        fixture_check_idle(&w);
        fixture_stop(&w);
    }
}

/* What the API server fills in is no difference. */
static void test_defaults(void) {
    struct fixture w;
    fixture_start(&w, "", WITH(RULE ",{'from':[],'ports':[{'port':3}]}"));
    fixture_go(&w, "{}");
    fixture_patch(&w, "networkpolicies", "c-head",
                  "{'spec':{'ingress':[{'from':[{'podSelector':{'matchLabels':{'ray.io/cluster':'c'}}}]},"
                  "{'ports':[{'port':1,'protocol':'TCP'},{'port':2,'protocol':'UDP'}],"
                  "'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/16']}}]},"
                  "{'ports':[{'port':3,'protocol':'TCP'}]}]}}");
    fixture_check_idle(&w);
    fixture_stop(&w);
}

/* An edit counts when it has been accepted. */
static void test_invalid(void) {
    struct fixture w;
    fixture_start(&w, "", WITH("") "," GROUPS("{'groupName':'g'},{'groupName':'h'}"));
    fixture_go(&w, "{}");
    CU_ASSERT_EQUAL(fixture_count(&w, "networkpolicies"), 3); /* before anybody judged it: no pod is made without */
    judged(&w, true);
    edit(&w, "'networkPolicy':null," GROUPS("{'groupName':'g'}"));
    CU_ASSERT_EQUAL(fixture_count(&w, "networkpolicies"), 3);
    judged(&w, false);
    CU_ASSERT_EQUAL(fixture_count(&w, "networkpolicies"), 3);
    edit(&w, "'networkPolicy':{'mode':'DenyAllIngress'}," GROUPS("{'groupName':'g'},{'groupName':'i'}"));
    CU_ASSERT_EQUAL(fixture_count(&w, "networkpolicies"), 4); /* a new group's at once */
    fixture_check(&w, "networkpolicies", "c-head", "spec.policyTypes", "['Ingress','Egress']");
    judged(&w, true);
    fixture_check(&w, "networkpolicies", "c-head", "spec.policyTypes", "['Ingress']");
    CU_ASSERT_EQUAL(fixture_count(&w, "networkpolicies"), 3);
    fixture_stop(&w);
}

static void test_outlived(void) {
    struct fixture w;
    fixture_start(&w, "", WITH("") "," GROUPS("{'groupName':'g'}"));
    fixture_create(
        &w, "v1", "pods",
        "{'metadata':{'name':'p','labels':{'ray.io/node-type':'worker','ray.io/group':'g'},'ownerReferences':[{"
        "'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'uid-1','controller':true}]}}");
    fixture_go(&w, "{}");
    edit(&w, GROUPS(""));
    judged(&w, true);
    CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(w.api, "networkpolicies", "c-workers-g"));
    fixture_delete(&w, "pods", "p");
    fixture_run_until_idle(&w);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(w.api, "networkpolicies", "c-workers-g"));
    fixture_stop(&w);
}

static void test_capitals(void) {
    struct fixture w;
    fixture_start(&w, "", WITH("") "," GROUPS("{'groupName':'GPU'},{'groupName':'gpu'}"));
    fixture_go(&w, "{}");
    fixture_check(&w, "networkpolicies", "c-workers-gpu", "spec.podSelector.matchLabels|ray.io/group", "'gpu'");
    fixture_check(&w, "networkpolicies", "c-workers-gpu-7", "spec.podSelector.matchLabels|ray.io/group", "'GPU'");
    fixture_check_idle(&w);
    fixture_stop(&w);
}

/* The operator reaches the control store of a head that the plugin autoscaler asks, and nothing else of it. */
static void test_autoscaler(void) {
#define OPERATOR ",'annotations':{'rayvisor.io/autoscaler':'operator'}"
#define SCALED ",'enableInTreeAutoscaling':true"
    static const struct {
        const char *row, *meta, *more, *settings, *path, *want;
    } rows[] = {{"its port", OPERATOR, SCALED, "{}", "spec.ingress[1].ports", "[{'protocol':'TCP','port':6379}]"},
                {"from the operator alone", OPERATOR, SCALED, "{}", "spec.ingress[1].from",
                 "[{'podSelector':{'matchLabels':{'app.kubernetes.io/name':'rayvisor'}},'namespaceSelector':{}}]"},
                {"another port", OPERATOR, SCALED ",'headGroupSpec':{'rayStartParams':{'port':'7000'}}", "{}",
                 "spec.ingress[1].ports[0].port", "7000"},
                {"by the setting", "", SCALED, "{'autoscalerMode':'shadow'}", "spec.ingress[1].ports[0].port", "6379"},
                {"a sidecar needs none", "", SCALED, "{}", "spec.ingress[1]", NULL},
                {"the annotation goes before the setting", ",'annotations':{'rayvisor.io/autoscaler':'sidecar'}",
                 SCALED, "{'autoscalerMode':'operator'}", "spec.ingress[1]", NULL},
                {"without autoscaling none", OPERATOR, "", "{}", "spec.ingress[1]", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        rv_autoarena struct rv_arena *a = rv_arena_new();
        fixture_start(
            &w, rows[i].meta,
            rv_arena_fmt(a, "'networkPolicy':{'mode':'DenyAll'}," GROUPS("{'groupName':'g'}") "%s", rows[i].more).p);
        fixture_go(&w, rows[i].settings);
        judged(&w, true);
        fixture_check(&w, "networkpolicies", "c-head", rows[i].path, rows[i].want);
        fixture_check_idle(&w);
        fixture_stop(&w);
    }
}

/* An edit moves no head that runs, and the way to it must not be closed. */
static void test_ports_of_the_head(void) {
#define HEAD(flags)                                                                                                    \
    "{'metadata':{'name':'h','labels':{'ray.io/node-type':'head'},"                                                    \
    "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'uid-1','controller':true}]},"  \
    "'spec':{'containers':[{'name':'h','env':[{'name':'KUBERAY_GEN_RAY_START_CMD','value':'ray start --head" flags     \
    "'}]}]}}"
#define STARTED(gcs, dashboard) "'headGroupSpec':{'rayStartParams':{'port':'" gcs "','dashboard-port':'" dashboard "'}}"
    static const struct {
        const char *row, *head, *gcs, *dashboard; /* without a head: as the spec says */
    } rows[] = {{"as it was started", HEAD(" --port=7000 --dashboard-port=9265"), "7000", "9265"},
                {"started without flags", HEAD(""), "6379", "8265"},
                {"no head yet", NULL, "7001", "9266"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        fixture_start(&w,
                      ",'annotations':{'rayvisor.io/autoscaler':'operator'},'labels':{'ray.io/job-submission-mode':"
                      "'K8sJobMode'}",
                      "'networkPolicy':{'mode':'DenyAll'}," STARTED("7000", "9265") SCALED);
        fixture_create(&w, "ray.io/v1", "rayjobs", "{'metadata':{'name':'j'}}");
        fixture_patch(&w, "rayclusters", "c",
                      "{'metadata':{'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayJob','name':'j',"
                      "'uid':'uid-2','controller':true}]}}");
        if (rows[i].head != NULL) fixture_create(&w, "v1", "pods", rows[i].head);
        fixture_go(&w, "{}");
        edit(&w, STARTED("7001", "9266"));
        judged(&w, true);
        fixture_check(&w, "networkpolicies", "c-head", "spec.ingress[1].ports[0].port", rows[i].dashboard);
        fixture_check(&w, "networkpolicies", "c-head", "spec.ingress[2].ports[0].port", rows[i].gcs);
        fixture_check_idle(&w);
        if (rows[i].head != NULL) fixture_delete(&w, "pods", "h");
        fixture_run_until_idle(&w);
        fixture_check(&w, "networkpolicies", "c-head", "spec.ingress[2].ports[0].port", "7001");
        fixture_stop(&w);
    }
}

static void test_namespace_ends(void) {
    struct fixture w;
    fixture_start(&w, "", WITH(RULE) "," GROUPS("{'groupName':'g'}"));
    fixture_namespace_ends(&w, "networkpolicies");
    fixture_stop(&w);
}

static const struct suite_test tests[] = {
    {"the namespace ends", test_namespace_ends},          {"ports of the head that runs", test_ports_of_the_head},
    {"the autoscaler's way in", test_autoscaler},         {"exactly as asked for", test_exact},
    {"the API server's defaults", test_defaults},         {"an edit that is not valid", test_invalid},
    {"a group that goes before its pods", test_outlived}, {"capitals in groups' names", test_capitals}};
SUITE_MAIN("networkpolicy", tests)
