/* test_scheduler.c - what each batch scheduler finds on pods, and the objects that it needs. */
#include "made.h"
#include "plugins/ray/objects.h"
#include "plugins/ray/scheduler.h"

#define SETTINGS(name)                                                                                                 \
    {                                                                                                                  \
        .init_container_injection = true, .probes_injection = true, .cluster_domain = {"cluster.local", 13},           \
        .scheduler = {                                                                                                 \
            name,                                                                                                      \
            sizeof name - 1                                                                                            \
        }                                                                                                              \
    }
static const struct rc_settings volcano = SETTINGS("volcano"), yunikorn = SETTINGS("yunikorn"),
                                kai = SETTINGS("kai-scheduler"), plugins = SETTINGS("scheduler-plugins"),
                                was = SETTINGS("kubernetes-was");

#define BOX(cpu) "'containers':[{'name':'r','resources':{'requests':{'cpu':'" cpu "'},'limits':{'cpu':'9','x/y':'1'}}}]"
#define GROUP(name, more) "{'groupName':'" name "','template':{'spec':{" BOX("500m") "}}" more "}"
#define HEAD "'headGroupSpec':{'template':{'spec':{" BOX("2") ",'schedulerName':'users'}}}"
/* Two of two hosts, one that is suspended, one of which the spec wants more than it may have. */
#define SPEC                                                                                                           \
    HEAD ",'workerGroupSpecs':[" GROUP("a", ",'replicas':2,'minReplicas':1,'maxReplicas':9,'numOfHosts':2") "," GROUP( \
        "b", ",'replicas':4,'minReplicas':4,'maxReplicas':4,'suspend':true") "," GROUP("c",                            \
                                                                                       ",'replicas':7,'minReplicas':"  \
                                                                                       "0,'maxReplicas':3") "]"
#define LABELS(list) ",'labels':{" list "}"
#define GANG "'ray.io/gang-scheduling-enabled':'true'"
#define OWNER                                                                                                          \
    "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'c','uid':'u','controller':true,"         \
    "'blockOwnerDeletion':true}]"
#define OURS                                                                                                           \
    "'labels':{'ray.io/cluster':'c','app.kubernetes.io/name':'kuberay','app.kubernetes.io/created-by':'kuberay-"       \
    "operator'}"

/* ---- pods ------------------------------------------------------------------------------------------------------- */

struct row {
    const char *row, *meta, *path, *want;
};

static void check_pods(const struct row *rows, size_t n, const struct rc_settings *settings, bool head) {
    for (size_t i = 0; i < n; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rc_cluster c;
        struct rc_place place = {.index = 0};
        made(a, rows[i].meta, SPEC, settings, &c);
        struct rv_node *pod = head ? rc_head_pod(a, &c, "abcde", RV_STR(""))
                                   : rc_worker_pod(a, &c, rv_val_at(rc_groups(&c), 0), &place, "abcde", RV_STR(""));
        made_is(a, rows[i].row, made_at(a, rv_node_freeze(a, pod), rows[i].path), rows[i].want);
    }
}
#define HEADS(rows, settings) check_pods(rows, RV_ARRAY_LEN(rows), settings, true)
#define WORKERS(rows, settings) check_pods(rows, RV_ARRAY_LEN(rows), settings, false)
#define LABEL "metadata.labels|"
#define NOTE "metadata.annotations|"
#define NAME "spec.schedulerName"

