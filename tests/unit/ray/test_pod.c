/* test_pod.c - head and worker pods: metadata, command, environment, probes, volumes, init containers, settings. Each
 * row builds one pod and looks at one place of it. */
#include "made.h"

#define RAY(more) "'template':{'spec':{'containers':[{'name':'r','image':'i'" more "}]}}"
#define META(more, spec_more) "'template':{'metadata':{" more "},'spec':{'containers':[{'name':'r'}]" spec_more "}}"
#define HEAD(group) "'headGroupSpec':{" group "},'rayVersion':'2.52.0'"
#define WORKER(group) HEAD(RAY("")) ",'workerGroupSpecs':[{'groupName':'G'," group "}]"
#define SERVICE_MADE ",'labels':{'ray.io/originated-from-crd':'RayService'}"
#define FIRST "spec.containers[0]."

static const struct rc_settings plain = MADE_SETTINGS;

struct row {
    const char *row, *meta, *spec, *path, *want; /* want: JSON with single quotes; NULL: must be absent */
};

static struct rv_val pod_of(struct rv_arena *a, const struct row *r, const struct rc_settings *settings) {
    struct rc_cluster c;
    made(a, r->meta, r->spec, settings, &c);
    struct rv_val group = rv_val_at(rc_groups(&c), 0);
    const struct rc_place place = {.index = 3};
    return rv_node_freeze(a, rv_val_present(group) ? rc_worker_pod(a, &c, group, &place, "abcde", RV_STR(""))
                                                   : rc_head_pod(a, &c, "abcde", RV_STR("HASH")));
}

static void check_rows(const struct row *rows, size_t n, const struct rc_settings *settings) {
    for (size_t i = 0; i < n; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        made_is(a, rows[i].row, made_at(a, pod_of(a, &rows[i], settings), rows[i].path), rows[i].want);
    }
}
#define CHECK(rows, settings) check_rows(rows, RV_ARRAY_LEN(rows), settings)

