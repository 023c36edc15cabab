/* scenario.c - see scenario.h. */
#include "scenario.h"

const struct rv_plugin *rv_plugin_v3(void);

static const struct rv_str api_version = {"ray.io/v1", 9}, resource = {"rayclusters", 11};

static struct rv_val quoted(struct rv_arena *a, const char *text) {
    struct rv_str s = rv_str(text);
    char *p = rv_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = s.p[i] == '\'' ? '"' : s.p[i];
    return from_json(a, p);
}

static void on_note(void *arg, const char *line) {
    struct scenario *s = arg;
    rv_buf_addf(&s->said, "%s\n", line);
}

static int refuse(void *arg, const struct rv_action *a, struct rv_str *message) {
    const struct scenario *s = arg;
    if (s->no_verb == 0 || a->verb != s->no_verb || !rv_str_is(a->resource, s->no_resource)) return 0;
    if (s->no_name != NULL && !scenario_has(a->name, s->no_name)) return 0;
    *message = s->no_message;
    return s->no_code;
}

void scenario_start(struct scenario *s, const char *settings, const char *spec) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    s->api = rv_fakeapi_new(INT64_C(1700000000000000000));
    s->random.state = 1;
    struct rv_val v = quoted(a, rv_arena_fmt(a, "{'metadata':{'name':'c'},'spec':{%s}}", spec).p);
    CU_ASSERT_TRUE_FATAL(rv_val_present(v));
    CU_ASSERT_EQUAL_FATAL(rv_fakeapi_create(s->api, api_version, resource, v, &made), 0);
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/raycluster/raycluster.yaml",
                                                         .settings = settings,
                                                         .api = s->api,
                                                         .random = &s->random,
                                                         .note = on_note,
                                                         .refuse = refuse,
                                                         .arg = s});
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->host);
    scenario_rest(s);
}

void scenario_stop(struct scenario *s) {
    s->host = rv_fakehost_free(s->host);
    s->api = rv_fakeapi_free(s->api);
    rv_buf_free(&s->said);
}

static bool is_live(const struct rv_fake_object *o, const char *infix) {
    return strcmp(o->resource, "pods") == 0 && strstr(o->name, infix) != NULL && !rv_meta_deleting(o->value);
}

static bool kubelets(struct scenario *s) {
    bool any = false;
    for (struct rv_fake_object *o = s->api->objects; s->kubelets && o != NULL; o = o->next) {
        if (!is_live(o, "") || rv_val_present(rv_val_path(o->value, "status.phase"))) continue;
        scenario_patch(s, o, true, "{'status':" SCENARIO_READY "}");
        any = true;
    }
    return any;
}

void scenario_rest(struct scenario *s) {
    bool more = true;
    while (more) {
        more = rv_fakeapi_collect(s->api);
        more |= kubelets(s);
        more |= rv_fakehost_round(s->host);
    }
}

void scenario_pass(struct scenario *s, int64_t ms) {
    while (ms > 0) {
        int64_t step = history_next_moment(s->host, s->api);
        if (step > ms) step = ms;
        rv_fakehost_advance(s->host, step);
        rv_fakehost_run(s->host);
        scenario_rest(s);
        ms -= step;
    }
}

void scenario_patch(struct scenario *s, struct rv_fake_object *o, bool status, const char *patch) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_EQUAL(rv_fakeapi_patch(s->api, o, status, RV_STR(""), quoted(a, patch)), 0);
}

void scenario_edit(struct scenario *s, const char *patch) {
    scenario_patch(s, rv_fakeapi_get(s->api, "rayclusters", "c"), false, patch);
    scenario_pass(s, 5000);
}

unsigned scenario_pods(const struct scenario *s, const char *infix) {
    unsigned n = 0;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next) n += is_live(o, infix);
    return n;
}

struct rv_fake_object *scenario_pod(const struct scenario *s, const char *infix) {
    struct rv_fake_object *found = NULL;
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (is_live(o, infix)) found = o;
    return found;
}

void scenario_become(struct scenario *s, const char *infix, const char *status) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const char *patch = rv_arena_fmt(a, "{'status':%s}", status).p;
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (is_live(o, infix)) scenario_patch(s, o, true, patch);
    scenario_rest(s);
}

struct rv_val scenario_status(const struct scenario *s, const char *path) {
    return rv_val_path(rv_val_get(rv_fakeapi_get(s->api, "rayclusters", "c")->value, "status"), path);
}

struct rv_str scenario_condition(const struct scenario *s, const char *type, const char *field) {
    return rv_path_str(rv_condition_find(scenario_status(s, "conditions"), type), field);
}

bool scenario_has(struct rv_str text, const char *part) {
    return text.n > 0 && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

bool scenario_said(const struct scenario *s, const char *part) { return scenario_has(rv_buf_str(&s->said), part); }

void scenario_forget(struct scenario *s) { rv_buf_free(&s->said); }
