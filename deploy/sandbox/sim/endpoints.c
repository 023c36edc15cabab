/* endpoints.c - EndpointSlices and Endpoints of services with a selector.
 *
 * A pod finds its services without a search over all of them. Each service is registered at one pair of its selector,
 * its anchor, and a pod looks up its own labels. The members of a service are names. Their state is read when the
 * endpoints are written, so a missed or repeated change does no harm. */
#include "internal.h"

#include <stdlib.h>

enum { SLICE_MAX = 100 };

struct member {
    struct sim_entry entry; /* by pod name */
};
struct service {
    struct sim_entry entry; /* by "ns/name" */
    struct sim_link link;
    struct sb_object *o;
    struct anchor *anchor;
    struct service *next; /* the next service at the same anchor */
    struct sim_map members;
};
struct anchor {
    struct sim_entry entry; /* by "ns/key=value" */
    struct service *first;
    size_t n;
};
struct endpoints {
    struct sim_map services, anchors;
    struct sim_queue queue;
};

static struct endpoints *endpoints_of(struct sim *m) { return m->modules[SIM_ENDPOINTS]; }

static struct rv_str keep(struct rv_str s) { return (struct rv_str){rv_strdup(s), s.n}; }
static void drop(struct rv_str s) { free((void *)(uintptr_t)s.p); }

static struct rv_str key_of(struct rv_buf *b, struct rv_str ns, struct rv_str a, const char *sep, struct rv_str c) {
    rv_buf_clear(b);
    rv_buf_addf(b, RV_STR_FMT "/" RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(ns), RV_STR_ARG(a), sep, RV_STR_ARG(c));
    return rv_buf_str(b);
}

/* ---- who selects whom ---- */

static struct rv_val selector_of(const struct sb_object *o) { return rv_val_path(o->value, "spec.selector"); }

static bool selects(const struct service *s, struct rv_val labels) {
    for (struct rv_iter it = rv_iter(selector_of(s->o)); rv_iter_next(&it);) {
        struct rv_val have = rv_val_getn(labels, it.key);
        if (!rv_val_present(have) || !rv_str_eq(rv_val_str(have), rv_val_str(it.val))) return false;
    }
    return true;
}

static void member_add(struct service *s, struct rv_str pod) {
    if (sim_map_get(&s->members, pod) != NULL) return;
    struct member *x = rv_alloc(sizeof *x);
    x->entry.key = keep(pod);
    sim_map_put(&s->members, &x->entry);
}

static bool member_remove(struct service *s, struct rv_str pod) {
    struct member *x = sim_map_get(&s->members, pod);
    if (x == NULL) return false;
    sim_map_remove(&s->members, &x->entry);
    drop(x->entry.key);
    free(x);
    return true;
}

static struct anchor *anchor_get(struct endpoints *e, const struct service *s, struct rv_str key, struct rv_str value) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str at = key_of(&b, s->o->ns, key, "=", value);
    struct anchor *x = sim_map_get(&e->anchors, at);
    if (x != NULL) return x;
    x = rv_alloc(sizeof *x);
    x->entry.key = keep(at);
    sim_map_put(&e->anchors, &x->entry);
    return x;
}

/* The anchor is the pair that the fewest other services have, because pairs that all services of an operator share
 * select too many. Among equals it is the longest value, which most likely distinguishes the service from others. */
static void anchor_set(struct endpoints *e, struct service *s) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str key = {0}, value = {0};
    size_t fewest = 0;
    for (struct rv_iter it = rv_iter(selector_of(s->o)); rv_iter_next(&it);) {
        struct rv_str v = rv_val_str(it.val);
        const struct anchor *x = sim_map_get(&e->anchors, key_of(&b, s->o->ns, it.key, "=", v));
        size_t n = x != NULL ? x->n : 0;
        if (key.n != 0 && (n > fewest || (n == fewest && v.n <= value.n))) continue;
        key = it.key;
        value = v;
        fewest = n;
    }
    struct anchor *x = anchor_get(e, s, key, value);
    s->anchor = x;
    s->next = x->first;
    x->first = s;
    x->n++;
}

static void anchor_leave(struct endpoints *e, struct service *s) {
    struct anchor *x = s->anchor;
    if (x == NULL) return;
    struct service **p = &x->first;
    while (*p != s) p = &(*p)->next;
    *p = s->next;
    x->n--;
    s->anchor = NULL;
    if (x->first != NULL) return;
    sim_map_remove(&e->anchors, &x->entry);
    drop(x->entry.key);
    free(x);
}