static void metadata(void) {
    static const struct row rows[] = {
        {"head: names and owner", "", HEAD(RAY("")), "metadata.generateName", "'c-head-'"},
        {"head: name", "", HEAD(RAY("")), "metadata.name", "'c-head-abcde'"},
        {"worker: name", "", WORKER(RAY("")), "metadata.name", "'c-g-worker-abcde'"},
        {"namespace", "", WORKER(RAY("")), "metadata.namespace", "'n'"},
        {"owner", "", HEAD(RAY("")), "metadata.ownerReferences",
         "[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'u','controller':true,"
         "'blockOwnerDeletion':true}]"},
        {"head: labels", "", HEAD(RAY("")), "metadata.labels",
         "{'ray.io/is-ray-node':'yes','ray.io/cluster':'c','ray.io/node-type':'head','ray.io/group':'headgroup',"
         "'ray.io/identifier':'c-head','app.kubernetes.io/name':'kuberay',"
         "'app.kubernetes.io/created-by':'kuberay-operator'}"},
        {"worker: labels", "", WORKER(RAY("")), "metadata.labels",
         "{'ray.io/is-ray-node':'yes','ray.io/cluster':'c','ray.io/node-type':'worker','ray.io/group':'G',"
         "'ray.io/identifier':'c-worker','app.kubernetes.io/name':'kuberay',"
         "'app.kubernetes.io/created-by':'kuberay-operator','ray.io/worker-group-replica-index':'3'}"},
        {"the template may rename the app", "", HEAD(META("'labels':{'app.kubernetes.io/name':'mine'}", "")),
         "metadata.labels|app.kubernetes.io/name", "'mine'"},
        {"group labels win over the template's", "",
         HEAD("'labels':{'x':'group'}," META("'labels':{'x':'template'}", "")), "metadata.labels|x", "'group'"},
        {"three labels are ours: cluster", "", HEAD(META("'labels':{'ray.io/cluster':'x'}", "")),
         "metadata.labels|ray.io/cluster", "'c'"},
        {"three labels are ours: type", "", HEAD(META("'labels':{'ray.io/node-type':'x'}", "")),
         "metadata.labels|ray.io/node-type", "'head'"},
        {"three labels are ours: group", "", HEAD("'labels':{'ray.io/group':'x'}," RAY("")),
         "metadata.labels|ray.io/group", "'headgroup'"},
        {"what replicas are known by is ours: name", "",
         WORKER(META("'labels':{'ray.io/worker-group-replica-name':'x'}", "")),
         "metadata.labels|ray.io/worker-group-replica-name", NULL},
        {"what replicas are known by is ours: host", "", WORKER("'labels':{'ray.io/replica-host-index':'7'}," RAY("")),
         "metadata.labels|ray.io/replica-host-index", NULL},
        {"what replicas are known by is ours: index", "",
         WORKER(META("'labels':{'ray.io/worker-group-replica-index':'9'}", "")),
         "metadata.labels|ray.io/worker-group-replica-index", "'3'"},
        {"a Ray pod stays one", "", WORKER(META("'labels':{'ray.io/is-ray-node':'no'}", "")),
         "metadata.labels|ray.io/is-ray-node", "'yes'"},
        {"what the head's service selects: creator", "",
         HEAD(META("'labels':{'app.kubernetes.io/created-by':'me'}", "")),
         "metadata.labels|app.kubernetes.io/created-by", "'kuberay-operator'"},
        {"what the head's service selects: identifier", "", HEAD(META("'labels':{'ray.io/identifier':'x'}", "")),
         "metadata.labels|ray.io/identifier", "'c-head'"},
        {"no service selects workers by it", "", WORKER(META("'labels':{'app.kubernetes.io/created-by':'me'}", "")),
         "metadata.labels|app.kubernetes.io/created-by", "'me'"},
        {"served by workers", SERVICE_MADE, WORKER(RAY("")), "metadata.labels|ray.io/serve", "'true'"},
        {"not served by the head", SERVICE_MADE, HEAD(RAY("")), "metadata.labels|ray.io/serve", "'false'"},
        {"no serve label otherwise", "", HEAD(RAY("")), "metadata.labels|ray.io/serve", NULL},
        {"head: annotations", "", HEAD(META("'annotations':{'x':'y'}", "")), "metadata.annotations",
         "{'x':'y','ray.io/ft-enabled':'false','ray.io/kuberay-version':'v" RV_VERSION
         "','ray.io/upgrade-strategy-recreate-hash':'HASH'}"},
        {"worker: no annotations", "", WORKER(RAY("")), "metadata.annotations", NULL},
        {"own command: annotation copied", ",'annotations':{'ray.io/overwrite-container-cmd':'True'}", WORKER(RAY("")),
         "metadata.annotations", "{'ray.io/overwrite-container-cmd':'true'}"},
        {"finalizers of the template", "", HEAD(META("'finalizers':['f/x']", "")), "metadata.finalizers", "['f/x']"},
        {"the template's name is not used", "", WORKER(META("'name':'x'", "")), "metadata.name", "'c-g-worker-abcde'"},
    };
    CHECK(rows, &plain);
}

#define FLAGS                                                                                                          \
    "ray start  --address=c-head-svc.n.svc.cluster.local:6379  --block  --dashboard-agent-listen-port=52365 "          \
    " --metrics-export-port=8080 "
#define LIMIT "ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; "

