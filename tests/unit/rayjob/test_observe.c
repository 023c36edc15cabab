/* test_observe.c - what a RayJob sees of its cluster, its head pods and its submitter, and what it makes of it. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

static struct rv_str reconciling(const struct scenario *s, const char *field) {
    return rv_path_str(scenario_condition(s, "Reconciling"), field);
}

static bool is(struct rv_str text, const char *want) {
    bool same = rv_str_is(text, want);
    if (!same) printf("\n    it says \"" RV_STR_FMT "\", not \"%s\"", RV_STR_ARG(text), want);
    return same;
}

static bool ends_with(struct rv_str text, const char *want) {
    bool same = rv_str_ends(text, want);
    if (!same) printf("\n    it says \"" RV_STR_FMT "\", which does not end with \"%s\"", RV_STR_ARG(text), want);
    return same;
}

static void wait_for_cluster(struct scenario *s) {
    for (int i = 0; i < 10 && scenario_cluster(s) == NULL; i++) scenario_wait(s, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scenario_cluster(s));
}

static void cluster_status(struct scenario *s, const char *json) {
    scenario_patch(s, "rayclusters", scenario_cluster(s)->name, true, json);
}

/* ---- head pods -------------------------------------------------------------------------------------------------- */

#define RUNS "{'status':{'phase':'Running'}}"
#define OVER(phase) "{'status':{'phase':'" phase "'}}"

static void test_which_head_counts(void) {
    static const struct {
        const char *first, *first_is, *second, *second_is;
        unsigned between_s;
        const char *counts;
    } rows[] = {{"a", RUNS, "b", RUNS, 5, "a"},
                {"b", RUNS, "a", RUNS, 5, "b"},
                {"a", RUNS, "b", RUNS, 0, "a"},
                {"b", RUNS, "a", RUNS, 0, "a"},
                {"a", OVER("Failed"), "b", RUNS, 5, "b"},
                {"b", OVER("Failed"), "a", RUNS, 5, "a"},
                {"a", OVER("Succeeded"), "b", RUNS, 5, "b"},
                {"a", RUNS, "b", OVER("Failed"), 5, "a"},
                {"b", RUNS, "a", OVER("Succeeded"), 5, "b"},
                {"b", OVER("Failed"), "a", OVER("Succeeded"), 5, "b"},
                {"a", OVER("Failed"), "b", OVER("Failed"), 0, "a"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
        scenario_begin(&s);
        wait_for_cluster(&s);
        scenario_head(&s, rows[i].first);
        scenario_wait(&s, rows[i].between_s);
        scenario_head(&s, rows[i].second);
        scenario_patch(&s, "pods", rows[i].first, true, rows[i].first_is);
        scenario_patch(&s, "pods", rows[i].second, true, rows[i].second_is);
        cluster_status(&s, "{'status':{'state':'ready'}}");
        scenario_wait(&s, 8);
        CHECK_ROW(is(scenario_status(&s, "submittedTo.podName"), rows[i].counts), rows[i].counts);
        scenario_end(&s);
    }
}

/* One that is being deleted is no head, even while it runs. */
static void test_head_that_goes(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
    scenario_begin(&s);
    wait_for_cluster(&s);
    scenario_head(&s, "a");
    scenario_wait(&s, 5);
    scenario_head(&s, "b");
    scenario_patch(&s, "pods", "a", false, "{'metadata':{'finalizers':['x/y']}}");
    scenario_delete(&s, "pods", "a");
    cluster_status(&s, "{'status':{'state':'ready'}}");
    scenario_wait(&s, 8);
    CU_ASSERT_TRUE(is(scenario_status(&s, "submittedTo.podName"), "b"));
    scenario_end(&s);
}

#define RAY(more) "{'status':{'containerStatuses':[{'name':'proxy','restartCount':7},{'name':'ray-head'" more "}]}}"
#define ENDED(where, reason) RAY(",'restartCount':1,'" where "':{'terminated':{" reason "'exitCode':137}}")

static void test_how_a_head_ended(void) {
    static const struct {
        const char *status, *limits, *words;
    } rows[] = {
        {ENDED("lastState", "'reason':'OOMKilled',"), ",'resources':{'limits':{'memory':'2Gi'}}",
         "GCS fault tolerance is off: OOMKilled, exit code 137, memory limit 2Gi"},
        {ENDED("lastState", "'reason':'OOMKilled',"), ",'resources':{'limits':{'cpu':'2'}}",
         "GCS fault tolerance is off: OOMKilled, exit code 137"},
        {ENDED("lastState", "'reason':'Error',"), ",'resources':{'limits':{'memory':'2Gi'}}",
         "GCS fault tolerance is off: Error, exit code 137"},
        {ENDED("state", ""), "", "GCS fault tolerance is off: an error, exit code 137"},
        {RAY(",'restartCount':1"), "", "GCS fault tolerance is off"},
        {"{'status':{'phase':'Failed','reason':'Evicted','containerStatuses':[{'name':'ray-head','restartCount':1}]}}",
         "", "GCS fault tolerance is off: Evicted"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
        scenario_begin(&s);
        wait_for_cluster(&s);
        scenario_head_with(&s, "head-1", "", rows[i].limits);
        cluster_status(&s, "{'status':{'state':'ready'}}");
        scenario_wait(&s, 8);
        CHECK_ROW(is(scenario_status(&s, "submittedTo.podName"), "head-1"), rows[i].words);
        scenario_patch(&s, "pods", "head-1", true, rows[i].status);
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, "Failed", "AppFailed"), rows[i].words);
        CHECK_ROW(ends_with(scenario_status(&s, "message"), rows[i].words), rows[i].words);
        scenario_end(&s);
    }
}

