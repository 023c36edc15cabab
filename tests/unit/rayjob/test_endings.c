/* test_endings.c - every way in which an attempt ends, with the exact status it leaves; which of them are tried again
 * within backoffLimit; and the deadlines, to the second. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

/* ---- what is seen ----------------------------------------------------------------------------------------------- */

static struct rv_val job_value(const struct scenario *s, const char *path) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, "rayjobs", SCENARIO_JOB);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    return rv_val_path(o->value, path);
}

static int64_t count(const struct scenario *s, const char *path) { return rv_val_int(job_value(s, path), 0); }

static int64_t moment(const struct scenario *s, const char *path) {
    int64_t ns = 0;
    struct rv_str text = scenario_status(s, path);
    CU_ASSERT_TRUE(text.n == 0 || rv_time_parse(text, &ns) == 0);
    return ns / 1000000000;
}

static int64_t now(const struct scenario *s) { return s->api->now / 1000000000; }

struct end {
    const char *phase, *reason, *job;
    int64_t failed, succeeded;
    const char *words; /* in the message; NULL: whatever */
};

/* endTime is that of this very second, and stands only where the job is over. */
static bool ended_as(const struct scenario *s, const struct end *e) {
    bool over = strcmp(e->phase, "Complete") == 0 || strcmp(e->phase, "Failed") == 0;
    bool same = scenario_is(s, e->phase, e->reason) && rv_str_is(scenario_status(s, "jobStatus"), e->job) &&
                count(s, "status.failed") == e->failed && count(s, "status.succeeded") == e->succeeded &&
                moment(s, "endTime") == (over ? now(s) : 0) &&
                (e->words == NULL || scenario_says(scenario_status(s, "message"), e->words));
    if (!same)
        printf("\n    jobStatus " RV_STR_FMT ", failed %lld, succeeded %lld, endTime " RV_STR_FMT
               " at %lld, " RV_STR_FMT,
               RV_STR_ARG(scenario_status(s, "jobStatus")), (long long)count(s, "status.failed"),
               (long long)count(s, "status.succeeded"), RV_STR_ARG(scenario_status(s, "endTime")), (long long)now(s),
               RV_STR_ARG(scenario_status(s, "message")));
    return same;
}

/* ---- histories ----------------------------------------------------------------------------------------------------
 */

#define SIDECAR                                                                                                        \
    "{'status':{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':0},{'name':'ray-job-"         \
    "submitter','restartCount':0,'state':{'terminated':{'exitCode':%d,'reason':'Why','finishedAt':'%s'}}}]}}"

static void sidecar_exits(struct scenario *s, int code) {
    char at[32], json[512];
    rv_time_format(s->api->now, at);
    snprintf(json, sizeof json, SIDECAR, code, at);
    scenario_patch(s, "pods", "head-1", true, json);
}

static void submitter_fails(struct scenario *s) { scenario_submitter_ends(s, false); }
static void submitter_ends(struct scenario *s) { scenario_submitter_ends(s, true); }
static void sidecar_fails(struct scenario *s) { sidecar_exits(s, 3); }
static void head_goes(struct scenario *s) { scenario_delete(s, "pods", "head-1"); }
static void submitter_ends_head_goes(struct scenario *s) {
    submitter_ends(s);
    head_goes(s);
}
static void ray_fails(struct scenario *s) { s->ray = "FAILED"; }
static void ray_succeeds(struct scenario *s) { s->ray = "SUCCEEDED"; }
static void ray_stops(struct scenario *s) { s->ray = "STOPPED"; }
static void ray_is_silent(struct scenario *s) { s->asking = (struct scenario_fault){.code = RV_E_TIMEOUT}; }

static void ray_then_submitter(struct scenario *s, const char *ray, bool well) {
    s->ray = ray;
    scenario_wait(s, 5);
    CU_ASSERT_TRUE(scenario_is(s, "Running", ""));
    scenario_submitter_ends(s, well);
}