static void command(void) {
    static const struct row rows[] = {
        {"shell", "", WORKER(RAY("")), FIRST "command", "['/bin/bash','-c','--']"},
        {"ray start", "", WORKER(RAY("")), FIRST "args", "['" LIMIT FLAGS "']"},
        {"the user's words first", "", WORKER(RAY(",'command':['echo','a b'],'args':['c']")), FIRST "args",
         "[' echo  a b  c  && " LIMIT FLAGS "']"},
        {"starts Ray itself", "", WORKER(RAY(",'command':['bash','-c'],'args':['x && ray start --block']")),
         FIRST "args", "['x && ray start --block']"},
        {"told to leave it", ",'annotations':{'ray.io/overwrite-container-cmd':'true'}",
         WORKER(RAY(",'command':['x']")), FIRST "command", "['x']"},
        {"told to leave it: no args", ",'annotations':{'ray.io/overwrite-container-cmd':'true'}",
         WORKER(RAY(",'command':['x']")), FIRST "args", NULL},
        {"told by the template", "", HEAD(META("'annotations':{'ray.io/overwrite-container-cmd':'TRUE'}", "")),
         FIRST "command", NULL},
        {"any other value does not", ",'annotations':{'ray.io/overwrite-container-cmd':'yes'}",
         WORKER(RAY(",'command':['x']")), FIRST "command", "['/bin/bash','-c','--']"},
    };
    CHECK(rows, &plain);
}

static void volumes_and_ports(void) {
    static const struct row rows[] = {
        {"shared memory by limit", "",
         WORKER(RAY(",'resources':{'limits':{'memory':'2Gi'},'requests':{'memory':'1Gi'}}")), "spec.volumes",
         "[{'name':'shared-mem','emptyDir':{'medium':'Memory','sizeLimit':'2Gi'}}]"},
        {"shared memory by request", "", WORKER(RAY(",'resources':{'requests':{'memory':'1Gi'}}")), "spec.volumes",
         "[{'name':'shared-mem','emptyDir':{'medium':'Memory','sizeLimit':'1Gi'}}]"},
        {"shared memory without size", "", HEAD(RAY("")), "spec.volumes",
         "[{'name':'shared-mem','emptyDir':{'medium':'Memory'}}]"},
        {"its mount comes last", "", HEAD(RAY(",'volumeMounts':[{'name':'x','mountPath':'/x'}]")), FIRST "volumeMounts",
         "[{'name':'x','mountPath':'/x'},{'name':'shared-mem','mountPath':'/dev/shm'}]"},
        {"mounted by the user", "", HEAD(RAY(",'volumeMounts':[{'name':'x','mountPath':'/dev/shm'}]")), "spec.volumes",
         NULL},
        {"plasma elsewhere", "", HEAD("'rayStartParams':{'plasma-directory':'/p'}," RAY("")), "spec.volumes", NULL},
        {"metrics port", "", HEAD(RAY(",'ports':[{'name':'x','containerPort':1}]")), FIRST "ports",
         "[{'name':'x','containerPort':1},{'name':'metrics','containerPort':8080}]"},
        {"the user's metrics port", "", HEAD(RAY(",'ports':[{'name':'metrics','containerPort':1}]")), FIRST "ports",
         "[{'name':'metrics','containerPort':1}]"},
    };
    CHECK(rows, &plain);
}

/* ---- environment: the order decides, because the last of two of one name wins ---------------------------------------
 */

static void env_names(const char *row, const char *meta, const char *spec, const char *list, const char *want) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct row r = {row, meta, spec, NULL, NULL};
    made_named(a, row, rv_val_path(pod_of(a, &r, &plain), list), want);
}

#define HEAD_TAIL                                                                                                      \
    "RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_CLOUD_INSTANCE_ID RAY_NODE_TYPE_NAME KUBERAY_GEN_RAY_START_CMD "       \
    "RAY_PORT RAY_ADDRESS RAY_USAGE_STATS_KUBERAY_IN_USE RAY_USAGE_STATS_EXTRA_TAGS "                                  \
    "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE"
#define WORKER_TAIL                                                                                                    \
    "FQ_RAY_IP RAY_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_CLOUD_INSTANCE_ID RAY_NODE_TYPE_NAME "                \
    "KUBERAY_GEN_RAY_START_CMD RAY_PORT RAY_ADDRESS RAY_USAGE_STATS_KUBERAY_IN_USE "                                   \
    "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE"
