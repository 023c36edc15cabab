/* test_deletions.c - what is deleted of a RayJob and of what it made, and when: to the second. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

static bool is(struct rv_str text, const char *want) {
    bool same = rv_str_is(text, want);
    if (!same) printf("\n    it says \"" RV_STR_FMT "\", not \"%s\"", RV_STR_ARG(text), want);
    return same;
}

static struct rv_str reconciling(const struct scenario *s, const char *field) {
    return rv_path_str(scenario_condition(s, "Reconciling"), field);
}

/* ---- after the end ---------------------------------------------------------------------------------------------- */

enum left { NOTHING, NO_CLUSTER, NO_WORKERS, ALL };

static enum left left(const struct scenario *s) {
    const struct rv_fake_object *c = scenario_cluster(s);
    if (rv_fakeapi_get(s->api, "rayjobs", SCENARIO_JOB) == NULL) return NOTHING;
    if (c == NULL) return NO_CLUSTER;
    return rv_path_bool(c->value, "spec.workerGroupSpecs[0].suspend", false) ? NO_WORKERS : ALL;
}

#define RULE(policy, when, ttl) "{'policy':'" policy "','condition':{" when ",'ttlSeconds':" ttl "}}"
#define RULES(list) ",'deletionStrategy':{'deletionRules':[" list "]}"
#define ON(success, failure)                                                                                           \
    ",'deletionStrategy':{'onSuccess':{'policy':'" success "'},'onFailure':{'policy':'" failure "'}}"
#define SHUTDOWN ",'shutdownAfterJobFinishes':true"
#define TTL ",'ttlSecondsAfterFinished':20"
#define SELF_TOO "{\"deleteRayJobAfterJobFinishes\":true}"
#define SUCCEEDED "'jobStatus':'SUCCEEDED'"
#define FAILED "'jobStatus':'FAILED'"
#define STOPPED "'jobStatus':'STOPPED'"
#define DEPLOYMENT_FAILED "'jobDeploymentStatus':'Failed'"
#define COMPLETE "'jobDeploymentStatus':'Complete'"

static const struct deletion {
    const char *spec, *settings, *ray;
    struct step {
        unsigned at; /* seconds after the end */
        enum left left;
    } steps[3];          /* what is left from when on */
    const char *planned; /* at the end; NULL: nothing is */
} deletions[] = {
    /* shutdownAfterJobFinishes */
    {"", NULL, "SUCCEEDED", {{0, ALL}}, NULL},
    {SHUTDOWN, NULL, "SUCCEEDED", {{0, NO_CLUSTER}}, NULL},
    {SHUTDOWN TTL, NULL, "SUCCEEDED", {{0, ALL}, {20, NO_CLUSTER}}, "DeleteCluster"},
    {SHUTDOWN TTL, NULL, "FAILED", {{0, ALL}, {20, NO_CLUSTER}}, "DeleteCluster"},
    {SHUTDOWN TTL, NULL, "STOPPED", {{0, ALL}, {20, NO_CLUSTER}}, "DeleteCluster"},
    {SHUTDOWN TTL, SELF_TOO, "SUCCEEDED", {{0, ALL}, {20, NOTHING}}, "DeleteSelf"},
    {"", SELF_TOO, "SUCCEEDED", {{0, ALL}}, NULL},
    /* onSuccess, onFailure */
    {ON("DeleteCluster", "DeleteNone"), NULL, "SUCCEEDED", {{0, NO_CLUSTER}}, NULL},
    {ON("DeleteCluster", "DeleteNone"), NULL, "FAILED", {{0, ALL}}, NULL},
    {ON("DeleteCluster", "DeleteSelf"), NULL, "STOPPED", {{0, ALL}}, NULL},
    {ON("DeleteNone", "DeleteWorkers"), NULL, "FAILED", {{0, NO_WORKERS}}, NULL},
    {ON("DeleteNone", "DeleteSelf"), NULL, "FAILED", {{0, NOTHING}}, NULL},
    {ON("DeleteWorkers", "DeleteSelf"), NULL, "SUCCEEDED", {{0, NO_WORKERS}}, NULL},
    /* rules */
    {RULES(RULE("DeleteWorkers", SUCCEEDED, "10") "," RULE("DeleteCluster", SUCCEEDED, "20")),
     NULL,
     "SUCCEEDED",
     {{0, ALL}, {10, NO_WORKERS}, {20, NO_CLUSTER}},
     "DeleteWorkers"},
    {RULES(RULE("DeleteWorkers", SUCCEEDED, "10") "," RULE("DeleteSelf", SUCCEEDED, "10")),
     NULL,
     "SUCCEEDED",
     {{0, ALL}, {10, NOTHING}},
     "DeleteWorkers"},
    {RULES(RULE("DeleteSelf", SUCCEEDED, "30") "," RULE("DeleteCluster", SUCCEEDED, "10")),
     NULL,
     "SUCCEEDED",
     {{0, ALL}, {10, NO_CLUSTER}, {30, NOTHING}},
     "DeleteCluster"},
    {RULES(RULE("DeleteCluster", FAILED, "10")), NULL, "SUCCEEDED", {{0, ALL}}, NULL},
    {RULES(RULE("DeleteCluster", FAILED, "10")), NULL, "FAILED", {{0, ALL}, {10, NO_CLUSTER}}, "DeleteCluster"},
    {RULES(RULE("DeleteCluster", FAILED, "10")), NULL, "STOPPED", {{0, ALL}}, NULL},
    {RULES(RULE("DeleteCluster", STOPPED, "10")), NULL, "STOPPED", {{0, ALL}, {10, NO_CLUSTER}}, "DeleteCluster"},
    {RULES(RULE("DeleteCluster", COMPLETE, "10")), NULL, "STOPPED", {{0, ALL}, {10, NO_CLUSTER}}, "DeleteCluster"},
    {RULES(RULE("DeleteCluster", COMPLETE, "10")), NULL, "FAILED", {{0, ALL}}, NULL},
    {RULES(RULE("DeleteCluster", DEPLOYMENT_FAILED, "10")),
     NULL,
     "FAILED",
     {{0, ALL}, {10, NO_CLUSTER}},
     "DeleteCluster"},
    {RULES(RULE("DeleteNone", SUCCEEDED, "10")), NULL, "SUCCEEDED", {{0, ALL}}, NULL},
};

