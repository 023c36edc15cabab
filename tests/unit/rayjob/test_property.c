/* test_property.c - whatever happens around a RayJob, it comes to rest, says what Ray said, and leaves behind what its
 * spec wants left.
 *
 * A history is drawn from a seed: edits, clusters that come, go and are slow, heads that restart, submitters that fail,
 * dashboards that time out or talk nonsense, writes that fail or whose answers get lost, news late, twice or out of
 * order, deaths of the host. At every moment there is one cluster at most and one submitter for an attempt. After each
 * chapter the disturbances end, and everybody does his part: the plugin must become quiet, with all as the model wants.
 * The same seed gives the same history: RAYVISOR_PROPERTY_SEED=n RAYVISOR_PROPERTY_RUNS=1. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"
#include "tests/support/history.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

enum { RUNS = 200, CHAPTERS = 3, STEPS = 60 };
#define RESTARTS_ON "{\"featureGates\":{\"SidecarSubmitterRestart\":true}}"
#define MINUTE_MS INT64_C(60000)
#define QUIET_MS (20 * MINUTE_MS)   /* longer than every deadline, requeue and back-off */
#define SETTLE_MS (180 * MINUTE_MS) /* until then it must have become quiet */

struct history {
    uint64_t seed;
    struct rv_test_random random;
    struct model model;
    struct fixture fixture;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    uint32_t failure_percent; /* percent of writes that go wrong */
    struct rv_buf faults;
    struct event_log event_log;
};

static void on_note(void *arg, const char *line) {
    struct history *s = arg;
    event_log_add(&s->event_log, line);
}

static void on_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    struct history *s = arg;
    fixture_http(&s->fixture, r, out);
}

static void step(struct history *s) {
    static const uint32_t percents[] = {0, 0, 10, 40, 90};
    uint32_t what = rv_test_random_below(&s->random, 100), n = 1 + rv_test_random_below(&s->random, 5);
    if (what < 26) {
        while (n-- > 0 && rv_fakehost_deliver(s->host)) {
        }
    } else if (what < 50) {
        while (n-- > 0 && rv_fakehost_serve(s->host, s->failure_percent)) {
        }
    } else if (what < 62) {
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 4000));
    } else if (what < 65) {
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 200000));
    } else if (what < 85) {
        const char *event = fixture_event(&s->fixture);
        if (event != NULL) on_note(s, event);
    } else if (what < 89) {
        on_note(s, " -- the user edits the job");
        model_edit(&s->model, &s->random);
        model_apply(&s->model, s->api);
    } else if (what < 91) {
        rv_fakehost_repeat(s->host);
    } else if (what < 92) {
        rv_fakehost_resync(s->host);
    } else if (what < 94) {
        rv_fakehost_restart(s->host);
    } else if (what < 97) {
        s->fixture.http_failure_percent = percents[rv_test_random_below(&s->random, RV_ARRAY_LEN(percents))];
    } else {
        s->failure_percent = percents[rv_test_random_below(&s->random, RV_ARRAY_LEN(percents))];
    }
    if (rv_test_random_chance(&s->random, 80)) rv_fakehost_run(s->host);
    model_watch(&s->model, &s->fixture, &s->faults);
}

/* Everybody does what he should, until nothing is left to do at this moment. */
static bool work(struct history *s) {
    bool did = false;
    for (bool more = true; more && s->faults.n == 0; did |= more) {
        const struct rv_fake_object *job = rv_fakeapi_get(s->api, "rayjobs", FIXTURE_JOB);
        if (job != NULL && s->model.mode == RJ_INTERACTIVE && !model_ended(&s->model))
            fixture_submit(&s->fixture, rv_path_str(job->value, "status.rayClusterName"), MODEL_USER_ID);
        more = fixture_work(&s->fixture);
        while (rv_fakehost_deliver(s->host)) more = true;
        rv_fakehost_run(s->host);
        model_watch(&s->model, &s->fixture, &s->faults);
        while (rv_fakehost_serve(s->host, 0)) more = true;
        rv_fakehost_run(s->host);
        model_watch(&s->model, &s->fixture, &s->faults);
    }
    return did;
}

static void settle(struct history *s) {
    int64_t waited = 0, quiet = 0;
    on_note(s, " == the disturbances end");
    s->fixture.http_failure_percent = 0;
    while (quiet < QUIET_MS && waited < SETTLE_MS && s->faults.n == 0) {
        uint64_t writes = rv_fakehost_writes(s->host);
        if (s->model.exists) model_apply(&s->model, s->api); /* once an old one of the name is gone */
        work(s);
        if (writes != rv_fakehost_writes(s->host)) quiet = 0;
        int64_t ms = history_next_moment(s->host, s->api);
        rv_fakehost_advance(s->host, ms);
        rv_fakehost_run(s->host);
        waited += ms;
        quiet += ms;
    }
    if (s->faults.n == 0 && quiet < QUIET_MS) rv_buf_adds(&s->faults, "  - it writes on and on\n");
}

static void report(struct history *s) {
    event_log_report(&s->event_log, s->seed, rv_buf_cstr(&s->faults), s->api, "rayjobs");
    for (size_t i = 0; i < s->fixture.run_n; i++)
        printf("    Ray: %s on %s: %s\n", s->fixture.runs[i].id, s->fixture.runs[i].head, s->fixture.runs[i].status);
}

static bool chapter(struct history *s) {
    for (int i = 0; i < STEPS && s->faults.n == 0; i++) step(s);
    if (s->faults.n == 0) settle(s);
    if (s->faults.n == 0) model_check(&s->model, &s->fixture, &s->faults);
    if (s->faults.n != 0) report(s);
    return s->faults.n == 0;
}

static void shared_cluster(struct history *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    (void)rv_fakeapi_create(
        s->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"),
        fixture_json(a, RV_STR("{'metadata':{'name':'" FIXTURE_SHARED "'},'spec':{'headGroupSpec':{'template':{'spec':{"
                               "'containers':[{'name':'ray-head','image':'ray:1'}]}}}}}")),
        &made);
}

static bool run_history(uint64_t seed) {
    struct history *s = rv_alloc(sizeof *s);
    s->seed = seed;
    s->random.state = seed * 1000003;
    model_init(&s->model, &s->random);
    s->api = rv_fakeapi_new(INT64_C(1700000000000000000));
    s->fixture = (struct fixture){.api = s->api, .random = &s->random};
    s->fixture.harsh = rv_test_random_chance(&s->random, 50);
    s->fixture.false_404 = rv_test_random_chance(&s->random, 30);
    s->fixture.sidecar_restarts = rv_test_random_chance(&s->random, 50);
    s->fixture.refuses = rv_test_random_chance(&s->random, 5);
    shared_cluster(s);
    model_apply(&s->model, s->api);
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/rayjob/rayjob.yaml",
                                                         .settings = s->fixture.sidecar_restarts ? RESTARTS_ON : "{}",
                                                         .api = s->api,
                                                         .random = &s->random,
                                                         .lossy = rv_test_random_chance(&s->random, 50),
                                                         .note = on_note,
                                                         .http = on_http,
                                                         .arg = s});
    bool ok = s->host != NULL;
    for (int i = 0; i < CHAPTERS && ok; i++) ok = chapter(s);
    rv_fakehost_free(s->host);
    rv_fakeapi_free(s->api);
    rv_buf_free(&s->faults);
    free(s);
    return ok;
}

static void histories(void) { CU_ASSERT_EQUAL(histories_run(RUNS, run_history), 0); }

static const struct suite_test tests[] = {{"histories", histories}};
SUITE_MAIN("rayjob: whatever happens", tests)
