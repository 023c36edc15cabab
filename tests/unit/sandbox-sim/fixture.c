#include "fixture.h"
#include "deploy/sandbox/rules/rules.h"

#include "rayvisor/json.h"

#include <stdlib.h>

static const int64_t PATIENCE_NS = (int64_t)30 * 1000000000;
static const struct rv_str NS = {"default", 7};

static const struct sb_resource *resource(struct fixture *w, const char *plural) {
    static const char *const groups[] = {"", "batch", "apps", "discovery.k8s.io"};
    for (size_t i = 0; i < RV_ARRAY_LEN(groups); i++) {
        const struct sb_resource *r = sb_resource_find(w->storage, rv_str(groups[i]), RV_STR("v1"), rv_str(plural));
        if (r != NULL) return r;
    }
    return NULL;
}

static struct rv_str ns_of(const struct sb_resource *r) { return r->namespaced ? NS : RV_STR(""); }

static struct rv_val quoted(struct fixture *w, const char *json) {
    char *text = rv_strdup(rv_str(json));
    for (char *p = text; *p != '\0'; p++)
        if (*p == '\'') *p = '"';
    struct rv_val v = from_json(w->a, text);
    if (!rv_val_present(v)) printf("\n    not JSON: %s", text);
    free(text);
    return v;
}

void fixture_open(struct fixture *w, const char *options) {
    struct sim_opts o;
    sim_opts_init(&o);
    struct rv_error err = {0};
    *w = (struct fixture){.loop = loop_new(NULL), .a = rv_arena_new()};
    w->storage = sb_storage_new(w->loop, &sb_kubernetes_rules);
    int e = sim_opts_parse(
        &o, RV_STR("schedule_ms=0,start_ms=0,ready_ms=0,terminate_ms=0,init_ms=0,job_ms=1,backoff_ms=1"), &err);
    if (e == 0 && options != NULL) e = sim_opts_parse(&o, rv_str(options), &err);
    if (e != 0) printf("\n    %s", err.text);
    w->sim = sim_new(w->loop, w->storage, &o, &err);
    sim_opts_free(&o);
    fixture_create(w, "namespaces", "{'metadata':{'name':'default'}}");
    fixture_settle(w);
}

void fixture_close(struct fixture *w) {
    sim_free(w->sim);
    sb_storage_free(w->storage);
    loop_free(w->loop);
    rv_arena_free(w->a);
}

bool fixture_create(struct fixture *w, const char *plural, const char *json) {
    const struct sb_resource *r = resource(w, plural);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, quoted(w, json));
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    if (r->group[0] != '\0')
        rv_node_set_fmt(a, tree, "apiVersion", "%s/%s", r->group, r->version);
    else
        rv_node_set_cstr(a, tree, "apiVersion", r->version);
    rv_node_set_cstr(a, tree, "kind", r->kind);
    int e = sb_create(w->storage, r, ns_of(r), tree, a, NULL, &made, &st);
    if (e != 0) printf("\n    create %s: %s", plural, st.message);
    sb_object_unref(made);
    sb_status_clear(&st);
    return e == 0;
}

bool fixture_patch(struct fixture *w, const char *plural, const char *name, const char *path, const char *json,
                   bool status) {
    const struct sb_resource *r = resource(w, plural);
    struct sb_object *o = sb_get(w->storage, r, ns_of(r), rv_str(name)), *made = NULL;
    if (o == NULL) return false;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value), *at = tree;
    char *copy = rv_strdup(rv_str(path)), *rest = copy;
    for (char *dot; (dot = strchr(rest, '.')) != NULL; rest = dot + 1) {
        *dot = '\0';
        at = rv_node_ensure_map(a, at, rest);
    }
    struct rv_val v = quoted(w, json);
    rv_node_set(a, at, rest, rv_val_set(v) ? rv_node_from(a, v) : NULL);
    free(copy);
    struct sb_write_opts wo = {.status = status};
    struct sb_status st = {0};
    int e = sb_update(w->storage, r, ns_of(r), rv_str(name), tree, a, &wo, &made, &st);
    if (e != 0) printf("\n    update %s: %s", plural, st.message);
    sb_object_unref(made);
    sb_status_clear(&st);
    return e == 0;
}

