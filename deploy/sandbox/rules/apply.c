#include "apply.h"
#include "fields.h"
#include "internal.h"
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"

#include <stdlib.h>

static const char LAST_APPLIED[] = "kubectl.kubernetes.io/last-applied-configuration";

/* ---- managedFields ---- */

struct who {
    struct rv_str manager, subresource, api;
    bool apply;
};

static struct rv_str entry_text(struct rv_node *e, const char *key) { return rv_node_text(rv_node_get(e, key)); }

static bool is_entry_of(struct rv_node *e, const struct who *w) {
    return rv_str_eq(entry_text(e, "manager"), w->manager) && rv_str_eq(entry_text(e, "subresource"), w->subresource) &&
           rv_str_is(entry_text(e, "operation"), w->apply ? "Apply" : "Update");
}

static struct rv_node *find_entry(struct rv_node *list, const struct who *w) {
    for (size_t i = 0; i < rv_node_len(list); i++)
        if (is_entry_of(rv_node_at(list, i), w)) return rv_node_at(list, i);
    return NULL;
}

/* If the set is the same, nothing is written: an apply without effect must not make a new version. */
static void put_entry(struct rv_arena *a, struct rv_node *list, const struct who *w, struct rv_node *set) {
    struct rv_node *e = find_entry(list, w);
    if (e != NULL && set != NULL && rv_node_equal(rv_node_get(e, "fieldsV1"), set)) return;
    if (sb_fields_empty(set)) {
        for (size_t i = rv_node_len(list); i-- > 0;)
            if (is_entry_of(rv_node_at(list, i), w)) rv_node_remove_at(list, i);
        return;
    }
    if (e == NULL) rv_node_append(a, list, e = rv_node_map(a));
    char now[32];
    rv_time_format(clock_wall(), now);
    rv_node_set_str(a, e, "manager", w->manager);
    rv_node_set_cstr(a, e, "operation", w->apply ? "Apply" : "Update");
    rv_node_set_str(a, e, "apiVersion", w->api);
    rv_node_set_cstr(a, e, "time", now);
    rv_node_set_cstr(a, e, "fieldsType", "FieldsV1");
    rv_node_set(a, e, "fieldsV1", set);
    if (w->subresource.n != 0) rv_node_set_str(a, e, "subresource", w->subresource);
}

/* Removes a set from the sets of all other managers. */
static void take_from_others(struct rv_arena *a, struct rv_node *list, const struct who *w, struct rv_node *set) {
    for (size_t i = rv_node_len(list); i-- > 0;) {
        struct rv_node *e = rv_node_at(list, i), *have = rv_node_get(e, "fieldsV1");
        if (is_entry_of(e, w)) continue;
        struct rv_node *rest = sb_fields_minus(a, have, set);
        if (sb_fields_empty(rest))
            rv_node_remove_at(list, i);
        else if (!rv_node_equal(rest, have))
            rv_node_set(a, e, "fieldsV1", rest);
    }
}

static struct rv_str api_of(struct rv_arena *a, const struct sb_resource *r) {
    return rv_arena_fmt(a, "%s%s%s", r->group, r->group[0] != '\0' ? "/" : "", r->version);
}

static struct rv_node *managed(struct rv_arena *a, struct rv_node *object) {
    return rv_node_ensure_array(a, rv_node_ensure_map(a, object, "metadata"), "managedFields");
}

void sb_track_update(const struct sb_resource *r, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     const char *manager, bool status) {
    if (rv_val_len(rv_val_path(old, "metadata.managedFields")) == 0) return;
    const struct sb_type *t = r->type;
    struct rv_node *before = rv_node_from(a, old), *list = managed(a, object);
    struct rv_node *fresh = sb_fields_changed(a, t, before, object);
    struct rv_node *gone = sb_fields_minus(a, sb_fields_of(a, t, before), sb_fields_of(a, t, object));
    if (sb_fields_empty(fresh) && sb_fields_empty(gone)) return;
    struct who w = {.manager = rv_str(manager != NULL ? manager : "unknown"),
                    .subresource = status ? RV_STR("status") : RV_STR(""),
                    .api = api_of(a, r)};
    struct rv_node *e = find_entry(list, &w), *own = e != NULL ? rv_node_get(e, "fieldsV1") : NULL;
    take_from_others(a, list, &w, sb_fields_union(a, fresh, gone));
    put_entry(a, list, &w, sb_fields_union(a, sb_fields_minus(a, own, gone), fresh));
}

/* ---- apply ---- */

struct job {
    struct sb_storage *s;
    const struct sb_resource *r;
    struct rv_arena *a;
    const struct sb_type *type;
    const struct sb_apply_opts *o;
    struct who who;
    struct rv_node *config, *set; /* what is applied, and its fields */
};