static void volcano_pods(void) {
    static const char all[] = LABELS("'volcano.sh/queue-name':'q','ray.io/priority-class-name':'p'");
    static const struct row rows[] = {
        {"scheduler, in place of the user's", "", NAME, "'volcano'"},
        {"group", "", NOTE "scheduling.k8s.io/group-name", "'ray-c-pg'"},
        {"task", "", NOTE "volcano.sh/task-spec", "'headgroup'"},
        {"no queue", "", LABEL "volcano.sh/queue-name", NULL},
        {"no priority", "", LABEL "ray.io/priority-class-name", NULL},
        {"queue", all, LABEL "volcano.sh/queue-name", "'q'"},
        {"priority", all, LABEL "ray.io/priority-class-name", "'p'"},
        {"priority is the group's matter", all, "spec.priorityClassName", NULL},
        {"of a RayJob", LABELS("'ray.io/originated-from-crd':'RayJob','ray.io/originated-from-cr-name':'j'"),
         NOTE "scheduling.k8s.io/group-name", "'ray-j-pg'"},
        {"of a RayService", LABELS("'ray.io/originated-from-crd':'RayService','ray.io/originated-from-cr-name':'s'"),
         NOTE "scheduling.k8s.io/group-name", "'ray-c-pg'"},
    };
    static const struct row workers[] = {
        {"task of a worker", "", NOTE "volcano.sh/task-spec", "'a'"},
        {"group of a worker", "", NOTE "scheduling.k8s.io/group-name", "'ray-c-pg'"},
    };
    HEADS(rows, &volcano);
    WORKERS(workers, &volcano);
}

#define TASK(name, cpu, members)                                                                                       \
    "{\\\"name\\\":\\\"" name "\\\",\\\"minMember\\\":" members ",\\\"minResource\\\":{\\\"cpu\\\":\\\"" cpu           \
    "\\\",\\\"x/y\\\":\\\"1\\\"}}"

static void yunikorn_pods(void) {
    static const char all[] = LABELS("'yunikorn.apache.org/app-id':'app','yunikorn.apache.org/queue':'root.q'");
    static const struct row rows[] = {
        {"scheduler", "", NAME, "'yunikorn'"},
        {"application", all, LABEL "applicationId", "'app'"},
        {"queue", all, LABEL "queue", "'root.q'"},
        {"no application", "", LABEL "applicationId", NULL},
        {"the cluster's spelling is not the pod's", all, LABEL "yunikorn.apache.org/queue", NULL},
        {"no gang", all, NOTE "yunikorn.apache.org/task-groups", NULL},
        {"no gang, no task", all, NOTE "yunikorn.apache.org/task-group-name", NULL},
        {"any value asks for a gang", LABELS("'ray.io/gang-scheduling-enabled':''"),
         NOTE "yunikorn.apache.org/task-group-name", "'headgroup'"},
        {"task groups: the least of each, suspended or not", LABELS(GANG), NOTE "yunikorn.apache.org/task-groups",
         "'[" TASK("headgroup", "2", "1") "," TASK("a", "500m", "2") "," TASK("b", "500m", "4") "," TASK("c", "500m",
                                                                                                         "0") "]'"},
        {"the user's own", LABELS(GANG) ",'annotations':{'yunikorn.apache.org/task-groups':'mine'}",
         NOTE "yunikorn.apache.org/task-groups", "'mine'"},
    };
    static const struct row workers[] = {
        {"task of a worker", LABELS(GANG), NOTE "yunikorn.apache.org/task-group-name", "'a'"}};
    HEADS(rows, &yunikorn);
    WORKERS(workers, &yunikorn);
}

/* Where pods may run is part of a task group; an empty list, and how they spread, is not. */
static void yunikorn_places(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rc_cluster c;
    made(a, LABELS(GANG),
         "'headGroupSpec':{'template':{'spec':{'containers':[{'name':'r'}],'nodeSelector':{'n':'1'},'tolerations':[],"
         "'affinity':{'nodeAffinity':{}},'topologySpreadConstraints':[{'maxSkew':1}]}}}",
         &yunikorn, &c);
    struct rv_val pod = rv_node_freeze(a, rc_head_pod(a, &c, "abcde", RV_STR(""))),
                  text = made_at(a, pod, NOTE "yunikorn.apache.org/task-groups");
    made_is(
        a, "places", from_json(a, rv_arena_str(a, rv_val_str(text)).p),
        "[{'name':'headgroup','minMember':1,'minResource':{},'nodeSelector':{'n':'1'},'affinity':{'nodeAffinity':{}}"
        "}]");
}

