/* test_jobs.c - the Job controller: indexes, suspension, deadlines, time to live. The test decides when pods end. */
#include "fixture.h"

#define JOB(spec)                                                                                                      \
    "{'metadata':{'name':'j'},'spec':{" spec                                                                           \
    ",'template':{'spec':{'restartPolicy':'Never','containers':[{'name':'c','image':'i:1'}]}}}}"

static bool job_is(struct fixture *w, const char *path, const char *want) {
    return fixture_until(w, "jobs", "j", path, want);
}
static const char *job_text(struct fixture *w, const char *path) {
    return fixture_text(w, fixture_get(w, "jobs", "j"), path);
}

static bool has_condition(struct fixture *w, const char *type, const char *reason) {
    struct rv_val list = rv_val_path(fixture_get(w, "jobs", "j"), "status.conditions");
    bool is =
        rv_condition_is(list, type, "True") && rv_str_is(rv_path_str(rv_condition_find(list, type), "reason"), reason);
    if (!is) printf("\n    no %s (%s) in %s", type, reason, job_text(w, "status"));
    return is;
}

struct pick {
    const char *index; /* NULL: any */
    struct sb_object *found;
};

static bool pick_pod(void *arg, struct sb_object *o) {
    struct pick *p = arg;
    struct rv_val notes = rv_val_path(o->value, "metadata.annotations");
    struct rv_str index = rv_val_str(rv_val_get(notes, "batch.kubernetes.io/job-completion-index"));
    bool live = !rv_meta_deleting(o->value) && rv_str_is(rv_path_str(o->value, "status.phase"), "Running");
    if (p->found == NULL && live && (p->index == NULL || rv_str_is(index, p->index))) p->found = sb_object_ref(o);
    return true;
}

/* The running pod with that index. The caller unrefs. */
static struct sb_object *pod(struct fixture *w, const char *index) {
    struct pick p = {.index = index};
    fixture_settle(w);
    sb_each(w->storage, sb_resource_find(w->storage, RV_STR(""), RV_STR("v1"), RV_STR("pods")), RV_STR(""), pick_pod,
            &p);
    if (p.found == NULL) printf("\n    no running pod of index %s", index != NULL ? index : "any");
    CU_ASSERT_PTR_NOT_NULL_FATAL(p.found);
    return p.found;
}

static void end_pod(struct fixture *w, const char *index, const char *how) {
    struct sb_object *o = pod(w, index);
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "pods/default/" RV_STR_FMT "/%s", RV_STR_ARG(o->name), how);
    CU_ASSERT_EQUAL(fixture_control(w, "POST", rv_buf_cstr(&path), NULL), 200);
    sb_object_unref(o);
}

/* Jobs end of themselves after job_ms; not here. */
static void open(struct fixture *w, const char *spec) {
    fixture_open(w, "job_ms=3600000");
    CU_ASSERT_TRUE(fixture_create(w, "jobs", spec));
    fixture_settle(w);
}

static void indexed(void) {
    struct fixture w;
    open(&w, JOB("'completionMode':'Indexed','completions':4,'parallelism':2,'backoffLimit':3"));
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.active"), "2");
    struct sb_object *one = pod(&w, "1");
    CU_ASSERT_TRUE(rv_str_starts(one->name, "j-1-"));
    CU_ASSERT_STRING_EQUAL(fixture_text(&w, one->value, "spec.hostname"), "j-1");
    CU_ASSERT_STRING_EQUAL(fixture_text(&w, one->value, "spec.containers[0].env[0].value"), "1");
    sb_object_unref(one);
    end_pod(&w, "1", "fail"); /* its index is done again */
    CU_ASSERT_TRUE(job_is(&w, "status.failed", "1"));
    end_pod(&w, "1", "succeed");
    CU_ASSERT_TRUE(job_is(&w, "status.completedIndexes", "1"));
    end_pod(&w, "2", "succeed"); /* the lowest that is neither done nor at work */
    end_pod(&w, "3", "succeed");
    CU_ASSERT_TRUE(job_is(&w, "status.completedIndexes", "1-3"));
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.active"), "1");
    end_pod(&w, "0", "succeed");
    CU_ASSERT_TRUE(job_is(&w, "status.completedIndexes", "0-3"));
    fixture_settle(&w);
    CU_ASSERT_TRUE(has_condition(&w, "Complete", "CompletionsReached"));
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.succeeded"), "4");
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 5);
    fixture_close(&w);
}

