/* scene.c - see scene.h. */
#include "scene.h"

const struct rv_plugin *rv_plugin_v3(void);

static const struct rv_str api_version = {"ray.io/v1", 9}, resource = {"rayclusters", 11};

static struct rv_val quoted(struct rv_arena *a, const char *text) {
    struct rv_str s = rv_str(text);
    char *p = rv_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = s.p[i] == '\'' ? '"' : s.p[i];
    return from_json(a, p);
}

static void on_note(void *arg, const char *line) {
    struct scene *s = arg;
    rv_buf_addf(&s->said, "%s\n", line);
}

static int refuse(void *arg, const struct rv_action *a, struct rv_str *message) {
    const struct scene *s = arg;
    if (s->no_verb == 0 || a->verb != s->no_verb || !rv_str_is(a->resource, s->no_resource)) return 0;
    if (s->no_name != NULL && !scene_has(a->name, s->no_name)) return 0;
    *message = s->no_message;
    return s->no_code;
}

void scene_start(struct scene *s, const char *settings, const char *spec) {
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
    scene_rest(s);
}

void scene_stop(struct scene *s) {
    s->host = rv_fakehost_free(s->host);
    s->api = rv_fakeapi_free(s->api);
    rv_buf_free(&s->said);
}

static bool is_live(const struct rv_fake_object *o, const char *infix) {
    return strcmp(o->resource, "pods") == 0 && strstr(o->name, infix) != NULL && !rv_meta_deleting(o->value);
}

static bool kubelets(struct scene *s) {
    bool any = false;
    for (struct rv_fake_object *o = s->api->objects; s->kubelets && o != NULL; o = o->next) {
        if (!is_live(o, "") || rv_val_present(rv_val_path(o->value, "status.phase"))) continue;
        scene_patch(s, o, true, "{'status':" SCENE_READY "}");
        any = true;
    }
    return any;
}

void scene_rest(struct scene *s) {
    bool more = true;
    while (more) {
        more = rv_fakeapi_collect(s->api);
        more |= kubelets(s);
        more |= rv_fakehost_round(s->host);
    }
}

void scene_pass(struct scene *s, int64_t ms) {
    while (ms > 0) {
        int64_t step = story_next_moment(s->host, s->api);
        if (step > ms) step = ms;
        rv_fakehost_advance(s->host, step);
        rv_fakehost_run(s->host);
        scene_rest(s);
        ms -= step;
    }
}

void scene_patch(struct scene *s, struct rv_fake_object *o, bool status, const char *patch) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_EQUAL(rv_fakeapi_patch(s->api, o, status, RV_STR(""), quoted(a, patch)), 0);
}

void scene_edit(struct scene *s, const char *patch) {
    scene_patch(s, rv_fakeapi_get(s->api, "rayclusters", "c"), false, patch);
    scene_pass(s, 5000);
}

unsigned scene_pods(const struct scene *s, const char *infix) {
    unsigned n = 0;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next) n += is_live(o, infix);
    return n;
}

struct rv_fake_object *scene_pod(const struct scene *s, const char *infix) {
    struct rv_fake_object *found = NULL;
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (is_live(o, infix)) found = o;
    return found;
}

void scene_become(struct scene *s, const char *infix, const char *status) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const char *patch = rv_arena_fmt(a, "{'status':%s}", status).p;
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (is_live(o, infix)) scene_patch(s, o, true, patch);
    scene_rest(s);
}

struct rv_val scene_status(const struct scene *s, const char *path) {
    return rv_val_path(rv_val_get(rv_fakeapi_get(s->api, "rayclusters", "c")->value, "status"), path);
}

struct rv_str scene_condition(const struct scene *s, const char *type, const char *field) {
    return rv_path_str(rv_condition_find(scene_status(s, "conditions"), type), field);
}

bool scene_has(struct rv_str text, const char *part) {
    return text.n > 0 && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

bool scene_said(const struct scene *s, const char *part) { return scene_has(rv_buf_str(&s->said), part); }

void scene_forget(struct scene *s) { rv_buf_free(&s->said); }
