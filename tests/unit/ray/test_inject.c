/* test_inject.c - what optional features add to pods: autoscaler, GCS fault tolerance, tokens, TLS, history collector.
 * Each row builds one pod and looks at one place of it. */
#include "made.h"

#define POD(container, more) "'template':{'spec':{'containers':[{'name':'r','image':'i'" container "}]" more "}}"
#define CLUSTER(head, worker, more)                                                                                    \
    "'rayVersion':'2.55.0','headGroupSpec':{" head                                                                     \
    "},'workerGroupSpecs':[{'groupName':'G','minReplicas':0,'maxReplicas':1," worker "}]" more
#define WITH(more) CLUSTER(POD("", ""), POD("", ""), more)
#define FIRST "spec.containers[0]"
#define SECOND "spec.containers[1]"
#define INIT "spec.initContainers[0]"

static struct rc_settings settings;

struct row {
    const char *row, *meta, *spec, *path, *want; /* want: as made_is() has it; for lists of names as made_named() */
};

static struct rv_val pod_of(struct rv_arena *a, const char *meta, const char *spec, bool head) {
    static const struct rc_place place = {.index = 0};
    struct rc_cluster c;
    settings = (struct rc_settings)MADE_SETTINGS;
    settings.gates =
        quoted(a, "{'GCSFaultToleranceEmbeddedStorage':true,'RayClusterMTLS':true,'RayClusterHistoryServer':true}");
    made(a, meta, spec, &settings, &c);
    rv_autobuf struct rv_buf why = {0};
    bool valid = rc_validate(&c, &why) == NULL; /* only what is accepted is ever built */
    if (!valid) printf("\n    %s", rv_buf_cstr(&why));
    CHECK_ROW(valid, spec);
    return rv_node_freeze(a, head ? rc_head_pod(a, &c, "abcde", RV_STR(""))
                                  : rc_worker_pod(a, &c, rv_val_at(rc_groups(&c), 0), &place, "abcde", RV_STR("")));
}

static void check_rows(const struct row *rows, size_t n, bool head, bool names) {
    for (size_t i = 0; i < n; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val at = made_at(a, pod_of(a, rows[i].meta, rows[i].spec, head), rows[i].path);
        if (names)
            made_named(a, rows[i].row, at, rows[i].want);
        else
            made_is(a, rows[i].row, at, rows[i].want);
    }
}
#define HEADS(rows) check_rows(rows, RV_ARRAY_LEN(rows), true, false)
#define WORKERS(rows) check_rows(rows, RV_ARRAY_LEN(rows), false, false)
#define HEAD_NAMES(rows) check_rows(rows, RV_ARRAY_LEN(rows), true, true)
#define WORKER_NAMES(rows) check_rows(rows, RV_ARRAY_LEN(rows), false, true)

#define HEAD_TAIL                                                                                                      \
    "RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_CLOUD_INSTANCE_ID RAY_NODE_TYPE_NAME KUBERAY_GEN_RAY_START_CMD "       \
    "RAY_PORT RAY_ADDRESS RAY_USAGE_STATS_KUBERAY_IN_USE RAY_USAGE_STATS_EXTRA_TAGS "                                  \
    "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE"
#define WORKER_TAIL                                                                                                    \
    "FQ_RAY_IP RAY_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_CLOUD_INSTANCE_ID RAY_NODE_TYPE_NAME "                \
    "KUBERAY_GEN_RAY_START_CMD RAY_PORT RAY_ADDRESS RAY_USAGE_STATS_KUBERAY_IN_USE "                                   \
    "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE"
#define TOKEN ",'authOptions':{'mode':'token'}"
#define K8S_TOKEN ",'authOptions':{'mode':'token','enableK8sTokenAuth':true}"
#define TLS ",'tlsOptions':{'enabled':true}"
#define TLS_ENV "RAY_USE_TLS RAY_TLS_SERVER_CERT RAY_TLS_SERVER_KEY RAY_TLS_CA_CERT"
#define SCALED(options) ",'enableInTreeAutoscaling':true,'autoscalerOptions':{" options "}"
#define SCALER_ENV                                                                                                     \
    "RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_HEAD_POD_NAME KUBERAY_CRD_VER KUBERAY_GEN_AUTOSCALER_START_CMD"
#define SCALER "ray kuberay-autoscaler --cluster-name $(RAY_CLUSTER_NAME) --cluster-namespace $(RAY_CLUSTER_NAMESPACE)"

