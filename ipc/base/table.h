/* table.h - a hash table: chains of links that are embedded in the caller's own structs.
 *
 * The caller computes the hash (ipc/base/hash.h), compares the keys and owns the memory of what it adds. So one table
 * serves any type of key, and an object may be in several tables at once. The table grows by itself. {0} is an empty
 * table.
 *
 *     struct thing { struct rv_table_link link; ... };
 *     rv_table_add(&t, &thing->link, hash);
 *     for (struct rv_table_link *l = rv_table_find(&t, hash); l != NULL; l = rv_table_find_next(l))
 *         if (same_key(RV_CONTAINER(l, struct thing, link), key)) ...
 *     for (struct rv_table_walk w = rv_table_walk(&t); rv_table_walk_next(&w);)
 *         use(RV_CONTAINER(w.link, struct thing, link)); */
#ifndef RV_IPC_BASE_TABLE_H
#define RV_IPC_BASE_TABLE_H

#include "rayvisor/base.h"

#define RV_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct rv_table_link {
    /* `back` is NULL while the link is in no table. */
    struct rv_table_link *next, **back;
    uint32_t hash;
};

struct rv_table {
    struct rv_table_link **heads;
    /* `size` is the number of heads: a power of two, or 0. `n` is the number of links. */
    size_t size, n;
};

/* The same hash may be added any number of times. The link that was added last is found first. */
void rv_table_add(struct rv_table *t, struct rv_table_link *l, uint32_t hash);
/* Does nothing to a link that is in no table. */
void rv_table_remove(struct rv_table *t, struct rv_table_link *l);
/* The links with exactly this hash, one after the other. NULL at the end. */
struct rv_table_link *rv_table_find(const struct rv_table *t, uint32_t hash);
struct rv_table_link *rv_table_find_next(const struct rv_table_link *l);
/* Frees the table itself. The links and their objects stay with the caller. */
void rv_table_free(struct rv_table *t);

/* Walks through all links, in no particular order. The caller may remove and free the link at which the walk stands. It
 * must not add or remove any other link during the walk. */
struct rv_table_walk {
    struct rv_table_link *link;
    const struct rv_table *table;
    struct rv_table_link *next;
    size_t head;
};
struct rv_table_walk rv_table_walk(const struct rv_table *t);
bool rv_table_walk_next(struct rv_table_walk *w);

#endif
