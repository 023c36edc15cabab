/* fakeapi.c - the API server of rayvisor/test.h. */
#include "rayvisor/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "rayvisor/json.h"

enum { GRACE_S = 30 };

struct rv_fakeapi *rv_fakeapi_new(int64_t now) {
    struct rv_fakeapi *f = rv_alloc(sizeof *f);
    f->now = now;
    return f;
}

static void object_free(struct rv_fake_object *o) {
    free(o->api_version);
    free(o->resource);
    free(o->name);
    free(o->uid);
    rv_buf_free(&o->bytes);
    free(o);
}

struct rv_fakeapi *rv_fakeapi_free(struct rv_fakeapi *f) {
    for (struct rv_fake_object *o = f->objects, *next; o != NULL; o = next) {
        next = o->next;
        object_free(o);
    }
    free(f);
    return NULL;
}

struct rv_fake_object *rv_fakeapi_find(const struct rv_fakeapi *f, struct rv_str api_version, struct rv_str resource,
                                       struct rv_str name) {
    for (struct rv_fake_object *o = f->objects; o != NULL; o = o->next)
        if (rv_str_is(resource, o->resource) && rv_str_is(name, o->name) && rv_str_is(api_version, o->api_version))
            return o;
    return NULL;
}

struct rv_fake_object *rv_fakeapi_get(const struct rv_fakeapi *f, const char *resource, const char *name) {
    for (struct rv_fake_object *o = f->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, resource) == 0 && strcmp(o->name, name) == 0) return o;
    return NULL;
}

/* ---- storing ----------------------------------------------------------------------------------------------------- */

static void store(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_arena *a, struct rv_node *tree) {
    char version[24];
    o->version = ++f->version;
    snprintf(version, sizeof version, "%llu", (unsigned long long)o->version);
    rv_node_set_cstr(a, rv_node_ensure_map(a, tree, "metadata"), "resourceVersion", version);
    struct rv_buf fresh = {0}; /* the tree may still look into the old bytes */
    rv_node_encode(tree, &fresh);
    rv_buf_free(&o->bytes);
    o->bytes = fresh;
    o->value = (struct rv_val){o->bytes.p, o->bytes.n};
    if (f->changed != NULL) f->changed(f->arg, o, false);
}

static void drop(struct rv_fakeapi *f, struct rv_fake_object *o) {
    struct rv_fake_object **p = &f->objects;
    while (*p != o) p = &(*p)->next;
    *p = o->next;
    o->version = ++f->version;
    if (f->changed != NULL) f->changed(f->arg, o, true);
    object_free(o);
}

static bool held(const struct rv_fake_object *o) {
    return rv_val_len(rv_val_path(o->value, "metadata.finalizers")) > 0;
}

/* The object that a reference names, if it has the same uid. */
static bool owner_there(const struct rv_fakeapi *f, struct rv_str uid) {
    for (const struct rv_fake_object *o = f->objects; o != NULL; o = o->next)
        if (rv_str_is(uid, o->uid)) return true;
    return false;
}

static struct rv_node *merged(struct rv_arena *a, struct rv_node *have, struct rv_val patch) {
    if (rv_val_type(patch) != RV_MAP) return rv_node_from(a, patch);
    if (have == NULL || rv_node_type(have) != RV_MAP) have = rv_node_map(a);
    for (struct rv_iter it = rv_iter(patch); rv_iter_next(&it);) {
        struct rv_node *old = rv_node_getn(have, it.key);
        rv_node_setn(a, have, it.key, rv_val_type(it.val) == RV_NULL ? NULL : merged(a, old, it.val));
    }
    return have;
}

int rv_fakeapi_create(struct rv_fakeapi *f, struct rv_str api_version, struct rv_str resource, struct rv_val object,
                      struct rv_fake_object **ret_object) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str name = rv_path_str(object, "metadata.name"), owner = rv_meta_controller_uid(object);
    struct rv_fake_object *there = rv_fakeapi_find(f, api_version, resource, name);
    *ret_object = there;
    if (there != NULL) return RV_E_EXISTS;
    if (owner.n != 0 && !owner_there(f, owner)) return RV_E_NOT_FOUND;
    struct rv_fake_object *o = rv_alloc(sizeof *o);
    o->api_version = rv_strdup(api_version);
    o->resource = rv_strdup(resource);
    o->name = rv_strdup(name);
    char text[40];
    snprintf(text, sizeof text, "uid-%llu", (unsigned long long)++f->uids);
    o->uid = rv_strdup(rv_str(text));
    struct rv_node *tree = merged(a, NULL, object), *meta = rv_node_ensure_map(a, tree, "metadata"); /* no nulls */
    rv_node_set_cstr(a, meta, "uid", o->uid);
    rv_node_set_cstr(a, meta, "namespace", RV_FAKE_NAMESPACE);
    rv_node_set_int(a, meta, "generation", 1);
    rv_time_format(f->now, text);
    rv_node_set_cstr(a, meta, "creationTimestamp", text);
    struct rv_fake_object **last = &f->objects;
    while (*last != NULL) last = &(*last)->next;
    *last = o;
    store(f, o, a, tree);
    *ret_object = o;
    return 0;
}

int rv_fakeapi_create_json(struct rv_fakeapi *f, const char *resource, const char *json,
                           struct rv_fake_object **ret_object) {
    rv_autobuf struct rv_buf b = {0};
    int r = rv_json_to_mp(rv_str(json), NULL, &b, NULL);
    struct rv_val object = {b.p, b.n};
    return r != 0 ? r : rv_fakeapi_create(f, rv_path_str(object, "apiVersion"), rv_str(resource), object, ret_object);
}

/* ---- patching ---------------------------------------------------------------------------------------------------- */

