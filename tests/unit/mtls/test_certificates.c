/* test_certificates.c - whose the certificates are, and who owns the Secrets that they fill. */
#define LONE_PLUGIN "mtls"
#include "tests/unit/raycluster/lone.h"

#define SECRET "ray-head-secret-c"
#define CERTIFICATE "ray-head-cert-c"
#define ISSUER_OWNER "{'apiVersion':'v1','kind':'ConfigMap','name':'owner','uid':'uid-2','controller':true}"

static void start(struct lone *w) {
    lone_start(w, "", "'tlsOptions':{'enabled':true}");
    lone_create(w, "v1", "configmaps", "{'metadata':{'name':'owner'}}");
}

static void ready(struct lone *w) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = rv_fakeapi_get(w->api, "certificates", CERTIFICATE);
    struct rv_str status =
        rv_arena_fmt(a, "{'status':{'conditions':[{'type':'Ready','status':'True','observedGeneration':%lld}]}}",
                     (long long)rv_path_int(o->value, "metadata.generation", 0));
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, true, RV_STR(""), quoted(a, status.p)), 0);
    lone_settle(w);
}

/* cert-manager's part: the Secret has the labels that the Certificate asks for. */
static void issue(struct lone *w, const char *owners) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str label =
        rv_val_str(lone_at(w, a, "certificates", CERTIFICATE, "spec.secretTemplate.labels|ray.io/cluster"));
    lone_create(w, "v1", "secrets",
                rv_arena_fmt(a,
                             "{'metadata':{'name':'" SECRET "','labels':{'ray.io/cluster':'" RV_STR_FMT
                             "'},'ownerReferences':[%s]}}",
                             RV_STR_ARG(label), owners)
                    .p);
    lone_settle(w);
}

static void owned_by_certificate(struct lone *w, size_t at, size_t n) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val owners = lone_at(w, a, "secrets", SECRET, "metadata.ownerReferences");
    CU_ASSERT_EQUAL(rv_val_len(owners), n);
    CU_ASSERT_TRUE(
        rv_str_is(rv_path_str(rv_val_at(owners, at), "uid"), rv_fakeapi_get(w->api, "certificates", CERTIFICATE)->uid));
}

static void test_owner(void) {
    struct lone w;
    start(&w);
    lone_go(&w, "{}");
    ready(&w);
    lone_rest(&w); /* ready, and there is no Secret: nothing to be asked for again and again */
    issue(&w, ISSUER_OWNER);
    owned_by_certificate(&w, 1, 2);
    lone_rest(&w);
    lone_is(&w, "secrets", SECRET, "metadata.ownerReferences[0]", ISSUER_OWNER);
    lone_delete(&w, "certificates", CERTIFICATE); /* it is made again, under another uid */
    lone_settle(&w);
    owned_by_certificate(&w, 1, 2);
    lone_rest(&w);
    lone_stop(&w);
}

static void test_refused(void) {
    struct lone w;
    start(&w);
    lone_go(&w, "{}");
    w.refused = "secrets";
    w.code = RV_E_NOT_FOUND;
    uint64_t writes = rv_fakehost_writes(w.host);
    issue(&w, "");
    CU_ASSERT_TRUE(rv_fakehost_writes(w.host) - writes < 20);
    w.refused = NULL;
    rv_fakehost_advance(w.host, 600000);
    lone_settle(&w);
    owned_by_certificate(&w, 0, 1);
    lone_stop(&w);
}

static void test_foreign(void) {
    struct lone w;
    start(&w);
    lone_create(&w, "cert-manager.io/v1", "certificates",
                "{'metadata':{'name':'" CERTIFICATE "','labels':{'ray.io/cluster':'c'},'ownerReferences':[" ISSUER_OWNER
                "]},'spec':{'ipAddresses':['6.6.6.6']}}");
    lone_go(&w, "{}");
    ready(&w);
    CU_ASSERT_EQUAL(lone_told(&w, "MTLSFailedToReconcile"), 1);
    CU_ASSERT_EQUAL(lone_told(&w, "MTLSPKIReady"), 0);
    lone_is(&w, "certificates", CERTIFICATE, "spec.ipAddresses", "['6.6.6.6']");
    lone_delete(&w, "certificates", CERTIFICATE);
    rv_fakehost_advance(w.host, 60000);
    lone_settle(&w);
    lone_is(&w, "certificates", CERTIFICATE, "spec.ipAddresses", "['127.0.0.1']");
    lone_stop(&w);
}

