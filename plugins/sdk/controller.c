/* controller.c - the layer above the ABI (rayvisor/controller.h). */
#include "rayvisor/controller.h"

#include <stdlib.h>

#include "memo.h"

/* The plugin's state as the host sees it. */
struct instance {
    const struct rv_controller *c;
    const struct rv_host_api *api;
    struct rv_host *host;
    void *state;
    struct memo_table *memos;
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

bool rv_pass_get(const struct rv_pass *p, uint32_t kind, struct rv_str name, struct rv_object *ret) {
    *ret = (struct rv_object){.size = sizeof *ret};
    if (p->api->get(p->host, kind, p->key.ns, name, ret) == 0) return true;
    /* Objects of one kind are all in namespaces, or all in none. */
    return p->key.ns.n != 0 && p->api->get(p->host, kind, (struct rv_str){NULL, 0}, name, ret) == 0;
}

size_t rv_pass_owned(const struct rv_pass *p, uint32_t kind, rv_list_fn fn, void *arg) {
    struct rv_query q = {.size = sizeof q, .kind = kind, .ns = p->key.ns, .owner_uid = p->object.uid};
    if (q.owner_uid.n == 0) return 0; /* the object has been deleted; an empty uid would match any owner */
    int64_t n = p->api->list(p->host, &q, fn, arg);
    return n > 0 ? (size_t)n : 0;
}

const struct rv_result *rv_pass_result(const struct rv_pass *p, size_t i) { return p->api->result(p->host, i); }

const struct rv_result *rv_pass_failure(const struct rv_pass *p) {
    const struct rv_result *r;
    for (size_t i = 0; (r = rv_pass_result(p, i)) != NULL; i++) {
        bool gone = r->code == RV_E_NOT_FOUND && r->verb == RV_VERB_DELETE;
        if (r->code != 0 && !gone) return r;
    }
    return NULL;
}

/* ---- saying ------------------------------------------------------------------------------------------------------ */

void rv_pass_explain(const struct rv_pass *p, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    p->api->explain(p->host, rv_buf_str(&b));
}

static const struct rv_kind *primary(const struct rv_pass *p) { return &p->controller->kinds[0]; }

void rv_pass_event(const struct rv_pass *p, bool warning, const char *reason, const char *action, const char *fmt,
                   ...) {
    rv_autobuf struct rv_buf note = {0}, reporter = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&note, fmt, ap);
    va_end(ap);
    if (p->controller->reporter != NULL)
        rv_buf_adds(&reporter, p->controller->reporter);
    else
        rv_buf_addf(&reporter, "%s-controller", p->controller->name);
    struct rv_event e = {.size = sizeof e,
                         .warning = warning,
                         .reason = rv_str(reason),
                         .action = rv_str(action),
                         .note = rv_buf_str(&note),
                         .api_version = rv_str(primary(p)->api_version),
                         .kind = rv_str(primary(p)->kind),
                         .ns = p->key.ns,
                         .name = p->key.name,
                         .uid = p->object.uid,
                         .controller = rv_buf_str(&reporter)};
    (void)p->api->event(p->host, &e);
}

void rv_review_refuse(struct rv_review *r, const char *fmt, ...) {
    va_list ap;
    if (r->refusal->n != 0) return;
    va_start(ap, fmt);
    rv_buf_vaddf(r->refusal, fmt, ap);
    va_end(ap);
}

