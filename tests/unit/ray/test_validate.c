/* test_validate.c - one row per rule of the contract (spec section 5, by its row numbers) and of ours: a cluster that
 * breaks it, and words that its message must have; beside it clusters that are just within. */
#include "made.h"
#include "reference_words.h"

#define BOX(more) "'template':{'spec':{'containers':[{'name':'c','image':'i'" more "}]}}"
#define HEAD(more) "'headGroupSpec':{" more "}"
#define PLAIN HEAD(BOX(""))
#define WITH_ENV(name, value) HEAD(BOX(",'env':[{'name':'" name "','value':'" value "'}]"))
#define PARAM(name, value) HEAD("'rayStartParams':{'" name "':'" value "'}," BOX(""))
#define MOUNT(name, path) HEAD(BOX(",'volumeMounts':[{'name':'" name "','mountPath':'" path "'}]"))
#define GROUP(more) ",'workerGroupSpecs':[{'groupName':'g','minReplicas':0,'maxReplicas':3," more "}]"
#define G(more) PLAIN GROUP(BOX("") more)
#define NOTE(key, value) ",'annotations':{'" key "':'" value "'}"
#define FT(more) ",'gcsFaultToleranceOptions':{" more "}"
#define ROCKS(more) FT("'backend':'rocksdb'" more)
#define SCALED ",'enableInTreeAutoscaling':true"
#define V2 ",'autoscalerOptions':{'version':'v2'}"
#define COLLECT(env) ",'historyServerOptions':{'collectorOptions':{'image':'i','env':[" env "]}}"
#define ENV(name, value) "{'name':'" name "','value':'" value "'}"
#define TOKEN(more) ",'authOptions':{'mode':'token'" more "}"
#define POLICY(more) ",'networkPolicy':{" more "}"
#define TLS ",'tlsOptions':{'enabled':true}"
#define BACKEND "'GCSFaultToleranceEmbeddedStorage':true"
#define HISTORY "'RayClusterHistoryServer':true"
#define POLICIES "'RayClusterNetworkPolicy':true"
#define MTLS "'RayClusterMTLS':true"
#define METADATA "InvalidRayClusterMetadata"
#define SPEC "InvalidRayClusterSpec"
#define STATUS "InvalidRayClusterStatus"

