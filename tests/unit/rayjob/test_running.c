/* test_running.c - single scenarios of a RayJob, one for each failure that once happened. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

#define OWN_JOB ",'shutdownAfterJobFinishes':true"

/* ---- submitting over HTTP --------------------------------------------------------------------------------------- */

static void test_refused_for_long(void) {
    struct scenario s = {.mode = "HTTPMode",
                         .submitting = {.status = 500, .text = "Traceback (most)\n  x\nNoAgent: later\n"}};
    scenario_begin_running(&s);
    scenario_wait(&s, 60);
    uint64_t writes = rv_fakehost_writes(s.host), submitted = s.submitted;
    CU_ASSERT_TRUE(submitted <= 8);
    CU_ASSERT_TRUE(scenario_reason_is(&s, "JobNotAccepted"));
    CU_ASSERT_TRUE(scenario_says(rv_path_str(scenario_condition(&s, "Reconciling"), "message"), ": NoAgent: later"));
    CU_ASSERT_TRUE(scenario_status(&s, "jobStatusCheckFailureStartTime").n != 0);
    scenario_wait(&s, 60);
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host) - writes, s.submitted - submitted); /* each is one, the status is none */
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    scenario_wait(&s, 240);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "JobStatusCheckTimeoutExceeded"));
    CU_ASSERT_TRUE(scenario_says(scenario_status(&s, "message"), "did not take the job"));
    scenario_end(&s);
}

static void test_refused_for_good(void) {
    static const struct scenario_fault faults[] = {
        {.status = 400, .text = "Traceback (most)\n  x\nValueError: no such env"},
        {.status = 422, .text = "Traceback (most)\n  x\nValueError: no such env\n"},
        {.status = 500,
         .text = "Traceback (most)\n  x\nRuntimeError: Request failed with status code 400: Traceback (most)\n  y\n"
                 "ValueError: no such env\n.\n"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(faults); i++) {
        struct scenario s = {.mode = "HTTPMode", .submitting = faults[i]};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        CU_ASSERT_TRUE(scenario_is(&s, "Failed", "SubmissionFailed"));
        CU_ASSERT_TRUE(scenario_says(scenario_status(&s, "message"), ": ValueError: no such env"));
        CU_ASSERT_EQUAL(s.submitted, 1);
        scenario_end(&s);
    }
}

/* The answer to the first request was lost: Ray has the job, and says so in one way or another. */
static void test_taken_already(void) {
    static const uint32_t statuses[] = {400, 500};
    for (size_t i = 0; i < RV_ARRAY_LEN(statuses); i++) {
        struct scenario s = {
            .mode = "HTTPMode",
            .submitting = {.status = statuses[i],
                           .text = "Request failed with status code 400: Please use a different submission_id."}};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        s.ray = "RUNNING";
        scenario_wait(&s, 10);
        CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
        CU_ASSERT_EQUAL(s.submitted, 1);
        scenario_end(&s);
    }
}

static void test_taken_at_last(void) {
    struct scenario s = {.mode = "HTTPMode", .submitting = {.status = 503}};
    scenario_begin_running(&s);
    scenario_wait(&s, 100);
    s.submitting = (struct scenario_fault){0};
    scenario_wait(&s, 20);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_EQUAL(scenario_status(&s, "jobStatusCheckFailureStartTime").n, 0);
    s.ray = "SUCCEEDED";
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    scenario_end(&s);
}

/* ---- an edit that the head has not followed --------------------------------------------------------------------- */

/* The cluster's spec says another port, label and mode than its head has: Ray is asked where the head is. */
static void test_follows_the_head(void) {
    struct scenario s = {.mode = "HTTPMode"};
    scenario_begin(&s);
    for (int i = 0; i < 10 && scenario_cluster(&s) == NULL; i++) scenario_wait(&s, 1);
    scenario_patch(
        &s, "rayclusters", scenario_cluster(&s)->name, false,
        "{'spec':{'headGroupSpec':{'template':{'spec':{'containers':[{'name':'ray-head','image':'r','ports':[{"
        "'name':'dashboard','containerPort':9265}]}]}}}}}");
    scenario_head_with(&s, "head-1", ",'app.kubernetes.io/name':'first'",
                       ",'ports':[{'name':'dashboard','containerPort':8266}]");
    scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, true, "{'status':{'state':'ready'}}");
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_TRUE(scenario_says(scenario_status(&s, "dashboardURL"), ":8266"));
    const struct rv_fake_object *o = rv_fakeapi_get(s.api, "services", "j-head-svc");
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_TRUE(
        rv_str_is(rv_val_str(rv_val_get(rv_val_path(o->value, "spec.selector"), "app.kubernetes.io/name")), "first"));
    CU_ASSERT_EQUAL(rv_path_int(o->value, "spec.ports[0].port", 0), 8266);
    scenario_end(&s);
}