/* A restart of a container beside Ray's is none of Ray's. */
static void test_a_proxy_restarts(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 8);
    scenario_patch(&s, "pods", "head-1", true, RAY(",'restartCount':0"));
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    scenario_end(&s);
}

/* ---- the cluster ------------------------------------------------------------------------------------------------ */

#define CONDITION(type, status, reason, message)                                                                       \
    "{'type':'" type "','status':'" status "','reason':'" reason "','message':'" message "'}"
#define CONDITIONS(list) "{'status':{'conditions':[" list "]}}"

static void test_why_the_cluster_is_not_ready(void) {
    static const struct {
        const char *status, *reason, *words;
        bool told; /* as an event: it will not pass by itself */
    } rows[] = {
        {"{'status':{'state':''}}", "RayClusterNotReady", "its pods are being started", false},
        {CONDITIONS(CONDITION("Stalled", "True", "Invalid", "wrong")), "Invalid", "wrong", true},
        {CONDITIONS(CONDITION("Stalled", "False", "Invalid", "wrong")), "RayClusterNotReady",
         "its pods are being started", false},
        {CONDITIONS(CONDITION("Stalled", "True", "", "wrong")), "RayClusterNotReady", "wrong", true},
        {CONDITIONS(CONDITION("ReplicaFailure", "True", "Forbidden", "quota") "," CONDITION(
             "Reconciling", "True", "PodsNotReady", "wait") "," CONDITION("Stalled", "True", "Invalid", "wrong")),
         "Invalid", "wrong", true},
        {CONDITIONS(CONDITION("Reconciling", "True", "PodsNotReady", "wait") "," CONDITION("ReplicaFailure", "True",
                                                                                           "Forbidden", "quota")),
         "Forbidden", "quota", true},
        {CONDITIONS(CONDITION("Reconciling", "True", "PodsNotReady", "wait")), "PodsNotReady", "wait", false},
        {CONDITIONS(CONDITION("Reconciling", "True", "PodsMissing", "wait")), "PodsMissing", "wait", false},
        {CONDITIONS(CONDITION("Reconciling", "True", "Suspending", "wait")), "Suspending", "wait", false},
        {CONDITIONS(CONDITION("Reconciling", "True", "ImagePullBackOff", "no")), "ImagePullBackOff", "no", true},
        {CONDITIONS(CONDITION("HeadPodReady", "True", "Other", "no")), "RayClusterNotReady",
         "its pods are being started", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING", .listens_for = rows[i].reason};
        scenario_begin(&s);
        wait_for_cluster(&s);
        cluster_status(&s, rows[i].status);
        scenario_wait(&s, 20);
        CHECK_ROW(scenario_is(&s, "Initializing", ""), rows[i].status);
        CHECK_ROW(is(reconciling(&s, "reason"), rows[i].reason), rows[i].status);
        CHECK_ROW(ends_with(reconciling(&s, "message"), rows[i].words), rows[i].status);
        CHECK_ROW(ends_with(scenario_status(&s, "message"), rows[i].words), rows[i].status);
        CHECK_ROW(s.has_asked == (rows[i].told ? 1 : 0), rows[i].status); /* once, as long as it is the same */
        scenario_head(&s, "head-1");
        cluster_status(&s, "{'status':{'state':'ready'}}");
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, "Running", ""), rows[i].status);
        scenario_end(&s);
    }
}