static const struct row {
    const char *row, *gates, *meta, *spec, *reason, *words; /* reason NULL: valid */
} rows[] = {
    {"a plain one", "", "", PLAIN GROUP(BOX("")), NULL, ""},

    {"1 head without containers", "", "", HEAD("'template':{'spec':{'containers':[]}}"), SPEC,
     "headGroupSpec should have at least one container"},
    {"2 resources twice", "", "", HEAD("'rayStartParams':{'num-gpus':'1'},'resources':{'CPU':'1'}," BOX("")), SPEC,
     "use only one"},
    {"2 an empty parameter is none", "", "", HEAD("'rayStartParams':{'num-gpus':''},'resources':{'CPU':'1'}," BOX("")),
     NULL, ""},
    {"3 labels as a parameter", "", "", PARAM("labels", "a=b"), SPEC, "top-level Labels"},
    {"4 label key", "", "", HEAD("'labels':{'-bad':'v'}," BOX("")), SPEC, "invalid label key for Head group: '-bad'"},
    {"4 label value", "", "", HEAD("'labels':{'a':'b c'}," BOX("")), SPEC,
     "invalid label value for key 'a' in Head group: 'b c'"},

    {"a head service of its own name", "", "", HEAD("'headService':{'metadata':{'name':'mine'}}," BOX("")), NULL, ""},
    {"a head service whose name is a URL", "", "",
     HEAD("'headService':{'metadata':{'name':'s.other.svc.cluster.local:8265/api/jobs/?x='}}," BOX("")), SPEC,
     "headService.metadata.name: no Service can be called \"s.other.svc.cluster.local:8265/api/jobs/?x=\""},
    {"a head service of another namespace", "", "", HEAD("'headService':{'metadata':{'name':'s.other'}}," BOX("")),
     SPEC, "headService.metadata.name: no Service can be called \"s.other\""},

    {"5 group without containers", "", "", PLAIN GROUP("'template':{'spec':{'containers':[]}}"), SPEC,
     "workerGroupSpec should have at least one container"},
    {"6 no bounds", "", "", PLAIN ",'workerGroupSpecs':[{'groupName':'g','minReplicas':0," BOX("") "}]", SPEC,
     "must set both minReplicas and maxReplicas"},
    {"6 an autoscaler has its own", "", "", PLAIN SCALED ",'workerGroupSpecs':[{'groupName':'g'," BOX("") "}]", NULL,
     ""},
    {"7 negative minReplicas", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'g','minReplicas':-4,'maxReplicas':3," BOX("") "}]", SPEC,
     "worker group g has negative minReplicas -4"},
    {"7 negative maxReplicas", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'g','minReplicas':0,'maxReplicas':-1," BOX("") "}]", SPEC,
     "worker group g has negative maxReplicas -1"},
    {"8 min above max", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'g','minReplicas':4,'maxReplicas':3," BOX("") "}]", SPEC,
     "minReplicas 4 greater than maxReplicas 3"},
    {"9 resources twice", "", "", G(",'rayStartParams':{'memory':'1'},'resources':{'CPU':'1'}"), SPEC,
     "for g group; please use only one"},
    {"9 labels as a parameter", "", "", G(",'rayStartParams':{'labels':'a=b'}"), SPEC, "not supported for g group"},
    {"9 label key", "", "", G(",'labels':{'-bad':'v'}"), SPEC, "invalid label key for g group"},
    {"10 negative idle time", "", "", PLAIN SCALED V2 GROUP(BOX("") ",'idleTimeoutSeconds':-1"), SPEC,
     "idleTimeoutSeconds must be non-negative, got -1"},
    {"11 idle time without v2", "", "", G(",'idleTimeoutSeconds':5"), SPEC, "autoscaler v2 is not enabled"},
    {"11 v2 by the head's environment", "", "",
     WITH_ENV("RAY_enable_autoscaler_v2", "1") SCALED GROUP(BOX("") ",'idleTimeoutSeconds':5"), NULL, ""},
    {"12 priority without version", "", "", PLAIN SCALED V2 GROUP(BOX("") ",'priority':2"), SPEC,
     "Ray version 2.56.0 or later is required"},
    {"12 priority 0 is none", "", "", G(",'priority':0"), NULL, ""},
    {"13 priority, no version at all", "", "", PLAIN SCALED V2 GROUP(BOX("") ",'priority':2") ",'rayVersion':'nightly'",
     SPEC, "format"},
    {"13 priority, too old", "", "", PLAIN SCALED V2 GROUP(BOX("") ",'priority':2") ",'rayVersion':'2.55.9'", SPEC,
     "minimum Ray version is 2.56.0, got 2.55.9"},
    {"14 priority without v2", "", "", PLAIN SCALED GROUP(BOX("") ",'priority':2") ",'rayVersion':'2.56.0'", SPEC,
     "priority is set to 2, but autoscaler v2 is not enabled"},
    {"14 priority", "", "", PLAIN SCALED V2 GROUP(BOX("") ",'priority':2") ",'rayVersion':'v2.56'", NULL, ""},

    {"15 both ways of fault tolerance", "", NOTE("ray.io/ft-enabled", "false"), PLAIN FT(""), SPEC, "are both set"},
    {"16 an address without fault tolerance", "", "", WITH_ENV("RAY_REDIS_ADDRESS", "r:1"), SPEC,
     "RAY_REDIS_ADDRESS is set which implicitly enables"},
    {"16 with the annotation", "", NOTE("ray.io/ft-enabled", "True"), WITH_ENV("RAY_REDIS_ADDRESS", "r:1"), NULL, ""},
    {"17 password as a parameter", "", "", PARAM("redis-password", "x") FT(""), SPEC,
     "cannot set `redis-password` in rayStartParams"},
    {"18 password in the environment", "", "", WITH_ENV("REDIS_PASSWORD", "x") FT(""), SPEC,
     "cannot set `REDIS_PASSWORD` env var"},
    {"19 address in the environment", "", "", WITH_ENV("RAY_REDIS_ADDRESS", "x") FT(""), SPEC,
     "cannot set `RAY_REDIS_ADDRESS` env var"},
    {"20 namespace as an annotation", "", NOTE("ray.io/external-storage-namespace", "x"), PLAIN FT(""), SPEC,
     "cannot set `ray.io/external-storage-namespace` annotation"},
    {"21 RocksDB without its gate", "", "", PLAIN ROCKS(""), SPEC,
     "requires the GCSFaultToleranceEmbeddedStorage feature gate"},
    {"21 all alpha gates", "'AllAlpha':true", "", PLAIN ROCKS(""), NULL, ""},
    {"21 all alpha gates but this", "'AllAlpha':true,'GCSFaultToleranceEmbeddedStorage':false", "", PLAIN ROCKS(""),
     SPEC, "requires the GCSFaultToleranceEmbeddedStorage"},
    {"22 RocksDB with an address", BACKEND, "", PLAIN ROCKS(",'redisAddress':'x'"), SPEC,
     "GcsFaultToleranceOptions.RedisAddress when backend is 'rocksdb'"},
    {"22 with a user", BACKEND, "", PLAIN ROCKS(",'redisUsername':{}"), SPEC, "RedisUsername when"},
    {"22 with a password", BACKEND, "", PLAIN ROCKS(",'redisPassword':{'value':'x'}"), SPEC, "RedisPassword when"},
    {"22 with a namespace", BACKEND, "", PLAIN ROCKS(",'externalStorageNamespace':'x'"), SPEC,
     "ExternalStorageNamespace when"},
    {"22 empty texts are none", BACKEND, "", PLAIN ROCKS(",'redisAddress':'','externalStorageNamespace':''"), NULL, ""},
    {"23 claim and size", BACKEND, "", PLAIN ROCKS(",'storage':{'claimName':'x','size':'1Gi'}"), SPEC,
     "mutually exclusive"},
    {"23 claim and class", BACKEND, "", PLAIN ROCKS(",'storage':{'claimName':'x','storageClassName':''}"), SPEC,
     "mutually exclusive"},
    {"23 claim and modes", BACKEND, "", PLAIN ROCKS(",'storage':{'claimName':'x','accessModes':['ReadWriteOnce']}"),
     SPEC, "mutually exclusive"},
    {"23 no modes", BACKEND, "", PLAIN ROCKS(",'storage':{'claimName':'x','accessModes':[]}"), NULL, ""},
    {"23 no claim", BACKEND, "", PLAIN ROCKS(",'storage':{'size':'1Gi','storageClassName':'s','accessModes':['x']}"),
     NULL, ""},
    {"24 storage in the environment", BACKEND, "", WITH_ENV("RAY_gcs_storage", "x") ROCKS(""), SPEC, "RAY_gcs_storage"},
    {"24 its path", BACKEND, "", WITH_ENV("RAY_gcs_storage_path", "x") ROCKS(""), SPEC, "RAY_gcs_storage_path"},
    {"25 mount by name", BACKEND, "", MOUNT("gcs-storage", "/x") ROCKS(""), SPEC, "volume mount named \"gcs-storage\""},
    {"25 mount by path", BACKEND, "", MOUNT("x", "/data/gcs") ROCKS(""), SPEC, "mounted at /data/gcs"},
    {"26 volume", BACKEND, "",
     HEAD("'template':{'spec':{'containers':[{'name':'c'}],'volumes':[{'name':'gcs-storage'}]}}") ROCKS(""), SPEC,
     "a volume named \"gcs-storage\""},
    {"27 storage with Redis", "", "", PLAIN FT("'storage':{'size':'1Gi'}"), SPEC, "Storage when backend is 'redis'"},
    {"28 user as a parameter", "", "", PARAM("redis-username", "x"), SPEC, "cannot set redis username"},
    {"28 user in the environment", "", "", WITH_ENV("REDIS_USERNAME", "x") FT("'redisAddress':'r:1'"), SPEC,
     "cannot set redis username"},

    {"29 suspended group without the gate", "'RayJobDeletionPolicy':false", "", G(",'suspend':true"), SPEC,
     "can be suspended only when the RayJobDeletionPolicy"},
    {"29 with it", "", "", G(",'suspend':true"), NULL, ""},
    {"29 all beta gates off", "'AllBeta':false,'RayClusterStatusConditions':true", "", G(",'suspend':true"), SPEC,
     "RayJobDeletionPolicy"},
    {"30 v2 without an autoscaler", "", "", WITH_ENV("RAY_enable_autoscaler_v2", "true"), SPEC,
     "cannot be set to 'true' when enableInTreeAutoscaling is false"},
    {"30 v1 without an autoscaler", "", "", WITH_ENV("RAY_enable_autoscaler_v2", "0"), NULL, ""},
    {"31 suspended group with an autoscaler", "", "", G(",'suspend':true") SCALED, SPEC,
     "worker group g cannot be suspended with Autoscaler enabled"},
    {"32 version twice", "", "", WITH_ENV("RAY_enable_autoscaler_v2", "0") SCALED V2, SPEC,
     "please only use the former"},
    {"33 head that restarts", "", "",
     HEAD("'template':{'spec':{'restartPolicy':'Always','containers':[{'name':'c'}]}}") SCALED V2, SPEC,
     "restartPolicy for head Pod should be Never"},
    {"33 with v1 it may", "", "",
     HEAD("'template':{'spec':{'restartPolicy':'Always','containers':[{'name':'c'}]}}") SCALED, NULL, ""},
    {"34 group that restarts", "", "",
     PLAIN SCALED V2 GROUP("'template':{'spec':{'restartPolicy':'OnFailure','containers':[{'name':'c'}]}}"), SPEC,
     "restartPolicy for worker group g"},
    {"35 negative idle time", "", "", PLAIN ",'autoscalerOptions':{'idleTimeoutSeconds':-5}", SPEC,
     "autoscalerOptions.idleTimeoutSeconds must be non-negative, got -5"},
    {"36 environment that is ours", "", "",
     PLAIN ",'autoscalerOptions':{'env':[" ENV("KUBERAY_GEN_AUTOSCALER_START_CMD", "x") "]}", SPEC,
     "must not contain KUBERAY_GEN_AUTOSCALER_START_CMD"},

    {"37 collector without the gate", "", "", PLAIN COLLECT(""), SPEC,
     "RayClusterHistoryServer feature gate is not enabled"},
    {"38 no options", HISTORY, "", PLAIN ",'historyServerOptions':{}", SPEC, "collectorOptions must be set"},
    {"39 no image", HISTORY, "", PLAIN ",'historyServerOptions':{'collectorOptions':{'image':''}}", SPEC,
     "image must be set"},
    {"41 no backend", HISTORY, "", PLAIN COLLECT(""), SPEC, "STORAGE_BACKEND environment variable must be set"},
    {"41 a backend that is not literal", HISTORY, "",
     PLAIN COLLECT("{'name':'STORAGE_BACKEND','valueFrom':{'secretKeyRef':{}}}"), SPEC, "literal"},
    {"42 GCS", HISTORY, "", PLAIN COLLECT(ENV("STORAGE_BACKEND", "gcs")), SPEC,
     "GCS_BUCKET environment variable must be set when STORAGE_BACKEND is GCS"},
    {"42 S3", HISTORY, "", PLAIN COLLECT(ENV("STORAGE_BACKEND", "S3")), SPEC, "S3_REGION"},
    {"42 S3 with its region", HISTORY, "", PLAIN COLLECT(ENV("STORAGE_BACKEND", "s3") "," ENV("S3_REGION", "r")), NULL,
     ""},
    {"42 OSS: bucket", HISTORY, "", PLAIN COLLECT(ENV("STORAGE_BACKEND", "aliyunoss")), SPEC, "OSS_BUCKET"},
    {"42 OSS: endpoint", HISTORY, "", PLAIN COLLECT(ENV("STORAGE_BACKEND", "aliyunoss") "," ENV("OSS_BUCKET", "b")),
     SPEC, "OSS_ENDPOINT"},
    {"42 OSS: region", HISTORY, "",
     PLAIN COLLECT(ENV("STORAGE_BACKEND", "aliyunoss") "," ENV("OSS_BUCKET", "b") "," ENV("OSS_ENDPOINT", "e")), SPEC,
     "OSS_REGION"},
    {"42 a backend that we do not know", HISTORY, "", PLAIN COLLECT(ENV("STORAGE_BACKEND", "tape")), NULL, ""},
    {"43 Azure: neither", HISTORY, "", PLAIN COLLECT(ENV("STORAGE_BACKEND", "azureblob")), SPEC,
     "either AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_URL"},
    {"43 Azure: one of them", HISTORY, "",
     PLAIN COLLECT(ENV("STORAGE_BACKEND", "azureblob") "," ENV("AZURE_STORAGE_ACCOUNT_URL", "u")), NULL, ""},
    {"43 Azure: connection", HISTORY, "",
     PLAIN COLLECT(ENV("STORAGE_BACKEND", "azureblob") "," ENV(
         "AZURE_STORAGE_AUTH_MODE", " Connection_String ") "," ENV("AZURE_STORAGE_ACCOUNT_URL", "u")),
     SPEC, "AZURE_STORAGE_AUTH_MODE is connection_string"},
    {"43 Azure: identity", HISTORY, "",
     PLAIN COLLECT(ENV("STORAGE_BACKEND", "azureblob") "," ENV("AZURE_STORAGE_AUTH_MODE", "workload_identity")), SPEC,
     "AZURE_STORAGE_ACCOUNT_URL environment variable"},
    {"43 Azure: default", HISTORY, "",
     PLAIN COLLECT(ENV("STORAGE_BACKEND", "azureblob") "," ENV("AZURE_STORAGE_AUTH_MODE", "default")), SPEC,
     "AZURE_STORAGE_AUTH_MODE is default"},
    {"44 head with a collector", HISTORY, "",
     HEAD("'template':{'spec':{'containers':[{'name':'c'},{'name':'ray-history-collector'}]}}")
         COLLECT(ENV("STORAGE_BACKEND", "x")),
     SPEC, "head pod template must not define a container with name 'ray-history-collector'"},
    {"44 group with a collector", HISTORY, "",
     PLAIN GROUP("'template':{'spec':{'containers':[{'name':'ray-history-collector'}]}}")
         COLLECT(ENV("STORAGE_BACKEND", "x")),
     SPEC, "worker group g pod template must not"},

    {"45 token without version", "", "", PLAIN TOKEN(""), SPEC, "2.52.0 or later is required"},
    {"46 token, too old", "", "", PLAIN TOKEN("") ",'rayVersion':'2.51.0'", SPEC,
     "minimum Ray version is 2.52.0, got 2.51.0"},
    {"46 token, no version at all", "", "", PLAIN TOKEN("") ",'rayVersion':'nightly'", SPEC, "format"},
    {"46 one number is none", "", "", PLAIN TOKEN("") ",'rayVersion':'3'", SPEC, "format"},
    {"46 leading zero", "", "", PLAIN TOKEN("") ",'rayVersion':'02.60.0'", SPEC, "format"},
    {"46 what follows does not count", "", "", PLAIN TOKEN("") ",'rayVersion':'2.52.0rc1'", NULL, ""},
    {"46 a later major version", "", "", PLAIN TOKEN("") ",'rayVersion':' v3.0'", NULL, ""},
    {"47 Kubernetes' tokens, too old", "", "", PLAIN TOKEN(",'enableK8sTokenAuth':true") ",'rayVersion':'2.54.0'", SPEC,
     "enableK8sTokenAuth is enabled but minimum Ray version is 2.55.0"},
    {"47 and a Secret", "", "", PLAIN TOKEN(",'enableK8sTokenAuth':true,'secretName':'s'") ",'rayVersion':'2.55.0'",
     SPEC, "secretName is also set"},
    {"47 Kubernetes' tokens", "", "", PLAIN TOKEN(",'enableK8sTokenAuth':true") ",'rayVersion':'2.55.0'", NULL, ""},
    {"48 Kubernetes' tokens without mode", "", "", PLAIN ",'authOptions':{'enableK8sTokenAuth':true}", SPEC,
     "mode not set to 'token'"},

    {"49 policy without the gate", "", "", PLAIN POLICY(""), SPEC, "requires the RayClusterNetworkPolicy feature gate"},
    {"50 head: ingress is free", POLICIES, "", PLAIN POLICY("'mode':'DenyAllEgress','head':{'ingressRules':[{}]}"),
     SPEC, "networkPolicy.head.ingressRules cannot be set when mode is \"DenyAllEgress\" (ingress is not restricted)"},
    {"50 worker: ingress is free", POLICIES, "", PLAIN POLICY("'mode':'DenyAllEgress','worker':{'ingressRules':[{}]}"),
     SPEC, "networkPolicy.worker.ingressRules"},
    {"50 head: egress is free", POLICIES, "", PLAIN POLICY("'mode':'DenyAllIngress','head':{'egressRules':[{}]}"), SPEC,
     "networkPolicy.head.egressRules cannot be set when mode is \"DenyAllIngress\" (egress is not restricted)"},
    {"50 worker: egress is free", POLICIES, "", PLAIN POLICY("'mode':'DenyAllIngress','worker':{'egressRules':[{}]}"),
     SPEC, "networkPolicy.worker.egressRules"},
    {"50 both are denied", POLICIES, "", PLAIN POLICY("'head':{'ingressRules':[{}],'egressRules':[{}]}"), NULL, ""},
    {"51 group name", POLICIES, "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'BigG','minReplicas':0,'maxReplicas':1," BOX("") "}]" POLICY(""), SPEC,
     "worker group name \"BigG\" must be a valid DNS1123 label"},
    {"51 capitals without a policy", POLICIES, "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'BigG','minReplicas':0,'maxReplicas':1," BOX("") "}]", NULL, ""},
    {"no pod could have it in its name", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'Big_G','minReplicas':0,'maxReplicas':1," BOX("") "}]", SPEC,
     "spec.workerGroupSpecs[0].groupName: no pod can have \"Big_G\""},
    {"no pod could have it as a label", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'a b','minReplicas':0,'maxReplicas':1," BOX("") "}]", SPEC,
     "spec.workerGroupSpecs[0].groupName: no pod can have \"a b\""},
    {"52 group: ingress is free", POLICIES, "",
     G("") POLICY("'mode':'DenyAllEgress','workerGroups':[{'groupName':'g','ingressRules':[{}]}]"), SPEC,
     "networkPolicy.workerGroups[\"g\"].ingressRules cannot be set"},
    {"52 no such group", POLICIES, "", G("") POLICY("'workerGroups':[{'groupName':'h'}]"), SPEC,
     "networkPolicy.workerGroups[\"h\"] does not match"},
    {"52 rules of a group", POLICIES, "", G("") POLICY("'workerGroups':[{'groupName':'g','egressRules':[{}]}]"), NULL,
     ""},

    {"53 TLS without the gate", "", "", PLAIN ",'tlsOptions':{'enabled':false}", SPEC,
     "requires the RayClusterMTLS feature gate"},
    {"54 head", MTLS, "", WITH_ENV("RAY_USE_TLS", "0") TLS, SPEC,
     "cannot set RAY_USE_TLS environment variable in head Pod"},
    {"54 group", MTLS, "", PLAIN GROUP(BOX(",'env':[" ENV("RAY_TLS_CA_CERT", "x") "]")) TLS, SPEC,
     "cannot set RAY_TLS_CA_CERT environment variable in worker group \"g\""},
    {"54 autoscaler", MTLS, "", PLAIN ",'autoscalerOptions':{'env':[" ENV("RAY_TLS_SERVER_KEY", "x") "]}" TLS, SPEC,
     "cannot set RAY_TLS_SERVER_KEY environment variable in autoscalerOptions"},
    {"54 the certificate too", MTLS, "", WITH_ENV("RAY_TLS_SERVER_CERT", "x") TLS, SPEC, "RAY_TLS_SERVER_CERT"},
    {"54 not with TLS off", MTLS, "", WITH_ENV("RAY_USE_TLS", "0") ",'tlsOptions':{'enabled':false}", NULL, ""},
    {"55 head: mount by name", MTLS, "", MOUNT("ray-tls", "/x") TLS, SPEC,
     "volume mount named \"ray-tls\" in head Pod"},
    {"55 head: mount by path", MTLS, "", MOUNT("x", "/etc/ray/tls") TLS, SPEC,
     "volume mount at path \"/etc/ray/tls\" in head Pod"},
    {"55 group", MTLS, "", PLAIN GROUP(BOX(",'volumeMounts':[{'name':'ray-tls','mountPath':'/x'}]")) TLS, SPEC,
     "in worker group \"g\""},
    {"55 autoscaler", MTLS, "",
     PLAIN ",'autoscalerOptions':{'volumeMounts':[{'name':'x','mountPath':'/etc/ray/tls'}]}" TLS, SPEC,
     "in autoscalerOptions"},

    {"5.3 strategy", "", "", PLAIN ",'upgradeStrategy':{'type':'Rolling'}", SPEC,
     "The RayCluster spec is invalid: Spec.UpgradeStrategy.Type value Rolling is invalid, valid options are Recreate "
     "or "
     "None"},
    {"5.3 none", "", "", PLAIN ",'upgradeStrategy':{'type':'None'}", NULL, ""},
    {"5.3 of a RayJob", "", ",'labels':{'ray.io/originated-from-crd':'RayJob'}",
     PLAIN ",'upgradeStrategy':{'type':'None'}", SPEC,
     "upgradeStrategy cannot be set when RayCluster is created by RayJob"},
    {"5.3 of a RayService", "", ",'labels':{'ray.io/originated-from-crd':'RayService'}",
     PLAIN ",'upgradeStrategy':{'type':'Recreate'}", SPEC, "created by RayService"},

    /* the first that fails speaks */
    {"order: groups before fault tolerance", "", NOTE("ray.io/ft-enabled", "true"), G(",'replicas':-1") FT(""), SPEC,
     "negative replicas"},
    {"order: fault tolerance before autoscaler", "", NOTE("ray.io/ft-enabled", "true"),
     WITH_ENV("RAY_enable_autoscaler_v2", "1") FT(""), SPEC, "both set"},
    {"order: authentication before the gate of policies", "", "", PLAIN TOKEN("") POLICY(""), SPEC, "2.52.0"},
    {"order: the collector before the gate of TLS", HISTORY, "", PLAIN COLLECT("") TLS, SPEC, "STORAGE_BACKEND"},
    {"order: policies before the gate of TLS", POLICIES, "", PLAIN POLICY("'workerGroups':[{'groupName':'h'}]") TLS,
     SPEC, "does not match"},

    /* ours */
    {"two groups of one name", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'a','minReplicas':0,'maxReplicas':1," BOX(
         "") "},{'groupName':'a','minReplicas':0,'maxReplicas':1," BOX("") "}]",
     SPEC, "workerGroupSpecs[1].groupName"},
    {"the head's group", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'headgroup','minReplicas':0,'maxReplicas':1," BOX("") "}]", SPEC,
     "another name"},
    {"a group without name", "", "",
     PLAIN ",'workerGroupSpecs':[{'groupName':'','minReplicas':0,'maxReplicas':1," BOX("") "}]", SPEC, "needs a name"},
    {"negative replicas", "", "", G(",'replicas':-1"), SPEC, "negative replicas -1"},
    {"negative hosts", "", "", G(",'numOfHosts':-2"), SPEC, "negative numOfHosts -2"},
};

