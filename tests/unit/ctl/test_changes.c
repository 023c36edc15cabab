/* What `scale` and `job` decide before they change anything: the plan of a worker group, the RayJob from flags, and how
 * a job is stopped. */
#include "supervisor/ctl/job_spec.h"
#include "supervisor/ctl/scale_plan.h"
#include "tests/unit/sdk/suite.h"

/* JSON with ' for ". */
static struct rv_val value_of(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    for (const char *c = text; *c != 0; c++) rv_buf_addc(&b, (uint8_t)(*c == '\'' ? '"' : *c));
    return from_json(a, rv_buf_cstr(&b));
}

#define GROUP(more) "{'metadata':{'uid':'u','generation':4},'spec':{'workerGroupSpecs':[{'groupName':'g'" more "}]}}"
#define BOUNDS ",'replicas':1,'minReplicas':1,'maxReplicas':4"
#define TEMPLATE                                                                                                       \
    ",'template':{'spec':{'containers':[{'resources':{'limits':{'cpu':'1','nvidia.com/gpu':1,'memory':'1Gi'}}},"       \
    "{'resources':{'requests':{'cpu':'500m'}}}]}}"
#define N SCALE_UNSET

static void scale_plans(void) {
    static const struct {
        const char *row, *cluster, *group;
        int64_t replicas, min, max;
        const char *pods, *note, *error;
        bool waits, nothing;
    } rows[] = {
        {"more", GROUP(BOUNDS TEMPLATE), "g", 3, N, N, "2 pods more, which ask for 3 CPU, 2Gi memory, 2 nvidia.com/gpu",
         "", NULL, true, false},
        {"the only group", GROUP(BOUNDS), "", 2, N, N, "1 pod more", "", NULL, true, false},
        {"less, of several hosts", GROUP(",'replicas':3,'numOfHosts':4"), "g", 2, N, N, "4 pods less", "", NULL, true,
         false},
        {"as it is", GROUP(BOUNDS), "g", 1, N, N, "no pod more or less", "", NULL, true, true},
        {"too many", GROUP(BOUNDS), "g", 5, N, N, NULL, NULL, "outside of the group's bounds, 1 to 4", false, false},
        {"too few", GROUP(BOUNDS), "g", 0, N, N, NULL, NULL, "outside of the group's bounds", false, false},
        {"with its bound", GROUP(BOUNDS), "g", 5, N, 6, "4 pods more", "", NULL, true, false},
        {"bounds alone", GROUP(BOUNDS), "g", N, 0, N, "no pod more or less", "", NULL, true, false},
        {"a bound that cuts", GROUP(BOUNDS), "g", N, 2, N, NULL, NULL, "1 replicas are outside", false, false},
        {"bounds that cross", GROUP(BOUNDS), "g", N, 5, N, NULL, NULL, "minReplicas 5 would be greater", false, false},
        {"nothing asked", GROUP(BOUNDS), "g", N, N, N, NULL, NULL, "say how many replicas", false, false},
        {"no such group", GROUP(BOUNDS), "h", 1, N, N, NULL, NULL, "there is no worker group \"h\"", false, false},
        {"no group at all", "{'spec':{}}", "h", 1, N, N, NULL, NULL, "has no worker group", false, false},
        {"which one?", "{'spec':{'workerGroupSpecs':[{'groupName':'a'},{'groupName':'b'}]}}", "", 1, N, N, NULL, NULL,
         "say which worker group; the cluster has a, b", false, false},
        {"autoscaled", "{'spec':{'enableInTreeAutoscaling':true,'workerGroupSpecs':[{'groupName':'g'}]}}", "g", 1, N, N,
         NULL, NULL, "autoscaler owns", false, false},
        {"autoscaled, a bound", "{'spec':{'enableInTreeAutoscaling':true,'workerGroupSpecs':[{'groupName':'g'}]}}", "g",
         N, N, 3, "no pod more or less", "the autoscaler decides", NULL, false, false},
        {"suspended", "{'spec':{'suspend':true,'workerGroupSpecs':[{'groupName':'g'}]}}", "g", 2, N, N, "2 pods more",
         "the cluster is suspended", NULL, false, false},
        {"a suspended group", GROUP(",'suspend':true"), "g", 2, N, N, "2 pods more", "the group is suspended", NULL,
         false, false},
        {"of a job",
         "{'metadata':{'ownerReferences':[{'controller':true,'kind':'RayJob','name':'j'}]},'spec':{'workerGroupSpecs':"
         "[{'groupName':'g'}]}}",
         "g", 2, N, N, "2 pods more", "the cluster is of RayJob j", NULL, true, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_error err = {0};
        struct scale_plan p = {0};
        const struct scale_wish w = {rv_str(rows[i].group), rows[i].replicas, rows[i].min, rows[i].max};
        int r = scale_plan(a, value_of(a, rows[i].cluster), &w, &p, &err);
        CHECK_ROW((r != 0) == (rows[i].error != NULL), rows[i].row);
        if (rows[i].error != NULL) {
            CHECK_ROW(strstr(err.text, rows[i].error) != NULL, rows[i].row);
            continue;
        }
        CHECK_ROW(rv_str_is(p.pods, rows[i].pods), rows[i].row);
        CHECK_ROW(p.note.n >= strlen(rows[i].note) && memcmp(p.note.p, rows[i].note, strlen(rows[i].note)) == 0,
                  rows[i].row);
        CHECK_ROW(p.waits == rows[i].waits && p.nothing == rows[i].nothing, rows[i].row);
    }
}

/* The patch changes the group that was looked at, or nothing. */
static void scale_patch(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct scale_plan p;
    const struct scale_wish w = {RV_STR("g"), 2, N, 9};
    CU_ASSERT_FATAL(scale_plan(a, value_of(a, GROUP(BOUNDS)), &w, &p, NULL) == 0);
    CU_ASSERT_TRUE(json_is(p.patch, "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u\"},"
                                    "{\"op\":\"test\",\"path\":\"/metadata/generation\",\"value\":4},"
                                    "{\"op\":\"test\",\"path\":\"/spec/workerGroupSpecs/0/groupName\",\"value\":\"g\"},"
                                    "{\"op\":\"add\",\"path\":\"/spec/workerGroupSpecs/0/replicas\",\"value\":2},"
                                    "{\"op\":\"add\",\"path\":\"/spec/workerGroupSpecs/0/maxReplicas\",\"value\":9}]"));
}

static void entrypoints(void) {
    static char python[] = "python", file[] = "a b.py", quote[] = "it's", line[] = "a && b", empty[] = "";
    static char *const several[] = {python, file, quote, empty}, *const one[] = {line};
    static const struct {
        char *const *words;
        int n;
        const char *entrypoint;
    } rows[] = {{several, 4, "python 'a b.py' 'it'\"'\"'s' ''"}, {several, 2, "python 'a b.py'"}, {one, 1, "a && b"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val job = RV_VAL_ABSENT;
        const struct job_wish w = {
            .ns = "n", .name = "j", .workers = -1, .ttl_s = -1, .word_n = rows[i].n, .words = rows[i].words};
        CHECK_ROW(job_spec(a, &w, &job, NULL) == 0, rows[i].entrypoint);
        CHECK_ROW(rv_str_is(rv_path_str(job, "spec.entrypoint"), rows[i].entrypoint), rows[i].entrypoint);
    }
}

#define JOB(spec, phase, status)                                                                                       \
    "{'metadata':{'name':'j'},'spec':{" spec "},'status':{'jobDeploymentStatus':'" phase "','jobStatus':'" status "'}" \
    "}"
#define SHUTS "'shutdownAfterJobFinishes':true"

static void stops(void) {
    static const struct {
        const char *job;
        bool suspend;
        enum job_stop how;
        const char *why;
    } rows[] = {
        {JOB(SHUTS, "Running", "RUNNING"), false, JOB_STOP_RAY, "Ray is asked"},
        {JOB(SHUTS, "Running", "PENDING"), false, JOB_STOP_RAY, "Ray is asked"},
        {JOB("", "Running", "RUNNING"), false, JOB_STOP_RAY, "Ray is asked"},
        {JOB(SHUTS, "Running", "RUNNING"), true, JOB_STOP_SUSPEND, "it is suspended"},
        {JOB("", "Running", "RUNNING"), true, JOB_STOP_REFUSED,
         "it cannot be suspended, because its cluster is to stay"},
        {JOB(SHUTS, "Initializing", ""), false, JOB_STOP_SUSPEND, "Ray has not got the job yet, so"},
        {JOB(SHUTS, "Running", ""), false, JOB_STOP_SUSPEND, "Ray has not got the job yet, so"},
        {JOB("'clusterSelector':{'ray.io/cluster':'c'}", "Initializing", ""), false, JOB_STOP_REFUSED,
         "Ray has not got the job yet, and it cannot be suspended, because it runs on a cluster"},
        {JOB(SHUTS ",'deletionStrategy':{'deletionRules':[{}]}", "Waiting", ""), false, JOB_STOP_REFUSED,
         "Ray has not got the job yet, and it cannot be suspended, because it has deletion rules"},
        {JOB(SHUTS, "Complete", "SUCCEEDED"), false, JOB_STOP_OVER, "it has ended: SUCCEEDED"},
        {JOB(SHUTS, "Failed", ""), true, JOB_STOP_OVER, "it has ended: Failed"},
        {JOB(SHUTS, "Suspended", ""), false, JOB_STOP_OVER, "it is suspended"},
        {JOB("'suspend':true", "Running", "RUNNING"), false, JOB_STOP_OVER, "it is suspended"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_str why = {0};
        CHECK_ROW(job_stop_how(a, value_of(a, rows[i].job), rows[i].suspend, &why) == rows[i].how, rows[i].job);
        CHECK_ROW(why.n >= strlen(rows[i].why) && memcmp(why.p, rows[i].why, strlen(rows[i].why)) == 0, rows[i].job);
    }
}

static const struct suite_test tests[] = {
    {"scale plans", scale_plans}, {"scale patch", scale_patch}, {"entrypoints", entrypoints}, {"stops", stops}};
SUITE_MAIN("ctl_changes", tests)