static void service_clear(struct endpoints *e, struct service *s) {
    anchor_leave(e, s);
    for (struct member *x; (x = sim_map_any(&s->members)) != NULL;) member_remove(s, x->entry.key);
    sim_map_free(&s->members);
    s->o = sb_object_unref(s->o);
}

static void service_free(struct endpoints *e, struct service *s) {
    service_clear(e, s);
    sim_queue_remove(&e->queue, &s->link);
    sim_map_remove(&e->services, &s->entry);
    drop(s->entry.key);
    free(s);
}

static bool join(void *arg, struct sb_object *pod) {
    struct service *s = arg;
    if (selects(s, rv_val_path(pod->value, "metadata.labels"))) member_add(s, pod->name);
    return true;
}

static void service_change(struct sim *m, const struct sim_change *c) {
    struct endpoints *e = endpoints_of(m);
    rv_autobuf struct rv_buf b = {0};
    struct rv_str key = key_of(&b, c->o->ns, c->o->name, "", RV_STR(""));
    struct service *s = sim_map_get(&e->services, key);
    bool wanted = c->type != SB_DELETED && rv_val_len(selector_of(c->o)) != 0;
    if (!wanted) {
        if (s == NULL) return;
        service_free(e, s); /* the slices have an owner; Endpoints only share the name */
        if (c->type == SB_DELETED)
            sim_delete(m, (struct sim_ref){m->r.endpoints, c->o->ns, c->o->name}, RV_STR(""), -1, NULL);
        return;
    }
    bool same = s != NULL && rv_val_equal(selector_of(s->o), selector_of(c->o));
    if (same) {
        sb_object_unref(s->o);
        s->o = sb_object_ref(c->o);
    } else {
        if (s != NULL) {
            service_clear(e, s);
        } else {
            s = rv_alloc(sizeof *s);
            s->entry.key = keep(key);
            sim_map_put(&e->services, &s->entry);
        }
        s->o = sb_object_ref(c->o);
        anchor_set(e, s);
        sb_each(m->storage, m->r.pods, c->o->ns, join, s);
    }
    sim_queue_push(&e->queue, &s->link);
}

/* True if this change of a pod is visible in an endpoint. */
static bool shows(const struct sim_change *c) {
    static const char *const paths[] = {"metadata.labels", "status.podIP", "status.phase", "spec.nodeName",
                                        "metadata.deletionTimestamp"};
    if (c->type != SB_MODIFIED || c->prev == NULL) return true;
    for (size_t i = 0; i < RV_ARRAY_LEN(paths); i++)
        if (!rv_val_equal(rv_val_path(c->o->value, paths[i]), rv_val_path(c->prev->value, paths[i]))) return true;
    return rv_condition_is(rv_val_path(c->o->value, "status.conditions"), "Ready", "True") !=
           rv_condition_is(rv_val_path(c->prev->value, "status.conditions"), "Ready", "True");
}

/* Visits the services that the labels select, and those that had the pod before. Each adds or removes the pod. */
static void pod_visit(struct sim *m, const struct sim_change *c, struct rv_val by, bool gone) {
    struct endpoints *e = endpoints_of(m);
    struct rv_val labels = rv_val_path(c->o->value, "metadata.labels");
    rv_autobuf struct rv_buf b = {0};
    for (struct rv_iter it = rv_iter(by); rv_iter_next(&it);) {
        struct anchor *x = sim_map_get(&e->anchors, key_of(&b, c->o->ns, it.key, "=", rv_val_str(it.val)));
        for (struct service *s = x != NULL ? x->first : NULL; s != NULL; s = s->next) {
            bool in = !gone && selects(s, labels);
            if (in) member_add(s, c->o->name);
            if (in || member_remove(s, c->o->name)) sim_queue_push(&e->queue, &s->link);
        }
    }
}

static void pod_change(struct sim *m, const struct sim_change *c) {
    if (!shows(c)) return;
    pod_visit(m, c, rv_val_path(c->o->value, "metadata.labels"), c->type == SB_DELETED);
    if (c->prev != NULL && c->type == SB_MODIFIED) {
        struct rv_val before = rv_val_path(c->prev->value, "metadata.labels");
        if (!rv_val_equal(before, rv_val_path(c->o->value, "metadata.labels"))) pod_visit(m, c, before, false);
    }
}

