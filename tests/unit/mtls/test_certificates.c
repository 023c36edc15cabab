/* test_certificates.c - the owners of the certificates, and of the Secrets that they fill. */
#define FIXTURE_PLUGIN "mtls"
#include "tests/unit/raycluster/fixture.h"

#define SECRET "ray-head-secret-c"
#define CERTIFICATE "ray-head-cert-c"
#define ISSUER_OWNER "{'apiVersion':'v1','kind':'ConfigMap','name':'owner','uid':'uid-2','controller':true}"

static void start(struct fixture *w) {
    fixture_start(w, "", "'tlsOptions':{'enabled':true}");
    fixture_create(w, "v1", "configmaps", "{'metadata':{'name':'owner'}}");
}

static void ready(struct fixture *w) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = rv_fakeapi_get(w->api, "certificates", CERTIFICATE);
    struct rv_str status =
        rv_arena_fmt(a, "{'status':{'conditions':[{'type':'Ready','status':'True','observedGeneration':%lld}]}}",
                     (long long)rv_path_int(o->value, "metadata.generation", 0));
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, true, RV_STR(""), quoted(a, status.p)), 0);
    fixture_run_until_idle(w);
}

/* cert-manager's part: the Secret has the labels that the Certificate asks for. */
static void issue(struct fixture *w, const char *owners) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str label =
        rv_val_str(fixture_at(w, a, "certificates", CERTIFICATE, "spec.secretTemplate.labels|ray.io/cluster"));
    fixture_create(w, "v1", "secrets",
                   rv_arena_fmt(a,
                                "{'metadata':{'name':'" SECRET "','labels':{'ray.io/cluster':'" RV_STR_FMT
                                "'},'ownerReferences':[%s]}}",
                                RV_STR_ARG(label), owners)
                       .p);
    fixture_run_until_idle(w);
}

static void owned_by_certificate(struct fixture *w, size_t at, size_t n) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val owners = fixture_at(w, a, "secrets", SECRET, "metadata.ownerReferences");
    CU_ASSERT_EQUAL(rv_val_len(owners), n);
    CU_ASSERT_TRUE(
        rv_str_is(rv_path_str(rv_val_at(owners, at), "uid"), rv_fakeapi_get(w->api, "certificates", CERTIFICATE)->uid));
}

static void test_owner(void) {
    struct fixture w;
    start(&w);
    fixture_go(&w, "{}");
    ready(&w);
    fixture_check_idle(&w); /* ready, and there is no Secret: nothing to be asked for again and again */
    issue(&w, ISSUER_OWNER);
    owned_by_certificate(&w, 1, 2);
    fixture_check_idle(&w);
    fixture_check(&w, "secrets", SECRET, "metadata.ownerReferences[0]", ISSUER_OWNER);
    fixture_delete(&w, "certificates", CERTIFICATE); /* it is made again, under another uid */
    fixture_run_until_idle(&w);
    owned_by_certificate(&w, 1, 2);
    fixture_check_idle(&w);
    fixture_stop(&w);
}

static void test_refused(void) {
    struct fixture w;
    start(&w);
    fixture_go(&w, "{}");
    w.refused = "secrets";
    w.code = RV_E_NOT_FOUND;
    uint64_t writes = rv_fakehost_writes(w.host);
    issue(&w, "");
    CU_ASSERT_TRUE(rv_fakehost_writes(w.host) - writes < 20);
    w.refused = NULL;
    rv_fakehost_advance(w.host, 600000);
    fixture_run_until_idle(&w);
    owned_by_certificate(&w, 0, 1);
    fixture_stop(&w);
}

static void test_foreign(void) {
    struct fixture w;
    start(&w);
    fixture_create(&w, "cert-manager.io/v1", "certificates",
                   "{'metadata':{'name':'" CERTIFICATE
                   "','labels':{'ray.io/cluster':'c'},'ownerReferences':[" ISSUER_OWNER
                   "]},'spec':{'ipAddresses':['6.6.6.6']}}");
    fixture_go(&w, "{}");
    ready(&w);
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSFailedToReconcile"), 1);
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSPKIReady"), 0);
    fixture_check(&w, "certificates", CERTIFICATE, "spec.ipAddresses", "['6.6.6.6']");
    fixture_delete(&w, "certificates", CERTIFICATE);
    rv_fakehost_advance(w.host, 60000);
    fixture_run_until_idle(&w);
    fixture_check(&w, "certificates", CERTIFICATE, "spec.ipAddresses", "['127.0.0.1']");
    fixture_stop(&w);
}

