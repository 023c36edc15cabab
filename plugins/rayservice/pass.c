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
                         .kind = RV_STR("RayService"),
                         .ns = p->s->ns,
                         .name = p->s->name,
                         .uid = p->s->uid,
                         .controller = RV_STR("rayservice-controller")};
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
    a->ns = p->s->ns;
    a->tag = tag;
    if (p->api->act(p->host, a) != 0) p->retry = true;
}

void pass_create(struct pass *p, const char *api_version, const char *resource, struct rv_node *object, uint64_t tag) {
    struct rv_val v = rv_node_freeze(p->arena, object);
    struct rv_action a = {.verb = RV_VERB_CREATE, .name = rv_path_str(v, "metadata.name"), .body = {v.p, v.n}};
    act(p, &a, api_version, resource, tag);
}

void pass_delete(struct pass *p, const char *api_version, const char *resource, const struct rv_object *o,
                 uint64_t tag) {
    struct rv_action a = {.verb = RV_VERB_DELETE,
                          .name = o->name,
                          .pre_uid = o->uid,
                          .propagation = RV_STR("Background"),
                          .grace_seconds = -1};
    act(p, &a, api_version, resource, tag);
}

void pass_patch(struct pass *p, uint32_t verb, const char *api_version, const char *resource, const struct rv_object *o,
                struct rv_node *body, uint64_t tag) {
    struct rv_val v = rv_node_freeze(p->arena, body);
    struct rv_action a = {.verb = verb, .name = o->name, .pre_uid = o->uid, .body = {v.p, v.n}};
    act(p, &a, api_version, resource, tag);
}

void pass_wake(struct pass *p, int64_t when) {
    if (p->wake == 0 || when < p->wake) p->wake = when;
}

struct rv_str pass_new_name(struct pass *p) {
    uint8_t random[5];
    char text[6];
    p->api->random(p->host, random, sizeof random);
    rv_name_suffix(random, text);
    return rv_arena_fmt(p->arena, RV_STR_FMT "-%s", RV_STR_ARG(p->s->name), text);
}

bool pass_may_try(struct pass *p) {
    if (p->time >= p->memo->next_try) return true;
    pass_wake(p, p->memo->next_try);
    return false;
}

bool pass_has_finalizer(const struct pass *p) {
    for (struct rv_iter it = rv_iter(rv_val_get(p->s->meta, "finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), RS_FINALIZER)) return true;
    return false;
}

/* The list as it was read, with ours or without: the resourceVersion makes sure
 * that nobody else's is lost. */
void pass_finalizer(struct pass *p, bool present) {
    struct rv_arena *a = p->arena;
    struct rv_node *body = rv_node_map(a), *meta = rv_node_ensure_map(a, body, "metadata"),
                   *list = rv_node_ensure_array(a, meta, "finalizers");
    struct rv_object self = {.name = p->s->name, .uid = p->s->uid};
    for (struct rv_iter it = rv_iter(rv_val_get(p->s->meta, "finalizers")); rv_iter_next(&it);)
        if (!rv_str_is(rv_val_str(it.val), RS_FINALIZER)) rv_node_append(a, list, rv_node_from(a, it.val));
    if (present) rv_node_append(a, list, rv_node_str(a, RV_STR(RS_FINALIZER)));
    rv_node_set_str(a, meta, "resourceVersion", rv_path_str(p->s->meta, "resourceVersion"));
    pass_patch(p, RV_VERB_MERGE_PATCH, "ray.io/v1", "rayservices", &self, body, TAG_FINALIZER);
}

/* ---- objects beside the clusters
 * ---------------------------------------------------------------------------------
 */

/* A node port that the API server drew stays with its port. */
static void keep_node_ports(struct rv_arena *a, struct rv_node *ports, struct rv_val have) {
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *port = rv_node_at(ports, i);
        if (rv_node_get(port, "nodePort") != NULL) continue;
        for (struct rv_iter it = rv_iter(have); rv_iter_next(&it);) {
            int64_t number = rv_path_int(it.val, "nodePort", 0);
            if (number != 0 && rv_str_eq(rv_path_str(it.val, "name"), rv_node_text(rv_node_get(port, "name"))))
                rv_node_set_int(a, port, "nodePort", number);
        }
    }
}

/* The merge patch that puts our keys right: of labels, annotations and of the
 * spec's. What others added stays. An address is never changed. NULL: all is as
 * wanted. */
static struct rv_node *repair(struct pass *p, struct rv_val have, struct rv_node *want) {
    static const char *const fixed[] = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"};
    struct rv_arena *a = p->arena;
    struct rv_node *patch = rv_node_map(a), *part, *spec = rv_node_get(want, "spec");
    struct rv_str key;
    for (size_t i = 0; i < RV_ARRAY_LEN(fixed) && rv_val_set(rv_val_path(have, "spec.ports")); i++)
        rv_node_remove(spec, fixed[i]);
    keep_node_ports(a, rv_node_get(spec, "ports"), rv_val_path(have, "spec.ports"));
    for (size_t i = 0; rv_node_entry(want, i, &key, &part); i++) {
        struct rv_val live = rv_val_getn(have, key);
        if (rv_str_is(key, "metadata")) {
            rv_node_remove(part, "ownerReferences");
            rv_node_remove(part, "namespace");
        }
        if (rv_val_within(rv_node_freeze(a, part), live)) continue;
        struct rv_node *value;
        struct rv_str field;
        if (rv_node_type(part) != RV_MAP) rv_node_setn(a, patch, key, part);
        for (size_t k = 0; rv_node_type(part) == RV_MAP && rv_node_entry(part, k, &field, &value); k++)
            if (!rv_val_within(rv_node_freeze(a, value), rv_val_getn(live, field)))
                rv_node_setn(a, rv_node_ensure_map(a, patch, rv_arena_str(a, key).p), field, value);
    }
    return rv_node_len(patch) > 0 ? patch : NULL;
}

bool pass_ensure(struct pass *p, const struct ensure *e, struct rv_node *want, struct rv_str owner_uid) {
    struct rv_object o = {.size = sizeof o};
    struct rv_str name = rv_node_text(rv_node_path(want, "metadata.name"));
    if (p->api->get(p->host, e->kind, p->s->ns, name, &o) != 0) {
        if (pass_may_try(p)) pass_create(p, e->api_version, e->resource, want, e->create);
        return false;
    }
    if (!rv_str_eq(rv_meta_controller_uid(o.value), owner_uid)) {
        p->stuck_reason = "NameTaken";
        p->stuck = rv_arena_fmt(p->arena, "%s " RV_STR_FMT " exists and is not this RayService's: delete or rename it",
                                e->resource, RV_STR_ARG(name));
        return false;
    }
    if (rv_meta_deleting(o.value)) return false;
    struct rv_node *patch = repair(p, o.value, want);
    if (patch == NULL) return true;
    if (pass_may_try(p)) pass_patch(p, RV_VERB_MERGE_PATCH, e->api_version, e->resource, &o, patch, e->update);
    return false;
}
