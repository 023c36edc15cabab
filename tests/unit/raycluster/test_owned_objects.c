/* test_owned_objects.c - the objects beside the pods: names that are somebody else's, edits that are taken back, wishes
 * that are, and what pods wait for. */
#include "fixture.h"

#define OTHERS                                                                                                         \
    "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'%s','uid':'%s','controller':true}]"
#define OWNED_BY(uid) "'ownerReferences':[{'kind':'X','name':'x','uid':'" uid "','controller':true}]"

/* ---- names that are taken ---------------------------------------------------------------------------------------- */

static void make_owner(struct fixture *w) { /* of what is somebody else's, or it would be collected: uid-2 */
    fixture_create(w, "v1", "configmaps", "{'metadata':{'name':'owner'}}");
}

static void test_head_service_taken(void) {
    static const struct {
        const char *row, *service;
        bool seen;
    } rows[] = {{"another cluster's",
                 "{'metadata':{'name':'shared','labels':{'ray.io/cluster':'a'}," OWNED_BY("uid-2") "}}", true},
                {"without labels", "{'metadata':{'name':'shared'}}", false},
                {"nobody's", "{'metadata':{'name':'shared','labels':{'ray.io/cluster':'a'}}}", true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        fixture_start(&w, "",
                      "'headGroupSpec':{" FIXTURE_POD
                      ",'headService':{'metadata':{'name':'shared'}}},'workerGroupSpecs':["
                      "{'groupName':'g','replicas':1,'minReplicas':1,'maxReplicas':1," FIXTURE_POD "}]");
        make_owner(&w);
        fixture_create(&w, "v1", "services", rows[i].service);
        fixture_go(&w, "{}");
        /* Where only the answer tells, the head is on its way; no worker would get to the other cluster. */
        CHECK_ROW(fixture_count(&w, "pods") == (rows[i].seen ? 0 : 1), rows[i].row);
        CHECK_ROW(rv_str_is(fixture_reconciling(&w, "reason"), "FailedToCreateService"), rows[i].row);
        CHECK_ROW(fixture_events(&w, "FailedToCreateService") == 1, rows[i].row);
        fixture_delete(&w, "services", "shared");
        rv_fakehost_advance(w.host, 300000);
        fixture_run_until_idle(&w);
        CHECK_ROW(fixture_count(&w, "pods") > 0 && rv_fakeapi_get(w.api, "services", "shared") != NULL, rows[i].row);
        CHECK_ROW(!rv_str_is(fixture_reconciling(&w, "reason"), "FailedToCreateService"), rows[i].row);
        fixture_stop(&w);
    }
}

static void test_ingress_taken(void) {
    struct fixture w;
    fixture_start(&w, "", "'headGroupSpec':{'enableIngress':true," FIXTURE_POD "}");
    make_owner(&w);
    fixture_create(&w, "networking.k8s.io/v1", "ingresses",
                   "{'metadata':{'name':'c-head-ingress','labels':{'ray.io/cluster':'c'}," OWNED_BY("uid-2") "}}");
    fixture_go(&w, "{}");
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToCreateIngress"), 1);
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 1); /* no pod needs it */
    fixture_check(&w, "ingresses", "c-head-ingress", "spec", NULL);
    fixture_stop(&w);
}

