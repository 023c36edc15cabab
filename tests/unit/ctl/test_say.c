/* What an object or a pod is said to wait for, from its spec and status alone. */
#include "plugins/ray/timestamp.h"
#include "supervisor/ctl/document.h"
#include "supervisor/ctl/say.h"
#include "tests/unit/sdk/suite.h"

#define NOW "2026-01-01T00:10:00Z"

static struct rv_val object_of(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    for (const char *c = text; *c != 0; c++) rv_buf_addc(&b, (uint8_t)(*c == '\'' ? '"' : *c));
    return from_json(a, rv_buf_cstr(&b));
}

struct row {
    const char *row, *object;
    enum say_state state;
    const char *text, *since, *next, *then;
};

static void check(const struct row *r, struct rv_arena *a, struct say s) {
    int64_t since = r->since != NULL ? rc_time(rv_str(r->since)) : 0,
            next = r->next != NULL ? rc_time(rv_str(r->next)) : 0;
    CHECK_ROW(rv_str_is(s.text, r->text), r->row);
    if (!rv_str_is(s.text, r->text)) printf("\n    " RV_STR_FMT, RV_STR_ARG(s.text));
    CHECK_ROW(s.state == r->state, r->row);
    CHECK_ROW(s.since == since, r->row);
    CHECK_ROW(s.next == next, r->row);
    CHECK_ROW(rv_str_eq(s.then, rv_str(r->then)), r->row);
    (void)a;
}

static void check_rows(int kind, const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val o = object_of(a, rows[i].object);
        CHECK_ROW(rv_val_present(o), rows[i].row);
        check(&rows[i], a,
              kind < 0 ? say_pod(a, o, rc_time(RV_STR(NOW)))
                       : say_object(a, &ctl_kinds[kind], o, rc_time(RV_STR(NOW))));
    }
}
#define CHECK(kind, rows) check_rows(kind, rows, RV_ARRAY_LEN(rows))

#define COND(type, status, reason, message)                                                                            \
    "{'type':'" type "','status':'" status "','reason':'" reason "','message':'" message                               \
    "','lastTransitionTime':'2026-01-01T00:05:00Z'}"
#define CONDITIONS(list) "{'status':{'conditions':[" list "]}}"
#define T5 "2026-01-01T00:05:00Z"

static void every_kind(void) {
    static const struct row rows[] = {
        {"deleting", "{'metadata':{'deletionTimestamp':'" T5 "'}}", SAY_WAITS, "it is being deleted", T5, NULL, NULL},
        {"held", "{'metadata':{'deletionTimestamp':'" T5 "','finalizers':['a/b']}}", SAY_WAITS,
         "it is being deleted and waits until whoever set the finalizer a/b has taken it off", T5, NULL, NULL},
        {"of another", "{'spec':{'managedBy':'kueue.x-k8s.io/multikueue'},'status':{'state':'x'}}", SAY_RESTS,
         "spec.managedBy gives it to kueue.x-k8s.io/multikueue, so this operator leaves it alone", NULL, NULL, NULL},
        {"ours by name", "{'spec':{'managedBy':'ray.io/kuberay-operator'},'status':{'state':'ready'}}", SAY_WELL,
         "it is ready, with 0 of 0 workers", NULL, NULL, NULL},
        {"stalled", CONDITIONS(COND("Stalled", "True", "BadSpec", "no")), SAY_FAULTY,
         "it cannot go on by itself: no (BadSpec)", T5, NULL, NULL},
        {"new", "{'metadata':{'creationTimestamp':'" T5 "'}}", SAY_WAITS,
         "no operator has written a status yet: is one running that manages rayclusters?", T5, NULL, NULL},
        {"edited", "{'metadata':{'generation':3},'status':{'observedGeneration':2,'state':'ready'}}", SAY_WAITS,
         "its newest edit (generation 3) is not followed yet, only generation 2", NULL, NULL, NULL},
    };
    CHECK(CTL_RAYCLUSTER, rows);
}