static bool same_reason(const char *a, const char *b) { return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b; }

static const char *verdict(struct rv_arena *a, const struct row *r, struct rv_buf *message) {
    struct rc_cluster c;
    const struct rc_settings settings = {.probes_injection = true,
                                         .gates = quoted(a, rv_arena_fmt(a, "{%s}", r->gates).p)};
    made(a, r->meta, r->spec, &settings, &c);
    return rc_validate(&c, message);
}

static void test_rules(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf message = {0};
        const char *reason = verdict(a, &rows[i], &message), *text = message.n != 0 ? rv_buf_cstr(&message) : "";
        bool same = same_reason(reason, rows[i].reason);
        if (!same || strstr(text, rows[i].words) == NULL)
            printf("\n    %s: %s", reason != NULL ? reason : "valid", text);
        CHECK_ROW(same, rows[i].row);
        CHECK_ROW(strstr(text, rows[i].words) != NULL, rows[i].row);
        bool quoted =
            reason == NULL || strncmp(rows[i].row, "5.", 2) == 0 || refused_as_by_reference(atoi(rows[i].row), text);
        if (!quoted) printf("\n    not in the reference's words: %s", text);
        CHECK_ROW(quoted, rows[i].row);
    }
}

/* 40: every name that the collector gets from us. */
static void test_collector_names(void) {
    static const char *const names[] = {"POD_IP",   "FQ_RAY_IP",  "RAY_CLUSTER_NAME", "RAY_CLUSTER_NAMESPACE",
                                        "RAY_ROLE", "OWNER_KIND", "OWNER_NAME",       "EVENTS_PORT"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf message = {0};
        struct row r = {names[i], HISTORY, "", NULL, NULL, NULL};
        r.spec = rv_arena_fmt(a, PLAIN COLLECT(ENV("STORAGE_BACKEND", "x") "," ENV("%s", "x")), names[i]).p;
        CHECK_ROW(verdict(a, &r, &message) != NULL, names[i]);
        CHECK_ROW(strstr(rv_buf_cstr(&message), names[i]) != NULL, names[i]);
        CHECK_ROW(refused_as_by_reference(40, rv_buf_cstr(&message)), names[i]);
    }
}

