/* fuzz_reconcile.c - a whole controller (FUZZ_PLUGIN) in the real host engine, with objects that somebody changes at
 * random: an edit or a status that happens in life, or any value in any place, which no schema has seen. Servers answer
 * anything. The plugin may refuse what it likes; it must not crash, nor ask for more and more. When nothing happens any
 * more it comes to rest: it neither writes on and on, nor wants to run without a pause. */
#include <stdlib.h>

#include "rayvisor/json.h"
#include "rayvisor/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const struct rv_plugin *rv_plugin_v3(void);

/* REST_MS: after so long nothing more may happen than in life, and so often: WRITES_AT_REST (a run each minute writes a
 * few times, and so do retries), RUNS_AT_REST (servers are asked again after seconds). */
enum {
    STEPS = 16,
    ROUNDS = 8,
    WRITES_A_STEP = 4000,
    DEPTH = 12,
    MANY = 300,
    LARGEST = 3 << 20,
    REST_MS = 300000,
    WRITES_AT_REST = 150,
    RUNS_AT_REST = 1500
};

/* ---- input ------------------------------------------------------------------------------------------------------ */

struct fixture {
    const uint8_t *at, *end;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    struct rv_test_random random;
    uint8_t refused; /* this verb is, with that code */
};

static uint8_t next(struct fixture *w) { return w->at < w->end ? *w->at++ : 0; }
static bool more(const struct fixture *w) { return w->at < w->end; }

/* Single quotes stand for double ones. */
static struct rv_val json(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0}, mp = {0};
    rv_buf_adds(&b, text);
    for (size_t i = 0; i < b.n; i++) b.p[i] = b.p[i] == '\'' ? '"' : b.p[i];
    if (rv_json_to_mp(rv_buf_str(&b), NULL, &mp, NULL) != 0) abort();
    struct rv_str kept = rv_arena_str(a, rv_buf_str(&mp));
    return (struct rv_val){(const uint8_t *)kept.p, kept.n};
}

/* ---- what happens in life ---------------------------------------------------------------------------------------- */

#define POD(image)                                                                                                     \
    "{'spec':{'containers':[{'name':'ray','image':'" image "','ports':[{'name':'serve','containerPort':8000}]}]}}"
#define CLUSTER                                                                                                        \
    "{'rayVersion':'2.56.0','headGroupSpec':{'rayStartParams':{},'template':" POD(                                     \
        "h") "},'workerGroupSpecs':[{'groupName':'g','replicas':1,'minReplicas':0,'maxReplicas':3,'rayStartParams':{}" \
             ",'"                                                                                                      \
             "template':" POD("w") "},{'groupName':'k','replicas':1,'minReplicas':0,'maxReplicas':2,'numOfHosts':2,"   \
                                   "'rayStartParams':{},'template':" POD("w") "}]}"

static const struct {
    const char *plugin, *resource, *spec, *cluster, *settings; /* cluster: the path of a RayCluster's spec in it */
} kinds[] = {
    {"raycluster", "rayclusters", CLUSTER, "",
     "{\"featureGates\":{\"GCSFaultToleranceEmbeddedStorage\":true,\"RayClusterMTLS\":true,"
     "\"RayClusterNetworkPolicy\":true}}"},
    {"mtls", "rayclusters", CLUSTER, "", NULL},
    {"networkpolicy", "rayclusters", CLUSTER, "", NULL},
    {"autoscaler", "rayclusters", CLUSTER, "", NULL},
    {"rayjob", "rayjobs", "{'entrypoint':'x','rayClusterSpec':" CLUSTER "}", "rayClusterSpec", NULL},
    {"rayservice", "rayservices",
     "{'serveConfigV2':'applications:\\n- {name: a, import_path: b.c}\\n','rayClusterConfig':" CLUSTER "}",
     "rayClusterConfig", NULL},
    {"raycronjob", "raycronjobs",
     "{'schedule':'* * * * *','timeZone':'UTC','jobTemplate':{'entrypoint':'x','rayClusterSpec':" CLUSTER "}}",
     "jobTemplate.rayClusterSpec", NULL},
};