static void clusters(void) {
    static const struct row rows[] = {
        {"suspended", CONDITIONS(COND("RayClusterSuspended", "True", "x", "")), SAY_RESTS,
         "it is suspended (spec.suspend) and has no pods", NULL, NULL, NULL},
        {"suspending", CONDITIONS(COND("RayClusterSuspending", "True", "x", "")), SAY_WAITS,
         "it is being suspended and waits until its pods are gone", NULL, NULL, NULL},
        {"failure", CONDITIONS(COND("ReplicaFailure", "True", "FailedCreate", "quota")), SAY_FAULTY,
         "its pods cannot be made: quota (FailedCreate)", T5, NULL, NULL},
        {"reconciling", CONDITIONS(COND("Reconciling", "True", "Pulling", "head pod h: waits")), SAY_WAITS,
         "head pod h: waits (Pulling)", T5, NULL, NULL},
        {"the reason is in the message", CONDITIONS(COND("Reconciling", "True", "ErrImage", "c: ErrImage: no")),
         SAY_WAITS, "c: ErrImage: no", T5, NULL, NULL},
        {"a reason only", CONDITIONS(COND("HeadPodReady", "False", "ContainersNotReady", "")), SAY_WAITS,
         "its head pod is not ready: ContainersNotReady", T5, NULL, NULL},
        {"failed", "{'status':{'state':'failed','reason':'why'}}", SAY_FAULTY, "it has failed: why", NULL, NULL, NULL},
        {"workers come", "{'status':{'state':'ready','desiredWorkerReplicas':3,'readyWorkerReplicas':2}}", SAY_WAITS,
         "its head is ready, and 2 of 3 workers are", NULL, NULL, NULL},
        {"nothing yet", "{'status':{'desiredWorkerReplicas':3}}", SAY_WAITS,
         "not all of its pods are ready yet: 0 of 3 workers are", NULL, NULL, NULL},
        {"ready, old pods",
         "{'status':{'state':'ready','desiredWorkerReplicas':1,'readyWorkerReplicas':1,'conditions':[" COND(
             "PodsOutdated", "True", "SpecChanged", "the image") "]}}",
         SAY_WELL, "it is ready, with 1 of 1 workers; some pods are older than its spec: the image", NULL, NULL, NULL},
    };
    CHECK(CTL_RAYCLUSTER, rows);
}