/* ---- autoscaler -----------------------------------------------------------------------------------------------------
 */

static void autoscaler(void) {
    static const struct row rows[] = {
        {"name", "", WITH(SCALED("")), SECOND "|name", "'autoscaler'"},
        {"the head's image", "", WITH(SCALED("")), SECOND "|image", "'i'"},
        {"pull policy", "", WITH(SCALED("")), SECOND "|imagePullPolicy", "'IfNotPresent'"},
        {"command", "", WITH(SCALED("")), SECOND "|command", "['/bin/bash','-c','--']"},
        {"arguments", "", WITH(SCALED("")), SECOND "|args", "['" SCALER "']"},
        {"resources", "", WITH(SCALED("")), SECOND "|resources",
         "{'limits':{'cpu':'500m','memory':'512Mi'},'requests':{'cpu':'500m','memory':'512Mi'}}"},
        {"no probes", "", WITH(SCALED("")), SECOND "|livenessProbe", NULL},
        {"its start command", "", WITH(SCALED("")), SECOND ".env[4]",
         "{'name':'KUBERAY_GEN_AUTOSCALER_START_CMD','value':'" SCALER "'}"},
        {"account", "", WITH(SCALED("")), "spec.serviceAccountName", "'c'"},
        {"the user's account", "", CLUSTER(POD("", ",'serviceAccountName':'mine'"), POD("", ""), SCALED("")),
         "spec.serviceAccountName", "'mine'"},
        {"Ray decides which version", "", WITH(SCALED("")), "spec.restartPolicy", NULL},
        {"version 1: said", "", WITH(SCALED("'version':'v1'")), FIRST ".env[0]",
         "{'name':'RAY_enable_autoscaler_v2','value':'false'}"},
        {"version 1: restarts as the user wants", "", WITH(SCALED("'version':'v1'")), "spec.restartPolicy", NULL},
        {"version 2: said", "", WITH(SCALED("'version':'v2'")), FIRST ".env[0]",
         "{'name':'RAY_enable_autoscaler_v2','value':'true'}"},
        {"version 2: no restarts", "", WITH(SCALED("'version':'v2'")), "spec.restartPolicy", "'Never'"},
        {"overwritten command", "", WITH(SCALED("'version':'v2','command':['/bin/sh'],'args':['-c','x']")),
         SECOND "|command", "['/bin/sh']"},
        {"overwritten arguments", "", WITH(SCALED("'version':'v2','command':['/bin/sh'],'args':['-c','x']")),
         SECOND "|args", "['-c','x']"},
        {"the command that was overwritten can be run", "", WITH(SCALED("'command':['/bin/sh']")),
         SECOND ".env[4].value", "'" SCALER "'"},
        {"image", "", WITH(SCALED("'image':'j','imagePullPolicy':'Always'")), SECOND "|image", "'j'"},
        {"security", "", WITH(SCALED("'securityContext':{'runAsUser':1}")), SECOND "|securityContext",
         "{'runAsUser':1}"},
        {"resources of the user's", "", WITH(SCALED("'resources':{'limits':{'cpu':'1'}}")), SECOND "|resources",
         "{'limits':{'cpu':'1'}}"},
        {"environment from", "", WITH(SCALED("'envFrom':[{'secretRef':{'name':'s'}}]")), SECOND "|envFrom",
         "[{'secretRef':{'name':'s'}}]"},
        {"mounts: logs last", "", WITH(SCALED("'volumeMounts':[{'name':'x','mountPath':'/x'}]")),
         SECOND "|volumeMounts", "[{'name':'x','mountPath':'/x'},{'name':'ray-logs','mountPath':'/tmp/ray'}]"},
        {"logs on a volume of the user's", "",
         CLUSTER(POD("", ",'volumes':[{'name':'ray-logs','hostPath':{'path':'/l'}}]"), POD("", ""), SCALED("")),
         "spec.volumes[0]", "{'name':'ray-logs','hostPath':{'path':'/l'}}"},
        {"logs of the head on the user's mount, of the autoscaler on ours", "",
         CLUSTER(POD(",'volumeMounts':[{'name':'x','mountPath':'/tmp/ray'}]", ""), POD("", ""), SCALED("")),
         FIRST "|volumeMounts", "[{'name':'x','mountPath':'/tmp/ray'},{'name':'shared-mem','mountPath':'/dev/shm'}]"},
        {"mounts inside of others are the user's matter", "",
         CLUSTER(
             POD(",'volumeMounts':[{'name':'x','mountPath':'/tmp/ray/session'},{'name':'y','mountPath':'/dev/shm/z'}]",
                 ""),
             POD("", ""), ""),
         FIRST "|volumeMounts",
         "[{'name':'x','mountPath':'/tmp/ray/session'},{'name':'y','mountPath':'/dev/shm/z'},{'name':'shared-mem',"
         "'mountPath':'/dev/shm'}]"},
        {"logs mounted by the user", "", WITH(SCALED("'volumeMounts':[{'name':'x','mountPath':'/tmp/ray'}]")),
         SECOND "|volumeMounts", "[{'name':'x','mountPath':'/tmp/ray'}]"},
    };
    static const struct row names[] = {
        {"environment", "", WITH(SCALED("")), SECOND ".env", SCALER_ENV},
        {"environment: token, TLS, then the user's", "", WITH(SCALED("'env':[{'name':'X'}]") TOKEN TLS), SECOND ".env",
         SCALER_ENV " RAY_AUTH_MODE RAY_AUTH_TOKEN " TLS_ENV " X"},
        {"the head's", "", WITH(SCALED("'version':'v2'")), FIRST ".env", "RAY_enable_autoscaler_v2 " HEAD_TAIL},
        {"containers", "",
         CLUSTER("'template':{'spec':{'containers':[{'name':'r'},{'name':'s'}]}}", POD("", ""), SCALED("")),
         "spec.containers", "r s autoscaler"},
    };
    static const struct row workers[] = {
        {"workers: version 2: no restarts", "", WITH(SCALED("'version':'v2'")), "spec.restartPolicy", "'Never'"},
        {"workers: nothing beside them", "", WITH(SCALED("")), SECOND, NULL},
        {"workers: account of their own", "", WITH(SCALED("")), "spec.serviceAccountName", NULL},
    };
    HEADS(rows);
    HEAD_NAMES(names);
    WORKERS(workers);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str start = rv_path_str(pod_of(a, "", WITH(SCALED("")), true), FIRST ".args[0]");
    CU_ASSERT_PTR_NOT_NULL(strstr(start.p, " --no-monitor "));
}

