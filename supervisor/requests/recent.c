/* recent.c - see recent.h. */
#include "recent.h"

#include <stdlib.h>
#include <string.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"

struct entry {
    struct hash_table_link link;
    struct entry *older, *newer;
    char *name;
    size_t name_n;
    void *value;
};

struct recent {
    struct hash_table table;
    struct entry *oldest, *newest;
    size_t most;
    void (*drop)(void *value);
};

struct recent *recent_new(size_t most, void (*drop)(void *value)) {
    struct recent *r = rv_alloc(sizeof *r);
    r->most = most;
    r->drop = drop;
    return r;
}

static void unlink_entry(struct recent *r, struct entry *e) {
    *(e->older != NULL ? &e->older->newer : &r->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &r->newest) = e->older;
}

static void make_newest(struct recent *r, struct entry *e) {
    e->older = r->newest;
    e->newer = NULL;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = e;
    r->newest = e;
}

static void entry_free(struct recent *r, struct entry *e) {
    unlink_entry(r, e);
    hash_table_remove(&r->table, &e->link);
    r->drop(e->value);
    free(e->name);
    free(e);
}

struct recent *recent_free(struct recent *r) {
    if (r == NULL) return NULL;
    while (r->oldest != NULL) entry_free(r, r->oldest);
    hash_table_free(&r->table);
    free(r);
    return NULL;
}

size_t recent_count(const struct recent *r) { return r->table.n; }

static uint32_t hash_of(struct rv_str name) { return (uint32_t)hash64_bytes(RV_HASH64_BEGIN, name); }

static struct entry *entry_of(const struct recent *r, struct rv_str name) {
    for (struct hash_table_link *l = hash_table_find(&r->table, hash_of(name)); l != NULL;
         l = hash_table_find_next(l)) {
        struct entry *e = RV_CONTAINER(l, struct entry, link);
        if (rv_str_eq(name, (struct rv_str){e->name, e->name_n})) return e;
    }
    return NULL;
}

void *recent_find(struct recent *r, struct rv_str name) {
    struct entry *e = entry_of(r, name);
    if (e == NULL) return NULL;
    unlink_entry(r, e);
    make_newest(r, e);
    return e->value;
}

void recent_put(struct recent *r, struct rv_str name, void *value) {
    struct entry *e = entry_of(r, name);
    if (e != NULL) entry_free(r, e);
    while (r->table.n >= r->most) entry_free(r, r->oldest);
    e = rv_alloc(sizeof *e);
    e->name = rv_strdup(name);
    e->name_n = name.n;
    e->value = value;
    hash_table_add(&r->table, &e->link, hash_of(name));
    make_newest(r, e);
}

void recent_remove(struct recent *r, struct rv_str name) {
    struct entry *e = entry_of(r, name);
    if (e != NULL) entry_free(r, e);
}

void *recent_oldest(const struct recent *r) { return r->oldest != NULL ? r->oldest->value : NULL; }

void recent_remove_oldest(struct recent *r) {
    if (r->oldest != NULL) entry_free(r, r->oldest);
}