/* ---- an operator that was away ---------------------------------------------------------------------------------- */

static void succeeds(struct scenario *s) {
    s->ray = "SUCCEEDED";
    s->asking = (struct scenario_fault){0};
}

static void recovers(struct scenario *s) { s->asking = (struct scenario_fault){0}; }

static void test_away(void) {
    static const struct {
        const char *spec;
        struct scenario_fault before;
        void (*meanwhile)(struct scenario *s);
        const char *phase, *reason;
    } rows[] = {
        {"", {.code = RV_E_TIMEOUT}, succeeds, "Complete", ""},
        {"", {.code = RV_E_TIMEOUT}, recovers, "Running", ""},
        {"", {.code = RV_E_TIMEOUT}, NULL, "Failed", "JobStatusCheckTimeoutExceeded"},
        {",'activeDeadlineSeconds':300", {0}, succeeds, "Complete", ""},
        {",'activeDeadlineSeconds':300", {0}, NULL, "Failed", "DeadlineExceeded"},
        {",'activeDeadlineSeconds':300", {.code = RV_E_TIMEOUT}, NULL, "Failed", "DeadlineExceeded"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode", .spec = rows[i].spec};
        scenario_begin_running(&s);
        s.asking = rows[i].before;
        scenario_wait(&s, 4);
        scenario_away(&s, 600, rows[i].meanwhile);
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, rows[i].phase, rows[i].reason), rows[i].spec);
        scenario_end(&s);
    }
}

/* ---- a job of that id that is there already */

static void test_job_of_somebody_else(void) {
    static const char *const modes[] = {"HTTPMode", "K8sJobMode"};
    for (size_t i = 0; i < RV_ARRAY_LEN(modes); i++) {
        struct scenario s = {
            .mode = modes[i], .shared = "theirs", .spec = ",'jobId':'nightly'", .ray = "SUCCEEDED", .ray_began_s = -60};
        scenario_begin(&s);
        scenario_wait(&s, 20);
        CHECK_ROW(scenario_is(&s, "Failed", "SubmissionFailed"), modes[i]);
        CHECK_ROW(scenario_says(scenario_status(&s, "message"), "already has a job nightly"), modes[i]);
        CHECK_ROW(scenario_status(&s, "jobStatus").n == 0, modes[i]);
        CHECK_ROW(s.submitted == 0 && s.stopped == 0, modes[i]);
        scenario_end(&s);
    }
    struct scenario s = {.mode = "K8sJobMode", .shared = "theirs", .spec = ",'jobId':'nightly'", .ray = "SUCCEEDED"};
    scenario_begin(&s); /* it began after the RayJob: its submitter has submitted it */
    scenario_wait(&s, 5);
    scenario_submitter_ends(&s, true);
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    scenario_end(&s);
}

/* ---- how the head ended */