/* Scaled by the plugin: nothing in the head needs a right, or a place for its logs. */
static void operator_scaled(void) {
#define OPERATOR ",'annotations':{'rayvisor.io/autoscaler':'operator'}"
    static const struct row head[] = {
        {"no account", OPERATOR, WITH(SCALED("")), "spec.serviceAccountName", NULL},
        {"of Ray's version 2", OPERATOR, WITH(SCALED("")), FIRST ".env[0]",
         "{'name':'RAY_enable_autoscaler_v2','value':'true'}"},
        {"never restarted", OPERATOR, WITH(SCALED("")), "spec.restartPolicy", "'Never'"},
        {"no volume for logs", OPERATOR, WITH(SCALED("")), "spec.volumes[1]", NULL},
        {"fields of version 2 without saying so", OPERATOR,
         CLUSTER(POD("", ""), "'idleTimeoutSeconds':5," POD("", ""), SCALED("")), "spec.restartPolicy", "'Never'"},
        {"in shadow, the sidecar", ",'annotations':{'rayvisor.io/autoscaler':'shadow'}", WITH(SCALED("")),
         SECOND "|name", "'autoscaler'"},
        {"version 1 keeps its sidecar", OPERATOR, WITH(SCALED("'version':'v1'")), SECOND "|name", "'autoscaler'"},
        {"mTLS does not", OPERATOR, WITH(SCALED("") TLS), "spec.serviceAccountName", NULL},
        {"a word that nobody knows", ",'annotations':{'rayvisor.io/autoscaler':'x'}", WITH(SCALED("")), SECOND "|name",
         "'autoscaler'"},
        {"without autoscaling it says nothing", OPERATOR, WITH(""), "spec.restartPolicy", NULL}};
    static const struct row names[] = {
        {"no sidecar", OPERATOR, WITH(SCALED("")), "spec.containers", "r"},
        {"the monitor is off", OPERATOR, WITH(SCALED("")), FIRST ".env", "RAY_enable_autoscaler_v2 " HEAD_TAIL}};
    static const struct row worker[] = {
        {"workers are not restarted", OPERATOR, WITH(SCALED("")), "spec.restartPolicy", "'Never'"}};
    HEADS(head);
    HEAD_NAMES(names);
    WORKERS(worker);
}

