/* history.c - see history.h. */
#include "history.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"
#include "ipc/base/utf8.h"

enum { NAME_MAX_BYTES = 320, TEXT_MAX_BYTES = 512, ALLOCATION = 16 /* what malloc needs for one */ };

struct object;
struct entry {
    struct entry *older, *newer; /* of all */
    struct entry *next;          /* of the object, a newer one */
    struct object *object;
    /* A happening in fewer bytes. What a PASS does not have an action has in the same place. */
    int64_t at;
    const char *plugin, *word, *code;   /* word: the verb, or the kind of the changed object */
    uint32_t bytes, number[4], next_ms; /* numbers: see pack() */
    uint32_t waited_us, took_us;
    uint16_t resource_n, target_n, target_ns_n, text_n;
    uint8_t what, outcome;
    bool own_ns; /* target_ns is the object's namespace */
    char text[];
};

struct object {
    struct hash_table_link link;
    struct entry *first, **last;
    const char *kind;
    struct rv_str ns, name;
    size_t bytes;
    int64_t gone; /* monotonic, ns; 0: it exists */
    char text[];
};

struct history {
    struct history_bounds bounds;
    struct hash_table objects;
    struct entry *oldest, *newest;
    size_t gone_n;
    struct history_stats stats;
};

struct history *history_new(const struct history_bounds *b) {
    struct history *h = rv_alloc(sizeof *h);
    h->bounds = *b;
    return h;
}

static struct object *object_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct object, link); }

static struct object *find(const struct history *h, const char *kind, struct rv_str ns, struct rv_str name) {
    for (struct hash_table_link *l = hash_table_find(&h->objects, hash_key(ns, name)); l != NULL;
         l = hash_table_find_next(l)) {
        struct object *o = object_at(l);
        if (rv_str_eq(o->ns, ns) && rv_str_eq(o->name, name) && strcmp(o->kind, kind) == 0) return o;
    }
    return NULL;
}

bool history_has(const struct history *h, const char *kind, struct rv_str ns, struct rv_str name) {
    return find(h, kind, ns, name) != NULL;
}

static struct object *ensure(struct history *h, const struct happening *it) {
    struct object *o = find(h, it->kind, it->ns, it->name);
    if (o != NULL) return o;
    o = rv_alloc(sizeof *o + it->ns.n + it->name.n);
    if (it->ns.n != 0) memcpy(o->text, it->ns.p, it->ns.n);
    if (it->name.n != 0) memcpy(o->text + it->ns.n, it->name.p, it->name.n);
    o->kind = it->kind;
    o->ns = (struct rv_str){o->text, it->ns.n};
    o->name = (struct rv_str){o->text + it->ns.n, it->name.n};
    o->last = &o->first;
    o->bytes = sizeof *o + it->ns.n + it->name.n + ALLOCATION;
    h->stats.bytes += o->bytes;
    h->stats.objects++;
    hash_table_add(&h->objects, &o->link, hash_key(it->ns, it->name));
    return o;
}

static void forget_object(struct history *h, struct object *o) {
    h->gone_n -= o->gone != 0;
    h->stats.bytes -= o->bytes;
    h->stats.objects--;
    hash_table_remove(&h->objects, &o->link);
    free(o);
}

/* The oldest entry of an object. An object without entries is forgotten. */
static void drop_first(struct history *h, struct object *o) {
    struct entry *e = o->first;
    o->first = e->next;
    if (o->first == NULL) o->last = &o->first;
    *(e->older != NULL ? &e->older->newer : &h->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &h->newest) = e->older;
    o->bytes -= e->bytes;
    h->stats.bytes -= e->bytes;
    h->stats.entries--;
    free(e);
    if (o->first == NULL) forget_object(h, o);
}

static void keep_bounds(struct history *h) {
    while (h->oldest != NULL && h->stats.bytes > h->bounds.total_bytes) {
        drop_first(h, h->oldest->object);
        h->stats.dropped++;
    }
}

static uint32_t least(uint64_t a) { return a < UINT32_MAX ? (uint32_t)a : UINT32_MAX; }

static char *add_text(char *to, struct rv_str s) {
    if (s.n != 0) memcpy(to, s.p, s.n);
    return to + s.n;
}

static struct entry *pack(struct object *o, const struct happening *it) {
    struct rv_str resource = utf8_clip(it->resource, NAME_MAX_BYTES), target = utf8_clip(it->target, TEXT_MAX_BYTES),
                  text = utf8_clip(it->text, TEXT_MAX_BYTES), ns = utf8_clip(it->target_ns, NAME_MAX_BYTES);
    bool own_ns = rv_str_eq(ns, o->ns), pass = it->what == HAPPENING_PASS;
    if (own_ns) ns.n = 0;
    size_t n = resource.n + target.n + text.n + ns.n;
    struct entry *e = rv_alloc(sizeof *e + n);
    *e = (struct entry){
        .object = o,
        .at = it->at,
        .plugin = it->plugin,
        .word = pass ? it->related_kind : it->verb,
        .code = it->code,
        .bytes = (uint32_t)(sizeof *e + n + ALLOCATION),
        .number = {pass ? it->cause : it->http_status, pass ? it->changes : it->retries, it->quiet, it->actions},
        .next_ms = least(it->next_ms > 0 ? (uint64_t)it->next_ms : 0),
        .waited_us = least(it->waited_us),
        .took_us = least(it->took_us),
        .resource_n = (uint16_t)resource.n,
        .target_n = (uint16_t)target.n,
        .target_ns_n = (uint16_t)ns.n,
        .text_n = (uint16_t)text.n,
        .what = (uint8_t)it->what,
        .outcome = (uint8_t)it->outcome,
        .own_ns = own_ns};
    (void)add_text(add_text(add_text(add_text(e->text, resource), target), ns), text);
    return e;
}

