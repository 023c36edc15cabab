/* scenario.c - see scenario.h. */
#include "scenario.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "rayvisor/json.h"

const struct rv_plugin *rv_plugin_v3(void);

static struct rv_val json_value(struct rv_arena *a, struct rv_str text) {
    rv_autobuf struct rv_buf b = {0}, out = {0};
    for (size_t i = 0; i < text.n; i++) rv_buf_addc(&b, (uint8_t)(text.p[i] == '\'' ? '"' : text.p[i]));
    CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_buf_str(&b), NULL, &out, NULL), 0);
    return rv_node_freeze(a, rv_node_from(a, (struct rv_val){out.p, out.n}));
}

#define BEGINNING INT64_C(1700000000000000000)

/* ---- Ray -------------------------------------------------------------------------------------------------------- */

static void answer(const struct scenario_fault *f, struct rv_fake_answer *out) {
    out->code = f->code;
    out->status = f->status;
    out->message = f->text;
    if (f->text != NULL) rv_buf_adds(&out->body, f->text);
}

static void tell(const struct scenario *s, struct rv_fake_answer *out) {
    rv_autobuf struct rv_buf b = {0};
    out->status = s->ray != NULL ? 200 : 404;
    if (s->ray == NULL) {
        rv_buf_adds(&out->body, "Job x does not exist");
        return;
    }
    rv_buf_addf(&b, "{\"status\":\"%s\",\"message\":\"m\",\"start_time\":%lld,\"end_time\":%lld}", s->ray,
                (long long)(BEGINNING / 1000000 + s->ray_began_s * 1000), (long long)(s->api->now / 1000000));
    out->json = rv_json_to_mp(rv_buf_str(&b), NULL, &out->body, NULL) == 0;
}

static void on_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    struct scenario *s = arg;
    if (rv_str_ends(r->url, "/logs")) {
        s->log_asked++;
        out->status = s->log != NULL ? 200 : 404;
        out->json = s->log != NULL && rv_json_to_mp(rv_str(s->log), NULL, &out->body, NULL) == 0;
        return;
    }
    bool get = rv_str_is(r->method, "GET"), stop = rv_str_ends(r->url, "/stop");
    unsigned *count = get ? &s->asked : stop ? &s->stopped : &s->submitted;
    const struct scenario_fault *f = get ? &s->asking : stop ? &s->stopping : &s->submitting;
    ++*count;
    if (f->code != 0 || f->status != 0) {
        answer(f, out);
    } else if (get) {
        tell(s, out);
    } else {
        if (!stop && s->ray == NULL) s->ray = "PENDING";
        out->status = 200;
    }
}

/* ---- the fixture --------------------------------------------------------------------------------------------------
 */

static void make(struct scenario *s, const char *api_version, const char *resource, struct rv_str json) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    CU_ASSERT_EQUAL_FATAL(rv_fakeapi_create(s->api, rv_str(api_version), rv_str(resource), json_value(a, json), &made),
                          0);
}

static const struct rv_fake_object *sure(const struct rv_fake_object *o) {
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    if (o == NULL) abort(); /* not reached; who reads the code alone does not know */
    return o;
}

void scenario_patch(struct scenario *s, const char *resource, const char *name, bool status, const char *json) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = rv_fakeapi_get(s->api, resource, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_EQUAL_FATAL(rv_fakeapi_patch(s->api, o, status, RV_STR(""), json_value(a, rv_str(json))), 0);
}

struct rv_fake_object *scenario_cluster(const struct scenario *s) {
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "rayclusters") == 0) return o;
    return NULL;
}

void scenario_head(struct scenario *s, const char *name) { scenario_head_with(s, name, "", ""); }

void scenario_head_with(struct scenario *s, const char *name, const char *labels, const char *container) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct rv_fake_object *c = sure(scenario_cluster(s));
    make(s, "v1", "pods",
         rv_arena_fmt(a,
                      "{'metadata':{'name':'%s','labels':{'ray.io/cluster':'%s','ray.io/node-type':'head'%s},"
                      "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'%s','uid':'%s',"
                      "'controller':true}]},'spec':{'containers':[{'name':'ray-head'%s}]},'status':{}}",
                      name, c->name, labels, c->name, c->uid, container));
    scenario_patch(s, "pods", name, true,
                   "{'status':{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':0}]}}");
}

void scenario_submitter_pod(struct scenario *s, const char *status) {
    scenario_submitter_pod_with(s, "j-x", "Never", status);
}