/* Not in the very second in which a deletion is due. */
static void check_step(struct scenario *s, const struct deletion *t, size_t step, int64_t end) {
    unsigned until = step + 1 < RV_ARRAY_LEN(t->steps) && t->steps[step + 1].at != 0 ? t->steps[step + 1].at : 60;
    for (int64_t now; (now = (s->api->now - end) / 1000000000) < (int64_t)until; scenario_wait(s, 1)) {
        enum left is = left(s);
        if (step > 0 && now == (int64_t)t->steps[step].at) continue;
        if (is != t->steps[step].left) printf("\n    %d s after the end %d is left", (int)now, is);
        CHECK_ROW(is == t->steps[step].left, t->spec);
        if (is != t->steps[step].left) return;
    }
}

static void test_after_the_end(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(deletions); i++) {
        const struct deletion *t = &deletions[i];
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING", .spec = t->spec, .settings = t->settings};
        int64_t end = 0;
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        s.ray = t->ray;
        for (int k = 0; k < 5 && left(&s) == ALL && scenario_status(&s, "endTime").n == 0; k++) scenario_wait(&s, 1);
        if (rv_time_parse(scenario_status(&s, "endTime"), &end) != 0) end = s.api->now;
        CHECK_ROW(t->planned == NULL || is(scenario_status(&s, "plannedDeletion.policy"), t->planned), t->spec);
        CHECK_ROW((scenario_status(&s, "plannedDeletion.time").n != 0) == (t->planned != NULL), t->spec);
        for (size_t k = 0; k < RV_ARRAY_LEN(t->steps) && (k == 0 || t->steps[k].at != 0); k++)
            check_step(&s, t, k, end);
        CHECK_ROW(scenario_status(&s, "plannedDeletion.time").n == 0, t->spec);
        scenario_end(&s);
    }
}

/* What was lost without a word of Ray's counts as failed; what nobody answered for does not. */
static void test_what_counts_as_failed(void) {
    static const struct {
        const char *row, *reason;
        enum left left;
    } rows[] = {{"the head is lost", "AppFailed", NO_CLUSTER},
                {"nobody answers", "JobStatusCheckTimeoutExceeded", ALL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING", .spec = RULES(RULE("DeleteCluster", FAILED, "10"))};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        if (i == 0) {
            scenario_head(&s, "head-2");
            scenario_delete(&s, "pods", "head-1");
        } else {
            s.asking = (struct scenario_fault){.code = RV_E_TIMEOUT};
        }
        for (int k = 0; k < 400 && scenario_status(&s, "endTime").n == 0; k++) scenario_wait(&s, 1);
        CHECK_ROW(scenario_is(&s, "Failed", rows[i].reason), rows[i].row);
        scenario_wait(&s, 20);
        CHECK_ROW(left(&s) == rows[i].left, rows[i].row);
        scenario_end(&s);
    }
}