/* An old namesake's is collected; then its place is free. */
static void test_late(void) {
    struct lone w;
    start(&w);
    lone_create(&w, "cert-manager.io/v1", "certificates",
                "{'metadata':{'name':'" CERTIFICATE "','labels':{'ray.io/cluster':'c'},'ownerReferences':[{"
                "'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'uid-2','controller':true}]}}");
    lone_go(&w, "{}");
    CU_ASSERT_EQUAL(lone_told(&w, "MTLSFailedToReconcile"), 0);
    lone_is(&w, "certificates", CERTIFICATE, "spec", NULL);
    lone_delete(&w, "certificates", CERTIFICATE);
    lone_settle(&w);
    lone_is(&w, "certificates", CERTIFICATE, "spec.ipAddresses", "['127.0.0.1']");
    lone_stop(&w);
}

#define OWNED                                                                                                          \
    "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'uid-1','controller':true}]"
#define POD(name, type, ip)                                                                                            \
    "{'metadata':{'name':'" name "','labels':{'ray.io/node-type':'" type "'}," OWNED                                   \
    "},'spec':{'volumes':[{'name':'ray-tls'}]},'status':{'phase':'Running','podIP':'" ip "'}}"

/* Pods that live keep their certificates, whatever the spec says by now: a new worker of theirs waits for its address.
 */
static void test_pods_that_live(void) {
    struct lone w;
    start(&w);
    lone_create(&w, "v1", "pods", POD("h", "head", "10.0.0.1"));
    lone_go(&w, "{}");
    lone_edit(&w, "rayclusters", "c", "{'spec':{'tlsOptions':null}}");
    lone_create(&w, "v1", "pods", POD("w", "worker", "10.0.0.2"));
    lone_settle(&w);
    lone_is(&w, "certificates", "ray-worker-cert-c", "spec.ipAddresses", "['10.0.0.2','127.0.0.1']");
    lone_delete(&w, "pods", "h");
    lone_delete(&w, "pods", "w");
    lone_settle(&w);
    lone_is(&w, "certificates", "ray-worker-cert-c", "spec.ipAddresses", "['10.0.0.2','127.0.0.1']"); /* left alone */
    lone_rest(&w);
    lone_stop(&w);
}

/* Pods know the head by the name of a service that was renamed in the spec since. */
static void test_renamed_service(void) {
#define SERVICE(name) "{'metadata':{'name':'" name "','labels':{'ray.io/node-type':'head'}," OWNED "}}"
#define HOST(name) "'" name ".ns.svc.cluster.local'"
    struct lone w;
    start(&w);
    lone_create(&w, "v1", "services", SERVICE("c-head-svc"));
    lone_go(&w, "{}");
    lone_is(&w, "certificates", CERTIFICATE, "spec.dnsNames", "[" HOST("c-head-svc") ",'localhost']");
    lone_edit(&w, "rayclusters", "c", "{'spec':{'headGroupSpec':{'headService':{'metadata':{'name':'mine'}}}}}");
    lone_is(&w, "certificates", CERTIFICATE, "spec.dnsNames", "[" HOST("c-head-svc") ",'localhost'," HOST("mine") "]");
    lone_create(&w, "v1", "services", SERVICE("mine"));
    lone_delete(&w, "services", "c-head-svc");
    lone_settle(&w);
    lone_is(&w, "certificates", CERTIFICATE, "spec.dnsNames", "['localhost'," HOST("mine") "]");
    lone_rest(&w);
    lone_stop(&w);
}

static const struct suite_test tests[] = {{"pods that live", test_pods_that_live},
                                          {"a renamed service", test_renamed_service},
                                          {"who owns a Secret", test_owner},
                                          {"a Secret that cannot be written", test_refused},
                                          {"somebody else's Certificate", test_foreign},
                                          {"an old namesake's", test_late}};
SUITE_MAIN("mtls", tests)
