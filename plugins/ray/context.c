/* context.c - see context.h. */
#include "context.h"

#include "rayvisor/controller.h"

enum { NS_PER_MS = 1000000 };

/* What the layer below needs to know of the object, without the kinds of a plugin. */
static struct rv_pass pass_of(const struct rc_context *x) {
    return (struct rv_pass){.api = x->api,
                            .host = x->host,
                            .arena = x->arena,
                            .key = {x->ns, x->name},
                            .object = {.size = sizeof(struct rv_object), .uid = x->uid}};
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

int64_t ctx_now(const struct rc_context *x) { return x->api->now(x->host); }

bool ctx_get(const struct rc_context *x, uint32_t kind, struct rv_str name, struct rv_object *ret) {
    struct rv_pass p = pass_of(x);
    return rv_pass_get(&p, kind, name, ret);
}

size_t ctx_list_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, rv_list_fn fn, void *arg) {
    struct rv_pass p = pass_of(x);
    p.object.uid = owner_uid;
    return rv_pass_owned(&p, kind, fn, arg);
}

static bool take_first(void *arg, const struct rv_object *o) {
    rv_object_copy(arg, o);
    return false;
}

bool ctx_find_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, struct rv_object *ret) {
    *ret = (struct rv_object){.size = sizeof *ret};
    return ctx_list_owned(x, kind, owner_uid, take_first, ret) > 0;
}

const struct rv_result *ctx_result(const struct rc_context *x, size_t i) {
    struct rv_pass p = pass_of(x);
    return rv_pass_result(&p, i);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bool submit_action(struct rc_context *x, struct rv_action *a, uint64_t tag) {
    struct rv_pass p = pass_of(x);
    a->tag = tag;
    bool taken = rv_pass_act(&p, a);
    x->retry |= p.outcome.retry;
    return taken;
}

static bool submit(struct rc_context *x, struct rv_action *a, const char *api_version, const char *resource,
                   uint64_t tag) {
    a->api_version = rv_str(api_version);
    a->resource = rv_str(resource);
    return submit_action(x, a, tag);
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
    return submit_action(x, &a, tag);
}

bool ctx_lookup(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name, uint64_t tag) {
    struct rv_action a = {.verb = RV_VERB_GET, .name = name};
    return submit(x, &a, api_version, resource, tag);
}

bool ctx_set_finalizer(struct rc_context *x, const char *resource, struct rv_val meta, const char *finalizer,
                       bool present, uint64_t tag) {
    struct rv_node *patch =
        rv_meta_finalizer_patch(x->arena, meta, rv_path_str(meta, "resourceVersion"), finalizer, present);
    return ctx_patch(x, "ray.io/v1", resource, x->name, x->uid, patch, tag);
}

/* ---- saying ------------------------------------------------------------------------------------------------------ */

void ctx_event(struct rc_context *x, bool warning, const char *reason, const char *action, struct rv_str note) {
    const struct rv_kind kind = {.api_version = "ray.io/v1", .kind = x->kind};
    const struct rv_controller c = {.reporter = x->controller, .kinds = &kind};
    struct rv_pass p = pass_of(x);
    p.controller = &c;
    rv_pass_event(&p, warning, reason, action, RV_STR_FMT, RV_STR_ARG(note));
}

void ctx_explain(struct rc_context *x, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    struct rv_pass p = pass_of(x);
    rv_pass_explain(&p, RV_STR_FMT, RV_STR_ARG(rv_buf_str(&b)));
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static void gauge(const struct rc_context *x, const char *name, uint32_t type, double value,
                  const struct rv_field *more, size_t n) {
    struct rv_field labels[3 + RC_LABELS_MAX] = {
        {RV_STR("name"), x->name}, {RV_STR("namespace"), x->ns}, {RV_STR("uid"), x->uid}};
    for (size_t i = 0; i < n && i < RC_LABELS_MAX; i++) labels[3 + i] = more[i];
    x->api->metric(x->host, rv_str(name), type, value, labels, 3 + (n < RC_LABELS_MAX ? n : RC_LABELS_MAX));
}

void ctx_gauge(const struct rc_context *x, const char *name, double value, const struct rv_field *more, size_t n) {
    gauge(x, name, RV_METRIC_GAUGE, value, more, n);
}

void ctx_gauge_remove(const struct rc_context *x, const char *name, const struct rv_field *more, size_t n) {
    gauge(x, name, RV_METRIC_REMOVED, 0, more, n);
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

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