/* Another text is another event. */
static void test_another_obstacle(void) {
    struct scenario s = {.mode = "HTTPMode", .listens_for = "ImagePullBackOff"};
    scenario_begin(&s);
    wait_for_cluster(&s);
    cluster_status(&s, CONDITIONS(CONDITION("Reconciling", "True", "ImagePullBackOff", "one")));
    scenario_wait(&s, 5);
    CU_ASSERT_EQUAL(s.has_asked, 1);
    cluster_status(&s, CONDITIONS(CONDITION("Reconciling", "True", "ImagePullBackOff", "two")));
    scenario_wait(&s, 5);
    CU_ASSERT_EQUAL(s.has_asked, 2);
    scenario_end(&s);
}

static void test_a_cluster_that_goes_or_rests(void) {
    static const struct {
        const char *patch, *words;
        bool goes;
    } rows[] = {{"{'spec':{'suspend':true}}", "the RayCluster is suspended", false},
                {"{'metadata':{'finalizers':['x/y']}}", "the RayCluster is being deleted", true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode"};
        scenario_begin(&s);
        wait_for_cluster(&s);
        scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, false, rows[i].patch);
        cluster_status(&s, rows[i].goes ? "{'status':{'state':'ready'}}"
                                        : CONDITIONS(CONDITION("Stalled", "True", "Invalid", "wrong")));
        if (rows[i].goes) scenario_delete(&s, "rayclusters", NULL);
        scenario_settle(&s);
        CHECK_ROW(scenario_is(&s, "Initializing", ""), rows[i].words);
        CHECK_ROW(ends_with(reconciling(&s, "message"), rows[i].words), rows[i].words);
        CHECK_ROW(is(reconciling(&s, "reason"), "RayClusterNotReady"), rows[i].words);
        scenario_end(&s);
    }
}

/* A cluster of a selector that is not there is waited for, and used when it comes. */
static void test_a_selected_cluster_that_is_missing(void) {
    struct scenario s = {.mode = "HTTPMode",
                         .listens_for = "RayClusterNotFound",
                         .spec = ",'clusterSelector':{'ray.io/cluster':'theirs'}",
                         .selects = true};
    scenario_begin(&s);
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Initializing", ""));
    CU_ASSERT_TRUE(is(reconciling(&s, "reason"), "RayClusterNotFound"));
    CU_ASSERT_TRUE(is(reconciling(&s, "message"), "RayCluster ns/theirs of spec.clusterSelector does not exist"));
    CU_ASSERT_TRUE(is(scenario_status(&s, "message"), "RayCluster ns/theirs of spec.clusterSelector does not exist"));
    CU_ASSERT_TRUE(s.has_asked >= 1 && scenario_count(&s, "rayclusters") == 0);
    scenario_end(&s);
}

