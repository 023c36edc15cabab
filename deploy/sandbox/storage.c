/* storage.c - objects, versions, history and the rules of writing (see storage.h). For each resource the objects are
 * one array, sorted by (namespace, name). A memmove of 20,000 pointers costs microseconds, and it keeps LIST order and
 * paging simple. */
#include "ipc/base/random.h"
#include "storage_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HISTORY_MAX = 50000 };
static const size_t HISTORY_BYTES = (size_t)256 << 20;

struct sb_object *sb_object_ref(struct sb_object *o) {
    o->refs++;
    return o;
}

struct sb_object *sb_object_unref(struct sb_object *o) {
    if (o != NULL && --o->refs == 0) free(o);
    return NULL;
}

static struct sb_object *object_new(const struct sb_resource *r, struct rv_node *tree, uint64_t version) {
    rv_autobuf struct rv_buf b = {0};
    rv_node_encode(tree, &b);
    struct sb_object *o = rv_alloc(sizeof *o + b.n);
    uint8_t *copy = (uint8_t *)(o + 1);
    memcpy(copy, b.p, b.n);
    o->refs = 1;
    o->resource = r;
    o->version = version;
    o->value = (struct rv_val){copy, b.n};
    struct rv_val meta = rv_val_get(o->value, "metadata");
    o->ns = rv_val_str(rv_val_get(meta, "namespace"));
    o->name = rv_val_str(rv_val_get(meta, "name"));
    o->uid = rv_val_str(rv_val_get(meta, "uid"));
    return o;
}

struct sb_object *sb_object_at(const struct sb_object *o, uint64_t version) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value);
    rv_node_set_fmt(a, rv_node_ensure_map(a, tree, "metadata"), "resourceVersion", "%llu", (unsigned long long)version);
    return object_new(o->resource, tree, version);
}

/* ---- resources and lookups ---- */

struct sb_storage *sb_storage_new(struct loop *l, const struct sb_rules *rules) {
    struct sb_storage *s = rv_alloc(sizeof *s);
    s->loop = l;
    s->version = 1;
    s->rules = rules;
    s->rules_state = rules->begin(s);
    return s;
}

void *sb_rules_state(const struct sb_storage *s) { return s->rules_state; }

static void free_names(struct sb_resource *r) {
    free(r->group);
    free(r->version);
    free(r->plural);
    free(r->singular);
    free(r->kind);
    free(r->list_kind);
    char *const *const lists[] = {r->short_names, r->categories};
    for (size_t k = 0; k < RV_ARRAY_LEN(lists); k++) {
        for (size_t i = 0; lists[k] != NULL && lists[k][i] != NULL; i++) free(lists[k][i]);
        free((void *)(uintptr_t)lists[k]);
    }
}

struct sb_storage *sb_storage_free(struct sb_storage *s) {
    if (s == NULL) return NULL;
    sb_compact(s);
    for (size_t i = 0; i < s->n_tables; i++) {
        struct sb_table *t = s->tables[i];
        for (size_t j = 0; j < t->n; j++) sb_object_unref(t->v[j]);
        s->rules->free_schema(t->pub.schema);
        free_names(&t->pub);
        free(t->v);
        free(t);
    }
    for (size_t i = 0; i < s->n_listeners; i++) free(s->listeners[i]);
    free(s->listeners);
    free(s->tables);
    free(s->history);
    s->rules->end(s->rules_state);
    free(s->ca_pem);
    free(s);
    return NULL;
}

uint64_t sb_version(const struct sb_storage *s) { return s->version; }

struct sb_resource *sb_resource_add(struct sb_storage *s, const struct sb_resource *r) {
    struct sb_table *t = rv_alloc(sizeof *t);
    t->pub = *r;
    s->tables = rv_realloc_array(s->tables, s->n_tables + 1, sizeof *s->tables);
    s->tables[s->n_tables++] = t;
    return &t->pub;
}