/* The configuration that a client-side apply stored in the object. */
static struct rv_node *last_applied(struct rv_arena *a, struct rv_node *live) {
    struct rv_str text = rv_node_text(rv_node_get(rv_node_path(live, "metadata.annotations"), LAST_APPLIED));
    rv_autobuf struct rv_buf mp = {0};
    if (text.n == 0 || rv_json_to_mp(text, NULL, &mp, NULL) != 0) return NULL;
    struct rv_str kept = rv_arena_str(a, rv_buf_str(&mp));
    return rv_node_from(a, (struct rv_val){(const uint8_t *)kept.p, kept.n});
}

static void print_manager(struct rv_node *e, struct rv_buf *out) {
    struct rv_str sub = entry_text(e, "subresource");
    rv_json_quote(entry_text(e, "manager"), out);
    if (sub.n != 0) rv_buf_addf(out, " with subresource \"" RV_STR_FMT "\"", RV_STR_ARG(sub));
    rv_buf_addf(out, " using " RV_STR_FMT, RV_STR_ARG(entry_text(e, "apiVersion")));
    if (rv_str_is(entry_text(e, "operation"), "Update"))
        rv_buf_addf(out, " at " RV_STR_FMT, RV_STR_ARG(entry_text(e, "time")));
}

static void add_conflicts(struct rv_node *e, struct rv_node *paths, struct rv_buf *text, struct jsonw *causes) {
    rv_autobuf struct rv_buf who = {0};
    print_manager(e, &who);
    rv_buf_addf(text, "%sconflicts with " RV_STR_FMT ":", text->n != 0 ? "\n" : "", RV_STR_ARG(rv_buf_str(&who)));
    for (size_t i = 0; i < rv_node_len(paths); i++) {
        struct rv_str path = rv_node_text(rv_node_at(paths, i));
        rv_autobuf struct rv_buf message = {0};
        rv_buf_addf(text, "\n- " RV_STR_FMT, RV_STR_ARG(path));
        rv_buf_addf(&message, "conflict with " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&who)));
        jsonw_begin_object(causes, NULL);
        jsonw_text(causes, "reason", "FieldManagerConflict");
        jsonw_str(causes, "message", rv_buf_str(&message));
        jsonw_str(causes, "field", path);
        jsonw_end_object(causes);
    }
}

/* kubectl takes over without a conflict what its own client-side apply wrote. */
static struct rv_node *claimable(const struct job *j, struct rv_node *live) {
    struct rv_node *last = rv_str_is(j->who.manager, "kubectl") ? last_applied(j->a, live) : NULL;
    if (last == NULL) return NULL;
    struct rv_node *written = sb_fields_of(j->a, j->type, last),
                   *differs = sb_fields_changed(j->a, j->type, live, last);
    return sb_fields_minus(j->a, written, differs);
}

static int check_conflicts(const struct job *j, struct rv_node *live, struct rv_node *list, struct sb_status *st) {
    rv_autobuf struct rv_buf text = {0}, causes = {0};
    struct jsonw w = {.out = &causes};
    struct rv_node *ours = claimable(j, live), *one = NULL;
    struct rv_node *first_path = NULL;
    size_t n = 0;
    for (size_t i = 0; i < rv_node_len(list); i++) {
        struct rv_node *e = rv_node_at(list, i), *paths = rv_node_array(j->a), *have = rv_node_get(e, "fieldsV1");
        if (is_entry_of(e, &j->who)) continue;
        if (!rv_str_is(entry_text(e, "operation"), "Apply")) have = sb_fields_minus(j->a, have, ours);
        sb_fields_conflicts(j->a, j->type, live, j->config, have, paths);
        if (rv_node_len(paths) == 0) continue;
        add_conflicts(e, paths, &text, &w);
        n += rv_node_len(paths);
        one = e;
        first_path = rv_node_at(paths, 0);
    }
    if (n == 0) return 0;
    if (n == 1) {
        rv_autobuf struct rv_buf who = {0};
        print_manager(one, &who);
        sb_status_set(st, 409, "Conflict", "Apply failed with 1 conflict: conflict with " RV_STR_FMT ": " RV_STR_FMT,
                      RV_STR_ARG(rv_buf_str(&who)), RV_STR_ARG(rv_node_text(first_path)));
    } else {
        sb_status_set(st, 409, "Conflict", "Apply failed with %zu conflicts: " RV_STR_FMT, n,
                      RV_STR_ARG(rv_buf_str(&text)));
    }
    rv_autobuf struct rv_buf details = {0};
    rv_buf_addf(&details, "\"causes\":[" RV_STR_FMT "]", RV_STR_ARG(rv_buf_str(&causes)));
    st->details = rv_strdup(rv_buf_str(&details));
    return RV_E_CONFLICT;
}