static void suspended(void) {
    struct fixture w;
    open(&w, JOB("'suspend':true,'backoffLimit':0"));
    CU_ASSERT_EQUAL(fixture_count(&w, "pods"), 0);
    CU_ASSERT_TRUE(has_condition(&w, "Suspended", "JobSuspended"));
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.startTime"), "");
    CU_ASSERT_TRUE(fixture_patch(&w, "jobs", "j", "spec.suspend", "false", false));
    CU_ASSERT_TRUE(job_is(&w, "status.active", "1"));
    CU_ASSERT_TRUE(fixture_event(&w, "Resumed", "Job resumed"));
    CU_ASSERT_STRING_NOT_EQUAL(job_text(&w, "status.startTime"), "");
    fixture_settle(&w);
    CU_ASSERT_TRUE(fixture_patch(&w, "jobs", "j", "spec.suspend", "true", false)); /* while at work */
    CU_ASSERT_TRUE(fixture_until_count(&w, "pods", 0));
    fixture_settle(&w);
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.startTime"), "");
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.failed"), ""); /* no failure of the pod's */
    CU_ASSERT_TRUE(fixture_patch(&w, "jobs", "j", "spec.suspend", "false", false));
    end_pod(&w, NULL, "succeed");
    fixture_settle(&w);
    CU_ASSERT_TRUE(has_condition(&w, "Complete", "CompletionsReached"));
    fixture_close(&w);
}

static void past_its_deadline(void) {
    struct fixture w;
    open(&w, JOB("'activeDeadlineSeconds':3600"));
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.active"), "1");
    /* Hours later: the start is what the test can move. */
    CU_ASSERT_TRUE(fixture_patch(&w, "jobs", "j", "status.startTime", "'2020-01-01T00:00:00Z'", true));
    CU_ASSERT_TRUE(fixture_until_count(&w, "pods", 0));
    fixture_settle(&w);
    CU_ASSERT_TRUE(has_condition(&w, "FailureTarget", "DeadlineExceeded"));
    CU_ASSERT_TRUE(has_condition(&w, "Failed", "DeadlineExceeded"));
    CU_ASSERT_TRUE(fixture_event(&w, "DeadlineExceeded", "Job was active longer than specified deadline"));
    fixture_close(&w);
}

/* The deadline wakes the Job by itself. */
static void short_deadline(void) {
    struct fixture w;
    open(&w, JOB("'activeDeadlineSeconds':1"));
    CU_ASSERT_TRUE(fixture_until_count(&w, "pods", 0));
    fixture_settle(&w);
    CU_ASSERT_TRUE(has_condition(&w, "Failed", "DeadlineExceeded"));
    fixture_close(&w);
}

static void lives_after_its_end(void) {
    static const struct {
        const char *ttl, *how;
        bool stays;
    } rows[] = {{"0", "succeed", false},
                {"1", "succeed", false},
                {"0", "fail", false},
                {"3600", "succeed", true},
                {NULL, "succeed", true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        rv_autobuf struct rv_buf b = {0};
        rv_buf_addf(&b, JOB("'backoffLimit':0%s%s"), rows[i].ttl != NULL ? ",'ttlSecondsAfterFinished':" : "",
                    rows[i].ttl != NULL ? rows[i].ttl : "");
        open(&w, rv_buf_cstr(&b));
        end_pod(&w, NULL, rows[i].how);
        if (!rows[i].stays) {
            CHECK_ROW(job_is(&w, "", ""), rows[i].ttl);
            CHECK_ROW(fixture_until_count(&w, "pods", 0), rows[i].ttl); /* its pods first */
        } else {
            fixture_settle(&w);
            CHECK_ROW(has_condition(&w, "Complete", "CompletionsReached"), rows[i].ttl);
            CHECK_ROW(fixture_count(&w, "pods") == 1, rows[i].ttl);
        }
        fixture_close(&w);
    }
}

/* Without completions the first success ends it; pods that are still at work may finish. */
static void work_queue(void) {
    struct fixture w;
    open(&w, JOB("'parallelism':3"));
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.active"), "3");
    CU_ASSERT_STRING_EQUAL(job_text(&w, "spec.completions"), "");
    end_pod(&w, NULL, "succeed");
    CU_ASSERT_TRUE(job_is(&w, "status.active", "2"));
    end_pod(&w, NULL, "succeed");
    end_pod(&w, NULL, "succeed");
    fixture_settle(&w);
    CU_ASSERT_TRUE(has_condition(&w, "Complete", "CompletionsReached"));
    CU_ASSERT_STRING_EQUAL(job_text(&w, "status.succeeded"), "3");
    fixture_close(&w);
}

static const struct suite_test tests[] = {{"indexed", indexed},
                                          {"suspended", suspended},
                                          {"past its deadline", past_its_deadline},
                                          {"short deadline", short_deadline},
                                          {"lives after its end", lives_after_its_end},
                                          {"work queue", work_queue}};
SUITE_MAIN("jobs", tests)