static void fails_then_submitter(struct scenario *s) { ray_then_submitter(s, "FAILED", false); }
static void succeeds_then_submitter(struct scenario *s) { ray_then_submitter(s, "SUCCEEDED", true); }
static void stops_then_submitter(struct scenario *s) { ray_then_submitter(s, "STOPPED", true); }

static void fails_then_sidecar(struct scenario *s) {
    s->ray = "FAILED";
    scenario_wait(s, 5);
    sidecar_fails(s);
}

/* One second after the other until more than so many attempts have failed, or all is over. Returns how many. */
static unsigned until_over(struct scenario *s, int64_t failed, unsigned most) {
    for (unsigned i = 0; i <= most; i++) {
        if (moment(s, "endTime") != 0 || count(s, "status.failed") > failed) return i;
        scenario_wait(s, 1);
    }
    return most + 1;
}

struct history {
    const char *name, *mode, *ray; /* ray: while it runs; NULL: it has no such job */
    void (*happens)(struct scenario *s);
    unsigned least, most; /* seconds after which it is over */
    struct end end;
    const char *spec, *settings;
    struct scenario_fault submitting;
    bool never_runs;
};

static void begin(struct scenario *s, const struct history *t) {
    *s = (struct scenario){
        .mode = t->mode, .ray = t->ray, .spec = t->spec, .settings = t->settings, .submitting = t->submitting};
    scenario_begin(s);
}

/* Its cluster runs, when the head of the last attempt has gone. */
static void cluster_runs(struct scenario *s) {
    for (int i = 0; i < 60 && rv_fakeapi_get(s->api, "pods", "head-1") != NULL; i++) scenario_wait(s, 1);
    CU_ASSERT_PTR_NULL_FATAL(rv_fakeapi_get(s->api, "pods", "head-1"));
    scenario_cluster_runs(s);
}

static void happen(struct scenario *s, const struct history *t) {
    s->ray = t->ray;
    s->asking = (struct scenario_fault){0};
    if (t->never_runs) return;
    cluster_runs(s);
    if (t->submitting.status != 0) return;
    scenario_wait(s, 5);
    CHECK_ROW(scenario_is(s, "Running", ""), t->name);
    if (t->happens != NULL) t->happens(s);
    scenario_settle(s);
}

/* ---- the ends --------------------------------------------------------------------------------------------------- */

#define GRACE "JobDeploymentStatusTransitionGracePeriodExceeded"