static void other_pods(void) {
    static const struct row of_kai[] = {
        {"KAI: scheduler", "", NAME, "'kai-scheduler'"},
        {"KAI: queue", LABELS("'kai.scheduler/queue':'q'"), LABEL "kai.scheduler/queue", "'q'"},
        {"KAI: no queue", "", LABEL "kai.scheduler/queue", NULL},
        {"KAI: nothing else", LABELS("'kai.scheduler/queue':'q'," GANG), "spec.schedulingGroup", NULL},
    };
    static const struct row of_plugins[] = {
        {"scheduler-plugins: scheduler", "", NAME, "'scheduler-plugins-scheduler'"},
        {"scheduler-plugins: no gang", "", LABEL "scheduling.x-k8s.io/pod-group", NULL},
        {"scheduler-plugins: gang", LABELS(GANG), LABEL "scheduling.x-k8s.io/pod-group", "'c'"},
        {"scheduler-plugins: any value", LABELS("'ray.io/gang-scheduling-enabled':'false'"),
         LABEL "scheduling.x-k8s.io/pod-group", "'c'"},
    };
    static const struct row of_was[] = {
        {"WAS: without the label as if it were not there", "", NAME, "'users'"},
        {"WAS: only true asks for it", LABELS("'ray.io/gang-scheduling-enabled':'yes'"), NAME, "'users'"},
        {"WAS: scheduler", LABELS("'ray.io/gang-scheduling-enabled':'TRUE'"), NAME, "'default-scheduler'"},
        {"WAS: group", LABELS(GANG), "spec.schedulingGroup", "{'podGroupName':'c-cluster'}"},
    };
    HEADS(of_kai, &kai);
    WORKERS(of_kai, &kai);
    HEADS(of_plugins, &plugins);
    WORKERS(of_plugins, &plugins);
    HEADS(of_was, &was);
    check_pods(of_was + 2, 2, &was, false);
}

/* The Job that empties Redis runs when the others of the gang are gone. */
static void cleanup_job(void) {
    static const struct rc_settings *const all[] = {&volcano, &yunikorn, &kai, &plugins, &was};
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rc_cluster c;
        made(a, LABELS(GANG), SPEC ",'gcsFaultToleranceOptions':{'redisAddress':'r:6379'}", all[i], &c);
        struct rv_val pod = rv_val_path(rv_node_freeze(a, rc_cleanup_job(a, &c)), "spec.template");
        const char *row = all[i]->scheduler.p;
        made_is(a, row, rv_val_path(pod, NAME), "'users'");
        made_is(a, row, rv_val_path(pod, "spec.schedulingGroup"), NULL);
        made_is(a, row, made_at(a, pod, NOTE "scheduling.k8s.io/group-name"), NULL);
        made_is(a, row, made_at(a, pod, NOTE "yunikorn.apache.org/task-groups"), NULL);
        made_is(a, row, made_at(a, pod, LABEL "scheduling.x-k8s.io/pod-group"), NULL);
    }
}

/* ---- objects ---------------------------------------------------------------------------------------------------- */

