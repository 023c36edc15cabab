/* pretend.c - see pretend.h. */
#include "pretend.h"

#include "rayvisor/k8s.h"

struct pretend {
    struct rv_arena *arena;
    int64_t wall;
    pretend_fn fn;
    void *arg;
    struct pretend_object *first, **last;
    uint64_t version;
};

struct pretend *pretend_new(struct rv_arena *a, int64_t wall, pretend_fn fn, void *arg) {
    struct pretend *p = rv_arena_alloc(a, sizeof *p);
    *p = (struct pretend){.arena = a, .wall = wall, .fn = fn, .arg = arg, .last = &p->first};
    return p;
}

const struct pretend_object *pretend_first(const struct pretend *p) { return p->first; }

static struct pretend_object *find(const struct pretend *p, struct rv_str api_version, struct rv_str resource,
                                   struct rv_str ns, struct rv_str name) {
    struct pretend_object *o = p->first;
    while (o != NULL && (o->gone || !rv_str_eq(o->name, name) || !rv_str_eq(o->resource, resource) ||
                         !rv_str_eq(o->ns, ns) || !rv_str_eq(o->api_version, api_version)))
        o = o->next;
    return o;
}

const struct pretend_object *pretend_find(const struct pretend *p, struct rv_str api_version, struct rv_str resource,
                                          struct rv_str ns, struct rv_str name) {
    return find(p, api_version, resource, ns, name);
}

static void read_names(struct pretend_object *o) {
    struct rv_val meta = rv_val_get(o->value, "metadata");
    o->ns = rv_path_str(meta, "namespace");
    o->name = rv_path_str(meta, "name");
    o->uid = rv_path_str(meta, "uid");
    o->version = rv_path_str(meta, "resourceVersion");
}

static struct pretend_object *append(struct pretend *p, struct rv_str api_version, struct rv_str resource,
                                     struct rv_val value) {
    struct pretend_object *o = rv_arena_alloc(p->arena, sizeof *o);
    o->api_version = rv_arena_str(p->arena, api_version);
    o->resource = rv_arena_str(p->arena, resource);
    o->value = value;
    read_names(o);
    *p->last = o;
    p->last = &o->next;
    return o;
}

const struct pretend_object *pretend_add(struct pretend *p, struct rv_str api_version, struct rv_str resource,
                                         struct rv_val value) {
    return append(p, api_version, resource, value);
}

/* ---- what becomes of what is new ------------------------------------------------------------------------- */

static void add_condition(struct pretend *p, struct rv_node *list, const char *type) {
    (void)rv_condition_set(p->arena, list, type, "True", RV_STR(""), RV_STR(""), p->wall);
}

static void make_pod_ready(struct pretend *p, struct rv_node *pod, const char *time) {
    struct rv_node *status = rv_node_ensure_map(p->arena, pod, "status"), *spec = rv_node_get(pod, "spec"),
                   *containers = rv_node_get(spec, "containers"), *states = rv_node_array(p->arena);
    if (rv_node_len(rv_node_get(spec, "schedulingGates")) > 0) return;
    rv_node_set_cstr(p->arena, status, "phase", "Running");
    rv_node_set_cstr(p->arena, status, "podIP", "192.0.2.1");
    rv_node_set_cstr(p->arena, spec, "nodeName", "planned");
    for (size_t i = 0; i < rv_node_len(containers); i++) {
        struct rv_node *s = rv_node_map(p->arena), *running;
        rv_node_set_str(p->arena, s, "name", rv_node_text(rv_node_get(rv_node_at(containers, i), "name")));
        rv_node_set_bool(p->arena, s, "ready", true);
        rv_node_set_int(p->arena, s, "restartCount", 0);
        running = rv_node_ensure_map(p->arena, rv_node_ensure_map(p->arena, s, "state"), "running");
        rv_node_set_cstr(p->arena, running, "startedAt", time);
        rv_node_append(p->arena, states, s);
    }
    rv_node_set(p->arena, status, "containerStatuses", states);
    struct rv_node *conditions = rv_node_ensure_array(p->arena, status, "conditions");
    static const char *const types[] = {"PodScheduled", "Initialized", "ContainersReady", "Ready"};
    for (size_t i = 0; i < RV_ARRAY_LEN(types); i++) add_condition(p, conditions, types[i]);
}