/* A text of the object's making may contain line breaks, which separate warnings. */
void rv_review_warn(struct rv_review *r, const char *fmt, ...) {
    rv_autobuf struct rv_buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n') text.p[i] = ' ';
    rv_buf_addf(r->warnings, "%s" RV_STR_FMT, r->warnings->n != 0 ? "\n" : "", RV_STR_ARG(rv_buf_str(&text)));
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

struct rv_node *rv_pass_new_object(const struct rv_pass *p, uint32_t kind, struct rv_str name) {
    const struct rv_kind *k = &p->controller->kinds[kind];
    struct rv_node *n = rv_node_map(p->arena);
    rv_node_set_cstr(p->arena, n, "apiVersion", k->api_version);
    rv_node_set_cstr(p->arena, n, "kind", k->kind);
    struct rv_node *meta = rv_node_ensure_map(p->arena, n, "metadata");
    rv_node_set_str(p->arena, meta, "name", name);
    /* A cluster-scoped object has none. */
    if (p->key.ns.n != 0) rv_node_set_str(p->arena, meta, "namespace", p->key.ns);
    rv_meta_set_controller(p->arena, n, rv_str(primary(p)->api_version), rv_str(primary(p)->kind), p->key.name,
                           p->object.uid);
    return n;
}

/* ---- asking for changes ------------------------------------------------------------------------------------------ */

/* In the namespace that the action names, or in none. */
static bool ask(struct rv_pass *p, struct rv_action *a) {
    a->size = sizeof *a;
    int32_t r = p->api->act(p->host, a);
    if (r == 0) return true;
    rv_pass_retry(p, "the request about " RV_STR_FMT " " RV_STR_FMT " is malformed: %s", RV_STR_ARG(a->resource),
                  RV_STR_ARG(a->name), rv_error_text(r));
    return false;
}

bool rv_pass_act(struct rv_pass *p, struct rv_action *a) {
    if (a->ns.n == 0) a->ns = p->key.ns;
    return ask(p, a);
}

static struct rv_action of_kind(const struct rv_pass *p, uint32_t verb, uint32_t kind, uint64_t tag) {
    const struct rv_kind *k = &p->controller->kinds[kind];
    return (struct rv_action){.verb = verb,
                              .tag = tag,
                              .api_version = rv_str(k->api_version),
                              .resource = rv_str(k->resource),
                              .ns = p->key.ns,
                              .grace_seconds = -1};
}

static bool whole_object(struct rv_pass *p, uint32_t verb, uint32_t kind, uint64_t tag, struct rv_node *object) {
    struct rv_val v = rv_node_freeze(p->arena, object);
    struct rv_action a = of_kind(p, verb, kind, tag);
    a.ns = rv_path_str(v, "metadata.namespace");
    a.name = rv_path_str(v, "metadata.name");
    a.body = (struct rv_bytes){v.p, v.n};
    return ask(p, &a);
}

bool rv_pass_create(struct rv_pass *p, uint32_t kind, uint64_t tag, struct rv_node *object) {
    return whole_object(p, RV_VERB_CREATE, kind, tag, object);
}

bool rv_pass_apply(struct rv_pass *p, uint32_t kind, uint64_t tag, struct rv_node *object) {
    return whole_object(p, RV_VERB_APPLY, kind, tag, object);
}

static struct rv_action of_object(const struct rv_pass *p, uint32_t verb, const struct rv_object *o, uint64_t tag) {
    struct rv_action a = of_kind(p, verb, o->kind, tag);
    a.ns = o->ns;
    a.name = o->name;
    a.pre_uid = o->uid;
    return a;
}

bool rv_pass_patch(struct rv_pass *p, const struct rv_object *object, uint64_t tag, struct rv_node *patch) {
    struct rv_val v = rv_node_freeze(p->arena, patch);
    struct rv_action a = of_object(p, RV_VERB_MERGE_PATCH, object, tag);
    a.body = (struct rv_bytes){v.p, v.n};
    return ask(p, &a);
}

bool rv_pass_delete(struct rv_pass *p, const struct rv_object *object, uint64_t tag) {
    struct rv_action a = of_object(p, RV_VERB_DELETE, object, tag);
    return ask(p, &a);
}

bool rv_pass_status(struct rv_pass *p, uint64_t tag, struct rv_node *want) {
    struct rv_val have = rv_val_get(p->object.value, "status");
    struct rv_node *patch = rv_node_merge_patch(p->arena, have, rv_node_freeze(p->arena, want));
    if (patch == NULL) return false;
    struct rv_action a = rv_status_patch(p->arena, rv_str(primary(p)->api_version), rv_str(primary(p)->resource),
                                         &p->key, p->object.uid, patch);
    a.tag = tag;
    return rv_pass_act(p, &a);
}

static struct rv_val metadata(const struct rv_pass *p) { return rv_val_get(p->object.value, "metadata"); }

bool rv_pass_has_finalizer(const struct rv_pass *p, const char *name) {
    return rv_meta_has_finalizer(metadata(p), name);
}

bool rv_pass_set_finalizer(struct rv_pass *p, const char *name, bool present, uint64_t tag) {
    if (rv_pass_has_finalizer(p, name) == present) return false;
    struct rv_node *patch = rv_meta_finalizer_patch(p->arena, metadata(p), p->object.resource_version, name, present);
    return rv_pass_patch(p, &p->object, tag, patch);
}

/* ---- the outcome ------------------------------------------------------------------------------------------------- */

static void set_message(struct rv_pass *p, const char *fmt, va_list ap) RV_PRINTF(2, 0);
static void set_message(struct rv_pass *p, const char *fmt, va_list ap) {
    rv_autobuf struct rv_buf b = {0};
    if (p->outcome.message.n != 0) return;
    rv_buf_vaddf(&b, fmt, ap);
    p->outcome.message = p->api->keep(p->host, rv_buf_str(&b));
}

void rv_pass_retry(struct rv_pass *p, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    set_message(p, fmt, ap);
    va_end(ap);
    p->outcome.retry = true;
}

void rv_pass_terminal(struct rv_pass *p, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    set_message(p, fmt, ap);
    va_end(ap);
    p->outcome.terminal = true;
}

void rv_pass_wake_after(struct rv_pass *p, int64_t ms) {
    if (ms < 1) ms = 1;
    if (p->outcome.after_ms == 0 || ms < p->outcome.after_ms) p->outcome.after_ms = ms;
}

void rv_pass_wake_at(struct rv_pass *p, int64_t ns) {
    rv_pass_wake_after(p, ns > p->now ? (ns - p->now - 1) / 1000000 + 1 : 1);
}

void rv_controller_wake(const struct rv_pass *p, struct rv_str ns, struct rv_str name) {
    p->api->requeue(p->host, &(struct rv_key){ns, name}, 0);
}

void rv_controller_each_memo(const struct rv_pass *p, void (*fn)(void *arg, const struct rv_key *key, void *memo),
                             void *arg) {
    const struct instance *i = p->layer;
    memo_each(i->memos, fn, arg);
}

/* ---- the plugin -------------------------------------------------------------------------------------------------- */

static int32_t configure(struct instance *i, struct rv_error *err) {
    return i->c->configure != NULL ? i->c->configure(i->state, i->api->settings(i->host), err) : 0;
}

int32_t rv_controller_init(const struct rv_controller *c, const struct rv_host_api *api, struct rv_host *h,
                           void **ret_state, struct rv_error *err) {
    if (!RV_HAS(api, keep)) return rv_error_set(err, RV_E_ABI, "this host is older than the plugin's ABI");
    struct instance *i = rv_alloc(sizeof *i);
    *i = (struct instance){.c = c, .api = api, .host = h, .state = rv_alloc(c->state_size)};
    if (c->start != NULL) c->start(i->state, api, h);
    int32_t r = configure(i, err);
    if (r != 0) {
        free(i->state);
        free(i);
        return r;
    }
    i->memos = memo_table_new(c->memo_size, c->memo_init, c->memo_release);
    *ret_state = i;
    return 0;
}

static struct rv_pass pass_of(const struct instance *i) {
    return (struct rv_pass){.controller = i->c,
                            .api = i->api,
                            .host = i->host,
                            .object = {.size = sizeof(struct rv_object)},
                            .settings = i->api->settings(i->host),
                            .now = i->api->now(i->host),
                            .state = i->state,
                            .layer = i};
}

static void end_memo(const struct rv_pass *p, const struct rv_key *key, void *memo, bool plugin_ends) {
    struct rv_pass gone = *p;
    if (p->controller->memo_end == NULL) return;
    gone.key = *key;
    gone.memo = memo;
    gone.object =
        (struct rv_object){.size = sizeof gone.object, .ns = key->ns, .name = key->name, .uid = memo_uid(memo)};
    p->controller->memo_end(&gone, plugin_ends);
}

static void end_with_plugin(void *pass, const struct rv_key *key, void *memo) { end_memo(pass, key, memo, true); }

static void reconcile_key(struct instance *i, struct rv_pass *p) {
    void *memo = memo_find(i->memos, &p->key);
    bool there = i->api->get(i->host, 0, p->key.ns, p->key.name, &p->object) == 0;
    if (there) {
        if (memo != NULL && !rv_str_eq(memo_uid(memo), p->object.uid)) end_memo(p, &p->key, memo, false);
        p->memo = memo_ensure(i->memos, &p->key, p->object.uid);
        i->c->reconcile(p);
        return;
    }
    p->memo = memo;
    if (memo == NULL) return;
    if (i->c->gone != NULL) i->c->gone(p);
    end_memo(p, &p->key, memo, false);
    memo_drop(i->memos, &p->key);
}

void rv_controller_reconcile(void *instance, const struct rv_key *key, struct rv_outcome *ret) {
    struct instance *i = instance;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct rv_pass p = pass_of(i);
    p.arena = arena;
    p.key = *key;
    reconcile_key(i, &p);
    ret->code = p.outcome.retry ? RV_RETRY : p.outcome.terminal ? RV_TERMINAL : p.outcome.after_ms ? RV_AFTER : RV_DONE;
    ret->after_ms = p.outcome.after_ms;
    ret->message = p.outcome.message;
}

void rv_controller_map(void *instance, const struct rv_object *object, int32_t deleted) {
    const struct instance *i = instance;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct rv_pass p = pass_of(i);
    p.arena = arena;
    if (i->c->map != NULL) i->c->map(&p, object, deleted != 0);
}

void rv_controller_validate(void *instance, const struct rv_object *object, const struct rv_object *before,
                            struct rv_verdict *ret) {
    const struct instance *i = instance;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    rv_autobuf struct rv_buf refusal = {0}, warnings = {0};
    struct rv_review r = {.before = before->value, .refusal = &refusal, .warnings = &warnings};
    struct rv_pass p = pass_of(i);
    if (i->c->validate == NULL) return;
    p.arena = arena;
    p.key = (struct rv_key){object->ns, object->name};
    rv_object_copy(&p.object, object);
    i->c->validate(&p, &r);
    ret->refused = refusal.n != 0;
    ret->message = i->api->keep(i->host, rv_buf_str(&refusal));
    ret->warnings = i->api->keep(i->host, rv_buf_str(&warnings));
}

int32_t rv_controller_settings(void *instance, struct rv_error *err) { return configure(instance, err); }

void rv_controller_fini(void *instance) {
    struct instance *i = instance;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct rv_pass p = pass_of(i);
    p.arena = arena;
    memo_each(i->memos, end_with_plugin, &p);
    memo_table_free(i->memos);
    if (i->c->release != NULL) i->c->release(i->state);
    free(i->state);
    free(i);
}