static const struct object_row {
    const char *row;
    const struct rc_settings *settings;
    size_t which;
    const char *meta, *more, *want; /* want NULL: not wanted */
} objects[] = {
    {"Volcano", &volcano, 0, ",'annotations':{'n':'1'}", "",
     "{'apiVersion':'scheduling.volcano.sh/"
     "v1beta1','kind':'PodGroup','metadata':{'name':'ray-c-pg','namespace':'n'," OWNER "," OURS
     ",'annotations':{'n':'1'}},'spec':{'minMember':8,'minResources':{'cpu':'5500m','x/y':'8'}},'status':{"
     "'phase':'Pending'}}"},
    {"Volcano: queue, priority, topology", &volcano, 0,
     LABELS("'volcano.sh/queue-name':'q','ray.io/priority-class-name':'p','volcano.sh/network-topology-mode':'hard',"
            "'volcano.sh/network-topology-highest-tier-allowed':'2'"),
     "",
     "{'apiVersion':'scheduling.volcano.sh/"
     "v1beta1','kind':'PodGroup','metadata':{'name':'ray-c-pg','namespace':'n'," OWNER "," OURS
     "},'spec':{'minMember':8,'minResources':{'cpu':'5500m','x/y':'8'},'queue':'q','priorityClassName':'p',"
     "'networkTopology':{'mode':'hard','highestTierAllowed':2}},'status':{'phase':'Pending'}}"},
    {"Volcano: with an autoscaler the least", &volcano, 0, "", ",'enableInTreeAutoscaling':true",
     "{'apiVersion':'scheduling.volcano.sh/"
     "v1beta1','kind':'PodGroup','metadata':{'name':'ray-c-pg','namespace':'n'," OWNER "," OURS
     "},'spec':{'minMember':3,'minResources':{'cpu':'3','x/y':'3'}},'status':{'phase':'Pending'}}"},
    {"Volcano: of a RayJob it is the job's", &volcano, 0, LABELS("'ray.io/originated-from-crd':'RayJob'"), "", NULL},
    {"scheduler-plugins", &plugins, 0, LABELS(GANG), "",
     "{'apiVersion':'scheduling.x-k8s.io/v1alpha1','kind':'PodGroup','metadata':{'name':'c','namespace':'n'," OWNER
     "," OURS "},'spec':{'minMember':8,'minResources':{'cpu':'5500m','x/y':'8'}}}"},
    {"scheduler-plugins: no gang", &plugins, 0, "", "", NULL},
    {"WAS: workload", &was, 0, LABELS(GANG), "",
     "{'apiVersion':'scheduling.k8s.io/v1alpha2','kind':'Workload','metadata':{'name':'c','namespace':'n'," OWNER
     "," OURS "},'spec':{'controllerRef':{'apiGroup':'ray.io','kind':'RayCluster','name':'c'},'podGroupTemplates':[{"
     "'name':'cluster','schedulingPolicy':{'gang':{'minCount':8}}}]}}"},
    {"WAS: group", &was, 1, LABELS(GANG), "",
     "{'apiVersion':'scheduling.k8s.io/"
     "v1alpha2','kind':'PodGroup','metadata':{'name':'c-cluster','namespace':'n'," OWNER "," OURS
     "},'spec':{'podGroupTemplateRef':{'workload':{'workloadName':'c','podGroupTemplateName':'cluster'}},"
     "'schedulingPolicy':{'gang':{'minCount':8}}}}"},
    {"WAS: an autoscaler", &was, 1, LABELS(GANG), ",'enableInTreeAutoscaling':true", NULL},
    {"WAS: no gang", &was, 0, "", "", NULL},
};

/* As many as there are numbers, three times over: no sum of them is less than nothing. */
static void sizes(void) {
#define HUGE_GROUP(name)                                                                                               \
    GROUP(name, ",'replicas':2147483647,'minReplicas':2147483647,'maxReplicas':2147483647,'numOfHosts':2147483647")
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rc_cluster c;
    made(a, "",
         HEAD ",'workerGroupSpecs':[" HUGE_GROUP("a") "," HUGE_GROUP("b") "," HUGE_GROUP(
             "c") "],'enableInTreeAutoscaling':true",
         &volcano, &c);
    struct rv_val group = rv_node_freeze(a, rc_scheduler_of(&c)->gangs[0].build(a, &c));
    CU_ASSERT_EQUAL(rv_path_int(group, "spec.minMember", 0), INT32_MAX);
}

static void groups(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(objects); i++) {
        const struct object_row *r = &objects[i];
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rc_cluster c;
        made(a, r->meta, rv_arena_fmt(a, "%s%s", SPEC, r->more).p, r->settings, &c);
        const struct rc_gang *g = &rc_scheduler_of(&c)->gangs[r->which];
        CHECK_ROW(g->wanted(&c) == (r->want != NULL), r->row);
        if (r->want != NULL) made_is(a, r->row, rv_node_freeze(a, g->build(a, &c)), r->want);
    }
    struct rc_cluster c = {.settings = &kai};
    CU_ASSERT_PTR_NULL(rc_scheduler_of(&c)->gangs[0].api_version);
    c.settings = &yunikorn;
    CU_ASSERT_PTR_NULL(rc_scheduler_of(&c)->gangs[0].api_version);
}

