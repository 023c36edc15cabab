/* test_objects.c - the objects beside the pods, as they are made: services, ingress, route, roles, Secret, claim, and
 * the Job that empties a Redis. */
#include "made.h"
#include "plugins/ray/names.h"
#include "plugins/ray/objects.h"

#define HEAD(more) "'headGroupSpec':{" more "}"
#define POD(container, meta, more)                                                                                     \
    "'template':{'metadata':{" meta "},'spec':{'containers':[{'name':'r','image':'i'" container "}]" more "}}"
#define PLAIN HEAD(POD("", "", ""))
#define PORTS(list) HEAD(POD(",'ports':[" list "]", "", ""))
#define PORT(name, n) "{'name':'" name "','containerPort':" n "}"
#define TCP(name, n) "{'name':'" name "','port':" n ",'appProtocol':'tcp'}"
#define NOTES(list) ",'annotations':{" list "}"

static const struct rc_settings plain = MADE_SETTINGS;

typedef struct rv_node *(*builder)(struct rv_arena *a, const struct rc_cluster *c);
struct row {
    const char *row, *meta, *spec, *path, *want;
};

static void check_rows(builder build, const struct row *rows, size_t n, const struct rc_settings *settings) {
    for (size_t i = 0; i < n; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rc_cluster c;
        made(a, rows[i].meta, rows[i].spec, settings, &c);
        made_is(a, rows[i].row, made_at(a, rv_node_freeze(a, build(a, &c)), rows[i].path), rows[i].want);
    }
}
#define CHECK(build, rows) check_rows(build, rows, RV_ARRAY_LEN(rows), &plain)

/* ---- head service ---------------------------------------------------------------------------------------------------
 */

#define SELECTOR(app)                                                                                                  \
    "{'ray.io/cluster':'c','ray.io/node-type':'head','ray.io/identifier':'c-head','app.kubernetes.io/name':'" app      \
    "','app.kubernetes.io/created-by':'kuberay-operator'}"
#define DEFAULTS                                                                                                       \
    TCP("client", "10001")                                                                                             \
    "," TCP("dashboard", "8265") "," TCP("gcs-server", "6379") "," TCP("metrics", "8080") "," TCP("serve", "8000")
#define MINE(service, more) HEAD("'headService':{" service "}," more POD("", "", ""))