/* Somebody deleted what we wrote. It is written again if the service still exists. */
static void output_change(struct sim *m, const struct sim_change *c) {
    if (c->type != SB_DELETED) return;
    struct rv_str name = c->o->name;
    if (c->o->resource == m->r.slices)
        name = rv_val_str(rv_val_get(rv_val_path(c->o->value, "metadata.labels"), "kubernetes.io/service-name"));
    rv_autobuf struct rv_buf b = {0};
    struct service *s = sim_map_get(&endpoints_of(m)->services, key_of(&b, c->o->ns, name, "", RV_STR("")));
    if (s != NULL) sim_queue_push(&endpoints_of(m)->queue, &s->link);
}

static void endpoints_change(struct sim *m, const struct sim_change *c) {
    if (c->o->resource == m->r.services) service_change(m, c);
    if (c->o->resource == m->r.pods) pod_change(m, c);
    if (c->o->resource == m->r.slices || c->o->resource == m->r.endpoints) output_change(m, c);
}

/* ---- writing ---- */

struct found {
    struct sb_object *pod;
    bool ready, serving, terminating;
};

struct sync {
    struct sim *m;
    const struct service *s;
    struct found *v;
    size_t n;
    bool publish_not_ready;
};

static void collect(void *arg, void *entry) {
    struct sync *y = arg;
    const struct member *x = entry;
    struct sb_object *o = sb_get(y->m->storage, y->m->r.pods, y->s->o->ns, x->entry.key);
    if (o == NULL || !selects(y->s, rv_val_path(o->value, "metadata.labels"))) return;
    struct rv_str phase = rv_path_str(o->value, "status.phase");
    if (rv_path_str(o->value, "status.podIP").n == 0 || rv_str_is(phase, "Failed") || rv_str_is(phase, "Succeeded"))
        return;
    struct found f = {.pod = o, .terminating = rv_meta_deleting(o->value)};
    f.serving = rv_condition_is(rv_val_path(o->value, "status.conditions"), "Ready", "True");
    f.ready = y->publish_not_ready || (f.serving && !f.terminating);
    y->v[y->n++] = f;
}

static int by_name(const void *a, const void *b) {
    return rv_str_cmp(((const struct found *)a)->pod->name, ((const struct found *)b)->pod->name);
}

/* A port's number in one pod. Named target ports are looked up in its containers. */
static int64_t target_port(struct rv_val port, const struct found *f) {
    struct rv_val target = rv_val_get(port, "targetPort");
    int64_t number = rv_val_int(target, rv_path_int(port, "port", 0));
    if (rv_val_type(target) != RV_STRING || f == NULL) return number;
    for (struct rv_iter it = rv_iter(rv_val_path(f->pod->value, "spec.containers")); rv_iter_next(&it);)
        for (struct rv_iter p = rv_iter(rv_val_get(it.val, "ports")); rv_iter_next(&p);)
            if (rv_str_eq(rv_path_str(p.val, "name"), rv_val_str(target)))
                return rv_path_int(p.val, "containerPort", number);
    return number;
}

static struct rv_node *ports(struct rv_arena *a, const struct sync *y, bool slice) {
    struct rv_node *list = rv_node_array(a);
    for (struct rv_iter it = rv_iter(rv_val_path(y->s->o->value, "spec.ports")); rv_iter_next(&it);) {
        struct rv_node *p = rv_node_map(a);
        struct rv_str name = rv_path_str(it.val, "name");
        if (slice || name.n != 0) rv_node_set_str(a, p, "name", name);
        rv_node_set_int(a, p, "port", target_port(it.val, y->n != 0 ? &y->v[0] : NULL));
        rv_node_set_str(a, p, "protocol", rv_val_str_or(rv_val_get(it.val, "protocol"), "TCP"));
        rv_node_append(a, list, p);
    }
    return list;
}

static struct rv_node *target(struct rv_arena *a, const struct found *f) {
    struct rv_node *ref = rv_node_map(a);
    rv_node_set_cstr(a, ref, "kind", "Pod");
    rv_node_set_str(a, ref, "name", f->pod->name);
    rv_node_set_str(a, ref, "namespace", f->pod->ns);
    rv_node_set_str(a, ref, "uid", f->pod->uid);
    return ref;
}