/* What an edit of the cluster changes in a group that is there. */
static void patches(void) {
    static const struct {
        const char *row, *have, *want, *patch;
    } rows[] = {
        {"as it should be", "{'minMember':2,'minResources':{'cpu':'1'},'queue':'q'}",
         "{'minMember':2,'minResources':{'cpu':'1'}}", NULL},
        {"size", "{'minMember':2,'minResources':{'cpu':'1'}}", "{'minMember':3,'minResources':{'cpu':'1'}}",
         "{'spec':{'minMember':3}}"},
        {"a resource that nobody asks for any more", "{'minMember':2,'minResources':{'cpu':'1','gpu':'1'}}",
         "{'minMember':2,'minResources':{'cpu':'1'}}", "{'spec':{'minResources':{'gpu':null}}}"},
        {"the queue is not moved", "{'minMember':2,'queue':'a'}", "{'minMember':2,'queue':'b'}", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *got = rc_gang_patch(a, quoted(a, rv_arena_fmt(a, "{'spec':%s}", rows[i].have).p),
                                            quoted(a, rv_arena_fmt(a, "{'spec':%s}", rows[i].want).p));
        made_is(a, rows[i].row, got != NULL ? rv_node_freeze(a, got) : RV_VAL_ABSENT, rows[i].patch);
    }
}

/* ---- refused ---------------------------------------------------------------------------------------------------- */

static void complaints(void) {
#define MODE "'volcano.sh/network-topology-mode':'soft'"
#define TIER(n) "'volcano.sh/network-topology-highest-tier-allowed':'" n "'"
    static const struct {
        const char *row, *meta;
        const struct rc_settings *settings;
        bool bad;
    } rows[] = {{"a number", LABELS(MODE "," TIER("0")), &volcano, false},
                {"no number", LABELS(MODE "," TIER("top")), &volcano, true},
                {"a fraction", LABELS(MODE "," TIER("1.5")), &volcano, true},
                {"negative", LABELS(MODE "," TIER("-1")), &volcano, true},
                {"not read without a mode", LABELS(TIER("top")), &volcano, false},
                {"not read by another scheduler", LABELS(MODE "," TIER("top")), &yunikorn, false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf text = {0};
        struct rc_cluster c;
        made(a, rows[i].meta, SPEC, rows[i].settings, &c);
        const char *reason = rc_validate(&c, &text);
        CHECK_ROW((reason != NULL) == rows[i].bad, rows[i].row);
        if (rows[i].bad) CHECK_ROW(strstr(rv_buf_cstr(&text), "whole number") != NULL, rows[i].row);
    }
}

static void settings(void) {
    static const struct {
        const char *row, *scheduler, *gates, *want; /* want NULL: refused */
    } rows[] = {{"none", "", "{}", ""},
                {"named", "volcano", "{}", "volcano"},
                {"by the gate", "", "{'KubernetesWAS':true}", "kubernetes-was"},
                {"both", "kubernetes-was", "{'KubernetesWAS':true}", "kubernetes-was"},
                {"alpha without its gate", "kubernetes-was", "{}", NULL},
                {"two", "volcano", "{'KubernetesWAS':true}", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_error err = {0};
        struct rc_settings s = {.scheduler = rv_str(rows[i].scheduler), .gates = quoted(a, rows[i].gates)};
        int r = rc_settings_choose_scheduler(&s, &err);
        CHECK_ROW(r == (rows[i].want != NULL ? 0 : RV_E_CONFIG), rows[i].row);
        if (rows[i].want != NULL) CHECK_ROW(rv_str_is(s.scheduler, rows[i].want), rows[i].row);
    }
}

static const struct suite_test tests[] = {
    {"Volcano: pods", volcano_pods},
    {"YuniKorn: pods", yunikorn_pods},
    {"YuniKorn: where pods may run", yunikorn_places},
    {"KAI, scheduler-plugins, Kubernetes: pods", other_pods},
    {"the Redis cleanup Job is in no gang", cleanup_job},
    {"groups", groups},
    {"sizes beyond reason", sizes},
    {"groups that change", patches},
    {"labels that make no sense", complaints},
    {"settings that contradict", settings},
};
SUITE_MAIN("raycluster: batch schedulers", tests)