static void head_service(void) {
    static const struct row rows[] = {
        {"name", "", PLAIN, "metadata.name", "'c-head-svc'"},
        {"labels are the selector", "", PLAIN, "metadata.labels", SELECTOR("kuberay")},
        {"selector", "", PLAIN, "spec.selector", SELECTOR("kuberay")},
        {"selector by the template's name", "", HEAD(POD("", "'labels':{'app.kubernetes.io/name':'mine'}", "")),
         "spec.selector", SELECTOR("mine")},
        {"default ports, by name", "", PLAIN, "spec.ports", "[" DEFAULTS "]"},
        {"the container's ports", "", PORTS(PORT("z", "2") "," PORT("a", "1")), "spec.ports",
         "[" TCP("a", "1") "," TCP("metrics", "8080") "," TCP("z", "2") "]"},
        {"a port without name", "", PORTS("{'containerPort':7}"), "spec.ports",
         "[" TCP("7-port", "7") "," TCP("metrics", "8080") "]"},
        {"metrics elsewhere", "", PORTS(PORT("metrics", "9")), "spec.ports", "[" TCP("metrics", "9") "]"},
        {"of two of one name the last", "", PORTS(PORT("metrics", "1") "," PORT("metrics", "2")), "spec.ports",
         "[" TCP("metrics", "2") "]"},
        {"headless", "", PLAIN, "spec.clusterIP", "'None'"},
        {"found before it is ready", "", PLAIN, "spec.publishNotReadyAddresses", "true"},
        {"no type", "", PLAIN, "spec.type", NULL},
        {"ClusterIP is headless too", "", HEAD("'serviceType':'ClusterIP'," POD("", "", "")), "spec.clusterIP",
         "'None'"},
        {"NodePort", "", HEAD("'serviceType':'NodePort'," POD("", "", "")), "spec.type", "'NodePort'"},
        {"NodePort is not headless", "", HEAD("'serviceType':'NodePort'," POD("", "", "")), "spec.clusterIP", NULL},
        {"LoadBalancer", "", HEAD("'serviceType':'LoadBalancer'," POD("", "", "")), "spec.type", "'LoadBalancer'"},
        {"LoadBalancer: only who is ready", "", HEAD("'serviceType':'LoadBalancer'," POD("", "", "")),
         "spec.publishNotReadyAddresses", NULL},
        {"annotations", "", PLAIN ",'headServiceAnnotations':{'a':'1'}", "metadata.annotations", "{'a':'1'}"},
        {"the cluster's are not its", NOTES("'b':'1'"), PLAIN, "metadata.annotations", NULL},
    };
    static const struct row by_template[] = {
        {"the user's name", "", MINE("'metadata':{'name':'mine'}", ""), "metadata.name", "'mine'"},
        {"no name", "", MINE("'metadata':{}", ""), "metadata.name", "'c-head-svc'"},
        {"namespace is the cluster's", "", MINE("'metadata':{'namespace':'x'}", ""), "metadata.namespace", "'n'"},
        {"labels: ours win", "", MINE("'metadata':{'labels':{'l':'1','ray.io/cluster':'x'}}", ""),
         "metadata.labels|ray.io/cluster", "'c'"},
        {"labels: the user's are there", "", MINE("'metadata':{'labels':{'l':'1','ray.io/cluster':'x'}}", ""),
         "metadata.labels|l", "'1'"},
        {"annotations: those of the spec win", "",
         MINE("'metadata':{'annotations':{'a':'1','b':'1'}}", "") ",'headServiceAnnotations':{'a':'2'}",
         "metadata.annotations", "{'a':'2','b':'1'}"},
        {"selector is ours", "", MINE("'spec':{'selector':{'x':'y'}}", ""), "spec.selector", SELECTOR("kuberay")},
        {"several ports, before ours", "",
         MINE("'spec':{'ports':[{'name':'b','port':2},{'name':'a','port':1,'targetPort':9}]}", ""), "spec.ports",
         "[{'name':'b','port':2},{'name':'a','port':1,'targetPort':9}," TCP("gcs-server", "6379") "," TCP(
             "dashboard", "8265") "," TCP("client", "10001") "," TCP("metrics", "8080") "," TCP("serve", "8000") "]"},
        {"a port of ours that the user has, by name or number", "",
         MINE("'spec':{'ports':[{'name':'dashboard','port':80,'targetPort':8265},{'name':'x','port':8000},{'name':"
              "'udp','port':6379,'protocol':'UDP'}]}",
              ""),
         "spec.ports",
         "[{'name':'dashboard','port':80,'targetPort':8265},{'name':'x','port':8000},{'name':'udp','port':6379,"
         "'protocol':'UDP'}," TCP("gcs-server", "6379") "," TCP("client", "10001") "," TCP("metrics", "8080") "]"},
        {"the user's type", "", MINE("'spec':{'type':'NodePort'}", "'serviceType':'LoadBalancer',"), "spec.type",
         "'NodePort'"},
        {"type of the group", "", MINE("'spec':{}", "'serviceType':'LoadBalancer',"), "spec.type", "'LoadBalancer'"},
        {"not made headless", "", MINE("'spec':{}", ""), "spec.clusterIP", NULL},
        {"headless by the user", "", MINE("'spec':{'clusterIP':'None'}", ""), "spec.clusterIP", "'None'"},
        {"what else the user wants", "", MINE("'spec':{'sessionAffinity':'ClientIP'}", ""), "spec.sessionAffinity",
         "'ClientIP'"},
    };
    static const struct row with_address[] = {
        {"setting: an address", "", PLAIN, "spec.clusterIP", NULL},
        {"setting: of any type", "", HEAD("'serviceType':'ClusterIP'," POD("", "", "")), "spec.type", "'ClusterIP'"}};
    CHECK(rc_head_service, rows);
    CHECK(rc_head_service, by_template);
    struct rc_settings s = plain;
    s.head_cluster_ip_service = true;
    check_rows(rc_head_service, with_address, RV_ARRAY_LEN(with_address), &s);
}

