/* pass.c - asking and saying (see pass.h). */
#include "pass.h"

#include "fields.h"

void pass_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note) {
    struct rv_event e = {.size = sizeof e,
                         .warning = warning,
                         .reason = rv_str(reason),
                         .action = rv_str(action),
                         .note = note,
                         .api_version = RV_STR("ray.io/v1"),
                         .kind = RV_STR("RayJob"),
                         .ns = p->j->ns,
                         .name = p->j->name,
                         .uid = p->j->uid,
                         .controller = RV_STR("rayjob-controller")};
    (void)p->api->event(p->host, &e);
}

void pass_explain(struct pass *p, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    p->api->explain(p->host, rv_buf_str(&b));
}

static void act(struct pass *p, struct rv_action *a, const char *api_version, const char *resource, uint64_t tag) {
    a->size = sizeof *a;
    a->api_version = rv_str(api_version);
    a->resource = rv_str(resource);
    a->ns = p->j->ns;
    a->tag = tag;
    if (p->api->act(p->host, a) != 0) p->retry = true;
}

void pass_create(struct pass *p, const char *api_version, const char *resource, struct rv_node *object, uint64_t tag) {
    struct rv_val v = rv_node_freeze(p->arena, object);
    struct rv_action a = {.verb = RV_VERB_CREATE, .name = rv_path_str(v, "metadata.name"), .body = {v.p, v.n}};
    act(p, &a, api_version, resource, tag);
}

void pass_delete(struct pass *p, const char *api_version, const char *resource, struct rv_str name, struct rv_str uid,
                 uint64_t tag) {
    struct rv_action a = {
        .verb = RV_VERB_DELETE, .name = name, .pre_uid = uid, .propagation = RV_STR("Background"), .grace_seconds = -1};
    act(p, &a, api_version, resource, tag);
}

void pass_patch(struct pass *p, uint32_t verb, const char *api_version, const char *resource, struct rv_str name,
                struct rv_str uid, struct rv_node *body, uint64_t tag) {
    struct rv_val v = rv_node_freeze(p->arena, body);
    struct rv_action a = {.verb = verb, .name = name, .pre_uid = uid, .body = {v.p, v.n}};
    act(p, &a, api_version, resource, tag);
}

void pass_patch_version(struct pass *p, uint32_t verb, const char *api_version, const char *resource,
                        const struct rv_object *o, struct rv_node *body, uint64_t tag) {
    struct rv_val v = rv_node_freeze(p->arena, body);
    struct rv_action a = {
        .verb = verb, .name = o->name, .pre_uid = o->uid, .pre_version = o->resource_version, .body = {v.p, v.n}};
    act(p, &a, api_version, resource, tag);
}

void pass_wake(struct pass *p, int64_t when) {
    if (p->wake == 0 || when < p->wake) p->wake = when;
}

struct rv_str pass_suffix(struct pass *p) {
    uint8_t random[5];
    char text[6];
    p->api->random(p->host, random, sizeof random);
    rv_name_suffix(random, text);
    return rv_arena_str(p->arena, rv_str(text));
}

bool pass_has_finalizer(const struct pass *p) {
    for (struct rv_iter it = rv_iter(rv_val_get(p->j->meta, "finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), RJ_FINALIZER)) return true;
    return false;
}

/* The list as it was read, with ours or without: the resourceVersion makes sure that nobody else's is lost. */
void pass_finalizer(struct pass *p, bool present) {
    struct rv_arena *a = p->arena;
    struct rv_node *body = rv_node_map(a), *meta = rv_node_ensure_map(a, body, "metadata"),
                   *list = rv_node_ensure_array(a, meta, "finalizers");
    for (struct rv_iter it = rv_iter(rv_val_get(p->j->meta, "finalizers")); rv_iter_next(&it);)
        if (!rv_str_is(rv_val_str(it.val), RJ_FINALIZER)) rv_node_append(a, list, rv_node_from(a, it.val));
    if (present) rv_node_append(a, list, rv_node_str(a, RV_STR(RJ_FINALIZER)));
    rv_node_set_str(a, meta, "resourceVersion", rv_path_str(p->j->meta, "resourceVersion"));
    pass_patch(p, RV_VERB_MERGE_PATCH, "ray.io/v1", "rayjobs", p->j->name, p->j->uid, body, TAG_FINALIZER);
}