/* Stores a tree in which anything but the status was changed. */
static int replace(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_arena *a, struct rv_node *tree) {
    struct rv_node *meta = rv_node_ensure_map(a, tree, "metadata");
    struct rv_val spec = rv_node_freeze(a, rv_node_get(tree, "spec"));
    if (!rv_val_equal(spec, rv_val_get(o->value, "spec")))
        rv_node_set_int(a, meta, "generation", rv_path_int(o->value, "metadata.generation", 1) + 1);
    /* A write without a change does nothing. */
    if (rv_val_equal(rv_node_freeze(a, tree), o->value)) return 0;
    store(f, o, a, tree);
    if (rv_meta_deleting(o->value) && !held(o) && o->gone_at == 0) drop(f, o);
    return 0;
}

int rv_fakeapi_patch(struct rv_fakeapi *f, struct rv_fake_object *o, bool status, struct rv_str pre_uid,
                     struct rv_val patch) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str version = rv_path_str(patch, "metadata.resourceVersion");
    if (pre_uid.n != 0 && !rv_str_is(pre_uid, o->uid)) return RV_E_CONFLICT;
    if (version.n != 0 && !rv_str_eq(version, rv_path_str(o->value, "metadata.resourceVersion"))) return RV_E_CONFLICT;
    struct rv_node *tree = rv_node_from(a, o->value);
    if (status) {
        rv_node_set(a, tree, "status", merged(a, rv_node_get(tree, "status"), rv_val_get(patch, "status")));
    } else {
        struct rv_node *old_status = rv_node_from(a, rv_val_get(o->value, "status"));
        tree = merged(a, tree, patch);
        rv_node_set(a, tree, "status", old_status);
    }
    return replace(f, o, a, tree);
}

int rv_fakeapi_patch_json(struct rv_fakeapi *f, struct rv_fake_object *o, bool status, const char *json) {
    rv_autobuf struct rv_buf b = {0};
    int r = rv_json_to_mp(rv_str(json), NULL, &b, NULL);
    return r != 0 ? r : rv_fakeapi_patch(f, o, status, (struct rv_str){NULL, 0}, (struct rv_val){b.p, b.n});
}

/* The container of the last part of a path; *part gets that part. NULL if there is none. */
static struct rv_node *parent_of(struct rv_node *n, struct rv_str path, struct rv_str *part) {
    const char *p = path.p, *end = path.p + path.n;
    while (n != NULL && p < end && *p == '/') {
        p++;
        const char *slash = memchr(p, '/', (size_t)(end - p)), *stop = slash != NULL ? slash : end;
        int64_t index;
        *part = (struct rv_str){p, (size_t)(stop - p)};
        if (slash == NULL) return n;
        if (rv_node_type(n) != RV_ARRAY)
            n = rv_node_getn(n, *part);
        else
            n = rv_str_to_int(*part, 0, INT32_MAX, &index) == 0 ? rv_node_at(n, (size_t)index) : NULL;
        p = slash;
    }
    return NULL;
}

int rv_fakeapi_json_patch(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_str pre_uid, struct rv_val ops) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value);
    if (pre_uid.n != 0 && !rv_str_is(pre_uid, o->uid)) return RV_E_CONFLICT;
    for (struct rv_iter it = rv_iter(ops); rv_iter_next(&it);) {
        struct rv_str part, op = rv_path_str(it.val, "op");
        struct rv_val value = rv_val_get(it.val, "value");
        struct rv_node *at = parent_of(tree, rv_path_str(it.val, "path"), &part);
        if (at != NULL && rv_node_type(at) == RV_ARRAY && rv_str_is(op, "add") && rv_str_is(part, "-")) {
            rv_node_append(a, at, rv_node_from(a, value));
            continue;
        }
        if (at == NULL || rv_node_type(at) != RV_MAP) return RV_E_INVALID;
        if (rv_str_is(op, "add"))
            rv_node_setn(a, at, part, rv_node_from(a, value));
        else if (!rv_val_equal(rv_node_freeze(a, rv_node_getn(at, part)), value))
            return RV_E_INVALID;
    }
    return replace(f, o, a, tree);
}

/* ---- deleting ---------------------------------------------------------------------------------------------------- */

int rv_fakeapi_delete(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_str pre_uid) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    bool pod = strcmp(o->resource, "pods") == 0;
    char text[32];
    if (pre_uid.n != 0 && !rv_str_is(pre_uid, o->uid)) return RV_E_CONFLICT;
    if (rv_meta_deleting(o->value)) return 0;
    if (!pod && !held(o)) {
        drop(f, o);
        return 0;
    }
    if (pod) o->gone_at = f->now + GRACE_S * INT64_C(1000000000);
    rv_time_format(pod ? o->gone_at : f->now, text); /* the end of its grace period */
    struct rv_node *tree = rv_node_from(a, o->value);
    rv_node_set_cstr(a, rv_node_ensure_map(a, tree, "metadata"), "deletionTimestamp", text);
    store(f, o, a, tree);
    return 0;
}

static bool collect_one(struct rv_fakeapi *f) {
    for (struct rv_fake_object *o = f->objects; o != NULL; o = o->next) {
        struct rv_str owner = rv_meta_controller_uid(o->value);
        if (o->gone_at != 0 && o->gone_at <= f->now && !held(o)) {
            drop(f, o);
            return true;
        }
        if (owner.n != 0 && !owner_there(f, owner) && !rv_meta_deleting(o->value)) {
            (void)rv_fakeapi_delete(f, o, (struct rv_str){NULL, 0});
            return true;
        }
    }
    return false;
}

bool rv_fakeapi_collect(struct rv_fakeapi *f) {
    bool any = false;
    while (collect_one(f)) any = true;
    return any;
}