#define SERVED "RAY_timeout_ms_task_wait_for_death_info RAY_gcs_server_request_timeout_seconds RAY_SERVE_KV_TIMEOUT_S"

static void environment_order(void) {
    env_names("head", "", HEAD(RAY("")), FIRST "env", HEAD_TAIL);
    env_names("worker", "", WORKER(RAY("")), FIRST "env", WORKER_TAIL);
    env_names("the user's come first", "", WORKER(RAY(",'env':[{'name':'X'},{'name':'RAY_PORT','value':'1'}]")),
              FIRST "env",
              "X RAY_PORT FQ_RAY_IP RAY_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_CLOUD_INSTANCE_ID "
              "RAY_NODE_TYPE_NAME KUBERAY_GEN_RAY_START_CMD RAY_ADDRESS RAY_USAGE_STATS_KUBERAY_IN_USE "
              "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE");
    env_names("what is ours comes again behind the user's", "", HEAD(RAY(",'env':[{'name':'RAY_CLUSTER_NAME'}]")),
              FIRST "env", "RAY_CLUSTER_NAME " HEAD_TAIL);
    env_names("served", SERVICE_MADE, HEAD(RAY("")), FIRST "env",
              "RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_CLOUD_INSTANCE_ID RAY_NODE_TYPE_NAME "
              "KUBERAY_GEN_RAY_START_CMD RAY_PORT " SERVED " RAY_ADDRESS RAY_USAGE_STATS_KUBERAY_IN_USE "
              "RAY_USAGE_STATS_EXTRA_TAGS RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE");
}

static void environment_values(void) {
#define AT(i) FIRST "env[" #i "]"
    static const struct row rows[] = {
        {"head's address", "", WORKER(RAY("")), AT(0), "{'name':'FQ_RAY_IP','value':'c-head-svc.n.svc.cluster.local'}"},
        {"old name of it", "", WORKER(RAY("")), AT(1), "{'name':'RAY_IP','value':'c-head-svc'}"},
        {"cluster", "", HEAD(RAY("")), AT(0),
         "{'name':'RAY_CLUSTER_NAME','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027ray.io/"
         "cluster\\u0027]'}}}"},
        {"namespace", "", HEAD(RAY("")), AT(1),
         "{'name':'RAY_CLUSTER_NAMESPACE','valueFrom':{'fieldRef':{'fieldPath':'metadata.namespace'}}}"},
        {"instance", "", HEAD(RAY("")), AT(2),
         "{'name':'RAY_CLOUD_INSTANCE_ID','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}}"},
        {"start command, without what the shell does before", "", WORKER(RAY(",'command':['x']")), AT(6),
         "{'name':'KUBERAY_GEN_RAY_START_CMD','value':'" FLAGS "'}"},
        {"port", "", WORKER(RAY("")), AT(7), "{'name':'RAY_PORT','value':'6379'}"},
        {"a port of the user's", "", HEAD("'rayStartParams':{'port':'7'}," RAY("")), AT(5),
         "{'name':'RAY_PORT','value':'7'}"},
        {"address of the head for itself", "", HEAD("'rayStartParams':{'port':'7'}," RAY("")), AT(6),
         "{'name':'RAY_ADDRESS','value':'127.0.0.1:7'}"},
        {"address for workers", "", WORKER(RAY("")), AT(8),
         "{'name':'RAY_ADDRESS','value':'c-head-svc.n.svc.cluster.local:6379'}"},
        {"in use", "", WORKER(RAY("")), AT(9), "{'name':'RAY_USAGE_STATS_KUBERAY_IN_USE','value':'1'}"},
        {"tags", SERVICE_MADE, HEAD(RAY("")), AT(11),
         "{'name':'RAY_USAGE_STATS_EXTRA_TAGS','value':'kuberay_version=v" RV_VERSION ";kuberay_crd=RayService'}"},
        {"disk", "", WORKER(RAY("")), AT(10), "{'name':'RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE','value':'1'}"},
        {"served: deaths", SERVICE_MADE, HEAD(RAY("")), AT(6),
         "{'name':'RAY_timeout_ms_task_wait_for_death_info','value':'0'}"},
        {"served: requests", SERVICE_MADE, HEAD(RAY("")), AT(7),
         "{'name':'RAY_gcs_server_request_timeout_seconds','value':'5'}"},
        {"served: keys", SERVICE_MADE, HEAD(RAY("")), AT(8), "{'name':'RAY_SERVE_KV_TIMEOUT_S','value':'5'}"},
        {"a head service with a name of its own", "",
         HEAD("'headService':{'metadata':{'name':'mine'}}," RAY("")) ",'workerGroupSpecs':[{'groupName':'G'," RAY(
             "") "}]",
         AT(0), "{'name':'FQ_RAY_IP','value':'mine.n.svc.cluster.local'}"},
    };
    CHECK(rows, &plain);
}

