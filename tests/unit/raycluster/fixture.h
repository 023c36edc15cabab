/* fixture.h - a fixture with one cluster ns/c and one whole plugin (FIXTURE_PLUGIN, else raycluster), where each thing
 * happens because the test says so. Single quotes in JSON stand for double ones. */
#ifndef TESTS_RAYCLUSTER_FIXTURE_H
#define TESTS_RAYCLUSTER_FIXTURE_H

#include "rayvisor/test.h"
#include "tests/unit/ray/made.h"

const struct rv_plugin *rv_plugin_v3(void);

#ifndef FIXTURE_PLUGIN
#define FIXTURE_PLUGIN "raycluster"
#endif

struct fixture {
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    struct rv_test_random random;
    struct rv_buf events; /* events, one a line */
    /* The API server's answer to writes of this resource; NULL: as usual. */
    const char *refused, *why;
    int code;
};

static inline void fixture_note(void *arg, const char *line) {
    struct fixture *w = arg;
    if (strncmp(line, "  event ", 8) == 0) rv_buf_addf(&w->events, "%s\n", line + 8);
}

static inline int fixture_refuse(void *arg, const struct rv_action *a, struct rv_str *message) {
    struct fixture *w = arg;
    if (w->refused == NULL || !rv_str_is(a->resource, w->refused) || a->subresource.n != 0) return 0;
    *message = rv_str(w->why);
    return w->code;
}

static inline struct rv_fake_object *fixture_create(struct fixture *w, const char *api_version, const char *resource,
                                                    const char *json) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = NULL;
    CU_ASSERT_EQUAL(rv_fakeapi_create(w->api, rv_str(api_version), rv_str(resource), quoted(a, json), &o), 0);
    return o;
}

#define FIXTURE_POD "'template':{'spec':{'containers':[{'name':'r','image':'i'}]}}"
#define FIXTURE_HEAD "'headGroupSpec':{" FIXTURE_POD "}"

/* meta and spec: what stands inside the braces, beside the name. settings: JSON. The host starts with fixture_go(). */
static inline void fixture_start(struct fixture *w, const char *meta, const char *spec) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    *w = (struct fixture){.api = rv_fakeapi_new(INT64_C(1700000000000000000)), .random = {7}, .why = "no"};
    fixture_create(w, "ray.io/v1", "rayclusters",
                   rv_arena_fmt(a, "{'metadata':{'name':'c'%s},'spec':{%s}}", meta, spec).p);
}

static inline void fixture_run_until_idle(struct fixture *w) {
    for (int i = 0; i < 6; i++) {
        while (rv_fakehost_round(w->host)) {
        }
        rv_fakehost_advance(w->host, 1000);
    }
}

static inline void fixture_go(struct fixture *w, const char *settings) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str text = rv_arena_str(a, rv_str(settings));
    char *json = rv_arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++) json[i] = text.p[i] == '\'' ? '"' : text.p[i];
    w->host =
        rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                   .manifest = "plugins/" FIXTURE_PLUGIN "/" FIXTURE_PLUGIN ".yaml",
                                                   .settings = json,
                                                   .api = w->api,
                                                   .random = &w->random,
                                                   .note = fixture_note,
                                                   .refuse = fixture_refuse,
                                                   .arg = w});
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->host);
    fixture_run_until_idle(w);
}

static inline void fixture_stop(struct fixture *w) {
    rv_fakehost_free(w->host);
    rv_fakeapi_free(w->api);
    rv_buf_free(&w->events);
}

static inline void fixture_patch(struct fixture *w, const char *resource, const char *name, const char *json) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = rv_fakeapi_get(w->api, resource, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_EQUAL(rv_fakeapi_patch(w->api, o, false, RV_STR(""), quoted(a, json)), 0);
}

/* And what the plugin makes of it. */
static inline void fixture_edit(struct fixture *w, const char *resource, const char *name, const char *json) {
    fixture_patch(w, resource, name, json);
    fixture_run_until_idle(w);
}

static inline void fixture_delete(struct fixture *w, const char *resource, const char *name) {
    struct rv_fake_object *o = rv_fakeapi_get(w->api, resource, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    (void)rv_fakeapi_delete(w->api, o, RV_STR(""));
    o = rv_fakeapi_get(w->api, resource, name);
    if (o != NULL) o->gone_at = w->api->now; /* a pod: at once */
    (void)rv_fakeapi_collect(w->api);
}

static inline unsigned fixture_count(const struct fixture *w, const char *resource) {
    unsigned n = 0;
    for (const struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, resource) == 0;
    return n;
}

/* The last part of the path may stand behind a bar; absent where the object is. */
static inline struct rv_val fixture_at(struct fixture *w, struct rv_arena *a, const char *resource, const char *name,
                                       const char *path) {
    const struct rv_fake_object *o = rv_fakeapi_get(w->api, resource, name);
    return o != NULL ? made_at(a, o->value, path) : RV_VAL_ABSENT;
}

static inline void fixture_check(struct fixture *w, const char *resource, const char *name, const char *path,
                                 const char *want) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    made_is(a, path, fixture_at(w, a, resource, name, path), want);
}

/* How often was this said in an event? */
static inline unsigned fixture_events(struct fixture *w, const char *text) {
    unsigned n = 0;
    for (const char *at = rv_buf_cstr(&w->events); (at = strstr(at, text)) != NULL; at += strlen(text)) n++;
    return n;
}

/* The condition that tells what the cluster waits for, or empty. */
static inline struct rv_str fixture_reconciling(struct fixture *w, const char *field) {
    const struct rv_fake_object *o = rv_fakeapi_get(w->api, "rayclusters", "c");
    return rv_path_str(rv_condition_find(rv_val_path(o->value, "status.conditions"), "Reconciling"), field);
}

static inline void fixture_check_idle(struct fixture *w) { /* a converged cluster asks for nothing */
    fixture_run_until_idle(w);                             /* the status is told */
    uint64_t writes = rv_fakehost_writes(w->host);
    fixture_run_until_idle(w);
    CU_ASSERT_EQUAL(rv_fakehost_writes(w->host), writes);
}

/* The namespace takes nothing new: that is found out once at this resource, said, and nobody is warned. */
static inline void fixture_namespace_ends(struct fixture *w, const char *resource) {
    w->refused = resource;
    w->code = RV_E_FORBIDDEN;
    w->why = "unable to create new content in namespace ns because it is being terminated";
    fixture_go(w, "{}");
    uint64_t writes = rv_fakehost_writes(w->host);
    for (int i = 0; i < 30; i++) {
        rv_fakehost_advance(w->host, 60000);
        fixture_run_until_idle(w);
    }
    CU_ASSERT_EQUAL(rv_fakehost_writes(w->host), writes);
    CU_ASSERT_EQUAL(fixture_events(w, "Failed"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_fakehost_explained(w->host, "c"), "the namespace is being deleted"));
}

#endif