/* A head whose Service has no port of the dashboard's cannot be asked, and that does not pass by itself. */
static void test_no_dashboard_port(void) {
    struct scenario s = {.mode = "HTTPMode", .listens_for = "NoDashboardPort"};
    static const char ports[] =
        "{'spec':{'headGroupSpec':{'template':{'spec':{'containers':[{'name':'ray-head','image':'r','ports':[{"
        "'name':'gcs','containerPort':6379}]}]}}}}}";
    scenario_begin(&s);
    wait_for_cluster(&s);
    scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, false, ports);
    scenario_head_with(&s, "head-1", "", ",'ports':[{'name':'gcs','containerPort':6379}]");
    cluster_status(&s, "{'status':{'state':'ready'}}");
    scenario_wait(&s, 20);
    CU_ASSERT_TRUE(scenario_is(&s, "Initializing", ""));
    CU_ASSERT_TRUE(is(reconciling(&s, "reason"), "NoDashboardPort"));
    CU_ASSERT_TRUE(scenario_says(scenario_status(&s, "message"), "has no port named dashboard"));
    CU_ASSERT_EQUAL(s.has_asked, 1);
    scenario_end(&s);
}

/* InteractiveMode: the job is asked about as soon as somebody says which one it is. */
static void test_an_id_that_comes_later(void) {
    struct scenario s = {.mode = "InteractiveMode", .ray = "RUNNING"};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Waiting", "") && is(reconciling(&s, "reason"), "WaitingForJobId"));
    CU_ASSERT_EQUAL(s.asked, 0);
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'jobId':'theirs'}}");
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", "") && is(scenario_status(&s, "jobId"), "theirs"));
    CU_ASSERT_TRUE(is(reconciling(&s, "reason"), "Running") && s.asked > 0 && s.submitted == 0);
    s.ray = "SUCCEEDED";
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    scenario_end(&s);
}

/* When the cluster's status last changed would be a write each time. */
static void test_the_cluster_status_that_is_shown(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
    scenario_begin(&s);
    wait_for_cluster(&s);
    cluster_status(&s, "{'status':{'desiredWorkerReplicas':3,'lastUpdateTime':'2023-11-14T22:13:30Z'}}");
    scenario_wait(&s, 5);
    const struct rv_fake_object *o = rv_fakeapi_get(s.api, "rayjobs", SCENARIO_JOB);
    CU_ASSERT_EQUAL(rv_path_int(o->value, "status.rayClusterStatus.desiredWorkerReplicas", 0), 3);
    uint64_t writes = rv_fakehost_writes(s.host);
    cluster_status(&s, "{'status':{'lastUpdateTime':'2023-11-14T22:13:40Z'}}");
    scenario_wait(&s, 5);
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host), writes);
    scenario_end(&s);
}

/* What it waited for when its time was over is said, if there was anything. */
static void test_what_a_deadline_says(void) {
    static const struct {
        const char *mode, *spec, *reason, *words;
    } rows[] = {
        {"HTTPMode", ",'activeDeadlineSeconds':20", "DeadlineExceeded",
         "The RayJob did not finish within spec.activeDeadlineSeconds (20 s): m"},
        {"K8sJobMode", ",'activeDeadlineSeconds':20", "DeadlineExceeded",
         "The RayJob did not finish within spec.activeDeadlineSeconds (20 s)"},
        {"InteractiveMode", ",'preRunningDeadlineSeconds':20", "PreRunningDeadlineExceeded",
         "The RayJob did not begin to run within spec.preRunningDeadlineSeconds (20 s): spec.jobId must be set to "
         "the id of the job that was submitted"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = rows[i].mode, .spec = rows[i].spec, .ray = i == 0 ? "RUNNING" : NULL};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 25);
        CHECK_ROW(scenario_is(&s, "Failed", rows[i].reason), rows[i].words);
        CHECK_ROW(is(scenario_status(&s, "message"), rows[i].words), rows[i].words);
        scenario_end(&s);
    }
}

/* ---- the submitter's Job and pods ------------------------------------------------------------------------------- */

#define AT "'lastTransitionTime':'2023-11-14T22:13:30Z'"
#define JOB(type, status, more) "{'type':'" type "','status':'" status "','reason':'R','message':'M'," more "}"

