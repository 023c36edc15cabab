/* scenario.c - see scenario.h. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/history.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

static int on_action(void *arg, const struct rv_action *a, struct rv_str *message) {
    struct scenario *s = arg;
    if (a->verb == RV_VERB_EVENT) return 0;
    return s->refuse != NULL ? s->refuse(s, a, message) : 0;
}

static void on_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    struct scenario *s = arg;
    fixture_http(&s->w, r, out);
}

static void on_metric(void *arg, struct rv_str name, uint32_t type, double value, struct rv_val labels) {
    struct scenario *s = arg;
    if (s->metric != NULL) s->metric(s, name, type, value, labels);
}

/* fakehost notes each event as a line that holds its reason. */
static void on_note(void *arg, const char *line) {
    struct scenario *s = arg;
    if (getenv("SCENARIO_NOTES") != NULL) printf("%s\n", line);
    if (strstr(line, "event") == NULL) return;
    snprintf(s->events[s->event_n++ % SCENARIO_EVENTS], sizeof s->events[0], "%s", line);
}

static void create(struct scenario *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    struct rv_str text = rv_arena_fmt(
        a,
        "{'apiVersion':'ray.io/v1','kind':'RayService','metadata':{'name':'" FIXTURE_SERVICE
        "','annotations':%s,'finalizers':['ray.io/rayservice-finalizer']},'spec':{'serveConfigV2':'" SCENARIO_CONFIG
        "','upgradeStrategy':%s,'rayClusterConfig':{'enableInTreeAutoscaling':true,'rayVersion':'2.52.0','"
        "headGroupSpec':{'rayStartParams':{},"
        "'template':{'spec':{'containers':[{'name':'ray-head','image':'ray:1','resources':{'requests':{'cpu':'2'}}}]}}}"
        ",'workerGroupSpecs':[{'groupName':'g',"
        "'replicas':%u,'minReplicas':%u,'maxReplicas':9,'rayStartParams':{},'template':{'spec':{'containers':[{'name':"
        "'ray-worker','image':'ray:1','resources':{'requests':{'cpu':'1','nvidia.com/gpu':'1'},'limits':{'nvidia.com/"
        "gpu':'1'}}}]}}}]}%s}}",
        s->notes != NULL ? s->notes : "{}", s->strategy != NULL ? s->strategy : "{}", s->workers, s->workers,
        s->more != NULL ? s->more : "");
    CU_ASSERT_EQUAL_FATAL(
        rv_fakeapi_create(s->api, RV_STR("ray.io/v1"), RV_STR("rayservices"), fixture_json(a, text), &made), 0);
}

void scenario_begin(struct scenario *s) {
    s->random.state = 1;
    s->api = rv_fakeapi_new(INT64_C(1700000000000000000));
    struct fixture w = {
        .api = s->api, .random = &s->random, .workers = s->workers, .deploy_s = s->deploy_s, .ongoing = -1};
    s->w = w;
    create(s);
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/rayservice/rayservice.yaml",
                                                         .settings = s->settings != NULL ? s->settings : "{}",
                                                         .api = s->api,
                                                         .random = &s->random,
                                                         .note = on_note,
                                                         .http = on_http,
                                                         .refuse = on_action,
                                                         .metric = on_metric,
                                                         .arg = s});
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->host);
}

void scenario_end(struct scenario *s) {
    CU_ASSERT_EQUAL(s->w.mixed, 0);
    rv_fakehost_free(s->host);
    rv_fakeapi_free(s->api);
    fixture_free(&s->w);
}

void scenario_settle(struct scenario *s) {
    for (int i = 0; i < 2000; i++) {
        bool did = fixture_work(&s->w);
        while (rv_fakehost_deliver(s->host)) did = true;
        rv_fakehost_run(s->host);
        s->w.round++;
        while (rv_fakehost_serve(s->host, 0)) did = true;
        rv_fakehost_run(s->host);
        if (s->each_round != NULL) s->each_round(s);
        if (!did) return;
    }
    CU_FAIL("it never comes to rest");
}