void scenario_submitter_pod_with(struct scenario *s, const char *name, const char *restart_policy, const char *status) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct rv_fake_object *job = sure(rv_fakeapi_get(s->api, "jobs", SCENARIO_JOB));
    make(s, "v1", "pods",
         rv_arena_fmt(a,
                      "{'metadata':{'name':'%s','labels':{'ray.io/originated-from-crd':'RayJob','ray.io/"
                      "originated-from-cr-name':'j','app.kubernetes.io/created-by':'kuberay-operator'},"
                      "'ownerReferences':[{'apiVersion':'batch/v1','kind':'Job','name':'j','uid':'%s','controller':"
                      "true}]},'spec':{'restartPolicy':'%s','containers':[{'name':'s'},{'name':'proxy'}]}}",
                      name, job->uid, restart_policy));
    scenario_patch(s, "pods", name, true, rv_arena_fmt(a, "{'status':{%s}}", status).p);
}

void scenario_cluster_runs(struct scenario *s) {
    for (int i = 0; i < 10 && scenario_cluster(s) == NULL; i++) scenario_wait(s, 1);
    scenario_head(s, "head-1");
    scenario_patch(s, "rayclusters", scenario_cluster(s)->name, true, "{'status':{'state':'ready'}}");
    scenario_settle(s);
}

void scenario_delete(struct scenario *s, const char *resource, const char *name) {
    struct rv_fake_object *o = name != NULL ? rv_fakeapi_get(s->api, resource, name) : scenario_cluster(s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    (void)rv_fakeapi_delete(s->api, o, RV_STR(""));
}

void scenario_submitter_ends(struct scenario *s, bool well) {
    char now[32], json[256];
    rv_time_format(s->api->now, now);
    snprintf(json, sizeof json,
             "{'status':{'conditions':[{'type':'%s','status':'True','reason':'r','message':'m','lastTransitionTime':"
             "'%s'}]}}",
             well ? "Complete" : "Failed", now);
    scenario_patch(s, "jobs", SCENARIO_JOB, true, json);
}

/* ---- a scenario ----------------------------------------------------------------------------------------------------
 */

static void on_note(void *arg, const char *line) {
    struct scenario *s = arg;
    s->unfollowed += strstr(line, "event LogNotFollowed") != NULL;
    s->complaints += strstr(line, "event FailedTo") != NULL;
    const char *event = strstr(line, "event ");
    size_t n = s->listens_for != NULL ? strlen(s->listens_for) : 0;
    bool is = event != NULL && n != 0 && strncmp(event + 6, s->listens_for, n) == 0 && event[6 + n] == ':';
    s->has_asked += is;
    if (is) snprintf(s->heard, sizeof s->heard, "%s", event + 6 + n + 2);
}

/* Of a gauge: set or removed, never both. */
static void on_metric(void *arg, struct rv_str series, uint32_t type, double value, struct rv_val labels) {
    struct scenario *s = arg;
    enum { REMOVED = 2 };
    char name[256];
    rv_autobuf struct rv_buf text = {0};
    (void)value;
    rv_json_write(labels, &text);
    snprintf(name, sizeof name, RV_STR_FMT " %s", RV_STR_ARG(series), rv_buf_cstr(&text));
    unsigned i = 0;
    while (i < s->series_n && strcmp(s->series[i], name) != 0) i++;
    if (type == REMOVED && i < s->series_n) memmove(s->series[i], s->series[--s->series_n], sizeof name);
    if (type == REMOVED || i < s->series_n) return;
    CU_ASSERT_TRUE_FATAL(i < SCENARIO_SERIES);
    memcpy(s->series[s->series_n++], name, sizeof name);
}

static int on_refuse(void *arg, const struct rv_action *a, struct rv_str *message) {
    struct scenario *s = arg;
    (void)message;
    return s->refuse != NULL ? s->refuse(s, a) : 0;
}

static struct rv_str manifest(struct rv_arena *a, const struct scenario *s) {
    static const char cluster[] =
        "{'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'containers':[{'name':'ray-head','image':'r'}]}}},"
        "'workerGroupSpecs':[{'groupName':'g','replicas':1,'minReplicas':0,'maxReplicas':2,'rayStartParams':{},"
        "'template':{'spec':{'containers':[{'name':'ray-worker','image':'r'}]}}}]";
    struct rv_str auth =
        s->auth != NULL ? rv_arena_fmt(a, ",'rayVersion':'2.52.0','authOptions':%s", s->auth) : RV_STR("");
    struct rv_str where = s->shared != NULL
                              ? rv_arena_fmt(a, "'clusterSelector':{'ray.io/cluster':'%s'}", s->shared)
                              : rv_arena_fmt(a, "'rayClusterSpec':%s" RV_STR_FMT "}", cluster, RV_STR_ARG(auth));
    return rv_arena_fmt(a,
                        "{'apiVersion':'ray.io/v1','kind':'RayJob','metadata':{'name':'" SCENARIO_JOB
                        "'},'spec':{'entrypoint':'x','submissionMode':'%s'%s" RV_STR_FMT "%s}}",
                        s->mode, s->selects ? "" : ",", RV_STR_ARG(s->selects ? RV_STR("") : where),
                        s->spec != NULL ? s->spec : "");
}

static void make_shared(struct scenario *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    make(s, "ray.io/v1", "rayclusters",
         rv_arena_fmt(a,
                      "{'metadata':{'name':'%s'},'spec':{'authOptions':%s,'headGroupSpec':{'template':{'spec':{"
                      "'containers':[{'name':'ray-head','image':'r'}]}}}}}",
                      s->shared, s->auth != NULL ? s->auth : "null"));
    scenario_head(s, "head-1");
    scenario_patch(s, "rayclusters", s->shared, true, "{'status':{'state':'ready'}}");
}

void scenario_begin(struct scenario *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    s->random.state = 7;
    s->api = rv_fakeapi_new(BEGINNING);
    if (s->shared != NULL) make_shared(s);
    make(s, "ray.io/v1", "rayjobs", manifest(a, s));
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/rayjob/rayjob.yaml",
                                                         .settings = s->settings != NULL ? s->settings : "{}",
                                                         .api = s->api,
                                                         .random = &s->random,
                                                         .note = on_note,
                                                         .http = on_http,
                                                         .refuse = on_refuse,
                                                         .metric = on_metric,
                                                         .arg = s});
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->host);
    scenario_settle(s);
}

