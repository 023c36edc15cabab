/* table.h - a hash table: chains of links that are embedded in the caller's own structs.
 *
 * The caller computes the hash (ipc/base/hash.h), compares the keys and owns the memory of what it adds. So one table
 * serves any type of key, and an object may be in several tables at once. The table grows by itself. {0} is an empty
 * table.
 *
 *     struct thing { struct hash_table_link link; ... };
 *     hash_table_add(&t, &thing->link, hash);
 *     for (struct hash_table_link *l = hash_table_find(&t, hash); l != NULL; l = hash_table_find_next(l))
 *         if (same_key(RV_CONTAINER(l, struct thing, link), key)) ...
 *     for (struct hash_table_walk w = hash_table_walk(&t); hash_table_walk_next(&w);)
 *         use(RV_CONTAINER(w.link, struct thing, link)); */
#ifndef RV_IPC_BASE_TABLE_H
#define RV_IPC_BASE_TABLE_H

#include "rayvisor/base.h"

#define RV_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct hash_table_link {
    /* `back` is NULL while the link is in no table. */
    struct hash_table_link *next, **back;
    uint32_t hash;
};

struct hash_table {
    struct hash_table_link **heads;
    /* `size` is the number of heads: a power of two, or 0. `n` is the number of links. */
    size_t size, n;
};

/* The same hash may be added any number of times. The link that was added last is found first. */
void hash_table_add(struct hash_table *t, struct hash_table_link *l, uint32_t hash);
/* Does nothing to a link that is in no table. */
void hash_table_remove(struct hash_table *t, struct hash_table_link *l);
/* The links with exactly this hash, one after the other. NULL at the end. */
struct hash_table_link *hash_table_find(const struct hash_table *t, uint32_t hash);
struct hash_table_link *hash_table_find_next(const struct hash_table_link *l);
/* Frees the table itself. The links and their objects stay with the caller. */
void hash_table_free(struct hash_table *t);

/* Walks through all links, in no particular order. The caller may remove and free the link at which the walk stands. It
 * must not add or remove any other link during the walk. */
struct hash_table_walk {
    struct hash_table_link *link;
    const struct hash_table *table;
    struct hash_table_link *next;
    size_t head;
};
struct hash_table_walk hash_table_walk(const struct hash_table *t);
bool hash_table_walk_next(struct hash_table_walk *w);

#endif