void scenario_for(struct scenario *s, int64_t seconds) {
    int64_t left = seconds * 1000;
    scenario_settle(s);
    while (left > 0) {
        int64_t ms = history_next_moment(s->host, s->api);
        if (ms > 500) ms = 500; /* replicas start meanwhile */
        if (ms > left) ms = left;
        rv_fakehost_advance(s->host, ms);
        rv_fakehost_run(s->host);
        scenario_settle(s);
        left -= ms;
    }
}

bool scenario_until(struct scenario *s, bool (*holds)(struct scenario *s)) {
    scenario_settle(s);
    for (int i = 0; i < 1200; i++) {
        if (holds(s)) return true;
        rv_fakehost_advance(s->host, 500);
        rv_fakehost_run(s->host);
        scenario_settle(s);
    }
    rv_autobuf struct rv_buf b = {0};
    rv_json_write(scenario_status(s), &b);
    printf("\n    it stays so: %s", rv_buf_cstr(&b));
    return false;
}

struct rv_fake_object *scenario_object(const struct scenario *s) {
    return rv_fakeapi_get(s->api, "rayservices", FIXTURE_SERVICE);
}

struct rv_val scenario_status(const struct scenario *s) {
    struct rv_fake_object *o = scenario_object(s);
    return o != NULL ? rv_val_get(o->value, "status") : RV_VAL_ABSENT;
}

struct rv_str scenario_active(const struct scenario *s) {
    return rv_path_str(scenario_status(s), "activeServiceStatus.rayClusterName");
}
struct rv_str scenario_pending(const struct scenario *s) {
    return rv_path_str(scenario_status(s), "pendingServiceStatus.rayClusterName");
}

struct scenario_name scenario_name(struct rv_str s) {
    struct scenario_name n;
    snprintf(n.text, sizeof n.text, RV_STR_FMT, RV_STR_ARG(s));
    return n;
}

struct rv_val scenario_condition(const struct scenario *s, const char *type) {
    return rv_condition_find(rv_val_get(scenario_status(s), "conditions"), type);
}

bool scenario_is(const struct scenario *s, const char *type, const char *status) {
    return rv_str_is(rv_path_str(scenario_condition(s, type), "status"), status);
}

struct rv_str scenario_stable(const struct scenario *s) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "services", FIXTURE_SERVICE "-serve-svc");
    return o != NULL ? rv_val_str(rv_val_get(rv_val_path(o->value, "spec.selector"), "ray.io/cluster")) : RV_STR("");
}

void scenario_patch(struct scenario *s, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    fixture_patch(&s->w, scenario_object(s), false, "%s", rv_buf_cstr(&b));
}

void scenario_env(struct scenario *s, const char *value) {
    scenario_patch(s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':{'labels':{'v':'%s'}}}}}}}",
                   value);
}

unsigned scenario_told(const struct scenario *s, const char *event) {
    unsigned n = 0;
    for (size_t i = 0; i < s->event_n && i < SCENARIO_EVENTS; i++) n += strstr(s->events[i], event) != NULL;
    return n;
}

unsigned scenario_clusters(const struct scenario *s) {
    unsigned n = 0;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, "rayclusters") == 0 && !rv_meta_deleting(o->value);
    return n;
}

int64_t scenario_share(const struct scenario *s) {
    return rv_path_int(scenario_status(s), "pendingServiceStatus.trafficRoutedPercent", 0);
}

bool scenario_settled(struct scenario *s) {
    return scenario_active(s).n != 0 && scenario_pending(s).n == 0 && scenario_clusters(s) == 1 &&
           scenario_is(s, "Ready", "True") && rv_str_eq(scenario_stable(s), scenario_active(s));
}

bool scenario_upgrading(struct scenario *s) { return scenario_pending(s).n != 0 && scenario_active(s).n != 0; }

void scenario_start(struct scenario *s) {
    scenario_begin(s);
    CU_ASSERT_TRUE_FATAL(scenario_until(s, scenario_settled));
}