static void test_metadata_and_status(void) {
    static const struct {
        const char *name, *conditions, *reason, *words;
    } objects[] = {
        {"a123456789b123456789c123456789d123456789e123456789f12", "", NULL, ""},
        {"a123456789b123456789c123456789d123456789e123456789f123", "", METADATA,
         "RayCluster name should be no more than 53 characters"},
        {"1digit", "", METADATA, "RayCluster name should be a valid DNS1035 label: "},
        {"With-Capitals", "", METADATA, "DNS1035"},
        {"c", "{'type':'RayClusterSuspending','status':'True'},{'type':'RayClusterSuspended','status':'False'}", NULL,
         ""},
        {"c", "{'type':'RayClusterSuspending','status':'True'},{'type':'RayClusterSuspended','status':'True'}", STATUS,
         "invalid RayCluster State: rayv1.RayClusterSuspending and rayv1.RayClusterSuspended conditions should not be "
         "both "
         "true"},
    };
    static const struct rc_settings settings = {.probes_injection = true};
    for (size_t i = 0; i < RV_ARRAY_LEN(objects); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf message = {0};
        struct rc_cluster c;
        struct rv_str text = rv_arena_fmt(a, "{'metadata':{'name':'%s'},'spec':{%s},'status':{'conditions':[%s]}}",
                                          objects[i].name, PLAIN, objects[i].conditions);
        rc_cluster_read(&c, quoted(a, text.p), &settings);
        const char *reason = rc_validate(&c, &message), *words = message.n != 0 ? rv_buf_cstr(&message) : "";
        CHECK_ROW(same_reason(reason, objects[i].reason), objects[i].name);
        CHECK_ROW(strstr(words, objects[i].words) != NULL, objects[i].name);
    }
}

