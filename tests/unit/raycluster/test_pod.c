/* test_pod.c - head and worker pods: metadata, command, environment, probes, volumes, init containers, settings. Each
 * row builds one pod and looks at one place of it. */
#include "tests/unit/raycluster/made.h"

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

static const struct suite_test tests[] = {
    {"metadata", metadata},
    {"command", command},
    {"volumes and ports", volumes_and_ports},
};
SUITE_MAIN("raycluster pods", tests)