/* What a cluster of the same name left behind is collected any moment: nothing is made that would use it. */
static void test_late(void) {
    static const struct {
        const char *api_version, *resource, *name, *spec, *settings;
    } rows[] = {{"v1", "serviceaccounts", "c", "'enableInTreeAutoscaling':true,", "{}"},
                {"v1", "secrets", "c", "'authOptions':{'mode':'token'},'rayVersion':'2.52.0',", "{}"},
                {"v1", "persistentvolumeclaims", "c-gcs-pvc", "'gcsFaultToleranceOptions':{'backend':'rocksdb'},",
                 "{'featureGates':{'GCSFaultToleranceEmbeddedStorage':true}}"},
                {"v1", "services", "c-head-svc", "", "{}"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(&w, "", rv_arena_fmt(a, "%s" FIXTURE_HEAD, rows[i].spec).p);
        make_owner(&w);
        struct rv_str json = rv_arena_fmt(
            a, "{'metadata':{'name':'%s','labels':{'ray.io/cluster':'c'}," OTHERS "},'spec':{'accessModes':[]}}",
            rows[i].name, "c", "uid-2");
        fixture_create(&w, rows[i].api_version, rows[i].resource, json.p);
        fixture_go(&w, rows[i].settings);
        CHECK_ROW(fixture_count(&w, "pods") == 0, rows[i].resource);
        fixture_delete(&w, rows[i].resource, rows[i].name);
        fixture_run_until_idle(&w);
        const struct rv_fake_object *o = rv_fakeapi_get(w.api, rows[i].resource, rows[i].name);
        CHECK_ROW(o != NULL && rv_str_is(rv_meta_controller_uid(o->value), "uid-1"), rows[i].resource);
        CHECK_ROW(fixture_count(&w, "pods") == 1, rows[i].resource);
        CHECK_ROW(fixture_events(&w, "Failed") == 0, rows[i].resource);
        fixture_stop(&w);
    }
}

/* ---- edits that are taken back ------------------------------------------------------------------------------------
 */

static void test_brought_back(void) {
    static const struct {
        const char *resource, *name, *edit, *path, *want;
    } rows[] = {
        {"services", "c-head-svc", "{'spec':{'selector':{'ray.io/node-type':'worker','mine':'x'}}}", "spec.selector",
         "{'ray.io/cluster':'c','ray.io/node-type':'head','ray.io/identifier':'c-head','app.kubernetes.io/"
         "name':'kuberay',"
         "'app.kubernetes.io/created-by':'kuberay-operator'}"},
        {"services", "c-head-svc", "{'metadata':{'labels':{'ray.io/identifier':'x'}}}",
         "metadata.labels|ray.io/identifier", "'c-head'"},
        {"services", "c-head-svc", "{'metadata':{'labels':{'ray.io/cluster':null}}}", "metadata.labels|ray.io/cluster",
         "'c'"},
        {"services", "c-head-svc", "{'metadata':{'labels':{'others':'x'}}}", "metadata.labels|others", "'x'"},
        {"services", "c-head-svc", "{'spec':{'type':'NodePort'}}", "spec.type", "'ClusterIP'"},
        {"services", "c-headless", "{'spec':{'selector':{'ray.io/cluster':'x'}}}", "spec.selector|ray.io/cluster",
         "'c'"},
        {"services", "c-headless", "{'metadata':{'labels':{'ray.io/headless-worker-svc':null}}}",
         "metadata.labels|ray.io/headless-worker-svc", "'c'"},
        {"routes", "c-head-route", "{'spec':{'to':{'name':'x'}}}", "spec.to.name", "'c-head-svc'"},
        {"roles", "c", "{'rules':[]}", "rules[1].verbs[0]", "'patch'"},
    };
    struct fixture w;
    fixture_start(&w, "",
                  "'enableInTreeAutoscaling':true,'headGroupSpec':{'enableIngress':true," FIXTURE_POD
                  "},'workerGroupSpecs':[{"
                  "'groupName':'g','replicas':0,'minReplicas':0,'maxReplicas':2,'numOfHosts':2," FIXTURE_POD "}]");
    fixture_go(&w, "{'openshiftRoutes':true}");
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        fixture_edit(&w, rows[i].resource, rows[i].name, rows[i].edit);
        fixture_check(&w, rows[i].resource, rows[i].name, rows[i].path, rows[i].want);
        fixture_check_idle(&w);
    }
    fixture_stop(&w);
}

/* ---- wishes that are taken back -----------------------------------------------------------------------------------
 */