const struct sb_resource *sb_resource_find(struct sb_storage *s, struct rv_str group, struct rv_str version,
                                           struct rv_str plural) {
    for (size_t i = 0; i < s->n_tables; i++) {
        const struct sb_resource *r = &s->tables[i]->pub;
        if (!s->tables[i]->gone && rv_str_is(plural, r->plural) && rv_str_is(group, r->group) &&
            rv_str_is(version, r->version))
            return r;
    }
    return NULL;
}

const struct sb_resource *sb_resource_by_kind(struct sb_storage *s, struct rv_str api_version, struct rv_str kind) {
    const char *slash = api_version.n != 0 ? memchr(api_version.p, '/', api_version.n) : NULL;
    struct rv_str group = {api_version.p, slash != NULL ? (size_t)(slash - api_version.p) : 0};
    struct rv_str version = api_version;
    if (slash != NULL) version = (struct rv_str){slash + 1, api_version.n - group.n - 1};
    for (size_t i = 0; i < s->n_tables; i++) {
        const struct sb_resource *r = &s->tables[i]->pub;
        if (!s->tables[i]->gone && rv_str_is(kind, r->kind) && rv_str_is(group, r->group) &&
            rv_str_is(version, r->version))
            return r;
    }
    return NULL;
}

void sb_resource_each(struct sb_storage *s, sb_resource_fn fn, void *arg) {
    for (size_t i = 0; i < s->n_tables; i++)
        if (!s->tables[i]->gone) fn(arg, &s->tables[i]->pub);
}

static int key_cmp(const struct sb_object *o, struct rv_str ns, struct rv_str name) {
    int c = rv_str_cmp(o->ns, ns);
    return c != 0 ? c : rv_str_cmp(o->name, name);
}