/* ---- fault tolerance ------------------------------------------------------------------------------------------------
 */

#define FT(more) ",'gcsFaultToleranceOptions':{" more "}"
#define FT_NOTE ",'annotations':{'ray.io/ft-enabled':'true'}"
#define REDIS FT("'redisAddress':'r:6379','redisUsername':{'value':'u'},'redisPassword':{'valueFrom':{'x':1}}")
#define ROCKS(more) FT("'backend':'rocksdb'" more)

static void fault_tolerance(void) {
    static const struct row rows[] = {
        {"off", "", WITH(""), "metadata.annotations|ray.io/ft-enabled", "'false'"},
        {"options", "", WITH(REDIS), "metadata.annotations|ray.io/ft-enabled", "'true'"},
        {"namespace: the uid", "", WITH(REDIS), "metadata.annotations|ray.io/external-storage-namespace", "'u'"},
        {"namespace: of the options", "", WITH(FT("'externalStorageNamespace':'x'")),
         "metadata.annotations|ray.io/external-storage-namespace", "'x'"},
        {"namespace: of the annotation",
         ",'annotations':{'ray.io/ft-enabled':'TRUE','ray.io/external-storage-namespace':'y'}", WITH(""),
         FIRST ".env[0]", "{'name':'RAY_external_storage_namespace','value':'y'}"},
        {"address", "", WITH(REDIS), FIRST ".env[1]", "{'name':'RAY_REDIS_ADDRESS','value':'r:6379'}"},
        {"no address is written as one", "", WITH(FT("")), FIRST ".env[1]", "{'name':'RAY_REDIS_ADDRESS','value':''}"},
        {"user", "", WITH(REDIS), FIRST ".env[2]", "{'name':'REDIS_USERNAME','value':'u'}"},
        {"password", "", WITH(REDIS), FIRST ".env[3]", "{'name':'REDIS_PASSWORD','valueFrom':{'x':1}}"},
        {"password as a parameter", FT_NOTE,
         CLUSTER("'rayStartParams':{'redis-password':'p'}," POD("", ""), POD("", ""), ""), FIRST ".env[1]",
         "{'name':'REDIS_PASSWORD','value':'p'}"},
        {"RocksDB", "", WITH(ROCKS("")), FIRST ".env[0]", "{'name':'RAY_gcs_storage','value':'rocksdb'}"},
        {"RocksDB: path", "", WITH(ROCKS("")), FIRST ".env[1]", "{'name':'RAY_gcs_storage_path','value':'/data/gcs'}"},
        {"RocksDB: no namespace", "", WITH(ROCKS("")), "metadata.annotations|ray.io/external-storage-namespace", NULL},
        {"RocksDB: claim", "", WITH(ROCKS("")), "spec.volumes[0]",
         "{'name':'gcs-storage','persistentVolumeClaim':{'claimName':'c-gcs-pvc'}}"},
        {"RocksDB: the user's claim", "", WITH(ROCKS(",'storage':{'claimName':'mine'}")),
         "spec.volumes[0].persistentVolumeClaim", "{'claimName':'mine'}"},
        {"RocksDB: part of it", "", WITH(ROCKS(",'storage':{'subPath':'a/b'}")), FIRST ".volumeMounts[0]",
         "{'name':'gcs-storage','mountPath':'/data/gcs','subPath':'a/b'}"},
    };
    static const struct row names[] = {
        {"Redis", "", WITH(REDIS), FIRST ".env",
         "RAY_external_storage_namespace RAY_REDIS_ADDRESS REDIS_USERNAME REDIS_PASSWORD " HEAD_TAIL},
        {"Redis by annotation", FT_NOTE, CLUSTER(POD(",'env':[{'name':'RAY_REDIS_ADDRESS'}]", ""), POD("", ""), ""),
         FIRST ".env", "RAY_REDIS_ADDRESS RAY_external_storage_namespace " HEAD_TAIL},
        {"the user's namespace stays", "",
         CLUSTER(POD(",'env':[{'name':'RAY_external_storage_namespace','value':'x'}]", ""), POD("", ""), FT("")),
         FIRST ".env", "RAY_external_storage_namespace RAY_REDIS_ADDRESS " HEAD_TAIL},
        {"RocksDB", "", WITH(ROCKS("")), FIRST ".env", "RAY_gcs_storage RAY_gcs_storage_path " HEAD_TAIL},
        {"everything", "", WITH(REDIS SCALED("'version':'v2'") TOKEN TLS), FIRST ".env",
         "RAY_enable_autoscaler_v2 RAY_external_storage_namespace RAY_REDIS_ADDRESS REDIS_USERNAME REDIS_PASSWORD "
         "RAY_AUTH_MODE RAY_AUTH_TOKEN " TLS_ENV " " HEAD_TAIL},
    };
    static const struct row workers[] = {
        {"workers wait longer for their head", "", WITH(REDIS), FIRST ".env[0]",
         "{'name':'RAY_gcs_rpc_server_reconnect_timeout_s','value':'600'}"},
        {"whatever the backend", "", WITH(ROCKS("")), FIRST ".env[0]",
         "{'name':'RAY_gcs_rpc_server_reconnect_timeout_s','value':'600'}"},
        {"unless the user says how long", "",
         CLUSTER(POD("", ""), POD(",'env':[{'name':'RAY_gcs_rpc_server_reconnect_timeout_s','value':'1'}]", ""), REDIS),
         FIRST ".env[1].name", "'FQ_RAY_IP'"},
        {"workers need no store", "", WITH(ROCKS("")), "spec.volumes[0].name", "'shared-mem'"},
    };
    HEADS(rows);
    HEAD_NAMES(names);
    WORKERS(workers);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str start = rv_path_str(pod_of(a, "", WITH(REDIS), true), FIRST ".args[0]");
    CU_ASSERT_PTR_NOT_NULL(strstr(start.p, " --redis-password=$REDIS_PASSWORD  --redis-username=$REDIS_USERNAME "));
}

