/* gc.c - the garbage collector: a graph of owners and dependents by uid, built from changes. It examines an object when
 * its owners change, when an owner is deleted, and when the object waits for its own dependents. */
#include "internal.h"

#include <stdlib.h>

struct gc_edge {
    struct gc_object *owner, *dependent;
    struct gc_edge *next_dependent, **prev_dependent; /* list of the owner's dependents */
    struct gc_edge *next_owner;                       /* list of the dependent's owners */
    bool blocks;
};
struct gc_object {
    struct sim_entry entry; /* by uid */
    struct sim_link link;
    const struct sb_resource *r; /* NULL if it is only named as an owner, or has been deleted */
    char *ns, *name;
    struct gc_edge *dependents, *owners;
};
struct gc {
    struct sim_map map;
    struct sim_queue queue;
};

static struct gc *gc_of(struct sim *m) { return m->modules[SIM_GC]; }

static struct gc_object *object_at(struct gc *g, struct rv_str uid) {
    struct gc_object *x = sim_map_get(&g->map, uid);
    if (x != NULL) return x;
    x = rv_alloc(sizeof *x);
    x->entry.key = (struct rv_str){rv_strdup(uid), uid.n};
    sim_map_put(&g->map, &x->entry);
    return x;
}

/* Frees an object that does not exist, is not named as an owner, and is not queued. */
static void object_release(struct gc *g, struct gc_object *x) {
    if (x->r != NULL || x->dependents != NULL || x->owners != NULL || x->link.queued) return;
    sim_map_remove(&g->map, &x->entry);
    free((void *)(uintptr_t)x->entry.key.p);
    free(x->ns);
    free(x->name);
    free(x);
}

static void cut_owners(struct gc *g, struct gc_object *x) {
    while (x->owners != NULL) {
        struct gc_edge *e = x->owners;
        x->owners = e->next_owner;
        *e->prev_dependent = e->next_dependent;
        if (e->next_dependent != NULL) e->next_dependent->prev_dependent = e->prev_dependent;
        if (e->owner->r != NULL) sim_queue_push(&g->queue, &e->owner->link); /* it may wait for this one */
        if (e->owner != x) object_release(g, e->owner);
        free(e);
    }
}

static void link_owners(struct gc *g, struct gc_object *x, struct rv_val object) {
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.ownerReferences")); rv_iter_next(&it);) {
        struct gc_edge *e = rv_alloc(sizeof *e);
        e->owner = object_at(g, rv_path_str(it.val, "uid"));
        e->dependent = x;
        e->blocks = rv_path_bool(it.val, "blockOwnerDeletion", false);
        e->next_dependent = e->owner->dependents;
        e->prev_dependent = &e->owner->dependents;
        if (e->next_dependent != NULL) e->next_dependent->prev_dependent = &e->next_dependent;
        e->owner->dependents = e;
        e->next_owner = x->owners;
        x->owners = e;
    }
}

static void gc_change(struct sim *m, const struct sim_change *c) {
    struct gc *g = gc_of(m);
    struct gc_object *x = object_at(g, c->o->uid);
    if (c->type == SB_DELETED) {
        x->r = NULL;
        cut_owners(g, x);
        for (struct gc_edge *e = x->dependents; e != NULL; e = e->next_dependent)
            sim_queue_push(&g->queue, &e->dependent->link);
        object_release(g, x);
        return;
    }
    bool known = x->r != NULL;
    if (!known) {
        x->r = c->o->resource;
        free(x->ns);
        free(x->name);
        x->ns = rv_strdup(c->o->ns);
        x->name = rv_strdup(c->o->name);
    }
    struct rv_val owners = rv_val_path(c->o->value, "metadata.ownerReferences");
    bool same =
        known && c->prev != NULL && rv_val_equal(owners, rv_val_path(c->prev->value, "metadata.ownerReferences"));
    if (!same) {
        cut_owners(g, x);
        link_owners(g, x, c->o->value);
    }
    if ((!same && x->owners != NULL) || rv_meta_deleting(c->o->value)) sim_queue_push(&g->queue, &x->link);
}

/* ---- looking at one object ---- */

static struct sim_ref ref_of(const struct gc_object *x) {
    return (struct sim_ref){x->r, rv_str(x->ns), rv_str(x->name)};
}

static bool has_finalizer(struct rv_val object, const char *name) {
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), name)) return true;
    return false;
}

static void remove_finalizer(struct sim *m, const struct gc_object *x, struct sb_object *o, const char *name) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value), *list = rv_node_path(tree, "metadata.finalizers");
    for (size_t i = rv_node_len(list); i-- > 0;)
        if (rv_str_is(rv_node_text(rv_node_at(list, i)), name)) rv_node_remove_at(list, i);
    if (rv_node_len(list) == 0) rv_node_remove(rv_node_get(tree, "metadata"), "finalizers");
    sim_write(m, ref_of(x), a, tree, false);
}

