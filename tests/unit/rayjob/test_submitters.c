/* test_submitters.c - what submits a RayJob: that would run it again, that ends before or after it, that cannot be
 * made. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

/* ---- a submitter that would run the job again ------------------------------------------------------------------- */

static bool submitter_suspended(const struct scenario *s) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, "jobs", SCENARIO_JOB);
    return o != NULL && rv_path_bool(o->value, "spec.suspend", false);
}

static void test_submitter_of_a_lost_job(void) {
    struct scenario s = {.mode = "K8sJobMode", .ray = "RUNNING"};
    scenario_begin_running(&s);
    CU_ASSERT_FALSE(submitter_suspended(&s));
    scenario_head(&s, "head-2");
    scenario_delete(&s, "pods", "head-1");
    scenario_wait(&s, 1);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "AppFailed"));
    CU_ASSERT_TRUE(submitter_suspended(&s));
    scenario_end(&s);
}

/* Ray has said how it ended; the submitter still reads the log. */
static void test_ended_before_the_log_was_read(void) {
    static const char *const gone[] = {"rayclusters", "pods"};
    static const char *const modes[] = {"K8sJobMode", "SidecarMode"};
    for (size_t i = 0; i < RV_ARRAY_LEN(gone); i++)
        for (size_t k = 0; k < RV_ARRAY_LEN(modes); k++) {
            struct scenario s = {.mode = modes[k], .ray = "RUNNING"};
            scenario_begin_running(&s);
            s.ray = "SUCCEEDED";
            scenario_wait(&s, 5);
            CHECK_ROW(scenario_is(&s, "Running", ""), modes[k]);
            scenario_delete(&s, gone[i], i == 0 ? NULL : "head-1");
            scenario_wait(&s, 40);
            CHECK_ROW(scenario_is(&s, "Complete", ""), modes[k]);
            CHECK_ROW(rv_str_is(scenario_status(&s, "jobStatus"), "SUCCEEDED"), modes[k]);
            CHECK_ROW((scenario_cluster(&s) == NULL) == (i == 0), "no cluster is made again");
            CHECK_ROW(k == 1 || submitter_suspended(&s), modes[k]);
            scenario_end(&s);
        }
}

static void test_submitter_that_hangs(void) {
    struct scenario s = {.mode = "K8sJobMode", .ray = "SUCCEEDED"};
    scenario_begin_running(&s);
    scenario_away(&s, 305, NULL);
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", "JobDeploymentStatusTransitionGracePeriodExceeded"));
    CU_ASSERT_TRUE(submitter_suspended(&s));
    scenario_end(&s);
}

/* ---- a submitter that ends --------------------------------------------------------------------------------------- */

static void test_submitter_fails_and_nobody_answers(void) {
    static const struct scenario_fault faults[] = {
        {.code = RV_E_TIMEOUT}, {.status = 503}, {.status = 404, .text = "<html>"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(faults); i++) {
        struct scenario s = {.mode = "K8sJobMode", .ray = "RUNNING"};
        scenario_begin_running(&s);
        s.ray = "SUCCEEDED";
        s.asking = faults[i];
        scenario_submitter_ends(&s, false);
        scenario_wait(&s, 60);
        CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
        s.asking = (struct scenario_fault){0};
        scenario_wait(&s, 20);
        CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
        scenario_end(&s);
    }
}

static void test_submitter_fails(void) {
    struct scenario s = {.mode = "K8sJobMode"};
    scenario_begin_running(&s);
    scenario_submitter_ends(&s, false);
    scenario_wait(&s, 40);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "SubmissionFailed"));
    scenario_end(&s);
}

#define SIDECAR(ray, more)                                                                                             \
    "{'status':{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':0" ray                        \
    "},{'name':'ray-job-submitter','restartCount':0,'state':{'terminated':{'exitCode':" more                           \
    ",'reason':'Why','finishedAt':'2023-11-14T22:13:30Z'}}}]}}"