static const struct history histories[] = {
    /* Ray's word, and that of the submitter */
    {"HTTP succeeds", "HTTPMode", "RUNNING", ray_succeeds, 0, 4, .end = {"Complete", "", "SUCCEEDED", 0, 1, "m"}},
    {"HTTP fails", "HTTPMode", "RUNNING", ray_fails, 0, 4, .end = {"Failed", "AppFailed", "FAILED", 1, 0, "m"}},
    {"HTTP stopped: neither counted", "HTTPMode", "RUNNING", ray_stops, 0, 4,
     .end = {"Complete", "", "STOPPED", 0, 0, "m"}},
    {"succeeds", "K8sJobMode", "RUNNING", succeeds_then_submitter, 0, 1,
     .end = {"Complete", "", "SUCCEEDED", 0, 1, "m"}},
    {"stopped", "K8sJobMode", "RUNNING", stops_then_submitter, 0, 1, .end = {"Complete", "", "STOPPED", 0, 0, "m"}},
    {"fails", "K8sJobMode", "RUNNING", fails_then_submitter, 0, 1,
     .end = {"Failed", "AppFailed", "FAILED", 1, 0, NULL}},
    {"sidecar: fails", "SidecarMode", "RUNNING", fails_then_sidecar, 0, 1,
     .end = {"Failed", "AppFailed", "FAILED", 1, 0, NULL}},
    /* SubmissionFailed */
    {"submitter fails before Ray knows the job", "K8sJobMode", NULL, submitter_fails, 30, 45,
     .end = {"Failed", "SubmissionFailed", "", 1, 0, "r: m"}},
    {"refused", "HTTPMode", NULL, NULL, 0, 4, .end = {"Failed", "SubmissionFailed", "", 1, 0, "ValueError: no"},
     .submitting = {.status = 400, .text = "ValueError: no"}},
    /* AppFailed without a word of Ray's */
    {"submitter ends and Ray does not know the job", "K8sJobMode", NULL, submitter_ends, 30, 45,
     .end = {"Failed", "AppFailed", "", 1, 0, "does not know the job"}},
    /* a submitter that has ended, and no head that could be asked */
    {"submitter ends and the head goes", "K8sJobMode", "RUNNING", submitter_ends_head_goes, 30, 33,
     .end = {"Failed", GRACE, "RUNNING", 1, 0, "but the ray job did not reach terminal state within 30s"}},
    {"sidecar's head is gone", "SidecarMode", "RUNNING", head_goes, 0, 4,
     .end = {"Failed", "AppFailed", "RUNNING", 1, 0, "head pod not found"}},
    /* the grace period of a submitter after the job */
    {"grace: succeeds", "K8sJobMode", "RUNNING", ray_succeeds, 300, 305,
     .end = {"Complete", GRACE, "SUCCEEDED", 0, 1, "300 s"}},
    {"grace: fails", "K8sJobMode", "RUNNING", ray_fails, 300, 305, .end = {"Failed", GRACE, "FAILED", 1, 0, "300 s"}},
    {"grace: stopped", "K8sJobMode", "RUNNING", ray_stops, 300, 305,
     .end = {"Complete", GRACE, "STOPPED", 0, 0, "300 s"}},
    {"grace: sidecar", "SidecarMode", "RUNNING", ray_fails, 300, 305, .end = {"Failed", GRACE, "FAILED", 1, 0, NULL}},
    {"grace of 20 s", "K8sJobMode", "RUNNING", ray_fails, 20, 25, .end = {"Failed", GRACE, "FAILED", 1, 0, "20 s"},
     .settings = "{\"transitionGracePeriodSeconds\":20}"},
    {"no grace", "K8sJobMode", "RUNNING", ray_succeeds, 0, 4, .end = {"Complete", GRACE, "SUCCEEDED", 0, 1, NULL},
     .settings = "{\"transitionGracePeriodSeconds\":0}"},
    /* nobody answers */
    {"silence", "HTTPMode", "RUNNING", ray_is_silent, 300, 320,
     .end = {"Failed", "JobStatusCheckTimeoutExceeded", "RUNNING", 1, 0, "300 s"}},
    {"silence of 50 s", "K8sJobMode", "RUNNING", ray_is_silent, 50, 70,
     .end = {"Failed", "JobStatusCheckTimeoutExceeded", "RUNNING", 1, 0, "50 s"},
     .settings = "{\"statusCheckTimeoutSeconds\":50}"},
    /* time is over */
    {"deadline", "HTTPMode", "RUNNING", NULL, 0, 40, .end = {"Failed", "DeadlineExceeded", "RUNNING", 1, 0, "(40 s)"},
     .spec = ",'activeDeadlineSeconds':40"},
    {"deadline of one that has not begun", "K8sJobMode", NULL, NULL, 40, 41,
     .end = {"Failed", "DeadlineExceeded", "", 1, 0, "(40 s)"}, .spec = ",'activeDeadlineSeconds':40",
     .never_runs = true},
    /* Ray has said how it ended: only the waiting for the submitter is over, as if it had finished */
    {"deadline of one that succeeded", "K8sJobMode", "RUNNING", ray_succeeds, 0, 40,
     .end = {"Complete", "", "SUCCEEDED", 0, 1, "m"}, .spec = ",'activeDeadlineSeconds':40"},
    {"deadline of one that was stopped", "K8sJobMode", "RUNNING", ray_stops, 0, 40,
     .end = {"Complete", "", "STOPPED", 0, 0, "m"}, .spec = ",'activeDeadlineSeconds':40"},
    {"deadline of one that failed", "K8sJobMode", "RUNNING", ray_fails, 0, 40,
     .end = {"Failed", "AppFailed", "FAILED", 1, 0, "m"}, .spec = ",'activeDeadlineSeconds':40"},
    {"sidecar: deadline of one that succeeded", "SidecarMode", "RUNNING", ray_succeeds, 0, 40,
     .end = {"Complete", "", "SUCCEEDED", 0, 1, "m"}, .spec = ",'activeDeadlineSeconds':40"},
    {"deadline of one whose submitter never finishes", "K8sJobMode", "RUNNING", NULL, 0, 40,
     .end = {"Failed", "DeadlineExceeded", "RUNNING", 1, 0, "(40 s)"}, .spec = ",'activeDeadlineSeconds':40"},
    {"deadline to begin", "SidecarMode", NULL, NULL, 40, 41,
     .end = {"Failed", "PreRunningDeadlineExceeded", "", 1, 0, "(40 s)"}, .spec = ",'preRunningDeadlineSeconds':40",
     .never_runs = true},
    {"both at once", "HTTPMode", NULL, NULL, 40, 41, .end = {"Failed", "DeadlineExceeded", "", 1, 0, NULL},
     .spec = ",'preRunningDeadlineSeconds':40,'activeDeadlineSeconds':40", .never_runs = true},
};

