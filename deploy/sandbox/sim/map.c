/* map.c - a map of embedded entries by text, and a queue that holds each entry once. */
#include "internal.h"

#include "ipc/base/hash.h"

static struct sim_entry *entry_of(struct hash_table_link *l) { return RV_CONTAINER(l, struct sim_entry, link); }

static uint32_t hash_of(struct rv_str key) { return hash_end(hash_bytes(HASH_BEGIN, key)); }

void *sim_map_get(const struct sim_map *map, struct rv_str key) {
    for (struct hash_table_link *l = hash_table_find(&map->table, hash_of(key)); l != NULL; l = hash_table_find_next(l))
        if (rv_str_eq(entry_of(l)->key, key)) return entry_of(l);
    return NULL;
}

void sim_map_put(struct sim_map *map, struct sim_entry *e) { hash_table_add(&map->table, &e->link, hash_of(e->key)); }
void sim_map_remove(struct sim_map *map, struct sim_entry *e) { hash_table_remove(&map->table, &e->link); }

void *sim_map_any(const struct sim_map *map) {
    struct hash_table_walk w = hash_table_walk(&map->table);
    return hash_table_walk_next(&w) ? entry_of(w.link) : NULL;
}

void sim_map_each(const struct sim_map *map, void (*fn)(void *arg, void *entry), void *arg) {
    for (struct hash_table_walk w = hash_table_walk(&map->table); hash_table_walk_next(&w);) fn(arg, entry_of(w.link));
}

void sim_map_free(struct sim_map *map) { hash_table_free(&map->table); }

void sim_queue_push(struct sim_queue *q, struct sim_link *l) {
    if (l->queued) return;
    l->queued = true;
    l->next = NULL;
    if (q->last != NULL)
        q->last->next = l;
    else
        q->first = l;
    q->last = l;
}

struct sim_link *sim_queue_pop(struct sim_queue *q) {
    struct sim_link *l = q->first;
    if (l == NULL) return NULL;
    q->first = l->next;
    if (q->first == NULL) q->last = NULL;
    l->queued = false;
    return l;
}

void sim_queue_remove(struct sim_queue *q, struct sim_link *l) {
    if (!l->queued) return;
    struct sim_link *prev = NULL, *at = q->first;
    while (at != NULL && at != l) {
        prev = at;
        at = at->next;
    }
    if (at == NULL) return;
    *(prev != NULL ? &prev->next : &q->first) = l->next;
    if (q->last == l) q->last = prev;
    l->queued = false;
}