static struct rv_node *slice_endpoints(struct rv_arena *a, const struct sync *y, size_t from, size_t to) {
    struct rv_node *list = rv_node_array(a);
    for (size_t i = from; i < to; i++) {
        const struct found *f = &y->v[i];
        struct rv_node *n = rv_node_map(a), *conditions = rv_node_ensure_map(a, n, "conditions");
        struct rv_str host = rv_path_str(f->pod->value, "spec.hostname");
        rv_node_append(a, rv_node_ensure_array(a, n, "addresses"),
                       rv_node_str(a, rv_path_str(f->pod->value, "status.podIP")));
        rv_node_set_bool(a, conditions, "ready", f->ready);
        rv_node_set_bool(a, conditions, "serving", f->serving);
        rv_node_set_bool(a, conditions, "terminating", f->terminating);
        if (host.n != 0 && rv_str_eq(rv_path_str(f->pod->value, "spec.subdomain"), y->s->o->name))
            rv_node_set_str(a, n, "hostname", host);
        rv_node_set_str(a, n, "nodeName", rv_path_str(f->pod->value, "spec.nodeName"));
        rv_node_set(a, n, "targetRef", target(a, f));
        rv_node_append(a, list, n);
    }
    return list;
}

struct slices {
    struct rv_str service;
    struct sb_object **v;
    size_t n;
};

static bool own_slice(void *arg, struct sb_object *o) {
    struct slices *t = arg;
    struct rv_val labels = rv_val_path(o->value, "metadata.labels");
    if (!rv_str_eq(rv_val_str(rv_val_get(labels, "kubernetes.io/service-name")), t->service)) return true;
    if (!rv_str_is(rv_val_str(rv_val_get(labels, "endpointslice.kubernetes.io/managed-by")),
                   "endpointslice-controller.k8s.io"))
        return true;
    t->v = (struct sb_object **)rv_realloc_array((void *)t->v, t->n + 1, sizeof(struct sb_object *));
    t->v[t->n++] = sb_object_ref(o);
    return true;
}

static struct rv_node *new_slice(const struct sync *y, struct rv_arena *a) {
    struct sb_object *s = y->s->o;
    struct rv_node *o = sim_object(a, y->m->r.slices, s->ns, RV_STR("")), *meta = rv_node_get(o, "metadata");
    rv_node_set_fmt(a, meta, "generateName", RV_STR_FMT "-", RV_STR_ARG(s->name));
    struct rv_node *labels = rv_node_ensure_map(a, meta, "labels");
    for (struct rv_iter it = rv_iter(rv_val_path(s->value, "metadata.labels")); rv_iter_next(&it);)
        rv_node_setn(a, labels, it.key, rv_node_str(a, rv_val_str(it.val)));
    rv_node_set_cstr(a, labels, "endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");
    rv_node_set_str(a, labels, "kubernetes.io/service-name", s->name);
    if (sim_is(s->value, "spec.clusterIP", "None")) rv_node_set_cstr(a, labels, "service.kubernetes.io/headless", "");
    rv_meta_set_controller(a, o, RV_STR("v1"), RV_STR("Service"), s->name, s->uid);
    rv_node_set_cstr(a, o, "addressType", "IPv4");
    return o;
}

static void write_slices(const struct sync *y) {
    struct sim *m = y->m;
    struct slices have = {.service = y->s->o->name};
    sb_each(m->storage, m->r.slices, y->s->o->ns, own_slice, &have);
    size_t need = y->n == 0 ? 1 : (y->n + SLICE_MAX - 1) / SLICE_MAX;
    for (size_t i = 0; i < need || i < have.n; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct sb_object *old = i < have.n ? have.v[i] : NULL;
        struct sim_ref ref = {m->r.slices, y->s->o->ns, old != NULL ? old->name : RV_STR("")};
        if (old != NULL && i >= need) {
            sim_delete(m, ref, old->uid, -1, NULL);
            continue;
        }
        if (old == NULL && rv_meta_deleting(y->s->o->value)) continue; /* it would hold what waits for its service */
        struct rv_node *tree = old != NULL ? rv_node_from(a, old->value) : new_slice(y, a);
        size_t end = (i + 1) * SLICE_MAX < y->n ? (i + 1) * SLICE_MAX : y->n;
        rv_node_set(a, tree, "endpoints", slice_endpoints(a, y, i * SLICE_MAX, end));
        rv_node_set(a, tree, "ports", ports(a, y, true));
        if (old != NULL)
            sim_write(m, ref, a, tree, false);
        else
            sim_create(m, m->r.slices, ref.ns, a, tree, NULL);
    }
    for (size_t i = 0; i < have.n; i++) sb_object_unref(have.v[i]);
    free((void *)have.v);
}