/* Of a RayCluster's spec. */
static const char *const edits[] = {
    "{'enableInTreeAutoscaling':true}",
    "{'enableInTreeAutoscaling':true,'autoscalerOptions':{'version':'v2'}}",
    "{'suspend':true}",
    "{'suspend':false}",
    "{'headGroupSpec':{'enableIngress':true}}",
    "{'headGroupSpec':{'headService':{'spec':{'type':'NodePort'}}}}",
    "{'headGroupSpec':{'headService':{'metadata':{'name':'mine'}}}}",
    "{'authOptions':{'mode':'token'}}",
    "{'networkPolicy':{'mode':'DenyAll'}}",
    "{'tlsOptions':{'enabled':true}}",
    "{'gcsFaultToleranceOptions':{'redisAddress':'r:6379'}}",
    "{'gcsFaultToleranceOptions':{'backend':'rocksdb'}}",
    "{'workerGroupSpecs':null}",
    "{'workerGroupSpecs':[{'groupName':'z','replicas':2,'minReplicas':1,'maxReplicas':3,'rayStartParams':{},'template'"
    ":" POD("w") "}]}",
    "{'upgradeStrategy':{'type':'Recreate'}}",
    "{'managedBy':'kueue.x-k8s.io/multikueue'}",
};
/* Of a primary object. */
static const char *const own_edits[] = {
    "{'spec':{'suspend':true}}",
    "{'spec':{'suspend':false}}",
    "{'spec':{'submissionMode':'HTTPMode'}}",
    "{'spec':{'submissionMode':'SidecarMode'}}",
    "{'spec':{'shutdownAfterJobFinishes':true,'ttlSecondsAfterFinished':3,'backoffLimit':2}}",
    "{'spec':{'activeDeadlineSeconds':9}}",
    "{'spec':{'clusterSelector':{'ray.io/cluster':'c'}}}",
    "{'spec':{'upgradeStrategy':{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':{'stepSizePercent':"
    "50,"
    "'intervalSeconds':1,'gatewayClassName':'g'}}}}",
    "{'spec':{'upgradeStrategy':{'type':'NewCluster'}}}",
    "{'spec':{'serveConfigV2':''}}",
    "{'spec':{'serveService':{'spec':{'type':'LoadBalancer'}}}}",
    "{'spec':{'schedule':'@every 1h'}}",
    "{'metadata':{'annotations':{'rayvisor.io/autoscaler':'operator','ray.io/enable-serve-service':'true'}}}",
    "{'metadata':{'annotations':{'rayvisor.io/traffic':'Endpoints','rayvisor.io/upgrade-deadline':'5'}}}",
    "{'metadata':{'labels':{'kueue.x-k8s.io/queue-name':'q'}}}",
};
static const char *const statuses[] = {
    "{'status':{'phase':'Running','podIP':'10.0.0.1','conditions':[{'type':'Ready','status':'True'}],"
    "'containerStatuses':[{'name':'ray','ready':true,'restartCount':1}]}}",
    "{'status':{'phase':'Failed','reason':'Evicted','containerStatuses':[{'name':'ray','state':{'terminated':{"
    "'exitCode':1,'reason':'Error','finishedAt':'2023-11-14T22:13:20Z'}}}]}}",
    "{'status':{'phase':'Pending','conditions':[{'type':'PodScheduled','status':'False','reason':'Unschedulable'}]}}",
    "{'status':{'state':'ready','readyWorkerReplicas':3,'conditions':[{'type':'HeadPodReady','status':'True'},{'type':"
    "'RayClusterProvisioned','status':'True'}],'head':{'serviceName':'c-head-svc','podName':'x','podIP':'10.0.0.1'}}}",
    "{'status':{'conditions':[{'type':'Complete','status':'True','lastTransitionTime':'2023-11-14T22:13:20Z'}]}}",
    "{'status':{'conditions':[{'type':'Failed','status':'True','reason':'BackoffLimitExceeded'}]}}",
    "{'status':{'conditions':[{'type':'Ready','status':'True','observedGeneration':1}],'notAfter':"
    "'2023-11-14T23:13:20Z'}}",
    "{'status':{'jobDeploymentStatus':'Complete','jobStatus':'SUCCEEDED'}}",
    "{'status':null}",
};
static const char *const answers[] = {
    "{'version':'4','ray_version':'2.56.0'}",
    "{'status':'RUNNING','submission_id':'x','message':'m','start_time':1,'end_time':null}",
    "{'status':'SUCCEEDED','submission_id':'x','message':'m','start_time':1,'end_time':2}",
    "{'applications':{'a':{'status':'RUNNING','deployments':{'d':{'status':'HEALTHY'}}}}}",
    "{'applications':{'a':{'status':'DEPLOY_FAILED','message':'m'}}}",
    "[]",
    "{'applications':3,'status':[],'proxies':{'x':null}}",
};

