/* context.c - see context.h. */
#include "context.h"

enum { NS_PER_MS = 1000000 };

/* ---- looking ---------------------------------------------------------------------------------------------------- */

int64_t ctx_now(const struct rc_context *x) { return x->api->now(x->host); }

bool ctx_get(const struct rc_context *x, uint32_t kind, struct rv_str name, struct rv_object *ret) {
    *ret = (struct rv_object){.size = sizeof *ret};
    return x->api->get(x->host, kind, x->ns, name, ret) == 0;
}

size_t ctx_list_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, rv_list_fn fn, void *arg) {
    struct rv_query q = {.size = sizeof q, .kind = kind, .ns = x->ns, .owner_uid = owner_uid};
    int64_t n = x->api->list(x->host, &q, fn, arg);
    return n > 0 ? (size_t)n : 0;
}

static bool take_first(void *arg, const struct rv_object *o) {
    rv_object_copy(arg, o);
    return false;
}

bool ctx_find_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, struct rv_object *ret) {
    *ret = (struct rv_object){.size = sizeof *ret};
    return ctx_list_owned(x, kind, owner_uid, take_first, ret) > 0;
}

const struct rv_result *ctx_result(const struct rc_context *x, size_t i) { return x->api->result(x->host, i); }

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bool submit(struct rc_context *x, struct rv_action *a, const char *api_version, const char *resource,
                   uint64_t tag) {
    a->size = sizeof *a;
    a->api_version = rv_str(api_version);
    a->resource = rv_str(resource);
    a->ns = x->ns;
    a->tag = tag;
    if (x->api->act(x->host, a) == 0) return true;
    x->retry = true;
    return false;
}

bool ctx_create(struct rc_context *x, const char *api_version, const char *resource, struct rv_node *object,
                uint64_t tag) {
    struct rv_val v = rv_node_freeze(x->arena, object);
    struct rv_action a = {.verb = RV_VERB_CREATE, .name = rv_path_str(v, "metadata.name"), .body = {v.p, v.n}};
    return submit(x, &a, api_version, resource, tag);
}

bool ctx_delete(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
                struct rv_str uid, uint64_t tag) {
    struct rv_action a = {.verb = RV_VERB_DELETE, .name = name, .pre_uid = uid, .grace_seconds = -1};
    return submit(x, &a, api_version, resource, tag);
}

bool ctx_delete_after_owned(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
                            struct rv_str uid, uint64_t tag) {
    struct rv_action a = {
        .verb = RV_VERB_DELETE, .name = name, .pre_uid = uid, .grace_seconds = -1, .propagation = RV_STR("Foreground")};
    return submit(x, &a, api_version, resource, tag);
}

bool ctx_patch(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
               struct rv_str uid, struct rv_node *body, uint64_t tag) {
    struct rv_val v = rv_node_freeze(x->arena, body);
    struct rv_action a = {.verb = RV_VERB_MERGE_PATCH, .name = name, .pre_uid = uid, .body = {v.p, v.n}};
    return submit(x, &a, api_version, resource, tag);
}

bool ctx_json_patch(struct rc_context *x, const char *api_version, const char *resource, const struct rv_object *o,
                    struct rv_node *operations, uint64_t tag) {
    struct rv_val v = rv_node_freeze(x->arena, operations);
    struct rv_action a = {.verb = RV_VERB_JSON_PATCH,
                          .name = o->name,
                          .pre_uid = o->uid,
                          .pre_version = o->resource_version,
                          .body = {v.p, v.n}};
    return submit(x, &a, api_version, resource, tag);
}

bool ctx_patch_status(struct rc_context *x, const char *resource, struct rv_node *patch, struct rv_str version,
                      uint64_t tag) {
    struct rv_action a = rv_status_patch(x->arena, RV_STR("ray.io/v1"), rv_str(resource),
                                         &(struct rv_key){x->ns, x->name}, x->uid, patch);
    a.pre_version = version;
    a.tag = tag;
    if (x->api->act(x->host, &a) == 0) return true;
    x->retry = true;
    return false;
}

bool ctx_lookup(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name, uint64_t tag) {
    struct rv_action a = {.verb = RV_VERB_GET, .name = name};
    return submit(x, &a, api_version, resource, tag);
}

/* ---- finalizers -------------------------------------------------------------------------------------------------- */

bool rc_has_finalizer(struct rv_val meta, const char *finalizer) {
    for (struct rv_iter it = rv_iter(rv_val_get(meta, "finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), finalizer)) return true;
    return false;
}

struct rv_node *rc_finalizers_without(struct rv_arena *a, struct rv_val meta, const char *finalizer) {
    struct rv_node *list = rv_node_array(a);
    for (struct rv_iter it = rv_iter(rv_val_get(meta, "finalizers")); rv_iter_next(&it);)
        if (!rv_str_is(rv_val_str(it.val), finalizer)) rv_node_append(a, list, rv_node_from(a, it.val));
    return list;
}

bool ctx_set_finalizer(struct rc_context *x, const char *resource, struct rv_val meta, const char *finalizer,
                       bool present, uint64_t tag) {
    struct rv_arena *a = x->arena;
    struct rv_node *body = rv_node_map(a), *fresh = rv_node_ensure_map(a, body, "metadata"),
                   *list = rc_finalizers_without(a, meta, finalizer);
    if (present) rv_node_append(a, list, rv_node_str(a, rv_str(finalizer)));
    rv_node_set(a, fresh, "finalizers", list);
    rv_node_set_str(a, fresh, "resourceVersion", rv_path_str(meta, "resourceVersion"));
    return ctx_patch(x, "ray.io/v1", resource, x->name, x->uid, body, tag);
}

/* ---- saying ------------------------------------------------------------------------------------------------------ */

void ctx_event(struct rc_context *x, bool warning, const char *reason, const char *action, struct rv_str note) {
    struct rv_event e = {.size = sizeof e,
                         .warning = warning,
                         .reason = rv_str(reason),
                         .action = rv_str(action),
                         .note = note,
                         .api_version = RV_STR("ray.io/v1"),
                         .kind = rv_str(x->kind),
                         .ns = x->ns,
                         .name = x->name,
                         .uid = x->uid,
                         .controller = rv_str(x->controller)};
    (void)x->api->event(x->host, &e); /* an event that is lost changes nothing */
}

void ctx_explain(struct rc_context *x, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    x->api->explain(x->host, rv_buf_str(&b));
}

struct rv_str rc_result_text(const struct rv_result *r) {
    return r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code));
}

/* The words are those of the API server's admission. The code is that of any refusal. */
bool rc_namespace_ends(const struct rv_result *r) {
    static const char words[] = "because it is being terminated";
    return r->code == RV_E_FORBIDDEN && r->message.n != 0 &&
           memmem(r->message.p, r->message.n, words, sizeof words - 1) != NULL;
}

/* ---- time and chance --------------------------------------------------------------------------------------------- */

void ctx_wake(struct rc_context *x, int64_t at) {
    if (x->wake == 0 || at < x->wake) x->wake = at;
}

int64_t ctx_wake_ms(const struct rc_context *x) {
    if (x->wake == 0) return 0;
    int64_t left = x->wake - ctx_now(x);
    return left > 0 ? left / NS_PER_MS + 1 : 1;
}

struct rv_str ctx_suffix(struct rc_context *x) {
    uint8_t random[5];
    char text[6];
    x->api->random(x->host, random, sizeof random);
    rv_name_suffix(random, text);
    return rv_arena_str(x->arena, rv_str(text));
}
