/* namespaces.c - a deleted namespace: its content is deleted, and when nothing is left, its finalizer is removed. */
#include "internal.h"

#include <stdlib.h>

struct leaving {
    struct sim_entry entry; /* by name */
    struct sim_link link;
};
struct namespaces {
    struct sim_map map;
    struct sim_queue queue;
};

static struct namespaces *namespaces_of(struct sim *m) { return m->modules[SIM_NAMESPACES]; }

static void leaving_free(struct namespaces *s, struct leaving *x) {
    sim_queue_remove(&s->queue, &x->link);
    sim_map_remove(&s->map, &x->entry);
    free((void *)(uintptr_t)x->entry.key.p);
    free(x);
}

static void namespaces_change(struct sim *m, const struct sim_change *c) {
    struct namespaces *s = namespaces_of(m);
    bool itself = c->o->resource == m->r.namespaces;
    struct leaving *x = sim_map_get(&s->map, itself ? c->o->name : c->o->ns);
    if (itself && c->type == SB_DELETED) {
        if (x != NULL) leaving_free(s, x);
    } else if (itself && rv_meta_deleting(c->o->value)) {
        if (x == NULL) {
            x = rv_alloc(sizeof *x);
            x->entry.key = (struct rv_str){rv_strdup(c->o->name), c->o->name.n};
            sim_map_put(&s->map, &x->entry);
        }
        sim_queue_push(&s->queue, &x->link);
    } else if (!itself && x != NULL && c->type != SB_MODIFIED) {
        sim_queue_push(&s->queue, &x->link);
    }
}

struct sweep {
    struct sim *m;
    struct rv_str ns;
    const struct sb_resource **resources;
    size_t n_resources, left;
};

static bool sweep_object(void *arg, struct sb_object *o) {
    struct sweep *w = arg;
    struct sim_ref ref = {o->resource, o->ns, o->name};
    struct rv_str uid = o->uid;
    if (!rv_meta_deleting(o->value)) sim_delete(w->m, ref, uid, -1, "Background");
    w->left += sim_fresh(w->m, ref, uid) != NULL;
    return true;
}

/* Deletions may remove resources, so the resources are listed before the first deletion. */
static void note_resource(void *arg, const struct sb_resource *r) {
    struct sweep *w = arg;
    if (!r->namespaced) return;
    w->resources = (const struct sb_resource **)rv_realloc_array((void *)w->resources, w->n_resources + 1, sizeof r);
    w->resources[w->n_resources++] = r;
}

static void finalize(struct sim *m, struct rv_str name) {
    struct sim_ref ref = {m->r.namespaces, RV_STR(""), name};
    struct sb_object *o = sim_fresh(m, ref, RV_STR(""));
    if (o == NULL || !rv_meta_deleting(o->value)) return;
    sb_object_ref(o);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value);
    rv_node_remove(rv_node_get(tree, "spec"), "finalizers");
    sim_write(m, ref, a, tree, false);
    sb_object_unref(o);
}

static bool namespaces_run(struct sim *m) {
    struct sim_link *l = sim_queue_pop(&namespaces_of(m)->queue);
    if (l == NULL) return false;
    struct leaving *x = SIM_OWNER(l, struct leaving, link);
    struct sweep w = {.m = m, .ns = x->entry.key};
    sb_resource_each(m->storage, note_resource, &w);
    for (size_t i = 0; i < w.n_resources; i++) sb_each(m->storage, w.resources[i], w.ns, sweep_object, &w);
    free((void *)w.resources);
    if (w.left == 0) finalize(m, x->entry.key);
    return namespaces_of(m)->queue.first != NULL;
}

static void *namespaces_make(struct sim *m, struct rv_error *err) {
    (void)m;
    (void)err;
    return rv_alloc(sizeof(struct namespaces));
}

static void namespaces_free(struct sim *m, void *module) {
    (void)m;
    struct namespaces *s = module;
    for (struct leaving *x; (x = sim_map_any(&s->map)) != NULL;) leaving_free(s, x);
    sim_map_free(&s->map);
    free(s);
}

const struct sim_module sim_namespaces_module = {namespaces_make, namespaces_free, namespaces_change, namespaces_run};