static void give_address(struct pretend *p, struct rv_node *service) {
    struct rv_node *spec = rv_node_ensure_map(p->arena, service, "spec");
    bool has = rv_node_text(rv_node_get(spec, "clusterIP")).n != 0,
         outside = rv_str_is(rv_node_text(rv_node_get(spec, "type")), "ExternalName");
    if (!has && !outside) rv_node_set_cstr(p->arena, spec, "clusterIP", "192.0.2.2");
}

/* ---- writing --------------------------------------------------------------------------------------------- */

static struct rv_str next_version(struct pretend *p, struct rv_node *object) {
    struct rv_str text = rv_arena_fmt(p->arena, "planned-%llu", (unsigned long long)++p->version);
    rv_node_set_str(p->arena, rv_node_ensure_map(p->arena, object, "metadata"), "resourceVersion", text);
    return text;
}

static bool is_held(struct rv_val value) { return rv_val_len(rv_val_path(value, "metadata.finalizers")) > 0; }

static void remove_object(struct pretend *p, struct pretend_object *o);

/* Garbage collection: without its owner, and without another one, an object goes. */
static void remove_owned(struct pretend *p, struct rv_str uid) {
    for (struct pretend_object *o = p->first; o != NULL; o = o->next) {
        struct rv_val owners = rv_val_path(o->value, "metadata.ownerReferences");
        if (o->gone || rv_val_len(owners) != 1 || uid.n == 0) continue;
        if (rv_str_eq(rv_path_str(rv_val_at(owners, 0), "uid"), uid)) remove_object(p, o);
    }
}

static void replace(struct pretend *p, struct pretend_object *o, struct rv_node *object) {
    struct rv_val before = o->value;
    (void)next_version(p, object);
    o->value = rv_node_freeze(p->arena, object);
    read_names(o);
    if (rv_meta_deleting(o->value) && !is_held(o->value)) {
        o->gone = true;
        p->fn(p->arg, o, before);
        remove_owned(p, o->uid);
        return;
    }
    p->fn(p->arg, o, before);
}

static void remove_object(struct pretend *p, struct pretend_object *o) {
    if (rv_meta_deleting(o->value) && is_held(o->value)) return;
    struct rv_node *n = rv_node_from(p->arena, o->value);
    char now[32];
    rv_time_format(p->wall, now);
    rv_node_set_cstr(p->arena, rv_node_ensure_map(p->arena, n, "metadata"), "deletionTimestamp", now);
    replace(p, o, n);
}

static int create(struct pretend *p, const struct rv_action *a, struct rv_val body, const struct pretend_object **ret) {
    struct rv_node *n = rv_node_from(p->arena, body), *meta = rv_node_ensure_map(p->arena, n, "metadata");
    struct rv_str name = a->name.n != 0 ? a->name : rv_path_str(body, "metadata.name"),
                  prefix = rv_path_str(body, "metadata.generateName");
    if (name.n == 0)
        name = rv_arena_fmt(p->arena, RV_STR_FMT "plan%llu", RV_STR_ARG(prefix), (unsigned long long)p->version);
    if (find(p, a->api_version, a->resource, a->ns, name) != NULL) return RV_E_EXISTS;
    char now[32];
    rv_time_format(p->wall, now);
    rv_node_set_str(p->arena, meta, "name", name);
    if (a->ns.n != 0) rv_node_set_str(p->arena, meta, "namespace", a->ns);
    rv_node_set_fmt(p->arena, meta, "uid", "planned-" RV_STR_FMT "-" RV_STR_FMT, RV_STR_ARG(a->resource),
                    RV_STR_ARG(name));
    rv_node_set_int(p->arena, meta, "generation", 1);
    rv_node_set_cstr(p->arena, meta, "creationTimestamp", now);
    if (rv_str_is(a->api_version, "v1") && rv_str_is(a->resource, "pods")) make_pod_ready(p, n, now);
    if (rv_str_is(a->api_version, "v1") && rv_str_is(a->resource, "services")) give_address(p, n);
    (void)next_version(p, n);
    struct pretend_object *o = append(p, a->api_version, a->resource, rv_node_freeze(p->arena, n));
    p->fn(p->arg, o, RV_VAL_ABSENT);
    *ret = o;
    return 0;
}