/* Somebody else's cluster stays, and the RayJob with it unless it is to go itself. */
static void test_a_shared_cluster_stays(void) {
    static const struct {
        const char *spec, *settings;
        enum left left;
    } rows[] = {{RULES(RULE("DeleteSelf", SUCCEEDED, "0")), NULL, NOTHING}, {"", SELF_TOO, ALL}, {"", NULL, ALL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "HTTPMode",
                             .ray = "RUNNING",
                             .shared = "theirs",
                             .spec = rows[i].spec,
                             .settings = rows[i].settings};
        scenario_begin(&s);
        scenario_wait(&s, 5);
        s.ray = "SUCCEEDED";
        scenario_wait(&s, 10);
        CHECK_ROW(left(&s) == rows[i].left, rows[i].spec);
        CHECK_ROW(scenario_cluster(&s) != NULL, rows[i].spec);
        scenario_end(&s);
    }
}

/* ---- a submitter that must not go on ----------------------------------------------------------------------------- */

static bool submitter_suspended(const struct scenario *s) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, "jobs", SCENARIO_JOB);
    return o != NULL && rv_path_bool(o->value, "spec.suspend", false);
}

static int counts_job_patches(void *arg, const struct rv_action *a) {
    struct scenario *s = arg;
    s->tried += a->verb == RV_VERB_MERGE_PATCH && rv_str_is(a->resource, "jobs");
    return 0;
}

static void test_the_submitter_of_an_ended_job(void) {
    static const struct {
        const char *row;
        bool finished, suspended;
    } rows[] = {{"it runs", false, true}, {"it has finished", true, false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "K8sJobMode",
                             .ray = "RUNNING",
                             .spec = ",'activeDeadlineSeconds':40",
                             .refuse = counts_job_patches};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        if (rows[i].finished) scenario_submitter_ends(&s, true);
        scenario_wait(&s, 60);
        CHECK_ROW(scenario_is(&s, "Failed", "DeadlineExceeded"), rows[i].row);
        CHECK_ROW(submitter_suspended(&s) == rows[i].suspended, rows[i].row);
        CHECK_ROW(s.tried == (rows[i].suspended ? 1 : 0), rows[i].row);
        scenario_end(&s);
    }
}

/* ---- between attempts ---------------------------------------------------------------------------------------------
 */

static void hold(struct scenario *s, const char *resource, const char *name) {
    scenario_patch(s, resource, name, false, "{'metadata':{'finalizers':['x/y']}}");
}

static void let_go(struct scenario *s, const char *resource, const char *name) {
    scenario_patch(s, resource, name, false, "{'metadata':{'finalizers':null}}");
}

static void test_what_lingers(void) {
    struct scenario s = {.mode = "K8sJobMode", .ray = "RUNNING", .spec = SHUTDOWN};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 5);
    scenario_submitter_pod(&s, "'phase':'Running'");
    char name[64];
    snprintf(name, sizeof name, "%s", scenario_cluster(&s)->name);
    hold(&s, "rayclusters", name);
    hold(&s, "jobs", SCENARIO_JOB);
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'suspend':true}}");
    scenario_wait(&s, 2);
    CU_ASSERT_TRUE(scenario_is(&s, "Suspending", ""));
    CU_ASSERT_TRUE(is(reconciling(&s, "reason"), "Suspending"));
    CU_ASSERT_TRUE(scenario_says(reconciling(&s, "message"), ": pod head-1 is not gone yet"));
    scenario_patch(&s, "rayclusters", name, true,
                   "{'status':{'conditions':[{'type':'Reconciling','status':'True','reason':'x','message':'Redis'}]}}");
    scenario_wait(&s, 2);
    CU_ASSERT_TRUE(scenario_says(reconciling(&s, "message"), ": Redis"));
    let_go(&s, "rayclusters", name);
    scenario_wait(&s, 2);
    CU_ASSERT_TRUE(scenario_is(&s, "Suspending", ""));
    CU_ASSERT_TRUE(scenario_says(reconciling(&s, "message"), ": pod j-x is not gone yet"));
    scenario_delete(&s, "pods", "j-x");
    scenario_wait(&s, 40);
    CU_ASSERT_TRUE(is(reconciling(&s, "message"), "what the last attempt left is being deleted"));
    let_go(&s, "jobs", SCENARIO_JOB);
    scenario_wait(&s, 2);
    CU_ASSERT_TRUE(scenario_is(&s, "Suspended", ""));
    scenario_end(&s);
}