size_t sb_lower_bound(const struct sb_resource *r, struct rv_str ns, struct rv_str name) {
    const struct sb_table *t = sb_table_of(r);
    size_t lo = 0, hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (key_cmp(t->v[mid], ns, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct sb_object *sb_get(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name) {
    (void)s;
    const struct sb_table *t = sb_table_of(r);
    size_t i = sb_lower_bound(r, ns, name);
    return i < t->n && key_cmp(t->v[i], ns, name) == 0 ? t->v[i] : NULL;
}

void sb_each(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, sb_object_fn fn, void *arg) {
    (void)s;
    const struct sb_table *t = sb_table_of(r);
    size_t n = 0, i = ns.n != 0 ? sb_lower_bound(r, ns, RV_STR("")) : 0;
    /* A snapshot of references, because fn may write. */
    struct sb_object **copy = rv_alloc_array(t->n - i + 1, sizeof *copy);
    for (; i < t->n && (ns.n == 0 || rv_str_eq(t->v[i]->ns, ns)); i++) copy[n++] = sb_object_ref(t->v[i]);
    bool go = true;
    for (size_t j = 0; j < n; j++) {
        if (go) go = fn(arg, copy[j]);
        sb_object_unref(copy[j]);
    }
    free(copy);
}

/* ---- history and listeners ---- */

static void history_pop(struct sb_storage *s) {
    struct sb_change *c = &s->history[s->history_first];
    s->history_bytes -= c->object->value.n;
    s->compacted = c->version;
    sb_object_unref(c->object);
    sb_object_unref(c->prev);
    s->history_first = (s->history_first + 1) % HISTORY_MAX;
    s->history_n--;
}

static void emit(struct sb_storage *s, enum sb_event type, struct sb_object *o, struct sb_object *prev) {
    if (s->history == NULL) s->history = rv_alloc_array(HISTORY_MAX, sizeof *s->history);
    while (s->history_n > 0 && (s->history_n == HISTORY_MAX || s->history_bytes + o->value.n > HISTORY_BYTES))
        history_pop(s);
    s->history[(s->history_first + s->history_n++) % HISTORY_MAX] =
        (struct sb_change){o->version, type, sb_object_ref(o), prev != NULL ? sb_object_ref(prev) : NULL};
    s->history_bytes += o->value.n;
    s->emitting++;
    for (size_t i = 0; i < s->n_listeners; i++)
        if (s->listeners[i]->fn != NULL) s->listeners[i]->fn(s->listeners[i]->arg, type, o, prev);
    if (--s->emitting > 0) return;
    size_t kept = 0;
    for (size_t i = 0; i < s->n_listeners; i++) {
        if (s->listeners[i]->fn == NULL)
            free(s->listeners[i]);
        else
            s->listeners[kept++] = s->listeners[i];
    }
    s->n_listeners = kept;
}

struct sb_listener *sb_listen(struct sb_storage *s, sb_change_fn fn, void *arg) {
    struct sb_listener *l = rv_alloc(sizeof *l);
    *l = (struct sb_listener){fn, arg};
    s->listeners = rv_realloc_array(s->listeners, s->n_listeners + 1, sizeof(struct sb_listener *));
    s->listeners[s->n_listeners++] = l;
    return l;
}

/* The memory is freed after the next change, so that a listener may remove itself while it is called. */
struct sb_listener *sb_unlisten(struct sb_listener *l) {
    if (l != NULL) l->fn = NULL;
    return NULL;
}

int sb_history(struct sb_storage *s, const struct sb_resource *r, uint64_t version, sb_history_fn fn, void *arg) {
    if (version < s->compacted) return -ESTALE;
    for (size_t i = 0; i < s->history_n; i++) {
        const struct sb_change *c = &s->history[(s->history_first + i) % HISTORY_MAX];
        if (c->version > version && (r == NULL || c->object->resource == r)) fn(arg, c->type, c->object, c->prev);
    }
    return 0;
}

void sb_compact(struct sb_storage *s) {
    while (s->history_n > 0) history_pop(s);
    s->compacted = s->version;
}

static void table_put(struct sb_object *o) {
    struct sb_table *t = sb_table_of(o->resource);
    size_t i = sb_lower_bound(o->resource, o->ns, o->name);
    if (i < t->n && key_cmp(t->v[i], o->ns, o->name) == 0) {
        sb_object_unref(t->v[i]);
        t->v[i] = sb_object_ref(o);
        return;
    }
    if (t->n == t->cap) {
        t->cap = t->cap != 0 ? t->cap * 2 : 16;
        t->v = rv_realloc_array(t->v, t->cap, sizeof(struct sb_object *));
    }
    memmove(t->v + i + 1, t->v + i, (t->n - i) * sizeof(struct sb_object *));
    t->v[i] = sb_object_ref(o);
    t->n++;
}

static void table_remove(struct sb_object *o) {
    struct sb_table *t = sb_table_of(o->resource);
    size_t i = sb_lower_bound(o->resource, o->ns, o->name);
    memmove(t->v + i, t->v + i + 1, (t->n - i - 1) * sizeof(struct sb_object *));
    t->n--;
    sb_object_unref(o);
}

/* ---- writing: shared steps ---- */

static void set_now(struct rv_arena *a, struct rv_node *map, const char *key, int64_t plus_s) {
    char text[32];
    rv_time_format(clock_wall() + plus_s * 1000000000, text);
    rv_node_set_cstr(a, map, key, text);
}

static void set_uid(struct rv_arena *a, struct rv_node *meta) {
    uint8_t u[16];
    random_bytes(u, sizeof u);
    u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
    u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
    rv_node_set_fmt(a, meta, "uid", "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
                    u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static int run_hooks(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                     struct rv_val old, const struct sb_write_opts *o, struct sb_status *st) {
    struct rv_node *causes = rv_node_array(a);
    struct rv_str name = rv_node_text(rv_node_path(object, "metadata.name"));
    bool by_client = rv_val_present(old) && (o == NULL || (!o->status && !o->system));
    s->rules->defaults(s, r, a, object, old);
    s->rules->validate(s, r, a, object, old, by_client, causes);
    return rv_node_len(causes) != 0 ? sb_fail_causes(st, r, name, causes) : 0;
}

static int check_namespace(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
                           struct sb_status *st) {
    if (!r->namespaced) return 0;
    const struct sb_resource *nss = sb_resource_find(s, RV_STR(""), RV_STR("v1"), RV_STR("namespaces"));
    struct sb_object *o = sb_get(s, nss, RV_STR(""), ns);
    if (o == NULL) return sb_fail_object(st, 404, "NotFound", nss, ns, "not found");
    if (!rv_meta_deleting(o->value)) return 0;
    rv_autobuf struct rv_buf q = {0};
    sb_qualified(r, &q);
    sb_status_set(st, 403, "Forbidden",
                  RV_STR_FMT " \"" RV_STR_FMT "\" is forbidden: unable to create new content in namespace " RV_STR_FMT
                             " because it is being terminated",
                  RV_STR_ARG(rv_buf_str(&q)), RV_STR_ARG(name), RV_STR_ARG(ns));
    sb_status_about(st, r, name, r->plural, NULL);
    return RV_E_FORBIDDEN;
}

static int commit(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                  struct sb_object *prev, enum sb_event type, bool dry_run, struct sb_object **ret) {
    if (!dry_run && type == SB_DELETED) s->rules->changing(s, r, prev->value, RV_VAL_ABSENT);
    uint64_t version = dry_run ? s->version : ++s->version;
    struct rv_node *meta = rv_node_ensure_map(a, object, "metadata");
    if (!dry_run || prev != NULL) rv_node_set_fmt(a, meta, "resourceVersion", "%llu", (unsigned long long)version);
    struct sb_object *o = object_new(r, object, version);
    if (!dry_run && type == SB_MODIFIED) s->rules->changing(s, r, prev->value, o->value);
    if (!dry_run) {
        if (prev != NULL) sb_object_ref(prev);
        if (type == SB_DELETED)
            table_remove(prev);
        else
            table_put(o);
        emit(s, type, o, prev);
        sb_object_unref(prev);
    }
    *ret = o;
    return 0;
}

void sb_drop(struct sb_storage *s, struct sb_object *o) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_object *last = NULL;
    commit(s, o->resource, a, rv_node_from(a, o->value), o, SB_DELETED, false, &last);
    sb_object_unref(last);
}

/* ---- create ---- */

static int pick_name(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_arena *a,
                     struct rv_node *meta, struct sb_status *st) {
    struct rv_str name = rv_node_text(rv_node_get(meta, "name"));
    struct rv_str base = rv_node_text(rv_node_get(meta, "generateName"));
    if (name.n != 0) {
        if (sb_get(s, r, ns, name) == NULL) return 0;
        return sb_fail_object(st, 409, "AlreadyExists", r, name, "already exists");
    }
    if (base.n == 0) {
        struct rv_node *causes = rv_node_array(a);
        sb_cause(a, causes, "metadata.name: Required value: name or generateName is required");
        return sb_fail_causes(st, r, name, causes);
    }
    if (base.n > 58) base.n = 58;
    for (int tries = 0; tries < 8; tries++) {
        uint8_t random[5];
        char suffix[6];
        random_bytes(random, sizeof random);
        rv_name_suffix(random, suffix);
        rv_node_set_fmt(a, meta, "name", RV_STR_FMT "%s", RV_STR_ARG(base), suffix);
        if (sb_get(s, r, ns, rv_node_text(rv_node_get(meta, "name"))) == NULL) return 0;
    }
    return sb_fail_object(st, 409, "AlreadyExists", r, rv_node_text(rv_node_get(meta, "name")),
                          "already exists, the server was not able to generate a unique name for the object");
}

int sb_create(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_node *object,
              struct rv_arena *a, const struct sb_write_opts *o, struct sb_object **ret, struct sb_status *st) {
    struct rv_node *meta = rv_node_ensure_map(a, object, "metadata");
    struct rv_str have = rv_node_text(rv_node_get(meta, "namespace"));
    if (r->namespaced && have.n != 0 && ns.n != 0 && !rv_str_eq(have, ns)) {
        sb_status_set(st, 400, "BadRequest",
                      "the namespace of the provided object does not match the namespace sent on the request");
        return RV_E_INVALID;
    }
    if (ns.n == 0) ns = have;
    if (!r->namespaced) ns = RV_STR("");
    rv_node_set(a, meta, "namespace", r->namespaced ? rv_node_str(a, ns) : NULL);
    int e = check_namespace(s, r, ns, rv_node_text(rv_node_get(meta, "name")), st);
    if (e == 0) e = pick_name(s, r, ns, a, meta, st);
    if (e != 0) return e;
    static const char *const server_owned[] = {"resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
                                               "selfLink", "generation"};
    for (size_t i = 0; i < RV_ARRAY_LEN(server_owned); i++) rv_node_remove(meta, server_owned[i]);
    set_uid(a, meta);
    set_now(a, meta, "creationTimestamp", 0);
    if (s->rules->has_generation(r)) rv_node_set_int(a, meta, "generation", 1);
    /* Of the built-in kinds, only nodes may be created with a status. */
    if (r->has_status && strcmp(r->plural, "nodes") != 0) rv_node_remove(object, "status");
    e = run_hooks(s, r, a, object, RV_VAL_ABSENT, o, st);
    if (e == 0) e = s->rules->admit(s, r, object, st);
    if (e != 0) return e;
    e = commit(s, r, a, object, NULL, SB_ADDED, o != NULL && o->dry_run, ret);
    if (e == 0 && (o == NULL || !o->dry_run)) s->rules->created(s, *ret);
    return e;
}

/* ---- update ---- */

/* about: the resource ("rayclusters.ray.io") or the kind ("RayCluster.ray.io"). */
static int conflict(const struct sb_object *old, const char *about, struct sb_status *st, struct rv_str why) {
    const struct sb_resource *r = old->resource;
    sb_status_set(st, 409, "Conflict", "Operation cannot be fulfilled on %s%s%s \"" RV_STR_FMT "\": " RV_STR_FMT, about,
                  r->group[0] != '\0' ? "." : "", r->group, RV_STR_ARG(old->name), RV_STR_ARG(why));
    sb_status_about(st, r, old->name, about, NULL);
    return RV_E_CONFLICT;
}

static bool is_version(const struct sb_object *o, struct rv_str version) {
    char now[24];
    snprintf(now, sizeof now, "%llu", (unsigned long long)o->version);
    return rv_str_is(version, now);
}

static int check_update(const struct sb_object *old, struct rv_arena *a, struct rv_str version, struct rv_str uid,
                        struct sb_status *st) {
    if (uid.n != 0 && !rv_str_eq(uid, old->uid))
        return conflict(
            old, old->resource->plural, st,
            rv_arena_fmt(a, "Precondition failed: UID in precondition: " RV_STR_FMT ", UID in object meta: " RV_STR_FMT,
                         RV_STR_ARG(uid), RV_STR_ARG(old->uid)));
    if (version.n != 0 && !rv_str_is(version, "0") && !is_version(old, version))
        return conflict(
            old, old->resource->plural, st,
            RV_STR("the object has been modified; please apply your changes to the latest version and try again"));
    return 0;
}

static int check_delete(const struct sb_object *old, struct rv_arena *a, const struct sb_delete_opts *o,
                        struct sb_status *st) {
    if (o->pre_uid.n != 0 && !rv_str_eq(o->pre_uid, old->uid))
        return conflict(old, old->resource->kind, st,
                        rv_arena_fmt(a,
                                     "the UID in the precondition (" RV_STR_FMT
                                     ") does not match the UID in record (" RV_STR_FMT
                                     "). The object might have been deleted and then recreated",
                                     RV_STR_ARG(o->pre_uid), RV_STR_ARG(old->uid)));
    if (o->pre_version.n != 0 && !is_version(old, o->pre_version))
        return conflict(old, old->resource->kind, st,
                        rv_arena_fmt(a,
                                     "the ResourceVersion in the precondition (" RV_STR_FMT
                                     ") does not match the ResourceVersion in record (%llu). The object might have "
                                     "been modified",
                                     RV_STR_ARG(o->pre_version), (unsigned long long)old->version));
    return 0;
}

/* True if everything but metadata and status is the same. */
static bool same_spec(struct rv_val a, struct rv_val b) {
    size_t n = 0, m = 0;
    for (struct rv_iter it = rv_iter(a); rv_iter_next(&it);) {
        if (rv_str_is(it.key, "metadata") || rv_str_is(it.key, "status")) continue;
        n++;
        if (!rv_val_equal(it.val, rv_val_getn(b, it.key))) return false;
    }
    for (struct rv_iter it = rv_iter(b); rv_iter_next(&it);)
        m += !rv_str_is(it.key, "metadata") && !rv_str_is(it.key, "status");
    return n == m;
}

static struct rv_node *merge_with_old(struct rv_arena *a, struct rv_node *object, const struct sb_object *old,
                                      bool status) {
    static const char *const kept[] = {
        "uid",          "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace", "name",
        "generateName", "generation",        "resourceVersion"};
    struct rv_node *old_tree = rv_node_from(a, old->value);
    struct rv_node *owners = rv_node_path(object, "metadata.managedFields");
    if (status) {
        struct rv_node *st = rv_node_get(object, "status");
        rv_node_set(a, old_tree, "status", st != NULL ? rv_node_copy(a, st) : NULL);
        if (owners != NULL)
            rv_node_set(a, rv_node_ensure_map(a, old_tree, "metadata"), "managedFields", rv_node_copy(a, owners));
        return old_tree;
    }
    struct rv_node *meta = rv_node_ensure_map(a, object, "metadata");
    for (size_t i = 0; i < RV_ARRAY_LEN(kept); i++) {
        struct rv_val v = rv_val_get(rv_val_get(old->value, "metadata"), kept[i]);
        rv_node_set(a, meta, kept[i], rv_val_present(v) ? rv_node_from(a, v) : NULL);
    }
    struct rv_val old_owners = rv_val_path(old->value, "metadata.managedFields");
    if (owners == NULL && rv_val_present(old_owners))
        rv_node_set(a, meta, "managedFields", rv_node_from(a, old_owners));
    struct rv_val old_status = rv_val_get(old->value, "status");
    if (old->resource->has_status)
        rv_node_set(a, object, "status", rv_val_present(old_status) ? rv_node_from(a, old_status) : NULL);
    return object;
}

/* True if nothing holds an object any more whose deletion was delayed. */
static bool may_go(const struct sb_object *old, struct rv_node *object) {
    if (!rv_meta_deleting(old->value)) return false;
    if (rv_node_len(rv_node_path(object, "metadata.finalizers")) != 0) return false;
    if (rv_str_is(RV_STR("namespaces"), old->resource->plural))
        return rv_node_len(rv_node_path(object, "spec.finalizers")) == 0;
    return rv_node_to_int(rv_node_path(object, "metadata.deletionGracePeriodSeconds"), 0) == 0;
}

int sb_update(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
              struct rv_node *object, struct rv_arena *a, const struct sb_write_opts *o, struct sb_object **ret,
              struct sb_status *st) {
    struct sb_object *old = sb_get(s, r, ns, name);
    if (old == NULL) return sb_fail_object(st, 404, "NotFound", r, name, "not found");
    int e = check_update(old, a, rv_node_text(rv_node_path(object, "metadata.resourceVersion")),
                         rv_node_text(rv_node_path(object, "metadata.uid")), st);
    if (e != 0) return e;
    object = merge_with_old(a, object, old, o != NULL && o->status);
    e = run_hooks(s, r, a, object, old->value, o, st);
    if (e != 0) return e;
    if (o == NULL || !o->applied)
        s->rules->track_update(r, a, object, old->value, o != NULL ? o->manager : NULL, o != NULL && o->status);
    if (may_go(old, object)) return commit(s, r, a, object, old, SB_DELETED, o != NULL && o->dry_run, ret);
    struct rv_val frozen = rv_node_freeze(a, object);
    if (rv_val_equal(frozen, old->value)) {
        *ret = sb_object_ref(old);
        return 0;
    }
    if (s->rules->has_generation(r) && !same_spec(frozen, old->value)) {
        int64_t g = rv_path_int(old->value, "metadata.generation", 0);
        rv_node_set_int(a, rv_node_ensure_map(a, object, "metadata"), "generation", g + 1);
    }
    return commit(s, r, a, object, old, SB_MODIFIED, o != NULL && o->dry_run, ret);
}

/* ---- delete ---- */

static int64_t grace_of(const struct sb_object *o, int64_t asked) {
    if (!rv_str_is(RV_STR("pods"), o->resource->plural)) return 0;
    struct rv_str phase = rv_path_str(o->value, "status.phase");
    if (rv_path_str(o->value, "spec.nodeName").n == 0 || rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed"))
        return 0;
    int64_t grace = asked >= 0 ? asked : rv_path_int(o->value, "spec.terminationGracePeriodSeconds", 30);
    int64_t before = rv_path_int(o->value, "metadata.deletionGracePeriodSeconds", grace);
    return grace < before ? grace : before;
}

static void add_finalizer(struct rv_arena *a, struct rv_node *meta, const char *name) {
    struct rv_node *list = rv_node_ensure_array(a, meta, "finalizers");
    for (size_t i = 0; i < rv_node_len(list); i++)
        if (rv_str_is(rv_node_text(rv_node_at(list, i)), name)) return;
    rv_node_append(a, list, rv_node_str(a, rv_str(name)));
}

int sb_delete(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
              const struct sb_delete_opts *o, struct sb_object **ret, struct sb_status *st) {
    static const struct sb_delete_opts none = {.grace_seconds = -1};
    if (o == NULL) o = &none;
    struct sb_object *old = sb_get(s, r, ns, name);
    if (old == NULL) return sb_fail_object(st, 404, "NotFound", r, name, "not found");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    int e = check_delete(old, a, o, st);
    if (e != 0) return e;
    struct rv_node *object = rv_node_from(a, old->value);
    struct rv_node *meta = rv_node_ensure_map(a, object, "metadata");
    if (rv_str_is(o->propagation, "Foreground")) add_finalizer(a, meta, "foregroundDeletion");
    if (rv_str_is(o->propagation, "Orphan")) add_finalizer(a, meta, "orphan");
    bool namespace = rv_str_is(RV_STR("namespaces"), r->plural);
    bool held = rv_node_len(rv_node_get(meta, "finalizers")) != 0 ||
                (namespace && rv_node_len(rv_node_path(object, "spec.finalizers")) != 0);
    int64_t grace = grace_of(old, o->grace_seconds);
    if (!held && grace == 0) return commit(s, r, a, object, old, SB_DELETED, o->dry_run, ret);
    bool deleting = rv_meta_deleting(old->value);
    if (deleting && rv_path_int(old->value, "metadata.deletionGracePeriodSeconds", 0) == grace) {
        *ret = sb_object_ref(old);
        return 0;
    }
    set_now(a, meta, "deletionTimestamp", grace);
    rv_node_set_int(a, meta, "deletionGracePeriodSeconds", grace);
    if (!deleting && s->rules->has_generation(r))
        rv_node_set_int(a, meta, "generation", rv_path_int(old->value, "metadata.generation", 0) + 1);
    if (namespace) rv_node_set_cstr(a, rv_node_ensure_map(a, object, "status"), "phase", "Terminating");
    return commit(s, r, a, object, old, SB_MODIFIED, o->dry_run, ret);
}