static void jobs(void) {
#define JOB(phase, more) "{'status':{'jobDeploymentStatus':'" phase "'" more "}}"
#define ENDED(phase, spec, more)                                                                                       \
    "{'spec':{" spec "},'status':{'jobDeploymentStatus':'" phase "','endTime':'" T5 "'" more "}}"
#define DUE(phase, more)                                                                                               \
    "{'spec':{'activeDeadlineSeconds':900,'preRunningDeadlineSeconds':600},'status':{'startTime':'" T5                 \
    "','jobDeploymentStatus':'" phase "'" more "}}"
    static const struct row rows[] = {
        {"succeeded", ENDED("Complete", "", ",'jobStatus':'SUCCEEDED'"), SAY_WELL, "the job has ended: SUCCEEDED", T5,
         NULL, NULL},
        {"stopped", ENDED("Complete", "", ",'jobStatus':'STOPPED'"), SAY_RESTS, "the job has ended: STOPPED", T5, NULL,
         NULL},
        {"its cluster goes",
         ENDED("Complete", "'shutdownAfterJobFinishes':true,'ttlSecondsAfterFinished':600", ",'jobStatus':'SUCCEEDED'"),
         SAY_WELL, "the job has ended: SUCCEEDED", T5, "2026-01-01T00:15:00Z", "its RayCluster is deleted"},
        {"its cluster is gone",
         ENDED("Complete", "'shutdownAfterJobFinishes':true,'ttlSecondsAfterFinished':6", ",'jobStatus':'SUCCEEDED'"),
         SAY_WELL, "the job has ended: SUCCEEDED", T5, NULL, NULL},
        {"a rule",
         ENDED("Failed", "",
               ",'reason':'AppFailed','message':'exit 1','plannedDeletion':{'time':'2026-01-01T00:11:00Z','policy':"
               "'DeleteWorkers'}"),
         SAY_FAULTY, "the job has failed: AppFailed: exit 1", T5, "2026-01-01T00:11:00Z",
         "the deletion rule DeleteWorkers applies"},
        {"invalid", JOB("ValidationFailed", ",'message':'bad'"), SAY_FAULTY, "its spec is not accepted: bad", NULL,
         NULL, NULL},
        {"suspended", JOB("Suspended", ""), SAY_RESTS, "it is suspended (spec.suspend) and has no RayCluster", NULL,
         NULL, NULL},
        {"suspending", JOB("Suspending", ""), SAY_WAITS, "it is being suspended and waits until its RayCluster is gone",
         NULL, NULL, NULL},
        {"runs", DUE("Running", ",'jobStatus':'RUNNING'"), SAY_WELL, "the job runs", T5, "2026-01-01T00:20:00Z",
         "it fails with DeadlineExceeded, if it has not ended"},
        {"submitted",
         DUE("Running", ",'conditions':[" COND("Reconciling", "True", "Running", "is being submitted, or runs") "]"),
         SAY_WAITS, "the job does not run yet", T5, "2026-01-01T00:20:00Z",
         "it fails with DeadlineExceeded, if it has not ended"},
        {"no dashboard", JOB("Running", ",'conditions':[" COND("Reconciling", "True", "NoDashboard", "no answer") "]"),
         SAY_WAITS, "the job does not run yet: no answer", NULL, NULL, NULL},
        {"before it runs", DUE("Initializing", ",'rayClusterName':'c'"), SAY_WAITS, "its RayCluster c is not ready yet",
         NULL, "2026-01-01T00:15:00Z", "it fails with PreRunningDeadlineExceeded, if it does not run"},
        {"initializing", JOB("Initializing", ",'conditions':[" COND("Reconciling", "True", "R", "head pod h") "]"),
         SAY_WAITS, "head pod h (R)", T5, NULL, NULL},
        {"retry", JOB("Retrying", ",'reason':'AppFailed'"), SAY_WAITS,
         "an attempt has failed, and the next one is prepared: AppFailed", NULL, NULL, NULL},
        {"interactive", JOB("Waiting", ""), SAY_WAITS,
         "its RayCluster is ready, and somebody has to submit the job and set spec.jobId", NULL, NULL, NULL},
    };
    CHECK(CTL_RAYJOB, rows);
}

static void services(void) {
    static const struct row rows[] = {
        {"suspended", CONDITIONS(COND("Suspended", "True", "x", "")), SAY_RESTS,
         "it is suspended (spec.suspend) and serves nothing", NULL, NULL, NULL},
        {"suspending", CONDITIONS(COND("Suspending", "True", "x", "")), SAY_WAITS,
         "it is being suspended and waits until its RayClusters are gone", NULL, NULL, NULL},
        {"first",
         CONDITIONS(COND("Ready", "False", "Initializing", "x") "," COND("Reconciling", "True", "Init", "app")),
         SAY_WAITS, "it does not serve yet: app (Init)", T5, NULL, NULL},
        {"upgrade",
         "{'status':{'upgrade':{'deadline':'2026-01-01T00:12:00Z'},'retiredClusters':[{'rayClusterName':'old','until':"
         "'2026-01-01T00:11:00Z'}],'conditions':[" COND("Ready", "True", "x", "y") "," COND(
             "Reconciling", "True", "Shifting", "Shifting: to c") "]}}",
         SAY_WAITS, "it serves, and Shifting: to c", T5, "2026-01-01T00:11:00Z", "the old RayCluster old is deleted"},
        {"serves", "{'status':{'numServeEndpoints':2,'conditions':[" COND("Ready", "True", "x", "y") "]}}", SAY_WELL,
         "it serves, with 2 endpoints", NULL, NULL, NULL},
        {"an older operator", "{'status':{'serviceStatus':'Running','numServeEndpoints':1}}", SAY_WELL,
         "it serves, with 1 endpoint", NULL, NULL, NULL},
        {"another's upgrade",
         "{'status':{'numServeEndpoints':1,'conditions':[" COND("Ready", "True", "x", "y") "," COND(
             "UpgradeInProgress", "True", "x", "y") "]}}",
         SAY_WAITS, "it serves, with 1 endpoint; an upgrade is under way", NULL, NULL, NULL},
        {"not ready", CONDITIONS(COND("Ready", "False", "ZeroServeEndpoints", "dropped")), SAY_WAITS,
         "it does not serve: dropped (ZeroServeEndpoints)", T5, NULL, NULL},
        {"unclear", "{'status':{'lastUpdateTime':'" T5 "'}}", SAY_WAITS, "its status does not say what it waits for",
         NULL, NULL, NULL},
    };
    CHECK(CTL_RAYSERVICE, rows);
}