void scenario_end(struct scenario *s) {
    rv_fakehost_free(s->host);
    rv_fakeapi_free(s->api);
}

void scenario_settle(struct scenario *s) {
    rv_fakehost_run(s->host);
    while (rv_fakehost_round(s->host)) {
    }
}

void scenario_wait(struct scenario *s, unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        rv_fakehost_advance(s->host, 1000);
        (void)rv_fakeapi_collect(s->api);
        scenario_settle(s);
    }
}

void scenario_away(struct scenario *s, unsigned seconds, void (*meanwhile)(struct scenario *s)) {
    rv_fakehost_advance(s->host, (int64_t)seconds * 1000);
    if (meanwhile != NULL) meanwhile(s);
    rv_fakehost_restart(s->host);
    scenario_settle(s);
}

/* ---- what is seen ----------------------------------------------------------------------------------------------- */

static struct rv_val status_of(const struct scenario *s) {
    const struct rv_fake_object *o = rv_fakeapi_get(s->api, "rayjobs", SCENARIO_JOB);
    return o != NULL ? rv_val_get(o->value, "status") : RV_VAL_ABSENT;
}

struct rv_str scenario_status(const struct scenario *s, const char *path) {
    return rv_path_str(status_of(s), path);
}

bool scenario_is(const struct scenario *s, const char *phase, const char *reason) {
    struct rv_str p = scenario_status(s, "jobDeploymentStatus"), r = scenario_status(s, "reason");
    bool is = rv_str_is(p, phase) && rv_str_is(r, reason);
    if (!is)
        printf("\n    it is " RV_STR_FMT "/" RV_STR_FMT " (" RV_STR_FMT "), not %s/%s", RV_STR_ARG(p), RV_STR_ARG(r),
               RV_STR_ARG(scenario_status(s, "message")), phase, reason);
    return is;
}

struct rv_val scenario_condition(const struct scenario *s, const char *type) {
    return rv_condition_find(rv_val_get(status_of(s), "conditions"), type);
}

bool scenario_says(struct rv_str text, const char *words) {
    return text.n != 0 && memmem(text.p, text.n, words, strlen(words)) != NULL;
}

unsigned scenario_count(const struct scenario *s, const char *resource) {
    unsigned n = 0;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, resource) == 0;
    return n;
}

bool scenario_reason_is(const struct scenario *s, const char *reason) {
    struct rv_str is = rv_path_str(scenario_condition(s, "Reconciling"), "reason");
    bool same = rv_str_is(is, reason);
    if (!same) printf("\n    the reason is " RV_STR_FMT ", not %s", RV_STR_ARG(is), reason);
    return same;
}

void scenario_begin_running(struct scenario *s) {
    scenario_begin(s);
    scenario_cluster_runs(s);
    scenario_wait(s, 5);
    CU_ASSERT_TRUE(scenario_is(s, "Running", ""));
}