static void test_how_the_head_ended(void) {
    static const struct {
        const char *status, *words;
        bool replaced;
    } rows[] = {
        {"{'status':{'containerStatuses':[{'name':'ray-head','restartCount':1,'lastState':{'terminated':{'reason':"
         "'OOMKilled','exitCode':137}}}]}}",
         "OOMKilled, exit code 137, memory limit 2Gi", false},
        {"{'status':{'phase':'Failed','reason':'Evicted','message':'The node was low on resource: memory'}}",
         "Evicted: The node was low on resource: memory", true},
        {"{'metadata':{'finalizers':['x/"
         "y']},'status':{'conditions':[{'type':'DisruptionTarget','status':'True','reason':"
         "'PreemptionByScheduler','message':'preempting to accommodate a higher priority pod'}]}}",
         "PreemptionByScheduler: preempting to accommodate a higher priority pod", true},
        /* It was to be taken, and was not. */
        {"{'status':{'conditions':[{'type':'DisruptionTarget','status':'False','reason':'x','message':'not that'}],"
         "'containerStatuses':[{'name':'ray-head','restartCount':1,'lastState':{'terminated':{'reason':'Error',"
         "'exitCode':1}}}]}}",
         "GCS fault tolerance is off: Error, exit code 1", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode"};
        scenario_begin(&s);
        for (int k = 0; k < 10 && scenario_cluster(&s) == NULL; k++) scenario_wait(&s, 1);
        scenario_head_with(&s, "head-1", "", ",'resources':{'limits':{'memory':'2Gi'}}");
        scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, true, "{'status':{'state':'ready'}}");
        scenario_wait(&s, 8);
        CHECK_ROW(scenario_status(&s, "submittedTo.podName").n != 0, rows[i].words);
        bool lingers = strstr(rows[i].status, "finalizers") != NULL;
        if (lingers) scenario_patch(&s, "pods", "head-1", false, rows[i].status);
        scenario_patch(&s, "pods", "head-1", true, rows[i].status);
        scenario_settle(&s);
        if (rows[i].replaced) {
            scenario_delete(&s, "pods", "head-1");
            scenario_settle(&s);
            if (lingers) scenario_patch(&s, "pods", "head-1", false, "{'metadata':{'finalizers':null}}");
            scenario_wait(&s, 40);
            scenario_head(&s, "head-2");
        }
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, "Failed", "AppFailed"), rows[i].words);
        CHECK_ROW(scenario_says(scenario_status(&s, "message"), rows[i].words), rows[i].words);
        CHECK_ROW(!rv_str_is(scenario_status(&s, "jobStatus"), "FAILED"), "Ray did not say so");
        scenario_end(&s);
    }
}

/* ---- what is deleted, and what holds it */

static int pods_first(void *arg, const struct rv_action *a) {
    struct scenario *s = arg;
    bool ours = a->verb == RV_VERB_DELETE && (rv_str_is(a->resource, "rayclusters") || rv_str_is(a->resource, "jobs"));
    s->tried += ours && rv_str_is(a->propagation, "Foreground");
    return 0;
}

static void test_suspended_when_pods_are_gone(void) {
    struct scenario s = {.mode = "K8sJobMode", .spec = OWN_JOB, .ray = "RUNNING", .refuse = pods_first};
    scenario_begin_running(&s);
    scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, false,
                   "{'metadata':{'finalizers':['foregroundDeletion']}}"); /* which the API server adds */
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'suspend':true}}");
    scenario_wait(&s, 40);
    CU_ASSERT_EQUAL(s.tried, 2);
    CU_ASSERT_TRUE(scenario_is(&s, "Suspending", ""));
    CU_ASSERT_TRUE(
        scenario_says(rv_path_str(scenario_condition(&s, "Reconciling"), "message"), "pod head-1 is not gone yet"));
    scenario_patch(&s, "rayclusters", scenario_cluster(&s)->name, false, "{'metadata':{'finalizers':null}}");
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Suspended", ""));
    scenario_end(&s);
}