static void test_ends(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(histories); i++) {
        const struct history *t = &histories[i];
        struct scenario s;
        begin(&s, t);
        happen(&s, t);
        unsigned seconds = until_over(&s, 0, 400);
        if (seconds < t->least || seconds > t->most) printf("\n    after %u s", seconds);
        CHECK_ROW(seconds >= t->least && seconds <= t->most, t->name);
        CHECK_ROW(ended_as(&s, &t->end), t->name);
        int64_t end = moment(&s, "endTime"); /* and that stands */
        scenario_wait(&s, 400);
        CHECK_ROW(scenario_is(&s, t->end.phase, t->end.reason) && moment(&s, "endTime") == end &&
                      count(&s, "status.failed") == t->end.failed && count(&s, "status.succeeded") == t->end.succeeded,
                  t->name);
        scenario_end(&s);
    }
}

/* ---- attempts --------------------------------------------------------------------------------------------------- */

static bool tried_again(const char *reason) {
    return strcmp(reason, "DeadlineExceeded") != 0 && strcmp(reason, "JobStatusCheckTimeoutExceeded") != 0;
}

/* Nothing is left of an attempt but its being counted: a new cluster under a new name, a new id, a new start. */
static void check_fresh(const struct scenario *s, const struct history *t, int64_t failed, const char *old_cluster) {
    CHECK_ROW(ended_as(s, &(struct end){"Initializing", "", "", failed, 0, NULL}), t->name);
    CHECK_ROW(!rv_str_is(scenario_status(s, "rayClusterName"), old_cluster), t->name);
    CHECK_ROW(scenario_status(s, "dashboardURL").n == 0 && scenario_status(s, "rayJobInfo.endTime").n == 0, t->name);
    CHECK_ROW(scenario_status(s, "jobStatusCheckFailureStartTime").n == 0, t->name);
    CHECK_ROW(scenario_count(s, "jobs") == 0, t->name);
    CHECK_ROW(moment(s, "startTime") == now(s), t->name);
}

static void attempts(const struct history *t, int64_t limit) {
    char spec[256];
    struct history row = *t;
    struct scenario s;
    bool again = tried_again(t->end.reason);
    int64_t most = !again || limit < 0 ? 1 : limit + 1;
    snprintf(spec, sizeof spec, "%s", t->spec != NULL ? t->spec : "");
    if (limit >= 0) snprintf(spec + strlen(spec), sizeof spec - strlen(spec), ",'backoffLimit':%d", (int)limit);
    row.spec = spec;
    begin(&s, &row);
    for (int64_t failed = 1; failed <= most; failed++) {
        char cluster[64];
        snprintf(cluster, sizeof cluster, RV_STR_FMT, RV_STR_ARG(scenario_status(&s, "rayClusterName")));
        happen(&s, &row);
        struct end end = t->end;
        end.failed = failed;
        (void)until_over(&s, failed - 1, 400);
        if (failed == most)
            CHECK_ROW(ended_as(&s, &end), t->name);
        else
            check_fresh(&s, t, failed, cluster);
    }
    scenario_wait(&s, 60);
    CHECK_ROW(scenario_is(&s, "Failed", t->end.reason) && count(&s, "status.failed") == most, t->name);
    scenario_end(&s);
}

