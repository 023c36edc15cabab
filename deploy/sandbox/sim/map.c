/* map.c - a chained hash map of embedded entries, and a queue that holds each entry once. */
#include "internal.h"

#include <stdlib.h>

static uint64_t hash_of(struct rv_str key) {
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a; the keys are uids and names of one test cluster */
    for (size_t i = 0; i < key.n; i++) h = (h ^ (uint8_t)key.p[i]) * 0x100000001b3u;
    return h ^ (h >> 29);
}

void *sim_map_get(const struct sim_map *map, struct rv_str key) {
    if (map->n_slots == 0) return NULL;
    uint64_t h = hash_of(key);
    struct sim_entry *e = map->slots[h & (map->n_slots - 1)];
    while (e != NULL && (e->hash != h || !rv_str_eq(e->key, key))) e = e->next;
    return e;
}

static void grow(struct sim_map *map) {
    size_t n = map->n_slots != 0 ? map->n_slots * 2 : 32;
    struct sim_entry **slots = rv_alloc_array(n, sizeof(struct sim_entry *));
    for (size_t i = 0; i < map->n_slots; i++) {
        for (struct sim_entry *e = map->slots[i], *next = NULL; e != NULL; e = next) {
            next = e->next;
            e->next = slots[e->hash & (n - 1)];
            slots[e->hash & (n - 1)] = e;
        }
    }
    free(map->slots);
    map->slots = slots;
    map->n_slots = n;
}

void sim_map_put(struct sim_map *map, struct sim_entry *e) {
    if (map->n >= map->n_slots) grow(map);
    e->hash = hash_of(e->key);
    struct sim_entry **slot = &map->slots[e->hash & (map->n_slots - 1)];
    e->next = *slot;
    *slot = e;
    map->n++;
}

void sim_map_remove(struct sim_map *map, struct sim_entry *e) {
    struct sim_entry **p = &map->slots[e->hash & (map->n_slots - 1)];
    while (*p != NULL && *p != e) p = &(*p)->next;
    if (*p == NULL) return;
    *p = e->next;
    map->n--;
}

void *sim_map_any(const struct sim_map *map) {
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i] != NULL) return map->slots[i];
    return NULL;
}

void sim_map_each(const struct sim_map *map, void (*fn)(void *arg, void *entry), void *arg) {
    for (size_t i = 0; i < map->n_slots; i++)
        for (struct sim_entry *e = map->slots[i]; e != NULL; e = e->next) fn(arg, e);
}

void sim_map_free(struct sim_map *map) {
    free(map->slots);
    *map = (struct sim_map){0};
}

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
