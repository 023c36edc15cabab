/* table.h - the hash table: chains of links that live in the caller's own structs.
 *
 * The caller brings the hash (ipc/base/hash.h), compares keys himself and owns the memory of what he adds, so one table
 * serves any key, and an object may be in several tables at once. The table grows by itself; {0} is an empty one.
 *
 *     struct thing { struct rv_table_link link; ... };
 *     rv_table_add(&t, &thing->link, hash);
 *     for (struct rv_table_link *l = rv_table_find(&t, hash); l != NULL; l = rv_table_find_next(l))
 *         if (same_key(RV_CONTAINER(l, struct thing, link), key)) ...
 *     for (struct rv_table_walk w = rv_table_walk(&t); rv_table_walk_next(&w);)
 *         use(RV_CONTAINER(w.link, struct thing, link));
 */
#ifndef RV_IPC_BASE_TABLE_H
#define RV_IPC_BASE_TABLE_H

#include "rayvisor/base.h"

#define RV_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct rv_table_link {
    struct rv_table_link *next, **back; /* back: NULL while it is in no table */
    uint32_t hash;
};

struct rv_table {
    struct rv_table_link **heads;
    size_t size, n; /* size: a power of two, or 0; n: links */
};

/* The same hash may be added any number of times; what was added last is found first. */
void rv_table_add(struct rv_table *t, struct rv_table_link *l, uint32_t hash);
/* Does nothing to a link that is in no table. */
void rv_table_remove(struct rv_table *t, struct rv_table_link *l);
/* The links of exactly this hash, one after the other. */
struct rv_table_link *rv_table_find(const struct rv_table *t, uint32_t hash);
struct rv_table_link *rv_table_find_next(const struct rv_table_link *l);
/* Frees the table, not what was in it. */
void rv_table_free(struct rv_table *t);

/* All links, in no particular order. The link that the walk stands on may be removed and freed; nothing else may be
 * removed or added meanwhile. */
struct rv_table_walk {
    struct rv_table_link *link;
    const struct rv_table *table;
    struct rv_table_link *next;
    size_t head;
};
struct rv_table_walk rv_table_walk(const struct rv_table *t);
bool rv_table_walk_next(struct rv_table_walk *w);

#endif