/* ---- probes ---------------------------------------------------------------------------------------------------------
 */

#define TIMES(delay, timeout, failures)                                                                                \
    "'initialDelaySeconds':" delay ",'timeoutSeconds':" timeout                                                        \
    ",'periodSeconds':5,'successThreshold':1,'failureThreshold':" failures "}"
#define BASH(words) "{'exec':{'command':['bash','-c','" words "']},"
#define ASK(seconds, where) "wget --tries 1 -T " seconds " -q -O- http://localhost:" where " | grep success"
#define RAYLET(port) ASK("2", port "/api/local_raylet_healthz")
#define GCS(port) ASK("10", port "/api/gcs_healthz")
#define WITH_VERSION(group, version) "'headGroupSpec':{" group "},'rayVersion':'" version "'"
#define LIVENESS FIRST "livenessProbe"
#define READINESS FIRST "readinessProbe"

static void probes(void) {
    static const struct row rows[] = {
        {"head: liveness", "", HEAD(RAY("")), LIVENESS,
         BASH(RAYLET("52365") " && " GCS("8265")) TIMES("30", "5", "120")},
        {"head: readiness", "", HEAD(RAY("")), READINESS,
         BASH(RAYLET("52365") " && " GCS("8265")) TIMES("10", "5", "10")},
        {"worker: liveness", "", WORKER(RAY("")), LIVENESS, BASH(RAYLET("52365")) TIMES("30", "2", "120")},
        {"worker: readiness", "", WORKER(RAY("")), READINESS, BASH(RAYLET("52365")) TIMES("10", "2", "10")},
        {"ports by parameters", "",
         HEAD("'rayStartParams':{'dashboard-agent-listen-port':'1','dashboard-port':'2'}," RAY("")), LIVENESS,
         BASH(RAYLET("1") " && " GCS("2")) TIMES("30", "5", "120")},
        {"from 2.53 on one endpoint", "", WITH_VERSION(RAY(""), "2.53.0"), READINESS,
         "{'httpGet':{'path':'/api/healthz','port':52365}," TIMES("10", "5", "10")},
        {"its port", "", WITH_VERSION("'rayStartParams':{'dashboard-agent-listen-port':'1'}," RAY(""), "v2.53"),
         LIVENESS, "{'httpGet':{'path':'/api/healthz','port':1}," TIMES("30", "5", "120")},
        {"a development version", "", WITH_VERSION(RAY(""), "2.53.0.dev0"), READINESS "|httpGet",
         "{'path':'/api/healthz','port':52365}"},
        {"a version that is none", "", WITH_VERSION(RAY(""), "nightly"), READINESS "|httpGet", NULL},
        {"a later major version", "", WITH_VERSION(RAY(""), "3.0.0"), READINESS "|httpGet",
         "{'path':'/api/healthz','port':52365}"},
        {"no version", "", "'headGroupSpec':{" RAY("") "}", READINESS "|httpGet", NULL},
        {"the user's liveness stays", "", HEAD(RAY(",'livenessProbe':{'tcpSocket':{'port':1}}")), LIVENESS,
         "{'tcpSocket':{'port':1}}"},
        {"and does not speak for readiness", "", HEAD(RAY(",'livenessProbe':{'tcpSocket':{'port':1}}")),
         READINESS "|failureThreshold", "10"},
        {"served by a worker", SERVICE_MADE, WORKER(RAY("")), READINESS,
         BASH(RAYLET("52365") " && " ASK("10", "8000/-/healthz")) TIMES("10", "2", "1")},
        {"served at another port", SERVICE_MADE, WORKER(RAY(",'ports':[{'name':'serve','containerPort':9}]")),
         READINESS, BASH(RAYLET("52365") " && " ASK("10", "9/-/healthz")) TIMES("10", "2", "1")},
        {"served, by any version", SERVICE_MADE,
         WITH_VERSION(RAY(""), "2.53.0") ",'workerGroupSpecs':[{'groupName':'G'," RAY("") "}]", READINESS,
         BASH(RAYLET("52365") " && " ASK("10", "8000/-/healthz")) TIMES("10", "2", "1")},
        {"served: liveness as ever", SERVICE_MADE, WORKER(RAY("")), LIVENESS,
         BASH(RAYLET("52365")) TIMES("30", "2", "120")},
        {"served: the head's readiness as ever", SERVICE_MADE, HEAD(RAY("")), READINESS,
         BASH(RAYLET("52365") " && " GCS("8265")) TIMES("10", "5", "10")},
    };
    CHECK(rows, &plain);
}