static void test_attempts(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(histories); i++)
        for (int64_t limit = -1; limit <= 2; limit++)
            if (strcmp(histories[i].end.phase, "Failed") == 0) attempts(&histories[i], limit);
}

static void test_success_at_last(void) {
    struct scenario s = {.mode = "HTTPMode", .spec = ",'backoffLimit':3"};
    scenario_begin(&s);
    for (int64_t failed = 0; failed < 2; failed++) {
        s.ray = NULL;
        cluster_runs(&s);
        scenario_wait(&s, 5);
        s.ray = "FAILED";
        scenario_wait(&s, 5);
        CU_ASSERT_TRUE(ended_as(&s, &(struct end){"Initializing", "", "", failed + 1, 0, NULL}));
    }
    s.ray = "SUCCEEDED";
    cluster_runs(&s);
    (void)until_over(&s, 2, 10);
    CU_ASSERT_TRUE(ended_as(&s, &(struct end){"Complete", "", "SUCCEEDED", 2, 1, "m"}));
    scenario_end(&s);
}

/* ---- deadlines that do not come, and where they begin ------------------------------------------------------------ */

static void test_deadlines_that_do_not_come(void) {
    struct scenario s = {.mode = "HTTPMode", .ray = "RUNNING", .spec = ",'preRunningDeadlineSeconds':30"};
    scenario_begin(&s);
    scenario_wait(&s, 28);
    scenario_cluster_runs(&s);
    scenario_wait(&s, 60);
    CU_ASSERT_TRUE(ended_as(&s, &(struct end){"Running", "", "RUNNING", 0, 0, NULL}));
    scenario_end(&s);

    s = (struct scenario){.mode = "HTTPMode",
                          .spec = ",'activeDeadlineSeconds':30,'suspend':true,'shutdownAfterJobFinishes':true"};
    scenario_begin(&s);
    scenario_wait(&s, 60);
    CU_ASSERT_TRUE(ended_as(&s, &(struct end){"Suspended", "", "", 0, 0, NULL}));
    scenario_patch(&s, "rayjobs", SCENARIO_JOB, false,
                   "{'spec':{'suspend':false}}"); /* from now on, not from the beginning */
    scenario_settle(&s);
    scenario_wait(&s, 29);
    CU_ASSERT_TRUE(scenario_is(&s, "Initializing", ""));
    scenario_wait(&s, 2);
    CU_ASSERT_TRUE(scenario_is(&s, "Failed", "DeadlineExceeded"));
    scenario_end(&s);
}

static void test_waiting(void) {
    static const struct {
        const char *spec, *reason;
    } rows[] = {{",'preRunningDeadlineSeconds':30", "PreRunningDeadlineExceeded"},
                {",'activeDeadlineSeconds':30", "DeadlineExceeded"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.mode = "InteractiveMode", .spec = rows[i].spec};
        scenario_begin(&s);
        scenario_cluster_runs(&s);
        scenario_wait(&s, 20);
        CHECK_ROW(ended_as(&s, &(struct end){"Waiting", "", "", 0, 0, NULL}), rows[i].spec);
        unsigned seconds = until_over(&s, 0, 60);
        CHECK_ROW(now(&s) - moment(&s, "startTime") <= 31 && seconds > 5, rows[i].spec);
        CHECK_ROW(ended_as(&s, &(struct end){"Failed", rows[i].reason, "", 1, 0, "(30 s)"}), rows[i].spec);
        scenario_end(&s);
    }
}

static const struct suite_test tests[] = {{"ends", test_ends},
                                          {"attempts", test_attempts},
                                          {"success at last", test_success_at_last},
                                          {"deadlines that do not come", test_deadlines_that_do_not_come},
                                          {"deadlines while it waits for an id", test_waiting}};
SUITE_MAIN("rayjob: how attempts end", tests)