static void test_gates(void) {
    static const struct {
        const char *gates;
        int want;
        const char *words;
    } maps[] = {
        {"{}", 0, NULL},
        {"{'RayClusterMTLS':true,'AllAlpha':false,'AllBeta':true}", 0, NULL},
        {"{'RayClusterStatusConditions':true,'AllBeta':false}", 0, NULL},
        {"{'RayClusterStatusConditions':false}", RV_E_CONFIG, NULL},
        {"{'AllBeta':false}", RV_E_CONFIG, NULL},
        {"{'NoSuchGate':true}", RV_E_CONFIG, "has no gate \"NoSuchGate\" (gates: AllAlpha, "},
        {"{'rayClusterMTL':true}", RV_E_CONFIG, "has no gate \"rayClusterMTL\": did you mean \"RayClusterMTLS\"?"},
        {"{'RayClusterMTLS':'true'}", RV_E_CONFIG, "must be true or false"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(maps); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_error err = {0};
        CHECK_ROW(rc_check_gates(quoted(a, maps[i].gates), &err) == maps[i].want, maps[i].gates);
        CHECK_ROW(maps[i].words == NULL || strstr(err.text, maps[i].words) != NULL, err.text);
    }
}

/* Spec section 8.4. */
static void test_desired(void) {
    static const struct {
        const char *group;
        int64_t want;
    } groups[] = {{"{\"replicas\":2,\"minReplicas\":0,\"maxReplicas\":5}", 2},
                  {"{\"replicas\":9,\"minReplicas\":0,\"maxReplicas\":5}", 5},
                  {"{\"replicas\":0,\"minReplicas\":3,\"maxReplicas\":5}", 3},
                  {"{\"minReplicas\":3,\"maxReplicas\":5}", 3},
                  {"{\"replicas\":2,\"numOfHosts\":4}", 8},
                  {"{\"replicas\":2,\"suspend\":true}", 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(groups); i++) {
        rv_autobuf struct rv_buf mp = {0};
        CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_str(groups[i].group), NULL, &mp, NULL), 0);
        CU_ASSERT_EQUAL(rc_group_desired((struct rv_val){mp.p, mp.n}), groups[i].want);
    }
}

static const struct suite_test tests[] = {
    {"each rule refuses what it should", test_rules},
    {"names that the collector gets from us", test_collector_names},
    {"metadata and status", test_metadata_and_status},
    {"gates", test_gates},
    {"desired workers", test_desired},
};
SUITE_MAIN("raycluster validation", tests)