/* ---- tokens ---------------------------------------------------------------------------------------------------------
 */

static void tokens(void) {
#define SECRET(name) "{'name':'RAY_AUTH_TOKEN','valueFrom':{'secretKeyRef':{'name':'" name "','key':'auth_token'}}}"
#define TOKEN_MOUNT "{'name':'ray-token','mountPath':'/var/run/secrets/ray.io/serviceaccount','readOnly':true}"
    static const struct row rows[] = {
        {"mode", "", WITH(TOKEN), FIRST ".env[0]", "{'name':'RAY_AUTH_MODE','value':'token'}"},
        {"Secret", "", WITH(TOKEN), FIRST ".env[1]", SECRET("c")},
        {"the user's Secret", "", WITH(",'authOptions':{'mode':'token','secretName':'s'}"), FIRST ".env[1]",
         SECRET("s")},
        {"mode empty: off", "", WITH(",'authOptions':{}"), FIRST ".env[0].name", "'RAY_CLUSTER_NAME'"},
        {"Kubernetes' tokens", "", WITH(K8S_TOKEN), FIRST ".env[1]",
         "{'name':'RAY_ENABLE_K8S_TOKEN_AUTH','value':'true'}"},
        {"Kubernetes' tokens: mount", "", WITH(K8S_TOKEN), FIRST ".volumeMounts[0]", TOKEN_MOUNT},
        {"Kubernetes' tokens: volume", "", WITH(K8S_TOKEN), "spec.volumes[0]",
         "{'name':'ray-token','projected':{'sources':[{'serviceAccountToken':{'path':'token'}}]}}"},
        {"Kubernetes' tokens: of the autoscaler too", "", WITH(SCALED("") K8S_TOKEN), SECOND ".volumeMounts[0]",
         TOKEN_MOUNT},
    };
    static const struct row names[] = {
        {"what the user set stays", "",
         CLUSTER(POD(",'env':[{'name':'RAY_AUTH_TOKEN'},{'name':'RAY_AUTH_MODE'}]", ""), POD("", ""), TOKEN),
         FIRST ".env", "RAY_AUTH_TOKEN RAY_AUTH_MODE " HEAD_TAIL},
    };
    static const struct row workers[] = {
        {"workers", "", WITH(TOKEN), FIRST ".env", "RAY_AUTH_MODE RAY_AUTH_TOKEN " WORKER_TAIL},
        {"who waits for the head", "", WITH(TOKEN), INIT ".env", "RAY_AUTH_MODE RAY_AUTH_TOKEN FQ_RAY_IP RAY_IP"},
        {"who waits: Kubernetes' tokens", "", WITH(K8S_TOKEN), INIT ".volumeMounts", "ray-token"},
    };
    HEADS(rows);
    HEAD_NAMES(names);
    WORKER_NAMES(workers);
}