/* Ray says that the job has succeeded, so it is over as soon as its submitter is. */
static void test_when_the_submitter_job_has_finished(void) {
    static const struct {
        const char *status;
        bool finished;
    } rows[] = {{CONDITIONS(JOB("Complete", "True", AT)), true},
                {CONDITIONS(JOB("Failed", "True", AT)), true},
                {CONDITIONS(JOB("Complete", "False", AT)), false},
                {CONDITIONS(JOB("Failed", "False", AT)), false},
                {CONDITIONS(JOB("Suspended", "True", AT)), false},
                {CONDITIONS(JOB("FailureTarget", "True", AT)), false},
                {CONDITIONS(JOB("Complete", "True", "'x':1")), false}, /* it does not say when */
                {CONDITIONS(JOB("Suspended", "True", AT) "," JOB("Complete", "True", AT)), true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode", .ray = "RUNNING"};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        s.ray = "SUCCEEDED";
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, "Running", ""), rows[i].status);
        scenario_patch(&s, "jobs", SCENARIO_JOB, true, rows[i].status);
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, rows[i].finished ? "Complete" : "Running", ""), rows[i].status);
        scenario_end(&s);
    }
}

/* Where Ray knows no job, what the submitter's Job says is all there is. */
static void test_why_the_submitter_failed(void) {
    static const struct {
        const char *status, *reason, *words, *pod; /* the status of its pod; NULL: it has none any more */
    } rows[] = {{CONDITIONS(JOB("Failed", "True", AT)), "SubmissionFailed", "the submitter Job failed: R: M", NULL},
                {CONDITIONS(JOB("Failed", "True", AT)), "SubmissionFailed",
                 "the submitter Job failed: R: M (pod j-x ended with OOMKilled, exit code 137)",
                 "'phase':'Failed','containerStatuses':[{'name':'s','state':{'terminated':{'reason':'OOMKilled',"
                 "'exitCode':137}}}]"},
                {CONDITIONS(JOB("Complete", "True", AT) "," JOB("Failed", "True", AT)), "SubmissionFailed",
                 "the submitter Job failed: R: M", NULL},
                {CONDITIONS(JOB("Complete", "True", AT)), "AppFailed",
                 "the submitter has finished, but Ray does not know the job", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode"};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        if (rows[i].pod != NULL) scenario_submitter_pod(&s, rows[i].pod);
        scenario_patch(&s, "jobs", SCENARIO_JOB, true, rows[i].status);
        scenario_wait(&s, 45);
        CHECK_ROW(scenario_is(&s, "Failed", rows[i].reason), rows[i].words);
        CHECK_ROW(is(scenario_status(&s, "message"), rows[i].words), rows[i].words);
        scenario_end(&s);
    }
}

/* A Job of that name that is not ours is not the submitter, whatever it says. */
static void test_a_job_of_somebody_else(void) {
    struct scenario s = {.mode = "K8sJobMode", .ray = "SUCCEEDED"};
    struct rv_fake_object *made;
    scenario_begin(&s);
    CU_ASSERT_EQUAL(rv_fakeapi_create_json(
                        s.api, "jobs",
                        "{\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"" SCENARIO_JOB
                        "\",\"labels\":{\"ray.io/originated-from-crd\":\"RayJob\",\"ray.io/originated-from-cr-name\":"
                        "\"j\",\"app.kubernetes.io/created-by\":\"kuberay-operator\"}},\"status\":{\"conditions\":[{"
                        "\"type\":\"Complete\",\"status\":\"True\",\"lastTransitionTime\":\"2023-11-14T22:13:30Z\"}]}}",
                        &made),
                    0);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 20);
    CU_ASSERT_TRUE(scenario_is(&s, "Initializing", ""));
    scenario_end(&s);
}

#define FIRST(code) "'containerStatuses':[{'name':'s','state':{'terminated':{'exitCode':" code ",'reason':'Why'}}}]"