/* An old namesake's is collected; then its place is free. */
static void test_late(void) {
    struct fixture w;
    start(&w);
    fixture_create(&w, "cert-manager.io/v1", "certificates",
                   "{'metadata':{'name':'" CERTIFICATE "','labels':{'ray.io/cluster':'c'},'ownerReferences':[{"
                   "'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'uid-2','controller':true}]}}");
    fixture_go(&w, "{}");
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSFailedToReconcile"), 0);
    fixture_check(&w, "certificates", CERTIFICATE, "spec", NULL);
    fixture_delete(&w, "certificates", CERTIFICATE);
    fixture_run_until_idle(&w);
    fixture_check(&w, "certificates", CERTIFICATE, "spec.ipAddresses", "['127.0.0.1']");
    fixture_stop(&w);
}

#define OWNED                                                                                                          \
    "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'uid-1','controller':true}]"
#define POD(name, type, ip)                                                                                            \
    "{'metadata':{'name':'" name "','labels':{'ray.io/node-type':'" type "'}," OWNED                                   \
    "},'spec':{'volumes':[{'name':'ray-tls'}]},'status':{'phase':'Running','podIP':'" ip "'}}"

/* Pods that live keep their certificates, whatever the spec says by now: a new worker of theirs waits for its address.
 */
static void test_pods_that_live(void) {
    struct fixture w;
    start(&w);
    fixture_create(&w, "v1", "pods", POD("h", "head", "10.0.0.1"));
    fixture_go(&w, "{}");
    fixture_edit(&w, "rayclusters", "c", "{'spec':{'tlsOptions':null}}");
    fixture_create(&w, "v1", "pods", POD("w", "worker", "10.0.0.2"));
    fixture_run_until_idle(&w);
    fixture_check(&w, "certificates", "ray-worker-cert-c", "spec.ipAddresses", "['10.0.0.2','127.0.0.1']");
    fixture_delete(&w, "pods", "h");
    fixture_delete(&w, "pods", "w");
    fixture_run_until_idle(&w);
    /* Left alone. */
    fixture_check(&w, "certificates", "ray-worker-cert-c", "spec.ipAddresses", "['10.0.0.2','127.0.0.1']");
    fixture_check_idle(&w);
    fixture_stop(&w);
}

/* Pods know the head by the name of a service that was renamed in the spec since. */
static void test_renamed_service(void) {
#define SERVICE(name) "{'metadata':{'name':'" name "','labels':{'ray.io/node-type':'head'}," OWNED "}}"
#define HOST(name) "'" name ".ns.svc.cluster.local'"
    struct fixture w;
    start(&w);
    fixture_create(&w, "v1", "services", SERVICE("c-head-svc"));
    fixture_go(&w, "{}");
    fixture_check(&w, "certificates", CERTIFICATE, "spec.dnsNames", "[" HOST("c-head-svc") ",'localhost']");
    fixture_edit(&w, "rayclusters", "c", "{'spec':{'headGroupSpec':{'headService':{'metadata':{'name':'mine'}}}}}");
    fixture_check(&w, "certificates", CERTIFICATE, "spec.dnsNames",
                  "[" HOST("c-head-svc") ",'localhost'," HOST("mine") "]");
    fixture_create(&w, "v1", "services", SERVICE("mine"));
    fixture_delete(&w, "services", "c-head-svc");
    fixture_run_until_idle(&w);
    fixture_check(&w, "certificates", CERTIFICATE, "spec.dnsNames", "['localhost'," HOST("mine") "]");
    fixture_check_idle(&w);
    fixture_stop(&w);
}

static void ready_until(struct fixture *w, const char *certificate, const char *not_after) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = rv_fakeapi_get(w->api, "certificates", certificate);
    struct rv_str status = rv_arena_fmt(
        a, "{'status':{'notAfter':'%s','conditions':[{'type':'Ready','status':'True','observedGeneration':%lld}]}}",
        not_after, (long long)rv_path_int(o->value, "metadata.generation", 0));
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, true, RV_STR(""), quoted(a, status.p)), 0);
    fixture_run_until_idle(w);
}