/* RFC 7386. */
static void merge(struct rv_arena *a, struct rv_node *to, struct rv_val patch) {
    for (struct rv_iter it = rv_iter(patch); rv_iter_next(&it);) {
        struct rv_node *have = rv_node_getn(to, it.key);
        if (rv_val_type(it.val) == RV_NULL) {
            rv_node_setn(a, to, it.key, NULL);
        } else if (rv_val_type(it.val) == RV_MAP) {
            if (rv_node_type(have) != RV_MAP) {
                rv_node_setn(a, to, it.key, rv_node_map(a));
                have = rv_node_getn(to, it.key);
            }
            merge(a, have, it.val);
        } else {
            rv_node_setn(a, to, it.key, rv_node_from(a, it.val));
        }
    }
}

/* ---- JSON patches (RFC 6902) ----------------------------------------------------------------------------- */

static struct rv_str unescape(struct rv_arena *a, struct rv_str step) {
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 0; i < step.n; i++) {
        bool escaped = step.p[i] == '~' && i + 1 < step.n;
        rv_buf_addc(&b, !escaped ? (uint8_t)step.p[i] : step.p[++i] == '1' ? '/' : '~');
    }
    return rv_arena_str(a, rv_buf_str(&b));
}

static struct rv_node *child(struct rv_node *n, struct rv_str step) {
    int64_t i;
    if (rv_node_type(n) != RV_ARRAY) return rv_node_getn(n, step);
    return rv_str_to_int(step, 0, INT32_MAX, &i) == 0 ? rv_node_at(n, (size_t)i) : NULL;
}

static bool change(struct rv_arena *a, struct rv_node *at, struct rv_str step, struct rv_str op, struct rv_val value) {
    bool test = rv_str_is(op, "test"), removes = rv_str_is(op, "remove"), adds = rv_str_is(op, "add");
    struct rv_node *have = child(at, step);
    int64_t i = INT32_MAX;
    if (test) return have != NULL && rv_node_equal(have, rv_node_from(a, value));
    if (have == NULL && !adds) return false;
    if (rv_node_type(at) == RV_MAP) {
        rv_node_setn(a, at, step, removes ? NULL : rv_node_from(a, value));
        return true;
    }
    if (rv_node_type(at) != RV_ARRAY || (!rv_str_is(step, "-") && rv_str_to_int(step, 0, INT32_MAX, &i) != 0))
        return false;
    if (adds)
        rv_node_insert(a, at, (size_t)i, rv_node_from(a, value));
    else if (removes)
        (void)rv_node_remove_at(at, (size_t)i);
    else
        rv_node_put_at(a, at, (size_t)i, rv_node_from(a, value));
    return true;
}

static bool json_patch(struct rv_arena *a, struct rv_node *object, struct rv_val operations) {
    for (struct rv_iter it = rv_iter(operations); rv_iter_next(&it);) {
        struct rv_str path = rv_path_str(it.val, "path"), step = {0};
        struct rv_node *at = object;
        while (path.n > 0) {
            const char *end = memchr(path.p + 1, '/', path.n - 1);
            size_t n = end != NULL ? (size_t)(end - path.p) : path.n;
            step = unescape(a, (struct rv_str){path.p + 1, n - 1});
            path = (struct rv_str){path.p + n, path.n - n};
            if (path.n > 0) at = child(at, step);
        }
        if (at == NULL || !change(a, at, step, rv_path_str(it.val, "op"), rv_val_get(it.val, "value"))) return false;
    }
    return true;
}