/* At the first apply, everything that exists gets an owner with a special name. */
static void first_owner(const struct job *j, struct rv_node *live, struct rv_node *list) {
    if (rv_node_len(list) != 0) return;
    bool client_side = last_applied(j->a, live) != NULL;
    struct who w = {.manager = client_side ? RV_STR("kubectl-client-side-apply") : RV_STR("before-first-apply"),
                    .api = j->who.api};
    put_entry(j->a, list, &w, sb_fields_of(j->a, j->type, live));
}

static void remember(const struct job *j, struct rv_node *object) {
    struct rv_node *notes = rv_node_path(object, "metadata.annotations");
    if (!rv_str_is(j->who.manager, "kubectl") || rv_node_get(notes, LAST_APPLIED) == NULL) return;
    rv_autobuf struct rv_buf text = {0};
    rv_json_write(rv_node_freeze(j->a, j->config), &text);
    rv_buf_addc(&text, '\n');
    rv_node_set_str(j->a, notes, LAST_APPLIED, rv_buf_str(&text));
}

static int apply_to(const struct job *j, struct sb_object *old, struct sb_object **ret, struct sb_status *st) {
    struct rv_arena *a = j->a;
    struct rv_node *live = rv_node_from(a, old->value), *list = rv_node_copy(a, managed(a, live));
    struct rv_node *others = NULL;
    first_owner(j, live, list);
    if (!j->o->force) {
        int e = check_conflicts(j, live, list, st);
        if (e != 0) return e;
    }
    struct rv_node *mine = find_entry(list, &j->who), *last = mine != NULL ? rv_node_get(mine, "fieldsV1") : NULL;
    /* A changed field is removed from other owners. A field that is only repeated gets one more owner. */
    struct rv_node *object = sb_fields_merge(a, j->type, rv_node_copy(a, live), j->config);
    take_from_others(a, list, &j->who, sb_fields_changed(a, j->type, live, object));
    for (size_t i = 0; i < rv_node_len(list); i++)
        if (!is_entry_of(rv_node_at(list, i), &j->who))
            others = sb_fields_union(a, others, rv_node_get(rv_node_at(list, i), "fieldsV1"));
    sb_fields_prune(a, j->type, object, last, j->set, others);
    put_entry(a, list, &j->who, j->set);
    struct rv_node *meta = rv_node_ensure_map(a, object, "metadata");
    rv_node_set(a, meta, "managedFields", list);
    struct rv_node *wanted = rv_node_path(j->config, "metadata.resourceVersion");
    rv_node_set(a, meta, "resourceVersion", wanted != NULL ? rv_node_copy(a, wanted) : NULL);
    remember(j, object);
    struct sb_write_opts o = j->o->write;
    o.applied = true;
    return sb_update(j->s, j->r, old->ns, old->name, object, a, &o, ret, st);
}

static int apply_new(const struct job *j, struct rv_str ns, struct rv_str name, struct sb_object **ret,
                     struct sb_status *st) {
    if (j->o->write.status) return sb_fail_object(st, 404, "NotFound", j->r, name, "not found");
    struct rv_node *object = rv_node_copy(j->a, j->config);
    put_entry(j->a, managed(j->a, object), &j->who, j->set);
    return sb_create(j->s, j->r, ns, object, j->a, &j->o->write, ret, st);
}

int sb_apply(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
             struct rv_node *config, struct rv_arena *a, const struct sb_apply_opts *o, struct sb_object **ret,
             bool *ret_created, struct sb_status *st) {
    struct job j = {.s = s, .r = r, .a = a, .type = r->type, .o = o, .config = config};
    j.who = (struct who){.manager = rv_str(o->write.manager),
                         .subresource = o->write.status ? RV_STR("status") : RV_STR(""),
                         .api = api_of(a, r),
                         .apply = true};
    struct rv_node *meta = rv_node_ensure_map(a, config, "metadata");
    struct rv_str have = rv_node_text(rv_node_get(meta, "name"));
    if (have.n != 0 && !rv_str_eq(have, name)) {
        sb_status_set(st, 400, "BadRequest",
                      "the name of the object (" RV_STR_FMT ") does not match the name on the URL (" RV_STR_FMT ")",
                      RV_STR_ARG(have), RV_STR_ARG(name));
        return RV_E_INVALID;
    }
    rv_node_set_str(a, meta, "name", name);
    j.set = sb_fields_of(a, j.type, config);
    if (r->has_status) {
        j.set = sb_fields_part(a, j.set, o->write.status);
        if (!o->write.status) rv_node_remove(config, "status");
    }
    struct sb_object *old = sb_get(s, r, ns, name);
    *ret_created = old == NULL;
    return old != NULL ? apply_to(&j, old, ret, st) : apply_new(&j, ns, name, ret, st);
}
