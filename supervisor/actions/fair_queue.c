/* fair_queue.c - two round-robin queues (see fair_queue.h). A plugin or key without items is not in its queue. */
#include "fair_queue.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"

struct owner {
    struct owner *next; /* the next one in the order of turns */
    struct hash_table_link link;
    struct fair_queue_item *first, **last;
    size_t ns_n;
    size_t name_n;
    char text[];
};

struct share {
    struct share *next;
    const void *plugin;
    struct owner *first, **last;
    struct hash_table owners; /* by key */
};

struct fair_queue {
    struct share *first, **last;
    size_t shares, items;
};

struct fair_queue *fair_queue_new(void) {
    struct fair_queue *f = rv_alloc(sizeof *f);
    f->last = &f->first;
    return f;
}

static struct share *share_of(struct fair_queue *f, const void *plugin) {
    for (struct share *s = f->first; s != NULL; s = s->next)
        if (s->plugin == plugin) return s;
    struct share *s = rv_alloc(sizeof *s);
    s->plugin = plugin;
    s->last = &s->first;
    *f->last = s;
    f->last = &s->next;
    f->shares++;
    return s;
}

static struct owner *owner_of(struct share *s, struct rv_str ns, struct rv_str name) {
    uint32_t hash = hash_key(ns, name);
    for (struct hash_table_link *l = hash_table_find(&s->owners, hash); l != NULL; l = hash_table_find_next(l)) {
        struct owner *o = RV_CONTAINER(l, struct owner, link);
        if (rv_str_eq(ns, (struct rv_str){o->text, o->ns_n}) &&
            rv_str_eq(name, (struct rv_str){o->text + o->ns_n, o->name_n}))
            return o;
    }
    struct owner *o = rv_alloc(sizeof *o + ns.n + name.n);
    if (ns.n != 0) memcpy(o->text, ns.p, ns.n);
    if (name.n != 0) memcpy(o->text + ns.n, name.p, name.n);
    o->ns_n = ns.n;
    o->name_n = name.n;
    o->last = &o->first;
    hash_table_add(&s->owners, &o->link, hash);
    *s->last = o;
    s->last = &o->next;
    return o;
}

void fair_queue_push(struct fair_queue *f, const void *plugin, struct rv_str ns, struct rv_str name,
                     struct fair_queue_item *item) {
    struct owner *o = owner_of(share_of(f, plugin), ns, name);
    item->next = NULL;
    *o->last = item;
    o->last = &item->next;
    f->items++;
}

/* Takes the first key from its queue. It is put at the end, or freed if it has no items left. */
static struct owner *owner_shift(struct share *s) {
    struct owner *o = s->first;
    s->first = o->next;
    if (s->first == NULL) s->last = &s->first;
    o->next = NULL;
    return o;
}

static void owner_requeue(struct share *s, struct owner *o) {
    if (o->first != NULL) {
        *s->last = o;
        s->last = &o->next;
        return;
    }
    hash_table_remove(&s->owners, &o->link);
    free(o);
}

static struct fair_queue_item *share_pop(struct share *s, bool (*ready)(void *arg, struct fair_queue_item *item),
                                         void *arg) {
    for (size_t turns = s->owners.n; turns > 0; turns--) {
        struct owner *o = owner_shift(s);
        struct fair_queue_item *item = ready(arg, o->first) ? o->first : NULL;
        if (item != NULL) {
            o->first = item->next;
            if (o->first == NULL) o->last = &o->first;
            item->next = NULL;
        }
        owner_requeue(s, o);
        if (item != NULL) return item;
    }
    return NULL;
}

static struct share *share_shift(struct fair_queue *f) {
    struct share *s = f->first;
    f->first = s->next;
    if (f->first == NULL) f->last = &f->first;
    s->next = NULL;
    return s;
}

static void plugin_requeue(struct fair_queue *f, struct share *s) {
    if (s->owners.n == 0) {
        f->shares--;
        hash_table_free(&s->owners);
        free(s);
        return;
    }
    *f->last = s; /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
    f->last = &s->next;
}

struct fair_queue_item *fair_queue_pop(struct fair_queue *f, bool (*ready)(void *arg, struct fair_queue_item *item),
                                       void *arg) {
    for (size_t turns = f->shares; turns > 0; turns--) {
        struct share *s = share_shift(f);
        struct fair_queue_item *item = share_pop(s, ready, arg);
        plugin_requeue(f, s);
        if (item == NULL) continue;
        f->items--;
        return item;
    }
    return NULL;
}

struct dropping {
    void (*fn)(void *arg, struct fair_queue_item *item);
    void *arg;
};

static void share_empty(struct fair_queue *f, struct share *s, const struct dropping *d) {
    while (s->first != NULL) {
        struct owner *o = owner_shift(s);
        for (struct fair_queue_item *i = o->first, *next; i != NULL; i = next) {
            next = i->next;
            f->items--;
            if (d->fn != NULL) d->fn(d->arg, i);
        }
        o->first = NULL;
        owner_requeue(s, o);
    }
}

void fair_queue_drop(struct fair_queue *f, const void *plugin, void (*fn)(void *arg, struct fair_queue_item *item),
                     void *arg) {
    for (size_t turns = f->shares; turns > 0; turns--) {
        struct share *s = share_shift(f);
        if (s->plugin == plugin) share_empty(f, s, &(struct dropping){fn, arg});
        plugin_requeue(f, s);
    }
}

void fair_queue_drop_all(struct fair_queue *f, void (*fn)(void *arg, struct fair_queue_item *item), void *arg) {
    while (f->first != NULL) {
        struct share *s = share_shift(f);
        share_empty(f, s, &(struct dropping){fn, arg});
        plugin_requeue(f, s);
    }
}

struct fair_queue *fair_queue_free(struct fair_queue *f) {
    if (f == NULL) return NULL;
    fair_queue_drop_all(f, NULL, NULL);
    free(f);
    return NULL;
}

size_t fair_queue_count(const struct fair_queue *f) { return f->items; }