/* ---- the other services ---------------------------------------------------------------------------------------------
 */

static void other_services(void) {
    static const struct row serve[] = {
        {"name", "", PORTS(PORT("serve", "1")), "metadata.name", "'c-serve-svc'"},
        {"labels", "", PORTS(PORT("serve", "1")), "metadata.labels",
         "{'ray.io/originated-from-cr-name':'c','ray.io/originated-from-crd':'RayCluster','ray.io/serve':'c-serve'}"},
        {"heads and workers", "", PORTS(PORT("serve", "1")), "spec.selector", "{'ray.io/cluster':'c'}"},
        {"ports", "", PORTS(PORT("serve", "1") "," PORT("server", "2") "," PORT("serve-grpc", "3")), "spec.ports",
         "[{'name':'serve','port':1},{'name':'serve-grpc','port':3}]"},
        {"type", "", HEAD("'serviceType':'NodePort'," POD(",'ports':[" PORT("serve", "1") "]", "", "")), "spec.type",
         "'NodePort'"},
    };
    static const struct row headless[] = {
        {"name", "", PLAIN, "metadata.name", "'c-headless'"},
        {"labels", "", PLAIN, "metadata.labels", "{'ray.io/headless-worker-svc':'c'}"},
        {"spec", "", PLAIN, "spec",
         "{'selector':{'ray.io/cluster':'c','ray.io/node-type':'worker'},'clusterIP':'None','type':'ClusterIP',"
         "'publishNotReadyAddresses':true}"},
    };
    CHECK(rc_serve_service, serve);
    CHECK(rc_headless_service, headless);
    static const struct {
        const char *spec;
        bool possible;
    } ports[] = {{PLAIN, false},
                 {PORTS(PORT("server", "1")), false},
                 {PORTS(PORT("serve", "1")), true},
                 {PORTS(PORT("serve-x", "1")), true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(ports); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rc_cluster c;
        made(a, "", ports[i].spec, &plain, &c);
        CHECK_ROW(rc_serve_service_possible(&c) == ports[i].possible, ports[i].spec);
    }
}

/* ---- ways in --------------------------------------------------------------------------------------------------------
 */

#define LABELS                                                                                                         \
    "{'ray.io/cluster':'c','app.kubernetes.io/name':'kuberay','app.kubernetes.io/created-by':'kuberay-operator'"
#define PATH(path, type, port)                                                                                         \
    "{'path':'" path "','pathType':'" type "','backend':{'service':{'name':'c-head-svc','port':{'number':" port "}}}}"
#define OPTIONS(list) HEAD("'enableIngress':true,'ingressOptions':{" list "}," POD("", "", ""))

static void ingress(void) {
    static const struct row rows[] = {
        {"name", "", PLAIN, "metadata.name", "'c-head-ingress'"},
        {"labels", "", PLAIN, "metadata.labels", LABELS ",'ray.io/identifier':'c-head'}"},
        {"the cluster's annotations but its class", NOTES("'kubernetes.io/ingress.class':'nginx','a':'1'"), PLAIN,
         "metadata.annotations", "{'a':'1'}"},
        {"no annotations", NOTES("'kubernetes.io/ingress.class':'nginx'"), PLAIN, "metadata.annotations", NULL},
        {"class", NOTES("'kubernetes.io/ingress.class':'nginx'"), PLAIN, "spec.ingressClassName", "'nginx'"},
        {"no class", "", PLAIN, "spec.ingressClassName", NULL},
        {"rule", "", PLAIN, "spec.rules", "[{'http':{'paths':[" PATH("/", "Prefix", "8265") "]}}]"},
        {"the dashboard's port", "", PORTS(PORT("dashboard", "1")), "spec.rules[0].http.paths",
         "[" PATH("/", "Prefix", "1") "]"},
        {"host", "", OPTIONS("'host':'h'"), "spec.rules[0].host", "'h'"},
        {"path", "", OPTIONS("'path':'/x','pathType':'Exact'"), "spec.rules[0].http.paths",
         "[" PATH("/x", "Exact", "8265") "]"},
        {"TLS", "", OPTIONS("'tls':[{'hosts':['h'],'secretName':'s'}]"), "spec.tls",
         "[{'hosts':['h'],'secretName':'s'}]"},
        {"no TLS", "", PLAIN, "spec.tls", NULL},
        {"a head service of the user's", "", MINE("'metadata':{'name':'mine'}", ""),
         "spec.rules[0].http.paths[0].backend.service.name", "'mine'"},
    };
    CHECK(rc_ingress, rows);
}

static void route(void) {
    static const struct row rows[] = {
        {"name", "", PLAIN, "metadata.name", "'c-head-route'"},
        {"labels", "", PLAIN, "metadata.labels", LABELS ",'ray.io/identifier':'c-head'}"},
        {"all annotations", NOTES("'kubernetes.io/ingress.class':'nginx','a':'1'"), PLAIN, "metadata.annotations",
         "{'kubernetes.io/ingress.class':'nginx','a':'1'}"},
        {"spec", "", PLAIN, "spec",
         "{'to':{'kind':'Service','name':'c-head-svc','weight':100},'port':{'targetPort':8265},'wildcardPolicy':"
         "'None'}"},
        {"the dashboard's port", "", PORTS(PORT("dashboard", "1")), "spec.port.targetPort", "1"},
    };
    CHECK(rc_route, rows);
}

/* ---- what the autoscaler and tokens need ----------------------------------------------------------------------------
 */

static void accounts(void) {
#define ACCOUNT HEAD(POD("", "", ",'serviceAccountName':'mine'"))
    static const struct row account[] = {{"name", "", PLAIN, "metadata.name", "'c'"},
                                         {"labels", "", PLAIN, "metadata.labels", LABELS "}"}};
    static const struct row role[] = {
        {"name", "", PLAIN, "metadata.name", "'c'"},
        {"rules", "", PLAIN, "rules",
         "[{'apiGroups':[''],'resources':['pods'],'verbs':['get','list','watch','patch']},{'apiGroups':[''],"
         "'resources':['pods/resize'],'verbs':['patch']},{'apiGroups':['ray.io'],'resources':['rayclusters'],'verbs':["
         "'get','patch']}]"}};
    static const struct row binding[] = {
        {"subject", "", PLAIN, "subjects", "[{'kind':'ServiceAccount','name':'c','namespace':'n'}]"},
        {"the user's account", "", ACCOUNT, "subjects", "[{'kind':'ServiceAccount','name':'mine','namespace':'n'}]"},
        {"role", "", ACCOUNT, "roleRef", "{'apiGroup':'rbac.authorization.k8s.io','kind':'Role','name':'c'}"}};
    static const struct row secret[] = {
        {"name", "", PLAIN ",'authOptions':{'mode':'token'}", "metadata.name", "'c'"},
        {"label", "", PLAIN ",'authOptions':{'mode':'token'}", "metadata.labels", "{'ray.io/cluster':'c'}"},
        {"type", "", PLAIN ",'authOptions':{'mode':'token'}", "type", "'Opaque'"},
        {"drawn by the supervisor", "", PLAIN ",'authOptions':{'mode':'token'}", "stringData",
         "{'auth_token':'" RV_GENERATE_TOKEN "'}"}};
    CHECK(rc_service_account, account);
    CHECK(rc_role, role);
    CHECK(rc_role_binding, binding);
    CHECK(rc_secret, secret);
}

/* ---- what keeps the GCS's state -------------------------------------------------------------------------------------
 */

#define STORAGE(more) PLAIN ",'gcsFaultToleranceOptions':{'backend':'rocksdb','storage':{" more "}}"

static void claim(void) {
    static const struct row rows[] = {
        {"name", "", STORAGE(""), "metadata.name", "'c-gcs-pvc'"},
        {"labels", "", STORAGE(""), "metadata.labels", "{'ray.io/cluster':'c'}"},
        {"spec", "", STORAGE(""), "spec",
         "{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'1Gi'}}}"},
        {"as the user wants it", "",
         STORAGE("'size':'5Gi','storageClassName':'s','accessModes':['ReadWriteMany','ReadOnlyMany']"), "spec",
         "{'accessModes':['ReadWriteMany','ReadOnlyMany'],'resources':{'requests':{'storage':'5Gi'}},"
         "'storageClassName':'s'}"},
        {"goes with the cluster", "", STORAGE("'deletionPolicy':'DeleteWithCluster'"),
         "metadata.ownerReferences[0].uid", "'u'"},
        {"stays", "", STORAGE("'deletionPolicy':'Retain'"), "metadata.ownerReferences", NULL},
    };
    CHECK(rc_claim, rows);
}

static void cleanup(void) {
#define TEMPLATE "spec.template."
#define REDIS(options)                                                                                                 \
    HEAD(POD(",'livenessProbe':{'x':1},'startupProbe':{'x':1},'env':[{'name':'A','value':'1'}],'resources':{'limits':" \
             "{'cpu':'9'}}",                                                                                           \
             "'annotations':{'n':'1'}",                                                                                \
             ",'initContainers':[{'name':'i'}],'restartPolicy':'Always','nodeSelector':{'n':'1'}"))                    \
    ",'enableInTreeAutoscaling':true,'gcsFaultToleranceOptions':{'redisAddress':'r:1'" options "}"
    static const struct row rows[] = {
        {"name", "", REDIS(""), "metadata.name", "'c-redis-cleanup'"},
        {"label", "", REDIS(""), "metadata.labels|ray.io/node-type", "'redis-cleanup'"},
        {"the pod's label", "", REDIS(""), TEMPLATE "metadata.labels|ray.io/node-type", "'redis-cleanup'"},
        {"annotations", "", REDIS(""), TEMPLATE "metadata.annotations|n", "'1'"},
        {"one container", "", REDIS(""), TEMPLATE "spec.containers[1]", NULL},
        {"the user's init containers", "", REDIS(""), TEMPLATE "spec.initContainers[0].name", "'i'"},
        {"once", "", REDIS(""), "spec.backoffLimit", "0"},
        {"not for ever", "", REDIS(""), "spec.activeDeadlineSeconds", "300"},
        {"no restarts", "", REDIS(""), TEMPLATE "spec.restartPolicy", "'Never'"},
        {"where the head may run", "", REDIS(""), TEMPLATE "spec.nodeSelector", "{'n':'1'}"},
        {"no probes", "", REDIS(""), TEMPLATE "spec.containers[0]|livenessProbe", NULL},
        {"no probes", "", REDIS(""), TEMPLATE "spec.containers[0]|readinessProbe", NULL},
        {"no probes", "", REDIS(""), TEMPLATE "spec.containers[0]|startupProbe", NULL},
        {"resources", "", REDIS(""), TEMPLATE "spec.containers[0]|resources",
         "{'limits':{'cpu':'200m','memory':'256Mi'},'requests':{'cpu':'200m','memory':'256Mi'}}"},
        {"shell", "", REDIS(""), TEMPLATE "spec.containers[0]|command", "['/bin/bash','-c','--']"},
        {"environment", "", REDIS(""), TEMPLATE "spec.containers[0].env[0]", "{'name':'A','value':'1'}"},
    };
    CHECK(rc_cleanup_job, rows);
    static const struct {
        const char *spec;
        bool user;
    } users[] = {{REDIS(""), false}, {REDIS(",'redisUsername':{'value':'u'}"), true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(users); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rc_cluster c;
        made(a, "", users[i].spec, &plain, &c);
        struct rv_val ray = rv_val_path(rv_node_freeze(a, rc_cleanup_job(a, &c)), TEMPLATE "spec.containers[0]");
        struct rv_str script = rv_path_str(ray, "args[0]"), names = made_names(a, rv_val_get(ray, "env"));
        CU_ASSERT_PTR_NOT_NULL(strstr(script.p, "cleanup_redis_storage("));
        CU_ASSERT_EQUAL(strstr(script.p, "username=") != NULL, users[i].user);
        CU_ASSERT_TRUE(rv_str_ends(names, " RAY_redis_db_connect_retries RAY_redis_db_connect_wait_milliseconds"));
    }
}

static const struct suite_test tests[] = {
    {"head service", head_service},
    {"serve and headless services", other_services},
    {"ingress", ingress},
    {"route", route},
    {"accounts and Secret", accounts},
    {"claim", claim},
    {"Redis cleanup", cleanup},
};
SUITE_MAIN("raycluster: objects beside the pods", tests)