static void submitter_over(struct scenario *s, bool well) {
    if (strcmp(s->mode, "K8sJobMode") == 0)
        scenario_submitter_ends(s, well);
    else
        scenario_patch(s, "pods", "head-1", true, well ? SIDECAR("", "0") : SIDECAR("", "1"));
}

/* However the log's reader ends, the job runs as long as Ray says so, and ends as Ray says. */
static void test_job_outlives_its_submitter(void) {
    static const char *const modes[] = {"K8sJobMode", "SidecarMode"}, *const runs[] = {"PENDING", "RUNNING"};
    for (size_t i = 0; i < 8; i++) {
        struct scenario s = {.mode = modes[i & 1], .ray = runs[i >> 1 & 1], .spec = ",'backoffLimit':1"};
        scenario_begin_running(&s);
        submitter_over(&s, (i & 4) != 0);
        scenario_wait(&s, 400);
        CHECK_ROW(scenario_is(&s, "Running", ""), modes[i & 1]);
        CHECK_ROW(rv_str_is(scenario_status(&s, "jobStatus"), runs[i >> 1 & 1]), modes[i & 1]);
        CHECK_ROW(scenario_reason_is(&s, "LogNotFollowed"), modes[i & 1]);
        CHECK_ROW(s.unfollowed == 1, modes[i & 1]);
        s.ray = "SUCCEEDED";
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, "Complete", ""), modes[i & 1]);
        scenario_end(&s);
    }
}

/* In SidecarMode a short job may end while workers are still to come. */
static void test_sidecar_ends_before_the_cluster_is_ready(void) {
    static const struct {
        const char *head, *ray, *phase, *reason;
    } rows[] = {{SIDECAR("", "0"), "SUCCEEDED", "Complete", ""},
                {SIDECAR("", "1"), "FAILED", "Failed", "AppFailed"},
                {SIDECAR("", "1"), NULL, "Failed", "SubmissionFailed"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "SidecarMode", .ray = rows[i].ray};
        scenario_begin(&s);
        for (int k = 0; k < 10 && scenario_cluster(&s) == NULL; k++) scenario_wait(&s, 1);
        scenario_head(&s, "head-1");
        scenario_wait(&s, 20);
        CHECK_ROW(scenario_is(&s, "Initializing", ""), rows[i].phase);
        scenario_patch(&s, "pods", "head-1", true, rows[i].head);
        scenario_wait(&s, 45);
        CHECK_ROW(scenario_is(&s, rows[i].phase, rows[i].reason), rows[i].phase);
        scenario_end(&s);
    }
}

/* A mesh's proxy runs on beside the container that submits. */
static void test_submitter_beside_a_proxy(void) {
    struct scenario s = {.mode = "K8sJobMode", .ray = "RUNNING"};
    scenario_begin_running(&s);
    scenario_submitter_pod(&s, "'phase':'Running','containerStatuses':[{'name':'s','state':{'running':{}}}]");
    s.ray = "SUCCEEDED";
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_TRUE(scenario_reason_is(&s, "WaitingForSubmitter"));
    CU_ASSERT_TRUE(
        scenario_says(rv_path_str(scenario_condition(&s, "Reconciling"), "message"), "container s of pod j-x runs"));
    CU_ASSERT_TRUE(
        scenario_says(rv_path_str(scenario_condition(&s, "Reconciling"), "message"), "waited for until 2023-"));
    scenario_patch(
        &s, "pods", "j-x", true,
        "{'status':{'containerStatuses':[{'name':'s','state':{'terminated':{'exitCode':0,'finishedAt':'2023-11-"
        "14T22:13:40Z'}}},{'name':'proxy','state':{'running':{}}}]}}");
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    scenario_end(&s);
}

/* ---- a submitter that is not there ---- */

static int no_jobs(void *arg, const struct rv_action *a) {
    struct scenario *s = arg;
    bool job = a->verb == RV_VERB_CREATE && rv_str_is(a->resource, "jobs");
    s->tried += job;
    return job ? RV_E_INVALID : 0;
}