/* Removes the references to owners that do not exist. `to`: only those to this uid. */
static void drop_references(struct sim *m, const struct gc_object *x, struct rv_str to) {
    struct sb_object *o = sim_fresh(m, ref_of(x), x->entry.key);
    if (o == NULL) return;
    sb_object_ref(o);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value), *list = rv_node_path(tree, "metadata.ownerReferences");
    for (size_t i = rv_node_len(list); i-- > 0;) {
        struct rv_str uid = rv_node_text(rv_node_get(rv_node_at(list, i), "uid"));
        const struct gc_object *owner = sim_map_get(&gc_of(m)->map, uid);
        bool out = to.n != 0 ? rv_str_eq(uid, to) : owner == NULL || owner->r == NULL;
        if (out) rv_node_remove_at(list, i);
    }
    if (rv_node_len(list) == 0) rv_node_remove(rv_node_get(tree, "metadata"), "ownerReferences");
    sim_write(m, ref_of(x), a, tree, false);
    sb_object_unref(o);
}

static void orphan_all(struct sim *m, const struct gc_object *x, struct sb_object *o) {
    for (struct gc_edge *e = x->dependents; e != NULL; e = e->next_dependent)
        if (e->dependent->r != NULL) drop_references(m, e->dependent, x->entry.key);
    remove_finalizer(m, x, o, "orphan");
}

/* Foreground deletion: the dependents first. Dependents that do not block may stay; they are deleted when their owner
 * is gone. */
static void foreground(struct sim *m, const struct gc_object *x, struct sb_object *o) {
    bool blocked = false;
    for (struct gc_edge *e = x->dependents; e != NULL; e = e->next_dependent) {
        const struct gc_object *d = e->dependent;
        struct sb_object *have = d->r != NULL ? sim_fresh(m, ref_of(d), d->entry.key) : NULL;
        if (have == NULL) continue;
        blocked = blocked || e->blocks;
        if (rv_meta_deleting(have->value)) continue;
        sim_delete(m, ref_of(d), d->entry.key, -1, d->dependents != NULL ? "Foreground" : "Background");
    }
    if (!blocked) remove_finalizer(m, x, o, "foregroundDeletion");
}

/* An owner in another namespace counts as absent, as in a real cluster. */
static bool solid(const struct gc_edge *e) {
    if (e->owner->r == NULL) return false;
    return !e->owner->r->namespaced || strcmp(e->owner->ns, e->dependent->ns) == 0;
}

static void look(struct sim *m, struct gc_object *x) {
    struct sb_object *o = x->r != NULL ? sim_fresh(m, ref_of(x), x->entry.key) : NULL;
    if (o == NULL) return;
    sb_object_ref(o);
    bool deleting = rv_meta_deleting(o->value);
    size_t firm = 0, loose = 0;
    for (const struct gc_edge *e = x->owners; e != NULL; e = e->next_owner) {
        firm += solid(e);
        loose += !solid(e);
    }
    if (deleting && has_finalizer(o->value, "orphan"))
        orphan_all(m, x, o);
    else if (deleting && has_finalizer(o->value, "foregroundDeletion"))
        foreground(m, x, o);
    else if (!deleting && loose > 0 && firm == 0)
        sim_delete(m, ref_of(x), x->entry.key, -1, "Background");
    else if (!deleting && loose > 0)
        drop_references(m, x, RV_STR(""));
    sb_object_unref(o);
}

static bool gc_run(struct sim *m) {
    struct gc *g = gc_of(m);
    for (size_t i = 0; i < SIM_BATCH; i++) {
        struct sim_link *l = sim_queue_pop(&g->queue);
        if (l == NULL) return false;
        struct gc_object *x = SIM_OWNER(l, struct gc_object, link);
        look(m, x);
        object_release(g, x);
    }
    return g->queue.first != NULL;
}

static void *gc_make(struct sim *m, struct rv_error *err) {
    (void)m;
    (void)err;
    return rv_alloc(sizeof(struct gc));
}

static void gc_free(struct sim *m, void *module) {
    (void)m;
    struct gc *g = module;
    for (struct gc_object *x; (x = sim_map_any(&g->map)) != NULL;) {
        for (struct gc_edge *e = x->owners, *next = NULL; e != NULL; e = next) {
            next = e->next_owner;
            free(e);
        }
        x->r = NULL;
        x->owners = x->dependents = NULL;
        x->link.queued = false;
        object_release(g, x);
    }
    sim_map_free(&g->map);
    free(g);
}

const struct sim_module sim_gc_module = {gc_make, gc_free, gc_change, gc_run};