/* An edit that nothing follows is said to be one. */
static void test_edits(void) {
    static const struct {
        const char *patch, *words;
    } rows[] = {{"{'spec':{'entrypoint':'other'}}", "What is submitted"},
                {"{'spec':{'rayClusterSpec':{'workerGroupSpecs':null}}}", "spec.rayClusterSpec was changed"},
                {"{'spec':{'ttlSecondsAfterFinished':5}}", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode", .spec = OWN_JOB, .ray = "RUNNING"};
        scenario_begin_running(&s);
        CHECK_ROW(!rv_val_present(scenario_condition(&s, "AttemptOutdated")), rows[i].patch);
        scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, rows[i].patch);
        scenario_wait(&s, 5);
        struct rv_str said = rv_path_str(scenario_condition(&s, "AttemptOutdated"), "message");
        CHECK_ROW(rows[i].words == NULL ? said.n == 0 : scenario_says(said, rows[i].words), rows[i].patch);
        CHECK_ROW(rows[i].words == NULL || scenario_says(said, "with the next attempt, or after a suspension"),
                  rows[i].patch);
        scenario_end(&s);
    }
}

static void test_finished_without_a_finalizer(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
    scenario_begin_running(&s);
    const struct rv_fake_object *o = rv_fakeapi_get(s.api, "rayjobs", SCENARIO_JOB);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(o->value, "metadata.finalizers")), 1);
    s.ray = "SUCCEEDED";
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    o = rv_fakeapi_get(s.api, "rayjobs", SCENARIO_JOB);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(o->value, "metadata.finalizers")), 0);
    scenario_end(&s);
}

/* ---- somebody else's cluster ------------------------------------------------------------------------------------ */

static void test_shared_cluster_deleted(void) {
    struct scenario s = {.mode = "HTTPMode", .shared = "theirs", .ray = "RUNNING"};
    scenario_begin(&s);
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    scenario_delete(&s, "rayclusters", "theirs");
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "AppFailed"));
    scenario_end(&s);
}

static void test_stopped_in_a_shared_cluster(void) {
    struct scenario s = {.mode = "HTTPMode",
                         .shared = "theirs",
                         .ray = "RUNNING",
                         .spec = ",'activeDeadlineSeconds':20",
                         .stopping = {.code = RV_E_TIMEOUT}};
    scenario_begin(&s);
    scenario_wait(&s, 25);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "DeadlineExceeded"));
    CU_ASSERT_TRUE(s.stopped >= 2);
    s.stopping = (struct scenario_fault){0};
    unsigned before = s.stopped;
    scenario_wait(&s, 60);
    CU_ASSERT_EQUAL(s.stopped, before + 1);
    scenario_end(&s);
}

static void test_not_stopped_for_ever(void) {
    struct scenario s = {.mode = "K8sJobMode",
                         .shared = "theirs",
                         .ray = "RUNNING",
                         .stopping = {.status = 503},
                         .spec = ",'activeDeadlineSeconds':20"};
    scenario_begin(&s);
    scenario_wait(&s, 65);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "DeadlineExceeded"));
    CU_ASSERT_TRUE(s.stopped >= 3 && s.stopped <= 6);
    scenario_end(&s);
}

static void test_deleted_on_a_shared_cluster(void) {
    struct scenario s = {.mode = "HTTPMode", .shared = "theirs", .ray = "RUNNING", .stopping = {.status = 503}};
    scenario_begin(&s);
    scenario_wait(&s, 5);
    scenario_delete(&s, "rayjobs", SCENARIO_JOB);
    scenario_wait(&s, 5);
    CU_ASSERT_EQUAL(scenario_count(&s, "rayjobs"), 1);
    s.stopping = (struct scenario_fault){0};
    scenario_wait(&s, 5);
    CU_ASSERT_EQUAL(scenario_count(&s, "rayjobs"), 0);
    CU_ASSERT_TRUE(s.stopped >= 3);
    scenario_end(&s);
}