/* ---- init containers ------------------------------------------------------------------------------------------------
 */

static void waiting(void) {
#define INIT "spec.initContainers[0]"
#define BESIDE(more) "'template':{'spec':{'initContainers':[{'name':'mine'}],'containers':[{'name':'r'" more "}]}}"
    static const struct row rows[] = {
        {"the head waits for nobody", "", HEAD(RAY("")), "spec.initContainers", NULL},
        {"image", "", WORKER(RAY(",'imagePullPolicy':'Never'")), INIT "|image", "'i'"},
        {"pull policy", "", WORKER(RAY(",'imagePullPolicy':'Never'")), INIT "|imagePullPolicy", "'Never'"},
        {"security", "", WORKER(RAY(",'securityContext':{'runAsUser':1}")), INIT "|securityContext", "{'runAsUser':1}"},
        {"resources", "", WORKER(RAY("")), INIT "|resources",
         "{'limits':{'cpu':'200m','memory':'256Mi'},'requests':{'cpu':'200m','memory':'256Mi'}}"},
        {"shell", "", WORKER(RAY("")), INIT "|command", "['/bin/bash','-c','--']"},
        {"the user's mounts, not ours", "", WORKER(RAY(",'volumeMounts':[{'name':'x','mountPath':'/x'}]")),
         INIT "|volumeMounts", "[{'name':'x','mountPath':'/x'}]"},
        {"the user's environment, and the head's address", "", WORKER(RAY(",'env':[{'name':'X','value':'1'}]")),
         INIT "|env",
         "[{'name':'X','value':'1'},{'name':'FQ_RAY_IP','value':'c-head-svc.n.svc.cluster.local'},{'name':'RAY_IP',"
         "'value':'c-head-svc'}]"},
        {"the user's own ones get it too", "",
         HEAD("'template':{'spec':{'initContainers':[{'name':'m'}],'containers':[{'name':'r'}]}}"), INIT "|env",
         "[{'name':'FQ_RAY_IP','value':'c-head-svc.n.svc.cluster.local'},{'name':'RAY_IP','value':'c-head-svc'}]"},
    };
    CHECK(rows, &plain);
    env_names("it comes last", "", WORKER(BESIDE("")), "spec.initContainers", "mine wait-gcs-ready");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct row r = {"", "", WORKER(RAY("")), NULL, NULL};
    struct rv_str script = rv_path_str(pod_of(a, &r, &plain), INIT ".args[0]");
    CU_ASSERT_PTR_NOT_NULL(strstr(script.p, "ray health-check --address c-head-svc.n.svc.cluster.local:6379;"));
}