/* ---- any value --------------------------------------------------------------------------------------------------- */

static struct rv_node *any_value(struct fixture *w, struct rv_arena *a) {
    static const char *const texts[] = {"",          "x",     "True",     "-1",         "999999999999999999999",
                                        "a/b.c/d",   "..",    "Ä\x7f",    "0 0 30 2 *", "@every 0s",
                                        "10Gi",      "1e400", "ray.io/x", "Recreate",   "2023-11-14T22:13:20Z",
                                        "9999-99-99"};
    static const int64_t numbers[] = {0, 1, -1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 65536, 3};
    uint8_t which = next(w);
    switch (which % 8) {
    case 0:
        return rv_node_null(a);
    case 1:
        return rv_node_bool(a, which & 8);
    case 2:
        return rv_node_int(a, numbers[next(w) % RV_ARRAY_LEN(numbers)]);
    case 3:
        return rv_node_float(a, which & 8 ? 1e300 : -0.5);
    case 4:
        return rv_node_map(a);
    case 5:
        return rv_node_array(a);
    case 6: {
        static char much[300];
        memset(much, 'a', sizeof much);
        return rv_node_str(a, (struct rv_str){much, sizeof much});
    }
    default:
        return rv_node_str(a, rv_str(texts[next(w) % RV_ARRAY_LEN(texts)]));
    }
}

/* Of a list: an entry twice, none, in another place, or very many of them. */
static void change_list(struct fixture *w, struct rv_arena *a, struct rv_node *list, size_t i) {
    struct rv_node *entry = rv_node_at(list, i);
    switch (next(w) % 5) {
    case 0:
        rv_node_append(a, list, rv_node_copy(a, entry));
        break;
    case 1:
        (void)rv_node_remove_at(list, i);
        break;
    case 2:
        rv_node_insert(a, list, 0, rv_node_copy(a, entry));
        (void)rv_node_remove_at(list, i + 1);
        break;
    case 3:
        for (int n = 0; n < MANY; n++) rv_node_append(a, list, rv_node_copy(a, entry));
        break;
    default:
        rv_node_put_at(a, list, i, any_value(w, a));
        break;
    }
}

/* Of a map: another value, what stands beside it, itself in a list or a map, a key that nobody knows. A merge patch
 * takes away what is null. */
static void change_map(struct fixture *w, struct rv_arena *a, struct rv_node *map, size_t i) {
    struct rv_str key = {NULL, 0}, other = {NULL, 0};
    struct rv_node *value = NULL, *beside = NULL, *around;
    rv_node_entry(map, i, &key, &value);
    key = rv_arena_str(a, key);
    switch (next(w) % 6) {
    case 0:
        rv_node_entry(map, next(w) % rv_node_len(map), &other, &beside);
        rv_node_setn(a, map, key, rv_node_copy(a, beside));
        break;
    case 1:
        around = rv_node_array(a);
        rv_node_append(a, around, rv_node_copy(a, value));
        rv_node_setn(a, map, key, around);
        break;
    case 2:
        around = rv_node_map(a);
        rv_node_setn(a, around, key, rv_node_copy(a, value));
        rv_node_setn(a, map, key, around);
        break;
    case 3:
        rv_node_set(a, map, "unknown", any_value(w, a));
        break;
    default:
        rv_node_setn(a, map, key, any_value(w, a));
        break;
    }
}