static struct happening unpack(const struct entry *e) {
    const struct object *o = e->object;
    const char *p = e->text;
    bool pass = e->what == HAPPENING_PASS;
    struct happening it = {.what = (enum happening_what)e->what,
                           .at = e->at,
                           .plugin = e->plugin,
                           .kind = o->kind,
                           .ns = o->ns,
                           .name = o->name,
                           .outcome = e->outcome,
                           .next_ms = e->next_ms,
                           .waited_us = e->waited_us,
                           .took_us = e->took_us,
                           .quiet = e->number[2],
                           .actions = e->number[3],
                           .code = e->code};
    *(pass ? &it.related_kind : &it.verb) = e->word;
    *(pass ? &it.cause : &it.http_status) = e->number[0];
    *(pass ? &it.changes : &it.retries) = e->number[1];
    it.resource = (struct rv_str){p, e->resource_n};
    it.target = (struct rv_str){p += e->resource_n, e->target_n};
    it.target_ns = (struct rv_str){p += e->target_n, e->target_ns_n};
    it.text = (struct rv_str){p + e->target_ns_n, e->text_n};
    if (e->own_ns) it.target_ns = o->ns;
    return it;
}

void history_add(struct history *h, const struct happening *it) {
    if (h->bounds.object_bytes == 0 || h->bounds.total_bytes == 0 || it->name.n == 0 || it->name.n > NAME_MAX_BYTES ||
        it->ns.n > NAME_MAX_BYTES)
        return;
    struct object *o = ensure(h, it);
    struct entry *e = pack(o, it);
    *o->last = e;
    o->last = &e->next;
    e->older = h->newest;
    *(h->newest != NULL ? &h->newest->newer : &h->oldest) = e;
    h->newest = e;
    o->bytes += e->bytes;
    h->stats.bytes += e->bytes;
    h->stats.entries++;
    while (o->bytes > h->bounds.object_bytes && o->first != e) {
        drop_first(h, o);
        h->stats.dropped++;
    }
    keep_bounds(h);
}

void history_gone(struct history *h, const char *kind, struct rv_str ns, struct rv_str name, int64_t now) {
    struct object *o = find(h, kind, ns, name);
    if (o == NULL || o->gone != 0) return;
    o->gone = now;
    h->gone_n++;
}

void history_back(struct history *h, const char *kind, struct rv_str ns, struct rv_str name) {
    struct object *o = h->gone_n != 0 ? find(h, kind, ns, name) : NULL;
    if (o == NULL || o->gone == 0) return;
    o->gone = 0;
    h->gone_n--;
}

void history_sweep(struct history *h, int64_t now) {
    if (h->gone_n == 0) return;
    for (struct hash_table_walk w = hash_table_walk(&h->objects); hash_table_walk_next(&w);) {
        struct object *o = object_at(w.link);
        if (o->gone == 0 || now - o->gone < h->bounds.keep_ns) continue;
        for (size_t left = 1; left != 0;) {
            left = o->first->next != NULL;
            drop_first(h, o); /* with the last entry the object goes */
        }
    }
}

void history_reconfigure(struct history *h, const struct history_bounds *b) {
    h->bounds = *b;
    keep_bounds(h); /* the lists of objects shrink when something is added */
}

/* "raycluster", "RayCluster" and "rayclusters". */
static bool names_kind(struct rv_str asked, const char *kind) {
    size_t n = strlen(kind);
    bool plural = asked.n == n + 1 && (asked.p[n] | 32) == 's'; /* in lower case */
    return rv_str_ieq((struct rv_str){asked.p, plural ? n : asked.n}, kind);
}

size_t history_each(const struct history *h, struct rv_str kind, struct rv_str ns, struct rv_str name, int64_t now,
                    int64_t *ret_gone, void (*fn)(void *arg, const struct happening *it), void *arg) {
    size_t n = 0;
    *ret_gone = -1;
    for (struct hash_table_link *l = hash_table_find(&h->objects, hash_key(ns, name)); l != NULL;
         l = hash_table_find_next(l)) {
        const struct object *o = object_at(l);
        if (!rv_str_eq(o->ns, ns) || !rv_str_eq(o->name, name) || !names_kind(kind, o->kind)) continue;
        if (o->gone != 0) *ret_gone = now - o->gone;
        for (const struct entry *e = o->first; e != NULL; e = e->next, n++) {
            struct happening it = unpack(e);
            fn(arg, &it);
        }
    }
    return n;
}

struct history_stats history_stats(const struct history *h) {
    return h->stats;
}

struct history *history_free(struct history *h) {
    if (h == NULL) return NULL;
    while (h->oldest != NULL) drop_first(h, h->oldest->object);
    hash_table_free(&h->objects);
    free(h);
    return NULL;
}
