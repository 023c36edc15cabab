/* test_stories.c - whole lives of RayServices, line by line: stories/ has what happens and what the controller does.
 * Around it the fixture plays clusters, Serve and Gateways; "> fixture FIELD NUMBER" and,
 * for the newest cluster, "> cluster FIELD NUMBER" change how it does so. */
#include "fixture.h"
#include "tests/support/story.h"
#include "tests/unit/sdk/suite.h"

static bool work(void *arg) { return fixture_work(arg); }

static void begin(void *arg, struct rv_fakeapi *api, struct rv_test_random *random) {
    struct fixture *w = arg;
    *w = (struct fixture){.api = api, .random = random, .workers = 1, .deploy_s = 3, .ongoing = -1};
}

static void end(void *arg) { fixture_free(arg); }

/* Of the newest cluster. */
static bool tale(struct fixture *w, const char *field, int value) {
    const struct rv_fake_object *newest = NULL;
    for (const struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "rayclusters") == 0) newest = o;
    if (newest == NULL) return false;
    struct tale *t = fixture_tale(w, rv_str(newest->name));
    if (strcmp(field, "dead") == 0)
        t->dead = value != 0;
    else if (strcmp(field, "hangs") == 0)
        t->hangs = value != 0;
    else if (strcmp(field, "empty") == 0)
        t->empty = value != 0;
    else if (strcmp(field, "broken") == 0)
        t->broken = value != 0;
    else if (strcmp(field, "proxy_status") == 0)
        t->proxy_status = (uint32_t)value;
    else if (strcmp(field, "suspended") == 0)
        t->suspended = value != 0;
    else
        return false;
    return true;
}

static bool command(void *arg, const char *line) {
    struct fixture *w = arg;
    char field[32];
    int value;
    if (sscanf(line, "cluster %31s %d", field, &value) == 2) return tale(w, field, value);
    if (sscanf(line, "fixture %31s %d", field, &value) != 2) return false;
    if (strcmp(field, "workers") == 0)
        w->workers = (unsigned)value;
    else if (strcmp(field, "deploy_s") == 0)
        w->deploy_s = value;
    else if (strcmp(field, "ongoing") == 0)
        w->ongoing = value;
    else if (strcmp(field, "bad_config") == 0)
        w->bad_config = value != 0;
    else if (strcmp(field, "no_gateway") == 0)
        w->no_gateway = value != 0;
    else if (strcmp(field, "head_only") == 0)
        w->head_only = value != 0;
    else
        return false;
    return true;
}

static void test_stories(void) {
    struct fixture w;
    stories_run(&(struct story_opts){.plugin = "rayservice",
                                     .bodies = true,
                                     .explained = "rayservices",
                                     .work = work,
                                     .step_ms = 500,
                                     .http = fixture_http,
                                     .command = command,
                                     .begin = begin,
                                     .end = end,
                                     .arg = &w});
}

static const struct suite_test tests[] = {{"every story goes as it is written", test_stories}};
SUITE_MAIN("rayservice: stories", tests)