/* ---- heads ------------------------------------------------------------------------------------------------------ */

static void test_two_heads(void) {
    static const char *const others[] = {"a-head", "z-head"};
    for (size_t i = 0; i < RV_ARRAY_LEN(others); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
        scenario_begin_running(&s);
        scenario_head(&s, others[i]);
        scenario_wait(&s, 10);
        CHECK_ROW(scenario_is(&s, "Running", ""), others[i]);
        scenario_patch(&s, "pods", "head-1", false, "{'metadata':{'labels':{'x':'y'}}}"); /* listed in another order */
        scenario_wait(&s, 10);
        CHECK_ROW(scenario_is(&s, "Running", ""), others[i]);
        scenario_end(&s);
    }
}

static void test_sidecar_that_will_restart(void) {
    struct scenario s = {
        .mode = "SidecarMode", .ray = "RUNNING", .settings = "{\"featureGates\":{\"SidecarSubmitterRestart\":true}}"};
    static const char ended[] =
        "{'status':{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':0},"
        "{'name':'ray-job-submitter','restartCount':%d,'state':{'terminated':{'exitCode':%d,"
        "'finishedAt':'2023-11-14T22:13:30Z'}},'lastState':{'terminated':{'exitCode':1}}}]}}";
    char json[512];
    scenario_begin_running(&s);
    s.ray = "SUCCEEDED";
    snprintf(json, sizeof json, ended, 1, 1);
    scenario_patch(&s, "pods", "head-1", true, json);
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    snprintf(json, sizeof json, ended, 2, 0);
    scenario_patch(&s, "pods", "head-1", true, json);
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    scenario_end(&s);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void test_credential_that_cannot_be_read(void) {
    struct scenario s = {
        .mode = "HTTPMode", .ray = "RUNNING", .auth = "{'mode':'token'}", .asking = {.code = RV_E_TIMEOUT}};
    scenario_begin_running(&s);
    scenario_wait(&s, 10);
    s.asking = (struct scenario_fault){.code = RV_E_CREDENTIAL, .text = "the key cannot be used"};
    scenario_wait(&s, 600);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_EQUAL(scenario_status(&s, "jobStatusCheckFailureStartTime").n, 0);
    CU_ASSERT_TRUE(scenario_reason_is(&s, "DashboardNotAsked"));
    s.asking = (struct scenario_fault){0};
    scenario_wait(&s, 20);
    CU_ASSERT_TRUE(scenario_reason_is(&s, "Running"));
    scenario_end(&s);
}

/* A cluster that wants Kubernetes tokens. */
static void test_nobody_can_ask(void) {
    static const struct {
        const char *mode;
        bool ends, well;
        const char *phase, *reason, *job;
    } rows[] = {{"K8sJobMode", false, false, "Running", "", ""},
                {"K8sJobMode", true, true, "Complete", "", "SUCCEEDED"},
                {"K8sJobMode", true, false, "Failed", "SubmissionFailed", ""},
                {"HTTPMode", false, false, "Failed", "SubmissionFailed", ""},
                {"InteractiveMode", false, false, "Failed", "SubmissionFailed", ""}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = rows[i].mode,
                             .shared = "theirs",
                             .auth = "{'mode':'token','enableK8sTokenAuth':true}",
                             .asking = {.status = 401}};
        scenario_begin(&s);
        scenario_wait(&s, 400);
        if (rows[i].ends) scenario_submitter_ends(&s, rows[i].well);
        scenario_wait(&s, 10);
        CHECK_ROW(scenario_is(&s, rows[i].phase, rows[i].reason), rows[i].mode);
        CHECK_ROW(rv_str_is(scenario_status(&s, "jobStatus"), rows[i].job), rows[i].mode);
        CHECK_ROW(s.asked + s.submitted + s.stopped == 0, rows[i].mode);
        scenario_end(&s);
    }
}