static void test_taken_back(void) {
    static const struct {
        const char *row, *meta, *spec, *resource, *name, *path, *edit;
    } rows[] = {
        {"host", "", "'enableIngress':true,'ingressOptions':{'host':'h'}", "ingresses", "c-head-ingress",
         "spec.rules[0].host", "{'spec':{'headGroupSpec':{'ingressOptions':{'host':null}}}}"},
        {"secret", "", "'enableIngress':true,'ingressOptions':{'tls':[{'hosts':['h'],'secretName':'s'}]}", "ingresses",
         "c-head-ingress", "spec.tls[0].secretName",
         "{'spec':{'headGroupSpec':{'ingressOptions':{'tls':[{'hosts':['h']}]}}}}"},
        {"tls", "", "'enableIngress':true,'ingressOptions':{'tls':[{'hosts':['h'],'secretName':'s'}]}", "ingresses",
         "c-head-ingress", "spec.tls", "{'spec':{'headGroupSpec':{'ingressOptions':null}}}"},
        {"annotation", ",'annotations':{'a.b/c':'x','k':'y'}", "'enableIngress':true", "ingresses", "c-head-ingress",
         "metadata.annotations|a.b/c", "{'metadata':{'annotations':{'a.b/c':null}}}"},
        {"the last annotation", ",'annotations':{'a.b/c':'x'}", "'enableIngress':true", "ingresses", "c-head-ingress",
         "metadata.annotations|rayvisor.io/written", "{'metadata':{'annotations':{'a.b/c':null}}}"},
        {"service annotation", "", "'headService':{'metadata':{'annotations':{'k':'x','l':'y'}}}", "services",
         "c-head-svc", "metadata.annotations|k",
         "{'spec':{'headGroupSpec':{'headService':{'metadata':{'annotations':{'k':null}}}}}}"},
        {"service label", "", "'headService':{'metadata':{'labels':{'k':'x'}}}", "services", "c-head-svc",
         "metadata.labels|k", "{'spec':{'headGroupSpec':{'headService':{'metadata':{'labels':null}}}}}"},
        {"spec", "", "'headService':{'spec':{'type':'LoadBalancer','loadBalancerSourceRanges':['10.0.0.0/8']}}",
         "services", "c-head-svc", "spec.loadBalancerSourceRanges",
         "{'spec':{'headGroupSpec':{'headService':{'spec':{'loadBalancerSourceRanges':null}}}}}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(&w, rows[i].meta, rv_arena_fmt(a, "'headGroupSpec':{%s," FIXTURE_POD "}", rows[i].spec).p);
        fixture_go(&w, "{}");
        fixture_patch(&w, rows[i].resource, rows[i].name, "{'metadata':{'annotations':{'others':'x'}}}");
        CHECK_ROW(rv_val_present(fixture_at(&w, a, rows[i].resource, rows[i].name, rows[i].path)), rows[i].row);
        rv_fakehost_restart(w.host); /* what was written is known to a new process too */
        fixture_edit(&w, "rayclusters", "c", rows[i].edit);
        CHECK_ROW(!rv_val_present(fixture_at(&w, a, rows[i].resource, rows[i].name, rows[i].path)), rows[i].row);
        fixture_check(&w, rows[i].resource, rows[i].name, "metadata.annotations|others", "'x'");
        fixture_check_idle(&w);
        fixture_stop(&w);
    }
}

/* ---- no patch without end ------------------------------------------------------------------------------------------
 */

/* As Go writes what nobody set, and what the API server makes of it. */
static void test_zeros(void) {
    struct fixture w;
    fixture_start(
        &w, "",
        "'headGroupSpec':{'enableIngress':true,'ingressOptions':{'tls':[{'hosts':[],'secretName':''}]},"
        "'headService':{'spec':{'clusterIP':'','sessionAffinity':'','publishNotReadyAddresses':false,"
        "'loadBalancerSourceRanges':[],'ports':[{'name':'x','port':1,'targetPort':0,'nodePort':0,'protocol':''}]"
        "}}," FIXTURE_POD "}");
    fixture_go(&w, "{}");
    fixture_check(&w, "services", "c-head-svc", "spec.ports[0]", "{'name':'x','port':1}");
    fixture_check(&w, "ingresses", "c-head-ingress", "spec.tls", "[{}]");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *spec = rv_node_from(a, rv_val_path(rv_fakeapi_get(w.api, "services", "c-head-svc")->value, "spec")),
                   *body = rv_node_map(a), *ports = rv_node_get(spec, "ports");
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *port = rv_node_at(ports, i);
        rv_node_set_cstr(a, port, "protocol", "TCP");
        rv_node_set_int(a, port, "targetPort", rv_node_to_int(rv_node_get(port, "port"), 0));
        rv_node_set_int(a, port, "nodePort", 30000 + (int64_t)i);
    }
    rv_node_set_cstr(a, spec, "sessionAffinity", "None");
    rv_node_set_cstr(a, spec, "clusterIP", "10.0.0.9");
    rv_node_set(a, body, "spec", spec);
    struct rv_fake_object *o = rv_fakeapi_get(w.api, "services", "c-head-svc");
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w.api, o, false, RV_STR(""), rv_node_freeze(a, body)), 0);
    fixture_check_idle(&w);
    fixture_stop(&w);
}

