/* write.c - helpers for all controllers: reading the newest version, writing, events. */
#include "internal.h"

#include <stdlib.h>

bool sim_is(struct rv_val v, const char *path, const char *text) { return rv_str_is(rv_path_str(v, path), text); }

struct sb_object *sim_fresh(struct sim *m, struct sim_ref ref, struct rv_str uid) {
    struct sb_object *o = ref.r != NULL ? sb_get(m->storage, ref.r, ref.ns, ref.name) : NULL;
    return o != NULL && (uid.n == 0 || rv_str_eq(uid, o->uid)) ? o : NULL;
}

int sim_write(struct sim *m, struct sim_ref ref, struct rv_arena *a, struct rv_node *tree, bool status) {
    struct sb_write_opts o = {.status = status, .system = true, .manager = "sandbox"};
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    int e = sb_update(m->storage, ref.r, ref.ns, ref.name, tree, a, &o, &made, &st);
    sb_object_unref(made);
    sb_status_clear(&st);
    return e;
}

int sim_create(struct sim *m, const struct sb_resource *r, struct rv_str ns, struct rv_arena *a, struct rv_node *tree,
               struct rv_str *ret_name) {
    struct sb_write_opts o = {.manager = "sandbox"};
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    int e = sb_create(m->storage, r, ns, tree, a, &o, &made, &st);
    if (e == 0 && ret_name != NULL) *ret_name = rv_arena_str(a, made->name);
    sb_object_unref(made);
    sb_status_clear(&st);
    return e;
}

int sim_delete(struct sim *m, struct sim_ref ref, struct rv_str uid, int64_t grace, const char *propagation) {
    struct sb_delete_opts o = {.pre_uid = uid, .propagation = rv_str(propagation), .grace_seconds = grace};
    struct sb_object *last = NULL;
    struct sb_status st = {0};
    int e = sb_delete(m->storage, ref.r, ref.ns, ref.name, &o, &last, &st);
    sb_object_unref(last);
    sb_status_clear(&st);
    return e;
}

struct rv_node *sim_object(struct rv_arena *a, const struct sb_resource *r, struct rv_str ns, struct rv_str name) {
    struct rv_node *o = rv_node_map(a);
    if (r->group[0] != '\0')
        rv_node_set_fmt(a, o, "apiVersion", "%s/%s", r->group, r->version);
    else
        rv_node_set_cstr(a, o, "apiVersion", r->version);
    rv_node_set_cstr(a, o, "kind", r->kind);
    struct rv_node *meta = rv_node_ensure_map(a, o, "metadata");
    if (name.n != 0) rv_node_set_str(a, meta, "name", name);
    if (ns.n != 0) rv_node_set_str(a, meta, "namespace", ns);
    return o;
}

void sim_set_time(struct rv_arena *a, struct rv_node *map, const char *key, int64_t wall_s) {
    char text[32];
    rv_time_format(wall_s * 1000000000, text);
    rv_node_set_cstr(a, map, key, text);
}

/* ---- events ---- */

static struct rv_node *reference(struct rv_arena *a, const struct sb_object *o) {
    struct rv_node *n = rv_node_map(a);
    const struct sb_resource *r = o->resource;
    if (r->group[0] != '\0')
        rv_node_set_fmt(a, n, "apiVersion", "%s/%s", r->group, r->version);
    else
        rv_node_set_cstr(a, n, "apiVersion", r->version);
    rv_node_set_cstr(a, n, "kind", r->kind);
    rv_node_set_str(a, n, "name", o->name);
    if (o->ns.n != 0) rv_node_set_str(a, n, "namespace", o->ns);
    rv_node_set_fmt(a, n, "resourceVersion", "%llu", (unsigned long long)o->version);
    rv_node_set_str(a, n, "uid", o->uid);
    return n;
}

/* The name contains what the event is about, so that a repetition finds it without a search. */
static struct rv_str event_name(struct rv_arena *a, const struct sb_object *o, const char *reason,
                                struct rv_str message) {
    rv_autobuf struct rv_buf b = {0};
    rv_mp_array(&b, 3);
    rv_mp_str(&b, o->uid);
    rv_mp_cstr(&b, reason);
    rv_mp_str(&b, message);
    struct rv_hash h = rv_val_hash((struct rv_val){b.p, b.n});
    struct rv_str name = o->name;
    if (name.n > 200) name.n = 200;
    return rv_arena_fmt(a, RV_STR_FMT ".%016llx", RV_STR_ARG(name), (unsigned long long)(h.hi ^ h.lo));
}

static void event_again(struct sim *m, struct rv_arena *a, struct sb_object *old) {
    struct rv_node *e = rv_node_from(a, old->value);
    rv_node_set_int(a, e, "count", rv_path_int(old->value, "count", 1) + 1);
    sim_set_time(a, e, "lastTimestamp", sim_wall_s());
    sim_write(m, (struct sim_ref){m->r.events, old->ns, old->name}, a, e, false);
}

void sim_event(struct sim *m, struct sb_object *about, const char *type, const char *reason, const char *component,
               const char *fmt, ...) {
    rv_autobuf struct rv_buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str ns = about->ns.n != 0 ? about->ns : RV_STR("default");
    struct rv_str name = event_name(a, about, reason, rv_buf_str(&text));
    struct sb_object *old = sb_get(m->storage, m->r.events, ns, name);
    if (old != NULL) {
        event_again(m, a, old);
        return;
    }
    struct rv_node *e = sim_object(a, m->r.events, ns, name);
    rv_node_set(a, e, "involvedObject", reference(a, about));
    rv_node_set_cstr(a, e, "reason", reason);
    rv_node_set_str(a, e, "message", rv_buf_str(&text));
    rv_node_set_cstr(a, e, "type", type);
    rv_node_set_cstr(a, rv_node_ensure_map(a, e, "source"), "component", component);
    rv_node_set_int(a, e, "count", 1);
    sim_set_time(a, e, "firstTimestamp", sim_wall_s());
    sim_set_time(a, e, "lastTimestamp", sim_wall_s());
    rv_node_set(a, e, "eventTime", rv_node_null(a));
    rv_node_set_cstr(a, e, "reportingComponent", component);
    rv_node_set_cstr(a, e, "reportingInstance", "");
    sim_create(m, m->r.events, ns, a, e, NULL);
}