/* ---- settings of the operator
 * ------------------------------------------------------------------------------------------ */

static void settings(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    static const struct row none[] = {
        {"no probes", "", HEAD(RAY("")), LIVENESS, NULL},
        {"no probes", "", HEAD(RAY("")), READINESS, NULL},
        {"the user's stays", "", HEAD(RAY(",'readinessProbe':{'tcpSocket':{'port':1}}")), READINESS,
         "{'tcpSocket':{'port':1}}"},
        {"nobody waits", "", WORKER(RAY("")), "spec.initContainers", NULL},
        {"another domain", "", WORKER(RAY("")), AT(0), "{'name':'FQ_RAY_IP','value':'c-head-svc.n.svc.other'}"},
    };
    static const struct row login[] = {
        {"login shell", "", HEAD(RAY("")), FIRST "command", "['/bin/bash','-cl','--']"},
        {"of who waits, too", "", WORKER(RAY("")), INIT "|command", "['/bin/bash','-cl','--']"},
    };
    static const struct row more[] = {
        {"environment", "", WORKER(RAY(",'env':[{'name':'A','value':'user'}]")), AT(0), "{'name':'A','value':'user'}"},
        {"environment that lacks", "", WORKER(RAY(",'env':[{'name':'A','value':'user'}]")), AT(1),
         "{'name':'B','value':'2'}"},
        {"labels: the user's win", "", HEAD(META("'labels':{'l':'user'}", "")), "metadata.labels|l", "'user'"},
        {"labels that lack", "", HEAD(META("'labels':{'l':'user'}", "")), "metadata.labels|m", "'2'"},
        {"labels that are ours stay", "", HEAD(RAY("")), "metadata.labels|ray.io/cluster", "'c'"},
        {"annotations", "", WORKER(RAY("")), "metadata.annotations|n", "'1'"},
        {"a container beside the head", "", HEAD(RAY("")), "spec.containers[1]", "{'name':'beside-head'}"},
        {"a container beside workers", "", WORKER(RAY("")), "spec.containers[1]", "{'name':'beside-worker'}"},
    };
    static const struct row fixed[] = {{"name of the head", "", HEAD(RAY("")), "metadata.name", "'c-head-abcde'"}};
    CHECK(none, &(const struct rc_settings){.cluster_domain = RV_STR("other")});
    struct rc_settings s = plain;
    s.login_shell = true;
    CHECK(login, &s);
    s = plain;
    s.default_env = quoted(a, "[{'name':'A','value':'1'},{'name':'B','value':'2'}]");
    s.default_labels = quoted(a, "{'l':'1','m':'2','ray.io/cluster':'x'}");
    s.default_annotations = quoted(a, "{'n':'1'}");
    s.head_sidecars = quoted(a, "[{'name':'beside-head'}]");
    s.worker_sidecars = quoted(a, "[{'name':'beside-worker'}]");
    CHECK(more, &s);
    CHECK(fixed, &plain);
    struct rc_cluster c;
    made(a, "", HEAD(RAY("")), &plain, &c);
    struct rv_val head = rv_node_freeze(a, rc_head_pod(a, &c, NULL, RV_STR("")));
    made_is(a, "deterministic name", rv_val_path(head, "metadata.name"), "'c-head'");
    made_is(a, "deterministic name", rv_val_path(head, "metadata.generateName"), NULL);
}

static const struct suite_test tests[] = {
    {"metadata", metadata},
    {"command", command},
    {"volumes and ports", volumes_and_ports},
    {"environment: order", environment_order},
    {"environment: values", environment_values},
    {"probes", probes},
    {"waiting for the head", waiting},
    {"settings", settings},
};
SUITE_MAIN("raycluster pods", tests)