/* Somewhere in the tree. */
static void change(struct fixture *w, struct rv_arena *a, struct rv_node *n) {
    for (int depth = 0; depth < DEPTH; depth++) {
        size_t len = rv_node_len(n), i = len != 0 ? next(w) % len : 0;
        struct rv_node *child = NULL;
        struct rv_str key = {NULL, 0};
        if (len == 0) return;
        if (rv_node_type(n) == RV_MAP)
            rv_node_entry(n, i, &key, &child);
        else
            child = rv_node_at(n, i);
        bool leaf = rv_node_len(child) == 0 || (rv_node_type(child) != RV_MAP && rv_node_type(child) != RV_ARRAY);
        if (leaf || next(w) % 8 == 0) {
            if (rv_node_type(n) == RV_MAP)
                change_map(w, a, n, i);
            else
                change_list(w, a, n, i);
            return;
        }
        n = child;
    }
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static struct rv_fake_object *some_object(struct fixture *w) {
    size_t n = 0, pick = next(w);
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next) n++;
    pick = n != 0 ? pick % n : 0;
    struct rv_fake_object *o = w->api->objects;
    while (o != NULL && pick-- > 0) o = o->next;
    return o;
}

static void patch(struct fixture *w, struct rv_fake_object *o, bool status, struct rv_val with) {
    if (o != NULL) (void)rv_fakeapi_patch(w->api, o, status, RV_STR(""), with);
}

/* Who it is stays. */
static void change_object(struct fixture *w, struct rv_fake_object *o, bool status) {
    static const char *const kept[] = {"name",      "namespace", "uid", "resourceVersion", "deletionTimestamp",
                                       "generation"};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    if (o == NULL) return;
    struct rv_node *n = rv_node_copy(a, rv_node_from(a, o->value)), *meta = rv_node_get(n, "metadata");
    for (size_t i = 0; i < RV_ARRAY_LEN(kept); i++) rv_node_remove(meta, kept[i]);
    struct rv_node *part = rv_node_get(n, status ? "status" : next(w) % 4 == 0 ? "metadata" : "spec");
    for (int times = 1 + next(w) % 4; times > 0; times--) change(w, a, part);
    struct rv_val changed = rv_node_freeze(a, n);
    if (changed.n <= LARGEST) patch(w, o, status, changed); /* the API server takes no more */
}

static void edit_cluster(struct fixture *w, struct rv_fake_object *o, const char *path) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *root = rv_node_map(a), *at = rv_node_ensure_map(a, root, "spec");
    for (struct rv_str rest = rv_str(path); rest.n > 0;) {
        const char *dot = memchr(rest.p, '.', rest.n);
        struct rv_str part = {rest.p, dot != NULL ? (size_t)(dot - rest.p) : rest.n};
        at = rv_node_ensure_map(a, at, rv_arena_str(a, part).p);
        rest = dot != NULL ? (struct rv_str){dot + 1, rest.n - part.n - 1} : RV_STR("");
    }
    struct rv_node *edit = rv_node_from(a, json(a, edits[next(w) % RV_ARRAY_LEN(edits)])), *value;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(edit, i, &key, &value); i++) rv_node_setn(a, at, key, rv_node_copy(a, value));
    patch(w, o, false, rv_node_freeze(a, root));
}

static void step(struct fixture *w, size_t kind) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *primary = rv_fakeapi_get(w->api, kinds[kind].resource, "c");
    uint8_t what = next(w);
    switch (what % 12) {
    case 0:
    case 1:
        change_object(w, primary, false);
        break;
    case 2:
        change_object(w, primary, true);
        break;
    case 3:
        if (primary != NULL) edit_cluster(w, primary, kinds[kind].cluster);
        break;
    case 4:
        patch(w, primary, false, json(a, own_edits[next(w) % RV_ARRAY_LEN(own_edits)]));
        break;
    case 5:
    case 6:
        patch(w, some_object(w), true, json(a, statuses[next(w) % RV_ARRAY_LEN(statuses)]));
        break;
    case 7:
        change_object(w, some_object(w), what & 16);
        break;
    case 8: {
        struct rv_fake_object *o = some_object(w);
        if (o != NULL) (void)rv_fakeapi_delete(w->api, o, RV_STR(""));
        break;
    }
    case 9:
        w->refused = next(w);
        break;
    case 10:
        rv_fakehost_restart(w->host);
        break;
    default:
        rv_fakehost_advance(w->host, (int64_t)next(w) * 1000);
        break;
    }
}