/* ---- TLS ------------------------------------------------------------------------------------------------------------
 */

static void tls(void) {
#define TLS_MOUNT "{'name':'ray-tls','mountPath':'/etc/ray/tls','readOnly':true}"
    static const struct row rows[] = {
        {"switched off", "", WITH(",'tlsOptions':{'enabled':false}"), "spec.initContainers", NULL},
        {"on", "", WITH(TLS), FIRST ".env[0]", "{'name':'RAY_USE_TLS','value':'1'}"},
        {"certificate", "", WITH(TLS), FIRST ".env[1]",
         "{'name':'RAY_TLS_SERVER_CERT','value':'/etc/ray/tls/tls.crt'}"},
        {"key", "", WITH(TLS), FIRST ".env[2]", "{'name':'RAY_TLS_SERVER_KEY','value':'/etc/ray/tls/tls.key'}"},
        {"authority", "", WITH(TLS), FIRST ".env[3]", "{'name':'RAY_TLS_CA_CERT','value':'/etc/ray/tls/ca.crt'}"},
        {"mount", "", WITH(TLS), FIRST ".volumeMounts[0]", TLS_MOUNT},
        {"volume", "", WITH(TLS), "spec.volumes[0]", "{'name':'ray-tls','secret':{'secretName':'ray-head-secret-c'}}"},
        {"autoscaler", "", WITH(SCALED("") TLS), SECOND ".volumeMounts[0]", TLS_MOUNT},
        {"who waits for the certificate", "", WITH(TLS), INIT "|name", "'wait-for-tls-ip-san'"},
        {"his resources", "", WITH(TLS), INIT "|resources",
         "{'limits':{'cpu':'50m','memory':'64Mi'},'requests':{'cpu':'50m','memory':'64Mi'}}"},
        {"his image", "", WITH(TLS), INIT "|image", "'i'"},
        {"pulled as the head's", "", CLUSTER(POD(",'imagePullPolicy':'Always'", ""), POD("", ""), TLS),
         INIT "|imagePullPolicy", "'Always'"},
        {"as secure as the head", "", CLUSTER(POD(",'securityContext':{'runAsUser':1}", ""), POD("", ""), TLS),
         INIT "|securityContext", "{'runAsUser':1}"},
        {"his address", "", WITH(TLS), INIT ".env[0]",
         "{'name':'POD_IP','valueFrom':{'fieldRef':{'fieldPath':'status.podIP'}}}"},
        {"his mount", "", WITH(TLS), INIT "|volumeMounts", "[" TLS_MOUNT "]"},
        {"one that the user brought", "",
         CLUSTER(POD("", ",'initContainers':[{'name':'wait-for-tls-ip-san','image':'x'}]"), POD("", ""), TLS),
         INIT "|image", "'x'"},
    };
    static const struct row workers[] = {
        {"workers: volume", "", WITH(TLS), "spec.volumes[0].secret", "{'secretName':'ray-worker-secret-c'}"}};
    static const struct row names[] = {
        {"workers: environment", "", WITH(TLS), FIRST ".env", TLS_ENV " " WORKER_TAIL},
        {"first of those that wait", "", CLUSTER(POD("", ""), POD("", ",'initContainers':[{'name':'x'}]"), TLS),
         "spec.initContainers", "wait-for-tls-ip-san x wait-gcs-ready"},
        {"who waits for the head speaks TLS", "", WITH(TLS), "spec.initContainers[1].env", TLS_ENV " FQ_RAY_IP RAY_IP"},
    };
    HEADS(rows);
    WORKERS(workers);
    WORKER_NAMES(names);
}

/* ---- collector ------------------------------------------------------------------------------------------------------
 */

#define COLLECT(more)                                                                                                  \
    ",'historyServerOptions':{'collectorOptions':{'image':'h','env':[{'name':'STORAGE_BACKEND','value':'x'}" more "]}" \
    "}"