static void write_endpoints(const struct sync *y) {
    struct sim *m = y->m;
    struct sim_ref ref = {m->r.endpoints, y->s->o->ns, y->s->o->name};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_object *old = sim_fresh(m, ref, RV_STR(""));
    struct rv_node *tree = old != NULL ? rv_node_from(a, old->value) : sim_object(a, ref.r, ref.ns, ref.name);
    struct rv_node *ready = rv_node_array(a), *not_ready = rv_node_array(a), *subset = rv_node_map(a);
    for (size_t i = 0; i < y->n && i < 1000; i++) { /* the limit of the API */
        const struct found *f = &y->v[i];
        struct rv_node *n = rv_node_map(a);
        if (f->terminating && !f->ready) continue;
        rv_node_set_str(a, n, "ip", rv_path_str(f->pod->value, "status.podIP"));
        rv_node_set_str(a, n, "nodeName", rv_path_str(f->pod->value, "spec.nodeName"));
        rv_node_set(a, n, "targetRef", target(a, f));
        rv_node_append(a, f->ready ? ready : not_ready, n);
    }
    if (rv_node_len(ready) != 0) rv_node_set(a, subset, "addresses", ready);
    if (rv_node_len(not_ready) != 0) rv_node_set(a, subset, "notReadyAddresses", not_ready);
    struct rv_node *subsets = rv_node_array(a), *list = ports(a, y, false);
    if (rv_node_len(subset) != 0) {
        if (rv_node_len(list) != 0) rv_node_set(a, subset, "ports", list);
        rv_node_append(a, subsets, subset);
    }
    rv_node_set(a, tree, "subsets", rv_node_len(subsets) != 0 ? subsets : NULL);
    if (old != NULL)
        sim_write(m, ref, a, tree, false);
    else
        sim_create(m, ref.r, ref.ns, a, tree, NULL);
}

static void sync_service(struct sim *m, const struct service *s) {
    struct sim_ref ref = {m->r.services, s->o->ns, s->o->name};
    if (sim_fresh(m, ref, s->o->uid) == NULL) return; /* its deletion follows; gc.c removes what we wrote */
    struct sync y = {.m = m, .s = s};
    y.publish_not_ready = rv_path_bool(s->o->value, "spec.publishNotReadyAddresses", false);
    y.v = rv_alloc_array(s->members.table.n + 1, sizeof *y.v);
    sim_map_each(&s->members, collect, &y);
    qsort(y.v, y.n, sizeof *y.v, by_name);
    for (size_t i = 0; i < y.n; i++) sb_object_ref(y.v[i].pod); /* a write ends the validity of borrowed objects */
    write_slices(&y);
    write_endpoints(&y);
    for (size_t i = 0; i < y.n; i++) sb_object_unref(y.v[i].pod);
    free(y.v);
}

static bool endpoints_run(struct sim *m) {
    struct endpoints *e = endpoints_of(m);
    for (size_t i = 0; i < SIM_BATCH / 10; i++) {
        struct sim_link *l = sim_queue_pop(&e->queue);
        if (l == NULL) return false;
        sync_service(m, SIM_OWNER(l, struct service, link));
    }
    return e->queue.first != NULL;
}

static void *endpoints_make(struct sim *m, struct rv_error *err) {
    (void)m;
    (void)err;
    return rv_alloc(sizeof(struct endpoints));
}

static void endpoints_free(struct sim *m, void *module) {
    (void)m;
    struct endpoints *e = module;
    for (struct service *s; (s = sim_map_any(&e->services)) != NULL;) service_free(e, s);
    sim_map_free(&e->services);
    sim_map_free(&e->anchors);
    free(e);
}

const struct sim_module sim_endpoints_module = {endpoints_make, endpoints_free, endpoints_change, endpoints_run};