static bool explained(struct fixture *w, const char *words) {
    const char *text = rv_fakehost_explained(w->host, "c");
    if (strstr(text, words) == NULL) printf("\n    %s", text);
    return strstr(text, words) != NULL;
}

/* What it says, in the reference's words where the contract has them (section 14), and for which Certificate it waits.
 */
static void test_words(void) {
#define WORKERS "ray-worker-cert-c"
    struct fixture w;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    start(&w);
    fixture_go(&w, "{}");
    CU_ASSERT_EQUAL(
        fixture_events(&w, "MTLSCertsNotReady: Waiting for cert-manager to issue the certificates: " CERTIFICATE), 1);
    CU_ASSERT_TRUE(explained(&w, "waiting for cert-manager to issue the certificates: " CERTIFICATE));
    ready_until(&w, CERTIFICATE, "2099-01-01T00:00:00Z");
    CU_ASSERT_TRUE(explained(&w, "waiting for cert-manager to issue the certificates: " WORKERS));
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSCertsNotReady"), 1); /* said once */
    ready_until(&w, WORKERS, "2099-01-01T00:00:00Z");
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSPKIReady: mTLS certificates are ready"), 1);
    CU_ASSERT_TRUE(explained(&w, "the certificates of head and workers are ready"));
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSCertificateExpiringSoon"), 0);
    char soon[32];
    rv_time_format(w.api->now + INT64_C(3600000000000), soon);
    ready_until(&w, WORKERS, rv_arena_str(a, rv_str(soon)).p);
    rv_fakehost_advance(w.host, 60000);
    fixture_run_until_idle(&w);
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSCertificateExpiringSoon: A certificate ends within 24 hours"), 1);
    fixture_create(&w, "v1", "pods",
                   "{'metadata':{'name':'h','labels':{'ray.io/node-type':'head','ray.io/cluster':'c'}," OWNED
                   "},'spec':{'containers':[{'name':'r'}]},'status':{'podIP':'10.0.0.9','phase':'Running'}}");
    fixture_run_until_idle(&w);
    CU_ASSERT_EQUAL(fixture_events(&w, "MTLSCertificatesUpdated: Updated the head Certificate"), 1);
    fixture_stop(&w);
}

/* A step that fails is named, and so is what is to be done. */
static void test_words_of_failures(void) {
    static const struct {
        const char *resource, *words;
        int code;
    } rows[] = {
        {"issuers", "MTLSFailedToReconcile: Failed to reconcile mTLS self-signed Issuer: cert-manager is not installed",
         RV_E_NOT_FOUND},
        {"certificates", "MTLSFailedToReconcile: Failed to reconcile mTLS CA Certificate: ", RV_E_FORBIDDEN},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        start(&w);
        w.refused = rows[i].resource;
        w.code = rows[i].code;
        fixture_go(&w, "{}");
        CHECK_ROW(fixture_events(&w, rows[i].words) >= 1, rows[i].words);
        fixture_stop(&w);
    }
    struct fixture w;
    start(&w);
    fixture_create(&w, "cert-manager.io/v1", "certificates",
                   "{'metadata':{'name':'" CERTIFICATE
                   "','labels':{'ray.io/cluster':'c'},'ownerReferences':[" ISSUER_OWNER "]},'spec':{}}");
    fixture_go(&w, "{}");
    CU_ASSERT_EQUAL(fixture_events(&w, "Failed to reconcile mTLS head Certificate: ns/" CERTIFICATE
                                       " exists and is not owned by this RayCluster: delete or rename it"),
                    1);
    CU_ASSERT_EQUAL(fixture_events(&w, CERTIFICATE), 1 + fixture_events(&w, "issue the certificates: " CERTIFICATE));
    fixture_stop(&w);
}

static void test_namespace_ends(void) {
    struct fixture w;
    start(&w);
    fixture_namespace_ends(&w, "issuers");
    fixture_stop(&w);
}

static const struct suite_test tests[] = {{"the namespace ends", test_namespace_ends},
                                          {"words", test_words},
                                          {"words of failures", test_words_of_failures},
                                          {"pods that live", test_pods_that_live},
                                          {"a renamed service", test_renamed_service},
                                          {"who owns a Secret", test_owner},
                                          {"a Secret that cannot be written", test_refused},
                                          {"somebody else's Certificate", test_foreign},
                                          {"an old namesake's", test_late}};
SUITE_MAIN("mtls", tests)