#define COLLECTOR_ENV                                                                                                  \
    "RAY_enable_ray_event RAY_enable_core_worker_ray_event_to_aggregator "                                             \
    "RAY_DASHBOARD_AGGREGATOR_AGENT_EVENTS_EXPORT_ADDR RAY_DASHBOARD_AGGREGATOR_AGENT_EXPOSABLE_EVENT_TYPES "          \
    "RAY_DASHBOARD_AGGREGATOR_AGENT_PUBLISHER_HTTP_ENDPOINT_EXPOSABLE_EVENT_TYPES"

static void collector(void) {
    static const struct row rows[] = {
        {"name", "", WITH(COLLECT("")), SECOND "|name", "'ray-history-collector'"},
        {"image", "", WITH(COLLECT("")), SECOND "|image", "'h'"},
        {"pull policy", "", WITH(COLLECT("")), SECOND "|imagePullPolicy", "'IfNotPresent'"},
        {"resources", "", WITH(COLLECT("")), SECOND "|resources",
         "{'requests':{'cpu':'50m','memory':'64Mi'},'limits':{'cpu':'200m','memory':'256Mi'}}"},
        {"resources of the user's", "",
         WITH(",'historyServerOptions':{'collectorOptions':{'image':'h','imagePullPolicy':'Always','resources':{"
              "'limits':{'cpu':'1'}},'env':[{'name':'STORAGE_BACKEND','value':'x'}]}}"),
         SECOND "|resources", "{'limits':{'cpu':'1'}}"},
        {"who it is", "", WITH(COLLECT("")), SECOND ".env[3]", "{'name':'RAY_ROLE','value':'Head'}"},
        {"where events come in", "", WITH(COLLECT("")), SECOND ".env[4]", "{'name':'EVENTS_PORT','value':'8084'}"},
        {"dashboard", "", WITH(COLLECT("")), SECOND ".env[6]",
         "{'name':'RAY_DASHBOARD_ADDRESS','value':'http://localhost:8265'}"},
        {"logs", "", WITH(COLLECT("")), SECOND "|volumeMounts", "[{'name':'ray-logs','mountPath':'/tmp/ray'}]"},
    };
    static const struct row names[] = {
        {"environment", "", WITH(COLLECT("")), SECOND ".env",
         "POD_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_ROLE EVENTS_PORT FQ_RAY_IP RAY_DASHBOARD_ADDRESS "
         "STORAGE_BACKEND"},
        {"the user's dashboard", "", WITH(COLLECT(",{'name':'RAY_DASHBOARD_ADDRESS','value':'y'}")), SECOND ".env",
         "POD_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_ROLE EVENTS_PORT FQ_RAY_IP STORAGE_BACKEND "
         "RAY_DASHBOARD_ADDRESS"},
        {"owner", ",'labels':{'ray.io/originated-from-crd':'RayJob','ray.io/originated-from-cr-name':'j'}",
         WITH(COLLECT("")), SECOND ".env",
         "POD_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_ROLE EVENTS_PORT FQ_RAY_IP OWNER_KIND OWNER_NAME "
         "RAY_DASHBOARD_ADDRESS STORAGE_BACKEND"},
        {"token", "", WITH(COLLECT("") TOKEN), SECOND ".env",
         "POD_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_ROLE EVENTS_PORT FQ_RAY_IP RAY_DASHBOARD_ADDRESS "
         "STORAGE_BACKEND RAY_AUTH_MODE RAY_AUTH_TOKEN"},
        {"Ray's", "", WITH(COLLECT("")), FIRST ".env", HEAD_TAIL " " COLLECTOR_ENV},
        {"behind the autoscaler", "", WITH(COLLECT("") SCALED("")), "spec.containers",
         "r autoscaler ray-history-collector"},
    };
    static const struct row workers[] = {
        {"workers", "", WITH(COLLECT("")), SECOND ".env",
         "POD_IP RAY_CLUSTER_NAME RAY_CLUSTER_NAMESPACE RAY_ROLE EVENTS_PORT FQ_RAY_IP STORAGE_BACKEND"},
        {"workers: Ray's", "", WITH(COLLECT("")), FIRST ".env", WORKER_TAIL " " COLLECTOR_ENV},
    };
    HEADS(rows);
    HEAD_NAMES(names);
    WORKER_NAMES(workers);
}

static const struct suite_test tests[] = {
    {"autoscaler", autoscaler},
    {"scaled by the plugin", operator_scaled},
    {"GCS fault tolerance", fault_tolerance},
    {"tokens", tokens},
    {"TLS", tls},
    {"history collector", collector},
};
SUITE_MAIN("raycluster: what features add", tests)
