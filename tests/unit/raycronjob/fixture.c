/* fixture.c - see fixture.h. */
#include "fixture.h"

#include "tests/unit/sdk/suite.h"

#define SECOND INT64_C(1000000000)
#define JOB                                                                                                            \
    "'entrypoint':'x','rayClusterSpec':{'headGroupSpec':{'template':{'spec':{'containers':[{'name':'h','image':'i'}]}" \
    "}}}"

const struct rv_plugin *rv_plugin_v3(void);

static struct fixture *of(struct rv_host *h) { return (struct fixture *)(void *)h; }

/* JSON with single quotes. */
static struct rv_val parse(struct rv_arena *a, struct rv_str text) {
    char *copy = rv_arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++) copy[i] = text.p[i] == '\'' ? '"' : text.p[i];
    struct rv_val v = from_json(a, copy);
    CU_ASSERT_TRUE_FATAL(rv_val_present(v));
    return v;
}

static struct rv_str time_text(struct rv_arena *a, int64_t unix_s) {
    char text[32];
    rv_time_format(unix_s * SECOND, text);
    return rv_arena_str(a, rv_str(text));
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static void make_object(struct fixture *w, struct rv_str name) {
    struct rv_arena *a = w->object_arena;
    rv_arena_reset(a);
    struct rv_str text = rv_arena_fmt(a,
                                      "{'metadata':{'uid':'u','generation':%lld,'creationTimestamp':'%s',"
                                      "%s'labels':{%s},'annotations':{%s}},'spec':{%s,'jobTemplate':{%s}}}",
                                      (long long)w->generation, time_text(a, w->created).p,
                                      w->deleting ? "'deletionTimestamp':'2026-05-01T00:00:00Z'," : "",
                                      w->labels != NULL ? w->labels : "", w->annotations != NULL ? w->annotations : "",
                                      w->spec, w->job != NULL ? w->job : JOB);
    struct rv_node *n = rv_node_from(a, parse(a, text));
    if (rv_val_present(w->status)) rv_node_set(a, n, "status", rv_node_from(a, w->status));
    w->object = (struct rv_object){.size = sizeof w->object,
                                   .ns = RV_STR("ns"),
                                   .name = rv_arena_str(a, name),
                                   .uid = RV_STR("u"),
                                   .value = rv_node_freeze(a, n)};
}

static int32_t api_get(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    struct fixture *w = of(h);
    CU_ASSERT_TRUE(kind == 0 && rv_str_is(ns, "ns"));
    if (w->gone) return RV_E_NOT_FOUND;
    if (!rv_val_present(w->object.value)) make_object(w, name);
    *ret = w->object;
    return 0;
}

static bool ended(const struct fixture *w, const struct fixture_job *j) {
    return w->duration >= 0 && w->now >= (j->made + w->duration) * 1000;
}

static int64_t api_list(struct rv_host *h, const struct rv_query *q, rv_list_fn fn, void *arg) {
    struct fixture *w = of(h);
    CU_ASSERT_TRUE(rv_str_is(q->owner_uid, "u"));
    for (size_t i = w->first; fn != NULL && i < w->job_n; i++) {
        struct fixture_job *j = &w->jobs[i];
        struct rv_object o = {.size = sizeof o, .kind = 1, .ns = RV_STR("ns"), .name = rv_str(j->name)};
        o.uid = o.name;
        o.value = j->values[ended(w, j)];
        if (!j->gone && !fn(arg, &o)) break;
    }
    return (int64_t)fixture_jobs(w);
}

/* A RayJob as the plugin sees it. */
static void make_values(struct fixture *w, struct fixture_job *j) {
    const char *phases[] = {"Running", w->fail_jobs ? "Failed" : "Complete"};
    for (size_t i = 0; i < RV_ARRAY_LEN(phases); i++)
        j->values[i] = parse(w->keep, rv_arena_fmt(w->keep,
                                                   "{'metadata':{'annotations':{'ray.io/cronjob-scheduled-timestamp':"
                                                   "'%s'}},'status':{'jobDeploymentStatus':'%s'}}",
                                                   time_text(w->keep, j->at).p, phases[i]));
}

static const struct rv_result *api_result(struct rv_host *h, uint64_t index) {
    return index < of(h)->result_n ? &of(h)->results[index] : NULL;
}

static int64_t api_now(struct rv_host *h) { return of(h)->now * 1000000; }
static struct rv_val api_settings(struct rv_host *h) { return of(h)->settings_value; }

static struct rv_val api_time_zones(struct rv_host *h) {
    struct fixture *w = of(h);
    return w->time_zones != NULL ? fixture_json(w, w->time_zones) : RV_VAL_ABSENT;
}

static bool mishap(struct fixture *w, unsigned one_in) {
    w->luck = w->luck * 6364136223846793005U + 1442695040888963407U;
    return one_in != 0 && (w->luck >> 33) % one_in == 0;
}

/* ---- doing ------------------------------------------------------------------------------------------------ */

static int32_t create(struct fixture *w, struct rv_val body, struct rv_str name) {
    int64_t at = 0;
    struct rv_val labels = rv_val_path(body, "metadata.labels"), notes = rv_val_path(body, "metadata.annotations");
    w->creates++;
    w->made = rv_node_freeze(w->keep, rv_node_from(w->keep, body));
    if (w->fail_creates > 0) {
        w->fail_creates--;
        return RV_E_FORBIDDEN;
    }
    if (w->taken > 0) {
        w->taken--;
        return RV_E_EXISTS;
    }
    CU_ASSERT_TRUE(rv_str_is(rv_meta_controller_uid(body), "u"));
    CU_ASSERT_EQUAL(rv_val_len(labels), 1);
    CU_ASSERT_EQUAL(rv_val_len(notes), 1);
    CU_ASSERT_TRUE(rv_val_present(rv_val_path(body, "spec.rayClusterSpec")));
    CU_ASSERT_EQUAL(rv_time_parse(rv_val_str(rv_val_get(notes, "ray.io/cronjob-scheduled-timestamp")), &at), 0);
    for (size_t i = w->first; i < w->job_n; i++)
        if (rv_str_is(name, w->jobs[i].name) && !w->jobs[i].gone) return RV_E_EXISTS;
    CU_ASSERT_TRUE_FATAL(w->job_n < FIXTURE_JOBS);
    struct fixture_job *j = &w->jobs[w->job_n++];
    *j = (struct fixture_job){.at = at / SECOND, .made = w->now / 1000};
    snprintf(j->name, sizeof j->name, RV_STR_FMT, RV_STR_ARG(name));
    make_values(w, j);
    return 0;
}

static int32_t delete (struct fixture *w, struct rv_str name) {
    w->deletes++;
    if (w->fail_deletes > 0) {
        w->fail_deletes--;
        return RV_E_FORBIDDEN;
    }
    for (size_t i = w->first; i < w->job_n; i++) {
        if (!rv_str_is(name, w->jobs[i].name) || w->jobs[i].gone) continue;
        w->jobs[i].gone = true;
        while (w->first < w->job_n && w->jobs[w->first].gone) w->first++;
        return 0;
    }
    return RV_E_NOT_FOUND;
}

static int32_t patch_status(struct fixture *w, struct rv_val patch) {
    struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_val_present(w->status) ? rv_node_from(a, w->status) : rv_node_map(a);
    w->status_writes++;
    for (struct rv_iter it = rv_iter(rv_val_get(patch, "status")); rv_iter_next(&it);) {
        if (w->narrow && !rv_str_is(it.key, "lastScheduleTime")) continue;
        rv_node_setn(a, n, it.key, rv_val_set(it.val) ? rv_node_from(a, it.val) : NULL);
    }
    w->status = rv_node_freeze(a, n);
    w->status_arena = (rv_arena_free(w->status_arena), a);
    return 0;
}

static int32_t api_act(struct rv_host *h, const struct rv_action *a) {
    struct fixture *w = of(h);
    struct rv_val body = {a->body.p, a->body.n};
    CU_ASSERT_TRUE_FATAL(w->acted < RV_ARRAY_LEN(w->results));
    /* results are for the next pass: those of this one are still being read */
    struct rv_result *r = &w->results[RV_ARRAY_LEN(w->results) - ++w->acted];
    *r = (struct rv_result){.size = sizeof *r, .tag = a->tag, .verb = a->verb, .ns = RV_STR("ns")};
    r->name = rv_arena_str(w->keep, a->name);
    r->message = rv_str(w->why != NULL ? w->why : "");
    bool lost = mishap(w, w->lose_one_in);
    r->code = RV_E_TIMEOUT;
    if (lost && mishap(w, 2)) {
        w->refused += a->verb == RV_VERB_CREATE;
        return 0;
    }
    int32_t code = a->verb == RV_VERB_CREATE   ? create(w, body, a->name)
                   : a->verb == RV_VERB_DELETE ? delete (w, a->name)
                                               : patch_status(w, body);
    if (!lost) r->code = code;
    return 0;
}

static int32_t api_event(struct rv_host *h, const struct rv_event *e) {
    struct fixture *w = of(h);
    for (size_t i = 0; i < FIXTURE_EVENTS; i++) {
        if (w->events[i].n != 0 && !rv_str_is(e->reason, w->events[i].reason)) continue;
        snprintf(w->events[i].reason, sizeof w->events[i].reason, RV_STR_FMT, RV_STR_ARG(e->reason));
        w->events[i].n++;
        break;
    }
    return 0;
}

static void api_explain(struct rv_host *h, struct rv_str line) {
    (void)h;
    CU_ASSERT_TRUE(line.n != 0);
}

static void api_log(struct rv_host *h, int32_t level, struct rv_str message, const struct rv_field *fields,
                    uint64_t n) {
    (void)h, (void)level, (void)message, (void)fields, (void)n;
}

static struct rv_str api_keep(struct rv_host *h, struct rv_str text) { return rv_arena_str(of(h)->keep, text); }

static const struct rv_host_api api = {.size = sizeof api,
                                       .get = api_get,
                                       .list = api_list,
                                       .act = api_act,
                                       .event = api_event,
                                       .result = api_result,
                                       .now = api_now,
                                       .settings = api_settings,
                                       .time_zones = api_time_zones,
                                       .log = api_log,
                                       .explain = api_explain,
                                       .keep = api_keep};

/* ---- time goes by ----------------------------------------------------------------------------------------- */

static void start_plugin(struct fixture *w) {
    struct rv_error err = {0};
    if (w->state != NULL) w->plugin->fini(w->state);
    CU_ASSERT_EQUAL_FATAL(w->plugin->init(&api, (struct rv_host *)(void *)w, &w->state, &err), 0);
    w->result_n = 0;
}

void fixture_begin(struct fixture *w, int64_t unix_s) {
    static const char defaults[] = "{'timeZone':'UTC','missedRunsLimit':100,'featureGates':{}}";
    w->plugin = rv_plugin_v3();
    w->now = unix_s * 1000;
    if (w->created == 0) w->created = unix_s;
    w->generation = 1;
    w->jobs = rv_alloc_array(FIXTURE_JOBS, sizeof *w->jobs);
    w->keep = rv_arena_new();
    w->object_arena = rv_arena_new();
    w->status_arena = rv_arena_new();
    w->settings_value = parse(w->keep, rv_str(w->settings != NULL ? w->settings : defaults));
    start_plugin(w);
}

void fixture_end(struct fixture *w) {
    w->plugin->fini(w->state);
    rv_arena_free(w->keep);
    rv_arena_free(w->object_arena);
    rv_arena_free(w->status_arena);
    rv_freep(&w->jobs);
}

/* One pass; when the next one is due. */
static int64_t pass(struct fixture *w) {
    struct rv_outcome out = {.size = sizeof out};
    struct rv_key key = {RV_STR("ns"), rv_str(w->name != NULL ? w->name : "c")};
    w->acted = 0;
    w->passes++;
    w->plugin->reconcile(w->state, &key, &out);
    w->result_n = w->acted;
    if (w->acted != 0) w->object.value = RV_VAL_ABSENT;
    memmove(w->results, w->results + RV_ARRAY_LEN(w->results) - w->acted, w->acted * sizeof *w->results);
    if (mishap(w, w->crash_one_in)) {
        start_plugin(w);
        return w->now;
    }
    if (w->acted != 0) return w->now; /* results wake it, in a back-off too */
    if (out.code == RV_RETRY) return w->now + 1000;
    if (out.code != RV_AFTER) return FIXTURE_NEVER;
    int64_t next = w->now + out.after_ms, rest = w->coarse_ms != 0 ? next % w->coarse_ms : 0;
    return rest != 0 ? next - rest + w->coarse_ms : next;
}

/* The end of a job wakes the plugin. */
static int64_t next_end(const struct fixture *w) {
    int64_t first = FIXTURE_NEVER;
    for (size_t i = w->first; i < w->job_n; i++) {
        int64_t end = (w->jobs[i].made + w->duration) * 1000;
        if (w->duration > 0 && !w->jobs[i].gone && end > w->now && end < first) first = end;
    }
    return first;
}

bool fixture_run(struct fixture *w, int64_t until_unix_s, unsigned passes) {
    for (unsigned i = 0; i < passes; i++) {
        int64_t next = pass(w), end = next_end(w);
        if (end < next) next = end;
        if (next > until_unix_s * 1000) {
            w->now = until_unix_s * 1000;
            return true;
        }
        w->now = next;
    }
    return false;
}

void fixture_stop(struct fixture *w, int64_t seconds) {
    w->now += seconds * 1000;
    start_plugin(w);
}

int32_t fixture_configure(struct fixture *w, const char *settings) {
    struct rv_error err = {0};
    w->settings_value = fixture_json(w, settings);
    return w->plugin->settings_changed(w->state, &err);
}

struct rv_val fixture_json(struct fixture *w, const char *text) {
    return parse(w->keep, rv_str(text));
}

void fixture_edit(struct fixture *w, const char *spec) {
    w->spec = spec;
    w->generation++;
    w->object.value = RV_VAL_ABSENT;
}

/* ---- looking ---------------------------------------------------------------------------------------------- */

unsigned fixture_events(const struct fixture *w, const char *reason) {
    for (size_t i = 0; i < FIXTURE_EVENTS; i++)
        if (strcmp(w->events[i].reason, reason) == 0) return w->events[i].n;
    return 0;
}

struct rv_str fixture_status(const struct fixture *w, const char *path) {
    return rv_path_str(w->status, path);
}

struct rv_str fixture_stalled(const struct fixture *w) {
    return rv_path_str(rv_condition_find(rv_val_get(w->status, "conditions"), "Stalled"), "message");
}

size_t fixture_jobs(const struct fixture *w) {
    size_t n = 0;
    for (size_t i = w->first; i < w->job_n; i++) n += !w->jobs[i].gone;
    return n;
}