void fixture_delete(struct fixture *w, const char *plural, const char *name, const char *propagation) {
    const struct sb_resource *r = resource(w, plural);
    struct sb_delete_opts o = {.grace_seconds = -1, .propagation = rv_str(propagation)};
    struct sb_object *last = NULL;
    struct sb_status st = {0};
    if (sb_delete(w->storage, r, ns_of(r), rv_str(name), &o, &last, &st) != 0) printf("\n    delete: %s", st.message);
    sb_object_unref(last);
    sb_status_clear(&st);
}

struct rv_val fixture_get(struct fixture *w, const char *plural, const char *name) {
    const struct sb_resource *r = resource(w, plural);
    struct sb_object *o = sb_get(w->storage, r, ns_of(r), rv_str(name));
    if (o == NULL) return RV_VAL_ABSENT;
    struct rv_str copy = rv_arena_str(w->a, (struct rv_str){(const char *)o->value.p, o->value.n});
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}

static bool count_one(void *arg, struct sb_object *o) {
    (void)o;
    ++*(size_t *)arg;
    return true;
}

size_t fixture_count(struct fixture *w, const char *plural) {
    size_t n = 0;
    sb_each(w->storage, resource(w, plural), RV_STR(""), count_one, &n);
    return n;
}

const char *fixture_text(struct fixture *w, struct rv_val v, const char *path) {
    struct rv_val at = rv_val_path(v, path);
    if (!rv_val_present(at)) return "";
    if (rv_val_type(at) == RV_STRING) return rv_arena_str(w->a, rv_val_str(at)).p;
    rv_autobuf struct rv_buf b = {0};
    rv_json_write(at, &b);
    return rv_arena_str(w->a, rv_buf_str(&b)).p;
}

static bool is_now(struct fixture *w, const char *plural, const char *name, const char *path, const char *want) {
    const struct sb_resource *r = resource(w, plural);
    struct sb_object *o = sb_get(w->storage, r, ns_of(r), rv_str(name));
    if (want[0] == '\0' && path[0] == '\0') return o == NULL;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct fixture peek = {.a = a};
    return o != NULL && strcmp(fixture_text(&peek, o->value, path), want) == 0;
}

bool fixture_until(struct fixture *w, const char *plural, const char *name, const char *path, const char *want) {
    for (int64_t end = clock_monotonic() + PATIENCE_NS; clock_monotonic() < end;) {
        if (is_now(w, plural, name, path, want)) return true;
        loop_turn(w->loop, 5);
    }
    printf("\n    %s/%s %s never became \"%s\"; it is \"%s\"", plural, name, path, want,
           fixture_text(w, fixture_get(w, plural, name), path));
    return false;
}

bool fixture_until_count(struct fixture *w, const char *plural, size_t n) {
    for (int64_t end = clock_monotonic() + PATIENCE_NS; clock_monotonic() < end;) {
        if (fixture_count(w, plural) == n) return true;
        loop_turn(w->loop, 5);
    }
    printf("\n    %zu %s instead of %zu", fixture_count(w, plural), plural, n);
    return false;
}

void fixture_settle(struct fixture *w) {
    uint64_t version = sb_version(w->storage);
    for (int calm = 0; calm < 10; calm++) {
        loop_turn(w->loop, 2);
        if (sb_version(w->storage) != version) calm = 0;
        version = sb_version(w->storage);
    }
}

struct wanted {
    const char *reason, *text;
    bool found;
};

static bool event_is(void *arg, struct sb_object *o) {
    struct wanted *e = arg;
    struct rv_str message = rv_path_str(o->value, "message");
    e->found = rv_str_is(rv_path_str(o->value, "reason"), e->reason) &&
               memmem(message.p, message.n, e->text, strlen(e->text)) != NULL;
    return !e->found;
}

bool fixture_event(struct fixture *w, const char *reason, const char *text) {
    struct wanted e = {reason, text, false};
    sb_each(w->storage, resource(w, "events"), RV_STR(""), event_is, &e);
    return e.found;
}

int fixture_control(struct fixture *w, const char *method, const char *path, const char *body) {
    rv_autobuf struct rv_buf out = {0}, full = {0}, json = {0};
    int status = 0;
    struct sim_pending *pending = NULL;
    rv_buf_addf(&full, "/sandbox/v1/sim/%s", path);
    if (body != NULL) rv_json_write(quoted(w, body), &json);
    sim_handle(w->sim, &(struct sim_request){rv_str(method), rv_buf_str(&full), rv_buf_bytes(&json)}, &status, &out,
               &pending);
    if (pending != NULL) sim_pending_cancel(pending);
    return status;
}