/* There the submitter's end decides the RayJob's state. The job's own status is only what Ray has told the submitter.
 */
static void test_what_the_submitter_proves(void) {
#define USERS ",'submitterPodTemplate':{'spec':{'restartPolicy':'Never','containers':[{'name':'s','command':['x']}]}}"
#define SMALL "{\"submitterImage\":\"i\"}"
#define ENDED(code)                                                                                                    \
    "'phase':'Failed','containerStatuses':[{'name':'s','state':{'terminated':{'exitCode':" #code ",'reason':'Error'}}" \
    "}]"
    static const struct {
        const char *name, *spec, *settings, *pod, *edit;
        const char *phase, *reason, *job, *words;
    } rows[] = {
        {"our line", "", NULL, NULL, NULL, "Complete", "", "SUCCEEDED", "Ray has told the submitter"},
        {"the small submitter", "", SMALL, NULL, NULL, "Complete", "", "SUCCEEDED", "Ray has told the submitter"},
        {"the user's command", USERS, NULL, NULL, NULL, "Complete", "", "", "this does not prove how the job ended"},
        {"an edit since", "", NULL, NULL, "{'spec':{'submitterPodTemplate':{'spec':{'containers':[{'name':'s'}]}}}}",
         "Complete", "", "", "the spec was changed since"},
        {"Ray says FAILED", "", NULL, ENDED(81), NULL, "Failed", "AppFailed", "FAILED", "the job is FAILED"},
        {"Ray says STOPPED", "", NULL, ENDED(82), NULL, "Complete", "", "STOPPED", "the job is STOPPED"},
        {"killed", "", NULL, ENDED(137), NULL, "Failed", "SubmissionFailed", "", "it may still run"},
        {"a failure of the line", "", NULL, ENDED(1), NULL, "Failed", "SubmissionFailed", "", "it may still run"},
        {"a code of the user's command", USERS, NULL, ENDED(81), NULL, "Failed", "SubmissionFailed", "", "may still"},
        {"the small one says FAILED", "", SMALL, ENDED(1), NULL, "Failed", "AppFailed", "FAILED", "the job is FAILED"},
        {"the small one says STOPPED", "", SMALL, ENDED(2), NULL, "Complete", "", "STOPPED", "the job is STOPPED"},
        {"the small one was killed", "", SMALL, ENDED(137), NULL, "Failed", "SubmissionFailed", "", "it may still run"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode",
                             .shared = "theirs",
                             .spec = rows[i].spec,
                             .settings = rows[i].settings,
                             .auth = "{'mode':'token','enableK8sTokenAuth':true}",
                             .asking = {.status = 401}};
        scenario_begin(&s);
        scenario_wait(&s, 20);
        if (rows[i].edit != NULL) scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, rows[i].edit);
        scenario_submitter_ends(&s, rows[i].pod == NULL);
        if (rows[i].pod != NULL) { /* the pod tells its exit code after its Job has failed */
            scenario_wait(&s, 2);
            CHECK_ROW(scenario_is(&s, "Running", ""), rows[i].name);
            scenario_submitter_pod(&s, rows[i].pod);
        }
        scenario_wait(&s, 3);
        CHECK_ROW(scenario_is(&s, rows[i].phase, rows[i].reason), rows[i].name);
        CHECK_ROW(rv_str_is(scenario_status(&s, "jobStatus"), rows[i].job), rows[i].name);
        CHECK_ROW(scenario_says(scenario_status(&s, "message"), rows[i].words), rows[i].name);
        CHECK_ROW(scenario_says(scenario_status(&s, "message"), "cannot ask Ray, because RayCluster theirs"),
                  rows[i].name);
        CHECK_ROW(s.asked + s.submitted + s.stopped == 0, rows[i].name);
        scenario_end(&s);
    }
}