static void test_futile(void) {
    struct fixture w;
    fixture_start(&w, "", "'headGroupSpec':{'headService':{'spec':{}}," FIXTURE_POD "}");
    fixture_go(&w, "{}");
    w.refused = "services"; /* it says "done", and nothing is */
    w.code = RV_FAKE_IGNORED;
    uint64_t writes = rv_fakehost_writes(w.host);
    fixture_edit(&w, "rayclusters", "c",
                 "{'spec':{'headGroupSpec':{'headService':{'spec':{'externalTrafficPolicy':'Local'}}}}}");
    CU_ASSERT_TRUE(rv_fakehost_writes(w.host) - writes < 6); /* the patch, its event, the status */
    w.refused = NULL;
    fixture_edit(&w, "services", "c-head-svc", "{'metadata':{'annotations':{'x':'y'}}}"); /* it changes: tried again */
    fixture_check(&w, "services", "c-head-svc", "spec.externalTrafficPolicy", "'Local'");
    fixture_stop(&w);
}

/* ---- what cannot be patched ----------------------------------------------------------------------------------------
 */

static void test_address(void) {
    static const struct {
        const char *row, *before, *address, *edit;
        bool again;
    } rows[] = {
        {"headless to LoadBalancer", "", "None", "{'serviceType':'LoadBalancer'}", true},
        {"headless to ClusterIP", "", "None", "{'serviceType':'ClusterIP'}", false},
        {"LoadBalancer to headless", "'serviceType':'LoadBalancer',", "10.0.0.9", "{'serviceType':null}", false},
        {"the user's address", "", "None", "{'headService':{'spec':{'clusterIP':'10.0.0.7'}}}", true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(&w, "", rv_arena_fmt(a, "'headGroupSpec':{%s" FIXTURE_POD "}", rows[i].before).p);
        fixture_go(&w, "{}");
        fixture_edit(&w, "services", "c-head-svc",
                     rv_arena_fmt(a, "{'spec':{'clusterIP':'%s'}}", rows[i].address).p); /* the API server's part */
        struct rv_str uid = rv_arena_str(a, rv_str(rv_fakeapi_get(w.api, "services", "c-head-svc")->uid));
        fixture_edit(&w, "rayclusters", "c", rv_arena_fmt(a, "{'spec':{'headGroupSpec':%s}}", rows[i].edit).p);
        const struct rv_fake_object *o = rv_fakeapi_get(w.api, "services", "c-head-svc");
        CHECK_ROW(o != NULL && rv_str_is(uid, o->uid) != rows[i].again, rows[i].row);
        CHECK_ROW(fixture_count(&w, "pods") == 1, rows[i].row);
        fixture_check_idle(&w);
        fixture_stop(&w);
    }
}

static void test_renamed(void) {
    struct fixture w;
    fixture_start(&w, "", FIXTURE_HEAD);
    fixture_go(&w, "{}");
    fixture_edit(&w, "rayclusters", "c", "{'spec':{'headGroupSpec':{'headService':{'metadata':{'name':'mine'}}}}}");
    CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(w.api, "services", "mine"));
    CU_ASSERT_PTR_NOT_NULL(rv_fakeapi_get(w.api, "services", "c-head-svc")); /* its pods know it by that name */
    fixture_check(&w, "rayclusters", "c", "status.head.serviceName", "'mine'");
    for (struct rv_fake_object *o = w.api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "pods") == 0) {
            fixture_delete(&w, "pods", o->name);
            break;
        }
    fixture_run_until_idle(&w);
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 1);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(w.api, "services", "c-head-svc"));
    fixture_stop(&w);
}