static void cron_jobs(void) {
    static const struct row rows[] = {
        {"suspended", "{'spec':{'suspend':true},'status':{'observedGeneration':1}}", SAY_RESTS,
         "it is suspended (spec.suspend) and starts no jobs", NULL, NULL, NULL},
        {"first", "{'status':{'nextScheduleTime':'2026-01-01T01:00:00Z'}}", SAY_WELL, "it has not started a RayJob yet",
         NULL, "2026-01-01T01:00:00Z", "its next RayJob is started"},
        {"between", "{'status':{'lastScheduleTime':'" T5 "'}}", SAY_WELL,
         "no RayJob of it goes on; the last one was due at 2026-01-01T00:05:00Z (5 min ago)", NULL, NULL, NULL},
        {"goes on", "{'status':{'lastScheduleTime':'" T5 "','active':['j1','j2']}}", SAY_WELL,
         "its RayJob j1 goes on, and others do", NULL, NULL, NULL},
    };
    CHECK(CTL_RAYCRONJOB, rows);
}

static void pods(void) {
#define POD(meta, spec, status)                                                                                        \
    "{'metadata':{'creationTimestamp':'2026-01-01T00:09:40Z'" meta "},'spec':{" spec "},'status':{" status "}}"
#define AT "2026-01-01T00:09:40Z"
#define WAITING(reason, message, last)                                                                                 \
    "'phase':'Pending','containerStatuses':[{'name':'r','state':{'waiting':{'reason':'" reason "','message':'" message \
    "'}}" last "}]"
    static const struct row rows[] = {
        {"ready", POD("", "", "'conditions':[" COND("Ready", "True", "", "") "]"), SAY_WELL, "it is ready", T5, NULL,
         NULL},
        {"starts", POD("", "", "'phase':'Pending'"), SAY_WAITS, "phase Pending, not ready yet", AT, NULL, NULL},
        {"no node", POD("", "", "'conditions':[" COND("PodScheduled", "False", "Unschedulable", "no GPU") "]"),
         SAY_WAITS, "not scheduled: no GPU", AT, NULL, NULL},
        {"no image", POD("", "", WAITING("ErrImagePull", "not found", "")), SAY_FAULTY,
         "container r waits: ErrImagePull: not found", AT, NULL, NULL},
        {"crashes",
         POD("", "",
             WAITING(
                 "CrashLoopBackOff", "back-off 2m40s restarting failed container=r",
                 ",'lastState':{'terminated':{'reason':'OOMKilled','exitCode':137,'finishedAt':'2026-01-01T00:09:00Z'"
                 "}}")),
         SAY_FAULTY,
         "container r waits: CrashLoopBackOff: back-off 2m40s restarting failed container=r (it ended with OOMKilled, "
         "exit code 137)",
         AT, "2026-01-01T00:11:40Z", "the container is started again"},
        {"crashes for a moment",
         POD("", "",
             WAITING("CrashLoopBackOff", "back-off 1500ms restarting",
                     ",'lastState':{'terminated':{'exitCode':1,'finishedAt':'2026-01-01T00:09:59.500Z'}}")),
         SAY_FAULTY,
         "container r waits: CrashLoopBackOff: back-off 1500ms restarting (it ended with an error, exit code 1)", AT,
         "2026-01-01T00:10:01Z", "the container is started again"},
        {"an unknown pause",
         POD("", "",
             WAITING("CrashLoopBackOff", "back-off 5x restarting",
                     ",'lastState':{'terminated':{'exitCode':1,'finishedAt':'2026-01-01T00:09:59Z'}}")),
         SAY_FAULTY,
         "container r waits: CrashLoopBackOff: back-off 5x restarting (it ended with an error, exit code 1)", AT, NULL,
         NULL},
        {"a probe to come",
         POD("", "'containers':[{'name':'r','readinessProbe':{'initialDelaySeconds':30}}]",
             "'phase':'Running','containerStatuses':[{'name':'r','state':{'running':{'startedAt':'2026-01-01T00:09:45Z'"
             "}"
             "}}]"),
         SAY_WAITS, "phase Running, not ready yet", AT, "2026-01-01T00:10:15Z",
         "it is asked for the first time whether it is ready"},
        {"failed",
         POD("", "",
             "'phase':'Failed','reason':'Evicted','message':'low on memory','containerStatuses':[{'name':'r','state':{"
             "'terminated':{'exitCode':137,'reason':'Error','finishedAt':'" T5 "'}}}]"),
         SAY_FAULTY, "it has failed: Evicted low on memory; container r ended with Error, exit code 137", T5, NULL,
         NULL},
        {"ended", POD("", "", "'phase':'Succeeded'"), SAY_RESTS, "it has ended", NULL, NULL, NULL},
        {"goes", POD(",'deletionTimestamp':'2026-01-01T00:10:30Z'", "", ""), SAY_WAITS, "it is being deleted", NULL,
         "2026-01-01T00:10:30Z", "its grace period ends"},
        {"held", POD(",'deletionTimestamp':'" T5 "','finalizers':['a/b']", "", ""), SAY_FAULTY,
         "it was deleted, and the finalizer a/b holds it", NULL, NULL, NULL},
        {"a lost node", POD(",'deletionTimestamp':'" T5 "'", "'nodeName':'n1'", ""), SAY_FAULTY,
         "it was deleted, and its node n1 has not stopped it: if the node is gone, delete the pod with --force", NULL,
         NULL, NULL},
    };
    CHECK(-1, rows);
}