static void test_submitter_cannot_be_created(void) {
    struct scenario s = {.mode = "K8sJobMode", .spec = ",'preRunningDeadlineSeconds':200", .refuse = no_jobs};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 100);
    CU_ASSERT_TRUE(scenario_is(&s, "Initializing", ""));
    CU_ASSERT_TRUE(scenario_reason_is(&s, "FailedToCreateRayJobSubmitter"));
    CU_ASSERT_TRUE(scenario_says(scenario_status(&s, "message"), "Failed to create submitter Job ns/j"));
    CU_ASSERT_TRUE(s.tried <= 9);
    scenario_wait(&s, 110);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "PreRunningDeadlineExceeded"));
    CU_ASSERT_TRUE(scenario_says(scenario_status(&s, "message"), "Failed to create submitter Job"));
    scenario_end(&s);
}

static void test_submitter_created_at_last(void) {
    struct scenario s = {.mode = "K8sJobMode", .ray = "RUNNING", .refuse = no_jobs};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 30);
    s.refuse = NULL;
    scenario_wait(&s, 70);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_EQUAL(scenario_count(&s, "jobs"), 1);
    CU_ASSERT_FALSE(scenario_says(rv_path_str(scenario_condition(&s, "Reconciling"), "message"), "Failed"));
    scenario_end(&s);
}

static void test_submitter_that_does_not_start(void) {
    static const struct {
        const char *status; /* of its pod; NULL: there is none */
        const char *reason, *words;
    } rows[] = {{"'containerStatuses':[{'name':'c','state':{'waiting':{'reason':'ImagePullBackOff','message':'no'}}}]",
                 "ImagePullBackOff", "submitter pod j-x: container c waits: ImagePullBackOff: no"},
                {"'conditions':[{'type':'PodScheduled','status':'False','reason':'Unschedulable','message':'full'}]",
                 "Unschedulable", "submitter pod j-x: not scheduled: full"},
                {"'phase':'Pending'", "PodsNotReady", "made more than a minute ago"},
                {NULL, "SubmitterHasNoPod", "quota"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode"};
        scenario_begin_running(&s);
        if (rows[i].status != NULL) scenario_submitter_pod(&s, rows[i].status);
        scenario_wait(&s, 70);
        CHECK_ROW(scenario_is(&s, "Running", ""), rows[i].reason);
        CHECK_ROW(scenario_reason_is(&s, rows[i].reason), rows[i].words);
        CHECK_ROW(scenario_says(rv_path_str(scenario_condition(&s, "Reconciling"), "message"), rows[i].words),
                  rows[i].words);
        CHECK_ROW(scenario_says(scenario_status(&s, "message"), rows[i].words), rows[i].words);
        if (rows[i].status == NULL) scenario_submitter_pod(&s, "'phase':'Pending'");
        scenario_patch(&s, "pods", "j-x", true,
                       "{'status':{'phase':'Running','containerStatuses':null,'conditions':[{'type':'Ready','status':"
                       "'True'}]}}");
        scenario_wait(&s, 1);
        CHECK_ROW(scenario_reason_is(&s, "Running") && scenario_status(&s, "message").n == 0, rows[i].words);
        scenario_end(&s);
    }
}

static const struct suite_test tests[] = {
    {"a job outlives its submitter", test_job_outlives_its_submitter},
    {"a sidecar that ends before the cluster is ready", test_sidecar_ends_before_the_cluster_is_ready},
    {"a submitter beside a proxy", test_submitter_beside_a_proxy},
    {"the submitter of a lost job", test_submitter_of_a_lost_job},
    {"ended before the log was read", test_ended_before_the_log_was_read},
    {"a submitter that hangs", test_submitter_that_hangs},
    {"a submitter fails and nobody answers", test_submitter_fails_and_nobody_answers},
    {"a submitter fails", test_submitter_fails},
    {"a submitter that cannot be created", test_submitter_cannot_be_created},
    {"a submitter that is created at last", test_submitter_created_at_last},
    {"a submitter that does not start", test_submitter_that_does_not_start},
};
SUITE_MAIN("rayjob: submitters", tests)