/* ---- the volume claim ----------------------------------------------------------------------------------------------
 */

#define MINE                                                                                                           \
    "{'apiVersion':'ray.io/"                                                                                           \
    "v1','kind':'RayCluster','name':'c','uid':'uid-1','controller':true,'blockOwnerDeletion':true}"
#define NOTE "{'apiVersion':'v1','kind':'ConfigMap','name':'owner','uid':'uid-2'}"
#define BOSS "{'apiVersion':'v1','kind':'ConfigMap','name':'owner','uid':'uid-2','controller':true}"

static void test_claim(void) {
    static const struct {
        const char *row, *policy, *owners, *want;
        unsigned pods;
    } rows[] = {{"nobody's is adopted", "DeleteWithCluster", NULL, "[" MINE "]", 1},
                {"with those that have it too", "DeleteWithCluster", "[" NOTE "]", "[" NOTE "," MINE "]", 1},
                {"somebody else's is not", "DeleteWithCluster", "[" BOSS "]", "[" BOSS "]", 0},
                {"retained: ours goes, theirs stays", "Retain", "[" NOTE "," MINE "]", "[" NOTE "]", 1},
                {"retained: as it is", "Retain", "[" NOTE "]", "[" NOTE "]", 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(
            &w, "",
            rv_arena_fmt(
                a, "'gcsFaultToleranceOptions':{'backend':'rocksdb','storage':{'deletionPolicy':'%s'}}," FIXTURE_HEAD,
                rows[i].policy)
                .p);
        make_owner(&w);
        fixture_create(&w, "v1", "persistentvolumeclaims",
                       rv_arena_fmt(a,
                                    "{'metadata':{'name':'c-gcs-pvc','labels':{'ray.io/cluster':'c'}%s%s},'spec':{"
                                    "'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'1Gi'}}}}",
                                    rows[i].owners != NULL ? ",'ownerReferences':" : "",
                                    rows[i].owners != NULL ? rows[i].owners : "")
                           .p);
        fixture_go(&w, "{'featureGates':{'GCSFaultToleranceEmbeddedStorage':true}}");
        made_is(a, rows[i].row, fixture_at(&w, a, "persistentvolumeclaims", "c-gcs-pvc", "metadata.ownerReferences"),
                rows[i].want);
        CHECK_ROW(fixture_count(&w, "pods") == rows[i].pods, rows[i].row);
        fixture_check_idle(&w);
        fixture_stop(&w);
    }
}

/* ---- what pods wait for ---------------------------------------------------------------------------------------------
 */

/* Also while something else beside them fails again and again. */
static void test_held(void) {
    static const struct {
        const char *row, *spec, *settings, *refused, *says;
    } rows[] = {
        {"own account", "'enableInTreeAutoscaling':true,", "{}", "serviceaccounts", "FailedToCreateServiceAccount"},
        {"certificates", "'enableInTreeAutoscaling':true,'tlsOptions':{'enabled':true},",
         "{'featureGates':{'RayClusterMTLS':true}}", "roles", "FailedToCreateRole"},
        {"certificates of a plugin that is not there", "'tlsOptions':{'enabled':true},",
         "{'featureGates':{'RayClusterMTLS':true}}", NULL, NULL},
        {"policies of a plugin that is not there", "'networkPolicy':{'mode':'DenyAll'},",
         "{'featureGates':{'RayClusterNetworkPolicy':true}}", NULL, NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(&w, "", rv_arena_fmt(a, "%s" FIXTURE_HEAD, rows[i].spec).p);
        w.refused = rows[i].refused;
        w.code = RV_E_FORBIDDEN;
        fixture_go(&w, rows[i].settings);
        for (int k = 0; k < 8; k++) fixture_run_until_idle(&w);
        CHECK_ROW(fixture_count(&w, "pods") == 0, rows[i].row);
        struct rv_str text = fixture_reconciling(&w, "message");
        if (rows[i].says != NULL) CHECK_ROW(rv_str_is(fixture_reconciling(&w, "reason"), rows[i].says), rows[i].row);
        if (rows[i].says == NULL)
            CHECK_ROW(text.n != 0 && memmem(text.p, text.n, "is it switched on", 17) != NULL, rows[i].row);
        fixture_stop(&w);
    }
}

/* A certificate that is issued again holds nothing; one that somebody else controls is none. */
static void test_certificates(void) {
    static const struct {
        const char *row, *uid, *status;
        unsigned pods;
    } rows[] = {
        {"ready", "uid-1", "{'conditions':[{'type':'Ready','status':'True','observedGeneration':1}]}", 1},
        {"again", "uid-1", "{'notAfter':'2030-01-01T00:00:00Z','conditions':[{'type':'Ready','status':'False'}]}", 1},
        {"not yet", "uid-1", "{'conditions':[{'type':'Ready','status':'False'}]}", 0},
        {"somebody else's", "uid-2", "{'conditions':[{'type':'Ready','status':'True'}]}", 0}};
    static const char *const names[] = {"ray-head-cert-c", "ray-worker-cert-c"};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct fixture w;
        fixture_start(&w, "", "'tlsOptions':{'enabled':true}," FIXTURE_HEAD);
        make_owner(&w);
        for (size_t k = 0; k < RV_ARRAY_LEN(names); k++) {
            struct rv_str json =
                rv_arena_fmt(a, "{'metadata':{'name':'%s','labels':{'ray.io/cluster':'c'}," OTHERS "},'spec':{}}",
                             names[k], "c", rows[i].uid);
            struct rv_fake_object *o = fixture_create(&w, "cert-manager.io/v1", "certificates", json.p);
            struct rv_str status = rv_arena_fmt(a, "{'status':%s}", rows[i].status);
            CU_ASSERT_EQUAL(rv_fakeapi_patch(w.api, o, true, RV_STR(""), quoted(a, status.p)), 0);
        }
        fixture_go(&w, "{'featureGates':{'RayClusterMTLS':true}}");
        CHECK_ROW(fixture_count(&w, "pods") == rows[i].pods, rows[i].row);
        fixture_stop(&w);
    }
}

static void test_serve_said(void) {
    struct fixture w;
    fixture_start(&w, "", FIXTURE_HEAD);
    fixture_go(&w, "{}");
    CU_ASSERT_EQUAL(fixture_events(&w, "FailedToCreateService"), 0);
    for (unsigned i = 1; i < 3; i++) { /* an annotation is no new generation */
        fixture_edit(&w, "rayclusters", "c", "{'metadata':{'annotations':{'ray.io/enable-serve-service':'true'}}}");
        fixture_check_idle(&w);
        CU_ASSERT_EQUAL(fixture_events(&w, "Please specify a port"), i);
        fixture_edit(&w, "rayclusters", "c", "{'metadata':{'annotations':null}}");
    }
    fixture_stop(&w);
}

static void test_long_account(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rc_settings settings = MADE_SETTINGS;
    struct rc_cluster c;
    static const char name[] = "an-account-whose-name-is-longer-than-what-we-would-make-of-it-ourselves";
    made(a, "", rv_arena_fmt(a, "'headGroupSpec':{'template':{'spec':{'serviceAccountName':'%s'}}}", name).p, &settings,
         &c);
    CU_ASSERT_TRUE(rv_str_is(rc_name_service_account(a, &c), name));
}

static const struct suite_test tests[] = {
    {"a head service of somebody else", test_head_service_taken},
    {"an ingress of somebody else", test_ingress_taken},
    {"what an old namesake left", test_late},
    {"edits of others", test_brought_back},
    {"wishes taken back", test_taken_back},
    {"zeros of Go clients", test_zeros},
    {"patches that change nothing", test_futile},
    {"addresses", test_address},
    {"a renamed head service", test_renamed},
    {"whose claim", test_claim},
    {"pods are held", test_held},
    {"certificates", test_certificates},
    {"serve without a port", test_serve_said},
    {"a long account", test_long_account},
};
SUITE_MAIN("raycluster: owned objects", tests)