/* A new attempt forgets what was known of the last one, but not how many there were. */
static void test_suspended_and_resumed(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING", .spec = SHUTDOWN};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 8);
    CU_ASSERT_TRUE(scenario_status(&s, "submittedTo.podName").n != 0);
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'suspend':true}}");
    scenario_wait(&s, 40);
    CU_ASSERT_TRUE(scenario_is(&s, "Suspended", ""));
    static const char *const forgotten[] = {"jobId",        "rayClusterName",      "jobStatus",
                                            "dashboardURL", "submittedTo.podName", "rayJobInfo.startTime",
                                            "message"};
    for (size_t i = 0; i < RV_ARRAY_LEN(forgotten); i++)
        CHECK_ROW(scenario_status(&s, forgotten[i]).n == 0, forgotten[i]);
    CU_ASSERT_TRUE(scenario_status(&s, "startTime").n != 0);
    s.ray = NULL;
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false, "{'spec':{'suspend':false}}");
    scenario_wait(&s, 2);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 5);
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    CU_ASSERT_EQUAL(s.submitted, 1); /* of this attempt: Ray had the first one's job already */
    scenario_end(&s);
}

/* ---- a cluster that nobody names --------------------------------------------------------------------------------- */

static void make_stray(struct scenario *s) {
    const struct rv_fake_object *job = rv_fakeapi_get(s->api, "rayjobs", SCENARIO_JOB);
    char json[512];
    struct rv_fake_object *made;
    snprintf(json, sizeof json,
             "{\"apiVersion\":\"ray.io/v1\",\"kind\":\"RayCluster\",\"metadata\":{\"name\":\"stray\",\"labels\":{"
             "\"ray.io/originated-from-crd\":\"RayJob\",\"ray.io/originated-from-cr-name\":\"j\"},"
             "\"ownerReferences\":[{\"apiVersion\":\"ray.io/v1\",\"kind\":\"RayJob\",\"name\":\"j\",\"uid\":\"%s\","
             "\"controller\":true}]},\"spec\":{}}",
             job->uid);
    CU_ASSERT_EQUAL_FATAL(rv_fakeapi_create_json(s->api, "rayclusters", json, &made), 0);
}

static void test_strays(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING"};
    scenario_begin(&s);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 5);
    make_stray(&s);
    scenario_wait(&s, 9); /* the status that names it may still come */
    CU_ASSERT_EQUAL(scenario_count(&s, "rayclusters"), 2);
    scenario_wait(&s, 2);
    CU_ASSERT_EQUAL(scenario_count(&s, "rayclusters"), 1);
    CU_ASSERT_PTR_NULL(rv_fakeapi_get(s.api, "rayclusters", "stray"));
    CU_ASSERT_TRUE(scenario_is(&s, "Running", ""));
    scenario_end(&s);
}

/* ---- the RayJob goes ----------------------------------------------------------------------------------------------
 */

static void test_deleted_while_it_runs(void) {
    static const struct {
        const char *row, *ray, *shared;
        struct scenario_fault stopping;
        unsigned stops, within_s; /* asked so often at least; gone so many seconds later */
    } rows[] = {{"Ray stops it", "RUNNING", NULL, {0}, 1, 1},
                {"it has ended", "SUCCEEDED", NULL, {0}, 0, 1},
                {"nobody answers, and its cluster goes too", "RUNNING", NULL, {.code = RV_E_TIMEOUT}, 1, 3},
                {"nobody answers, and the cluster lives on", "RUNNING", "theirs", {.code = RV_E_TIMEOUT}, 4, 11},
                {"Ray does not know it", "RUNNING", "theirs", {.status = 404, .text = "Job x does not exist"}, 1, 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {
            .mode = "HTTPMode", .ray = rows[i].ray, .shared = rows[i].shared, .stopping = rows[i].stopping};
        unsigned waited = 0;
        scenario_begin(&s);
        if (rows[i].shared == NULL) scenario_cluster_runs(&s);
        scenario_wait(&s, 5);
        scenario_delete(&s, "rayjobs", SCENARIO_JOB);
        scenario_settle(&s);
        while (scenario_count(&s, "rayjobs") != 0 && waited < 60) scenario_wait(&s, 1), waited++;
        if (waited > rows[i].within_s || s.stopped < rows[i].stops)
            printf("\n    gone after %u s, asked %u times to stop", waited, s.stopped);
        CHECK_ROW(waited <= rows[i].within_s, rows[i].row);
        CHECK_ROW(rows[i].stops == 0 ? s.stopped == 0 : s.stopped >= rows[i].stops, rows[i].row);
        scenario_end(&s);
    }
}

static const struct suite_test tests[] = {
    {"after the end", test_after_the_end},
    {"what counts as failed", test_what_counts_as_failed},
    {"a shared cluster stays", test_a_shared_cluster_stays},
    {"the submitter of a job that has ended", test_the_submitter_of_an_ended_job},
    {"what lingers", test_what_lingers},
    {"suspended and resumed", test_suspended_and_resumed},
    {"strays", test_strays},
    {"deleted while it runs", test_deleted_while_it_runs},
};
SUITE_MAIN("rayjob: what is deleted", tests)