/* ---- patches --------------------------------------------------------------------------------------------- */

static bool precondition(const struct pretend_object *o, const struct rv_action *a, struct rv_val body) {
    struct rv_str in_body = a->verb == RV_VERB_JSON_PATCH ? RV_STR("") : rv_path_str(body, "metadata.resourceVersion");
    return (a->pre_uid.n == 0 || rv_str_eq(a->pre_uid, o->uid)) &&
           (a->pre_version.n == 0 || rv_str_eq(a->pre_version, o->version)) &&
           (in_body.n == 0 || rv_str_eq(in_body, o->version));
}

static int patch(struct pretend *p, const struct rv_action *a, struct rv_val body, const struct pretend_object **ret) {
    struct pretend_object *o = find(p, a->api_version, a->resource, a->ns, a->name);
    if (o == NULL) return RV_E_NOT_FOUND;
    if (!precondition(o, a, body)) return RV_E_CONFLICT;
    struct rv_node *n = rv_node_from(p->arena, o->value);
    if (a->verb == RV_VERB_JSON_PATCH) {
        if (!json_patch(p->arena, n, body)) return RV_E_INVALID;
    } else if (rv_str_is(a->subresource, "status")) {
        merge(p->arena, rv_node_ensure_map(p->arena, n, "status"), rv_val_get(body, "status"));
    } else {
        merge(p->arena, n, body);
    }
    bool spec = a->subresource.n == 0 &&
                !rv_node_equal(rv_node_get(n, "spec"), rv_node_from(p->arena, rv_val_get(o->value, "spec")));
    if (spec)
        rv_node_set_int(p->arena, rv_node_ensure_map(p->arena, n, "metadata"), "generation",
                        rv_path_int(o->value, "metadata.generation", 0) + 1);
    *ret = o;
    if (!rv_node_equal(n, rv_node_from(p->arena, o->value))) replace(p, o, n);
    return 0;
}

static int delete_one(struct pretend *p, const struct rv_action *a, const struct pretend_object **ret) {
    struct pretend_object *o = find(p, a->api_version, a->resource, a->ns, a->name);
    if (o == NULL) return RV_E_NOT_FOUND;
    if (!precondition(o, a, RV_VAL_ABSENT)) return RV_E_CONFLICT;
    *ret = o;
    remove_object(p, o);
    return 0;
}

static int delete_all(struct pretend *p, const struct rv_action *a) {
    struct rv_selector *s = rv_selector_parse(a->selector, NULL);
    if (s == NULL) return RV_E_INVALID;
    for (struct pretend_object *o = p->first; o != NULL; o = o->next)
        if (!o->gone && rv_str_eq(o->resource, a->resource) && rv_str_eq(o->ns, a->ns) &&
            rv_str_eq(o->api_version, a->api_version) &&
            rv_selector_matches(s, rv_val_path(o->value, "metadata.labels")))
            remove_object(p, o);
    rv_selector_free(s);
    return 0;
}

int pretend_do(struct pretend *p, const struct rv_action *a, const struct pretend_object **ret) {
    struct rv_str kept = rv_arena_str(p->arena, (struct rv_str){(const char *)a->body.p, a->body.n});
    struct rv_val body = {(const uint8_t *)kept.p, kept.n};
    bool there;
    *ret = NULL;
    switch (a->verb) {
    case RV_VERB_CREATE:
        return create(p, a, body, ret);
    case RV_VERB_APPLY:
        there = find(p, a->api_version, a->resource, a->ns, a->name) != NULL;
        return there ? patch(p, a, body, ret) : create(p, a, body, ret);
    case RV_VERB_MERGE_PATCH:
    case RV_VERB_JSON_PATCH:
        return patch(p, a, body, ret);
    case RV_VERB_DELETE:
        return delete_one(p, a, ret);
    case RV_VERB_DELETE_COLLECTION:
        return delete_all(p, a);
    default:
        return RV_E_INVALID;
    }
}