static void test_404_of_others(void) {
    static const char *const texts[] = {"<html>404 Not Found</html>", "404: Not Found", "Job x does not exist"};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
        scenario_begin_running(&s);
        s.asking = (struct scenario_fault){.status = 404, .text = texts[i]};
        scenario_wait(&s, 20);
        CHECK_ROW(scenario_is(&s, "Running", ""), texts[i]);
        scenario_wait(&s, 20);
        CHECK_ROW(scenario_is(&s, i < 2 ? "Running" : "Failed", i < 2 ? "" : "AppFailed"), texts[i]);
        scenario_end(&s);
    }
}

static void test_text_that_changes(void) {
    static const char *const texts[] = {"Failed to connect to h port 8265 after 3 ms: Connection refused",
                                        "Failed to connect to h port 8265 after 17 ms: Connection refused"};
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
    scenario_begin_running(&s);
    for (int i = 0; i < 6; i++) {
        s.asking = (struct scenario_fault){.code = RV_E_UNAVAILABLE, .text = texts[i % 2]};
        scenario_wait(&s, 15);
        if (i == 0) s.tried = (unsigned)rv_fakehost_writes(s.host);
    }
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host), s.tried);
    CU_ASSERT_TRUE(
        scenario_says(rv_path_str(scenario_condition(&s, "Reconciling"), "message"), "8265: Connection refused"));
    scenario_end(&s);
}

/* ---- actions that fail ------------------------------------------------------------------------------------------ */

static int no_services(void *arg, const struct rv_action *a) {
    struct scenario *s = arg;
    bool service = a->verb == RV_VERB_CREATE && rv_str_is(a->resource, "services");
    s->tried += service;
    return service ? RV_E_FORBIDDEN : 0;
}

static void test_deadline_beside_a_failing_action(void) {
    struct scenario s = {
        .mode = "HTTPMode", .ray = "RUNNING", .spec = ",'activeDeadlineSeconds':200", .refuse = no_services};
    scenario_begin_running(&s);
    scenario_wait(&s, 190);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_TRUE(s.asked >= 40); /* every 3 s and a little */
    CU_ASSERT_TRUE(s.tried <= 12);
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "DeadlineExceeded"));
    scenario_end(&s);
}

/* The cluster changes between the reading and the patch. */
static int hasty(void *arg, const struct rv_action *a) {
    struct scenario *s = arg;
    if (a->verb == RV_VERB_JSON_PATCH && s->tried++ == 0)
        scenario_patch(s, "rayclusters", scenario_cluster(s)->name, true, "{'status':{'reason':'x'}}");
    return 0;
}

static void test_lost_race(void) {
    struct scenario s = {
        .mode = "HTTPMode",
        .ray = "SUCCEEDED",
        .refuse = hasty,
        .spec = ",'deletionStrategy':{'onSuccess':{'policy':'DeleteWorkers'},'onFailure':{'policy':'DeleteNone'}}"};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    CU_ASSERT_EQUAL(s.tried, 2);
    CU_ASSERT_TRUE(rv_path_bool(scenario_cluster(&s)->value, "spec.workerGroupSpecs[0].suspend", false));
    CU_ASSERT_EQUAL(s.complaints, 0);
    scenario_end(&s);
}

/* ---- edits ------------------------------------------------------------------------------------------------------ */

static void test_cleaned_up_while_invalid(void) {
    static const struct {
        const char *spec, *edit;
        bool deleted;
    } rows[] = {
        {OWN_JOB ",'ttlSecondsAfterFinished':60", "{'spec':{'entrypointResources':'{'}}", true},
        {OWN_JOB ",'ttlSecondsAfterFinished':60", "{'spec':{'backoffLimit':-1}}", true},
        {OWN_JOB ",'ttlSecondsAfterFinished':60", "{'spec':{'ttlSecondsAfterFinished':-1}}", true}, /* as was planned */
        {",'backoffLimit':0", "{'spec':{'backoffLimit':-1}}", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "SUCCEEDED", .spec = rows[i].spec};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        CHECK_ROW(scenario_is(&s, "Complete", ""), rows[i].edit);
        scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, rows[i].edit);
        scenario_wait(&s, 40);
        CHECK_ROW(rv_str_is(rv_path_str(scenario_condition(&s, "Stalled"), "status"), "True"), rows[i].edit);
        CHECK_ROW(scenario_cluster(&s) != NULL, rows[i].edit);
        scenario_wait(&s, 40);
        CHECK_ROW((scenario_cluster(&s) == NULL) == rows[i].deleted, rows[i].edit);
        scenario_end(&s);
    }
}