static int refuse(void *arg, const struct rv_action *a, struct rv_str *message) {
    static const int codes[] = {RV_E_FORBIDDEN, RV_E_EXISTS, RV_E_INVALID, RV_E_CONFLICT, RV_E_UNAVAILABLE};
    const struct fixture *w = arg;
    (void)message;
    return w->refused != 0 && a->verb == w->refused % 11 ? codes[w->refused % RV_ARRAY_LEN(codes)] : 0;
}

static void answer(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    static const uint32_t codes[] = {200, 404, 500, 302};
    struct fixture *w = arg;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    uint8_t which = next(w);
    (void)r;
    out->status = codes[which % 8 < 5 ? 0 : which % RV_ARRAY_LEN(codes)];
    if (which % 16 == 15) out->code = RV_E_TIMEOUT;
    out->json = which % 16 < 12;
    struct rv_node *n = rv_node_copy(a, rv_node_from(a, json(a, answers[which / 16 % RV_ARRAY_LEN(answers)])));
    if (which & 8) change(w, a, n);
    if (out->json) {
        rv_node_encode(n, &out->body);
    } else { /* bytes of the input: what a gRPC server may say */
        size_t left = (size_t)(w->end - w->at), most = next(w);
        rv_buf_add(&out->body, w->at, left < most ? left : most);
    }
}

static void settle(struct fixture *w) {
    uint64_t before = rv_fakehost_writes(w->host);
    for (int i = 0; i < ROUNDS && rv_fakehost_round(w->host); i++) {
        if (rv_fakehost_writes(w->host) - before > WRITES_A_STEP) abort();
    }
    (void)rv_fakeapi_collect(w->api);
}

/* Minutes pass, and nothing happens. */
static void check_rest(struct fixture *w) {
    w->refused = 0;
    w->at = w->end; /* servers give one answer only */
    for (int64_t time = 0, runs = 0, writes = 0; time < 2 * REST_MS; runs++) {
        int64_t ms = rv_fakehost_idle_ms(w->host);
        if (ms < 0 || ms > 60000) ms = 60000;
        if (time < REST_MS) {
            runs = 0;
            writes = (int64_t)rv_fakehost_writes(w->host);
        }
        rv_fakehost_advance(w->host, ms > 0 ? ms : 1);
        time += ms > 0 ? ms : 1;
        settle(w);
        if (runs > RUNS_AT_REST || (int64_t)rv_fakehost_writes(w->host) - writes > WRITES_AT_REST) abort();
    }
}

static size_t own_kind(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].plugin, FUZZ_PLUGIN) == 0) return i;
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t nothing[1] = {0};
    struct fixture w = {.at = size != 0 ? data : nothing, .random = {7}};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const size_t kind = own_kind();
    struct rv_fake_object *o = NULL;
    w.end = w.at + size;
    w.api = rv_fakeapi_new(INT64_C(1700000000000000000));
    struct rv_str text = rv_arena_fmt(a, "{'metadata':{'name':'c'},'spec':%s}", kinds[kind].spec);
    if (rv_fakeapi_create(w.api, RV_STR("ray.io/v1"), rv_str(kinds[kind].resource), json(a, text.p), &o) != 0) abort();
    w.host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                        .manifest = "plugins/" FUZZ_PLUGIN "/" FUZZ_PLUGIN ".yaml",
                                                        .settings = kinds[kind].settings,
                                                        .api = w.api,
                                                        .random = &w.random,
                                                        .http = answer,
                                                        .refuse = refuse,
                                                        .arg = &w});
    if (w.host == NULL) abort();
    settle(&w);
    for (int i = 0; i < STEPS && more(&w); i++) {
        step(&w, kind);
        settle(&w);
    }
    check_rest(&w);
    rv_fakehost_free(w.host);
    rv_fakeapi_free(w.api);
    return 0;
}
