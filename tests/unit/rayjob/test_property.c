/* test_property.c - whatever happens around a RayJob, it comes to rest, says what Ray said, and leaves behind what its
 * spec wants left.
 *
 * A story is drawn from a seed: edits, clusters that come, go and are slow, heads that restart, submitters that fail,
 * dashboards that time out or talk nonsense, writes that fail or whose answers get lost, news late, twice or out of
 * order, deaths of the host. At every moment there is one cluster at most and one submitter for an attempt. After each
 * chapter the disturbances end, and everybody does his part: the plugin must become quiet, with all as the model wants.
 * The same seed tells the same story: RAYVISOR_PROPERTY_SEED=n RAYVISOR_PROPERTY_RUNS=1. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"
#include "tests/support/story.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

enum { RUNS = 200, CHAPTERS = 3, STEPS = 60 };
#define RESTARTS_ON "{\"featureGates\":{\"SidecarSubmitterRestart\":true}}"
#define MINUTE_MS INT64_C(60000)
#define QUIET_MS (20 * MINUTE_MS)   /* longer than every deadline, requeue and back-off */
#define SETTLE_MS (180 * MINUTE_MS) /* until then it must have become quiet */

struct story {
    uint64_t seed;
    struct rv_test_random random;
    struct model model;
    struct world world;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    uint32_t trouble; /* percent of writes that go wrong */
    struct rv_buf faults;
    struct chronicle chronicle;
};

static void on_note(void *arg, const char *line) {
    struct story *s = arg;
    chronicle_add(&s->chronicle, line);
}

static void on_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    struct story *s = arg;
    world_http(&s->world, r, out);
}

static void step(struct story *s) {
    static const uint32_t troubles[] = {0, 0, 10, 40, 90};
    uint32_t what = rv_test_random_below(&s->random, 100), n = 1 + rv_test_random_below(&s->random, 5);
    if (what < 26) {
        while (n-- > 0 && rv_fakehost_deliver(s->host)) {
        }
    } else if (what < 50) {
        while (n-- > 0 && rv_fakehost_serve(s->host, s->trouble)) {
        }
    } else if (what < 62) {
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 4000));
    } else if (what < 65) {
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 200000));
    } else if (what < 85) {
        const char *event = world_event(&s->world);
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
        s->world.http_trouble = troubles[rv_test_random_below(&s->random, RV_ARRAY_LEN(troubles))];
    } else {
        s->trouble = troubles[rv_test_random_below(&s->random, RV_ARRAY_LEN(troubles))];
    }
    if (rv_test_random_chance(&s->random, 80)) rv_fakehost_run(s->host);
    model_watch(&s->model, &s->world, &s->faults);
}

/* Everybody does what he should, until nothing is left to do at this moment. */
static bool work(struct story *s) {
    bool did = false;
    for (bool more = true; more && s->faults.n == 0; did |= more) {
        const struct rv_fake_object *job = rv_fakeapi_get(s->api, "rayjobs", WORLD_JOB);
        if (job != NULL && s->model.mode == RJ_INTERACTIVE && !model_ended(&s->model))
            world_submit(&s->world, rv_path_str(job->value, "status.rayClusterName"), MODEL_USER_ID);
        more = world_work(&s->world);
        while (rv_fakehost_deliver(s->host)) more = true;
        rv_fakehost_run(s->host);
        model_watch(&s->model, &s->world, &s->faults);
        while (rv_fakehost_serve(s->host, 0)) more = true;
        rv_fakehost_run(s->host);
        model_watch(&s->model, &s->world, &s->faults);
    }
    return did;
}

static void settle(struct story *s) {
    int64_t waited = 0, quiet = 0;
    on_note(s, " == the disturbances end");
    s->world.http_trouble = 0;
    while (quiet < QUIET_MS && waited < SETTLE_MS && s->faults.n == 0) {
        uint64_t writes = rv_fakehost_writes(s->host);
        if (s->model.exists) model_apply(&s->model, s->api); /* once an old one of the name is gone */
        work(s);
        if (writes != rv_fakehost_writes(s->host)) quiet = 0;
        int64_t ms = story_next_moment(s->host, s->api);
        rv_fakehost_advance(s->host, ms);
        rv_fakehost_run(s->host);
        waited += ms;
        quiet += ms;
    }
    if (s->faults.n == 0 && quiet < QUIET_MS) rv_buf_adds(&s->faults, "  - it writes on and on\n");
}

static void report(struct story *s) {
    chronicle_report(&s->chronicle, s->seed, rv_buf_cstr(&s->faults), s->api, "rayjobs");
    for (size_t i = 0; i < s->world.run_n; i++)
        printf("    Ray: %s on %s: %s\n", s->world.runs[i].id, s->world.runs[i].head, s->world.runs[i].status);
}

static bool chapter(struct story *s) {
    for (int i = 0; i < STEPS && s->faults.n == 0; i++) step(s);
    if (s->faults.n == 0) settle(s);
    if (s->faults.n == 0) model_check(&s->model, &s->world, &s->faults);
    if (s->faults.n != 0) report(s);
    return s->faults.n == 0;
}

static void shared_cluster(struct story *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    (void)rv_fakeapi_create(
        s->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"),
        world_json(a, RV_STR("{'metadata':{'name':'" WORLD_SHARED "'},'spec':{'headGroupSpec':{'template':{'spec':{"
                             "'containers':[{'name':'ray-head','image':'ray:1'}]}}}}}")),
        &made);
}

static bool tell_story(uint64_t seed) {
    struct story *s = rv_alloc(sizeof *s);
    s->seed = seed;
    s->random.state = seed * 1000003;
    model_init(&s->model, &s->random);
    s->api = rv_fakeapi_new(INT64_C(1700000000000000000));
    s->world = (struct world){.api = s->api, .random = &s->random};
    s->world.harsh = rv_test_random_chance(&s->random, 50);
    s->world.false_404 = rv_test_random_chance(&s->random, 30);
    s->world.sidecar_restarts = rv_test_random_chance(&s->random, 50);
    s->world.refuses = rv_test_random_chance(&s->random, 5);
    shared_cluster(s);
    model_apply(&s->model, s->api);
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/rayjob/rayjob.yaml",
                                                         .settings = s->world.sidecar_restarts ? RESTARTS_ON : "{}",
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

static void stories(void) { CU_ASSERT_EQUAL(stories_tell(RUNS, tell_story), 0); }

static const struct suite_test tests[] = {{"stories", stories}};
SUITE_MAIN("rayjob: whatever happens", tests)