/* What was begun in one mode goes on in it, whatever word stands there now. */
static void test_unknown_mode(void) {
    struct scenario s = {.mode = "K8sJobMode", .ray = "RUNNING"};
    scenario_begin_running(&s);
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'submissionMode':'PigeonMode'}}");
    s.ray = "SUCCEEDED";
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", "")); /* the submitter still reads the log */
    scenario_submitter_ends(&s, true);
    scenario_wait(&s, 10);
    CU_ASSERT_TRUE(scenario_is(&s, "Complete", ""));
    scenario_end(&s);
}

/* Whatever was told of a job, by whichever process, is taken back when it goes. */
static void test_metrics(void) {
    struct scenario s = {.mode = "HTTPMode", .spec = ",'backoffLimit':2"};
    scenario_begin(&s);
    for (int attempt = 0; attempt < 3; attempt++) {
        s.ray = NULL;
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        s.ray = "FAILED";
        scenario_away(&s, 1, NULL);
        scenario_wait(&s, 40);
    }
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "AppFailed"));
    /* Its name, its state, how long the third attempt took: this process saw no other. */
    CU_ASSERT_EQUAL(s.series_n, 3);
    scenario_away(&s, 1, NULL);
    scenario_delete(&s, "rayjobs", SCENARIO_JOB);
    scenario_wait(&s, 5);
    CU_ASSERT_EQUAL(scenario_count(&s, "rayjobs"), 0);
    CU_ASSERT_EQUAL(s.series_n, 0);
    for (unsigned i = 0; i < s.series_n; i++) printf("\n    %s", s.series[i]);
    scenario_end(&s);
}

static const struct suite_test tests[] = {
    {"a job of somebody else", test_job_of_somebody_else},
    {"how the head ended", test_how_the_head_ended},
    {"suspended when the pods are gone", test_suspended_when_pods_are_gone},
    {"edits that nothing follows", test_edits},
    {"finished without a finalizer", test_finished_without_a_finalizer},
    {"it follows the head that runs", test_follows_the_head},
    {"HTTPMode: refused for long", test_refused_for_long},
    {"HTTPMode: refused for good", test_refused_for_good},
    {"HTTPMode: taken already", test_taken_already},
    {"HTTPMode: taken at last", test_taken_at_last},
    {"the operator was away", test_away},
    {"a shared cluster is deleted", test_shared_cluster_deleted},
    {"stopped in a shared cluster", test_stopped_in_a_shared_cluster},
    {"not stopped for ever", test_not_stopped_for_ever},
    {"deleted on a shared cluster", test_deleted_on_a_shared_cluster},
    {"two heads", test_two_heads},
    {"a sidecar that will restart", test_sidecar_that_will_restart},
    {"a credential that cannot be read", test_credential_that_cannot_be_read},
    {"nobody can ask", test_nobody_can_ask},
    {"nobody can ask", test_what_the_submitter_proves},
    {"404 of others", test_404_of_others},
    {"a text that changes", test_text_that_changes},
    {"a deadline beside a failing action", test_deadline_beside_a_failing_action},
    {"a lost race", test_lost_race},
    {"cleaned up while invalid", test_cleaned_up_while_invalid},
    {"unknown mode", test_unknown_mode},
    {"metrics", test_metrics},
};
SUITE_MAIN("rayjob: scenarios", tests)