/* The first container counts where another one runs on beside it. */
static void test_the_first_container(void) {
    static const struct {
        const char *row, *policy, *pod;
        bool over;
        const char *words;
    } rows[] = {
        {"it ended well", "Never", "'phase':'Running'," FIRST("0"), true,
         "the submitter has finished, but Ray does not know the job"},
        {"it failed", "Never", "'phase':'Running'," FIRST("3"), true,
         "container s of submitter pod j-x ended with Why, exit code 3"},
        {"it failed and is started again", "OnFailure", "'phase':'Running'," FIRST("3"), false, ""},
        {"it ended well and is not started again", "OnFailure", "'phase':'Running'," FIRST("0"), true,
         "the submitter has finished, but Ray does not know the job"},
        {"the pod is over, and the Job will say so", "Never", "'phase':'Failed'," FIRST("3"), false, ""},
        {"the pod is over, and so is the Job soon", "Never", "'phase':'Succeeded'," FIRST("0"), false, ""},
        {"it runs", "Never", "'phase':'Running','containerStatuses':[{'name':'s','state':{'running':{}}}]", false, ""},
        {"the proxy ended", "Never",
         "'phase':'Running','containerStatuses':[{'name':'proxy','state':{'terminated':{'exitCode':1}}}]", false, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode"};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        scenario_submitter_pod_with(&s, "j-x", rows[i].policy, rows[i].pod);
        scenario_wait(&s, 50);
        CHECK_ROW(rv_str_is(scenario_status(&s, "jobDeploymentStatus"), rows[i].over ? "Failed" : "Running"),
                  rows[i].row);
        CHECK_ROW(!rows[i].over || is(scenario_status(&s, "message"), rows[i].words), rows[i].row);
        scenario_end(&s);
    }
}

#define PULLING(image)                                                                                                 \
    "'phase':'Pending','containerStatuses':[{'name':'c','state':{'waiting':{'reason':'ErrImagePull','message':"        \
    "'" image "'}}}]"

/* Of several pods the newest counts that is not being deleted. */
static void test_the_newest_pod(void) {
    static const struct {
        const char *row, *first, *second;
        bool second_goes;
        const char *words;
    } rows[] = {{"the second", "j-a", "j-b", false, "submitter pod j-b: container c waits: ErrImagePull: two"},
                {"the second by its time, not its name", "j-b", "j-a", false,
                 "submitter pod j-a: container c waits: ErrImagePull: two"},
                {"the first, because the second goes", "j-a", "j-b", true,
                 "submitter pod j-a: container c waits: ErrImagePull: one"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode"};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_submitter_pod_with(&s, rows[i].first, "Never", PULLING("one"));
        scenario_wait(&s, 5);
        scenario_submitter_pod_with(&s, rows[i].second, "Never", PULLING("two"));
        if (rows[i].second_goes) {
            scenario_patch(&s, "pods", rows[i].second, false, "{'metadata':{'finalizers':['x/y']}}");
            scenario_delete(&s, "pods", rows[i].second);
        }
        scenario_wait(&s, 5);
        CHECK_ROW(is(scenario_status(&s, "message"), rows[i].words), rows[i].row);
        scenario_end(&s);
    }
}

/* A Job without a pod is news after a minute, not sooner. A pod that is over is no obstacle. */
static void test_no_pod(void) {
    struct scenario s = {.mode = "K8sJobMode", .listens_for = "SubmitterHasNoPod"};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 59);
    CU_ASSERT_TRUE(is(reconciling(&s, "reason"), "Running") && s.has_asked == 0);
    scenario_wait(&s, 2);
    CU_ASSERT_TRUE(is(reconciling(&s, "reason"), "SubmitterHasNoPod"));
    scenario_wait(&s, 20);
    CU_ASSERT_EQUAL(s.has_asked, 1);
    scenario_submitter_pod(&s, "'phase':'Succeeded'");
    scenario_wait(&s, 70);
    CU_ASSERT_TRUE(is(reconciling(&s, "reason"), "Running") && scenario_status(&s, "message").n == 0);
    scenario_end(&s);
}

/* ---- the submitter in the head pod ------------------------------------------------------------------------------- */

#define GATE "{\"featureGates\":{\"SidecarSubmitterRestart\":true}}"
#define IN_HEAD                                                                                                        \
    "{'status':{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':0},{'name':'ray-job-"         \
    "submitter','restartCount':%d%s%s}]}}"
#define STATE(code) ",'state':{'terminated':{'exitCode':" code ",'reason':'Now','finishedAt':'2023-11-14T22:13:30Z'}}"
#define LAST(code)                                                                                                     \
    ",'lastState':{'terminated':{'exitCode':" code ",'reason':'Then','finishedAt':'2023-11-14T22:13:20Z'}}"

static void test_a_sidecar(void) {
    static const struct {
        const char *row, *settings, *spec;
        int restarts;
        const char *state, *last;
        const char *reason, *words; /* NULL: it runs on */
    } rows[] = {
        {"it failed", NULL, "", 0, STATE("4"), "", "SubmissionFailed",
         "the submitter container of pod head-1 ended with exit code 4: Now"},
        {"it ended well", NULL, "", 0, STATE("0"), "", "AppFailed",
         "the submitter has finished, but Ray does not know the job"},
        {"it runs", NULL, "", 0, ",'state':{'running':{}}", "", NULL, NULL},
        {"it failed before: without the gate that does not count", NULL, "", 9, ",'state':{'running':{}}", LAST("1"),
         NULL, NULL},
        {"it may be started again", GATE, "", 1, STATE("4"), LAST("5"), NULL, NULL},
        {"it failed too often", GATE, "", 2, STATE("4"), LAST("5"), "SubmissionFailed",
         "the submitter container of pod head-1 ended with exit code 4: Now"},
        {"it failed too often and is being started", GATE, "", 2, ",'state':{'waiting':{}}", LAST("5"),
         "SubmissionFailed", "the submitter container of pod head-1 ended with exit code 5: Then"},
        {"it ended well at last", GATE, "", 3, STATE("0"), LAST("5"), "AppFailed",
         "the submitter has finished, but Ray does not know the job"},
        {"it never ended", GATE, "", 9, ",'state':{'running':{}}", "", NULL, NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "SidecarMode", .settings = rows[i].settings, .spec = rows[i].spec};
        char json[768];
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        snprintf(json, sizeof json, IN_HEAD, rows[i].restarts, rows[i].state, rows[i].last);
        scenario_patch(&s, "pods", "head-1", true, json);
        scenario_wait(&s, 45);
        CHECK_ROW(scenario_is(&s, rows[i].reason != NULL ? "Failed" : "Running",
                              rows[i].reason != NULL ? rows[i].reason : ""),
                  rows[i].row);
        CHECK_ROW(rows[i].words == NULL || is(scenario_status(&s, "message"), rows[i].words), rows[i].row);
        scenario_end(&s);
    }
}

static const struct suite_test tests[] = {
    {"which head counts", test_which_head_counts},
    {"a head that goes", test_head_that_goes},
    {"how a head ended", test_how_a_head_ended},
    {"a proxy restarts", test_a_proxy_restarts},
    {"why the cluster is not ready", test_why_the_cluster_is_not_ready},
    {"another obstacle", test_another_obstacle},
    {"a cluster that goes, or rests", test_a_cluster_that_goes_or_rests},
    {"a selected cluster that is missing", test_a_selected_cluster_that_is_missing},
    {"no dashboard port", test_no_dashboard_port},
    {"an id that comes later", test_an_id_that_comes_later},
    {"the cluster status that is shown", test_the_cluster_status_that_is_shown},
    {"what a deadline says", test_what_a_deadline_says},
    {"when the submitter Job has finished", test_when_the_submitter_job_has_finished},
    {"why the submitter failed", test_why_the_submitter_failed},
    {"a Job of somebody else", test_a_job_of_somebody_else},
    {"the first container", test_the_first_container},
    {"the newest pod", test_the_newest_pod},
    {"no pod", test_no_pod},
    {"a sidecar", test_a_sidecar},
};
SUITE_MAIN("rayjob: what is seen", tests)