static void durations(void) {
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {{0, "0 s"},        {-5, "5 s"},   {119, "119 s"}, {120, "2 min"},
                {7199, "119 min"}, {7200, "2 h"}, {172800, "2 d"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        CHECK_ROW(rv_str_is(say_duration(a, rows[i].seconds * RC_SECOND), rows[i].text), rows[i].text);
    }
}

/* YAML that means the same: what could be taken for another type is quoted. */
static void yaml(void) {
    static const char *const rows[][2] = {
        {"{'a':'b','n':1,'x':null,'e':{},'l':[]}", "a: b\n\"n\": 1\nx: null\ne: {}\nl: []\n"},
        {"{'a':[1,{'b':'c','d':[true,'x']},[2]]}", "a:\n  - 1\n  - b: c\n    d:\n      - true\n      - x\n  - - 2\n"},
        {"['yes','No','1','1e3','a: b','','~','-x','x-1.y/z','a #b','null']",
         "- \"yes\"\n- \"No\"\n- \"1\"\n- \"1e3\"\n- \"a: b\"\n- \"\"\n- \"~\"\n- \"-x\"\n- x-1.y/z\n- \"a #b\"\n- "
         "\"null\"\n"},
        {"'a\\nb'", "\"a\\nb\"\n"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf b = {0};
        document_yaml(object_of(a, rows[i][0]), &b);
        CHECK_ROW(rv_str_is(rv_buf_str(&b), rows[i][1]), rows[i][0]);
        if (!rv_str_is(rv_buf_str(&b), rows[i][1])) printf("\n%s", rv_buf_cstr(&b));
    }
}

static const struct suite_test tests[] = {
    {"every kind", every_kind}, {"clusters", clusters}, {"jobs", jobs},           {"services", services},
    {"cron jobs", cron_jobs},   {"pods", pods},         {"durations", durations}, {"yaml", yaml}};
SUITE_MAIN("ctl_say", tests)
