/* table.c - see table.h. */
#include "table.h"

#include <stdlib.h>

enum { FIRST_SIZE = 64 };

static void put(struct hash_table *t, struct hash_table_link *l) {
    struct hash_table_link **head = &t->heads[l->hash & (t->size - 1)];
    l->next = *head;
    l->back = head;
    if (l->next != NULL) l->next->back = &l->next;
    *head = l;
}

static void grow(struct hash_table *t) {
    struct hash_table old = *t;
    t->size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    t->heads = rv_alloc_array(t->size, sizeof(struct hash_table_link *));
    for (struct hash_table_walk w = hash_table_walk(&old); hash_table_walk_next(&w);) put(t, w.link);
    free(old.heads);
}

void hash_table_add(struct hash_table *t, struct hash_table_link *l, uint32_t hash) {
    if (t->n >= t->size) grow(t);
    l->hash = hash;
    put(t, l);
    t->n++;
}

void hash_table_remove(struct hash_table *t, struct hash_table_link *l) {
    if (l->back == NULL) return;
    *l->back = l->next;
    if (l->next != NULL) l->next->back = l->back;
    l->back = NULL;
    t->n--;
}

static struct hash_table_link *first_of(struct hash_table_link *l, uint32_t hash) {
    while (l != NULL && l->hash != hash) l = l->next;
    return l;
}

struct hash_table_link *hash_table_find(const struct hash_table *t, uint32_t hash) {
    return t->size != 0 ? first_of(t->heads[hash & (t->size - 1)], hash) : NULL;
}

struct hash_table_link *hash_table_find_next(const struct hash_table_link *l) {
    return first_of(l->next, l->hash);
}

void hash_table_free(struct hash_table *t) {
    free(t->heads);
    *t = (struct hash_table){0};
}

struct hash_table_walk hash_table_walk(const struct hash_table *t) {
    return (struct hash_table_walk){.table = t};
}

bool hash_table_walk_next(struct hash_table_walk *w) {
    while (w->next == NULL && w->head < w->table->size) w->next = w->table->heads[w->head++];
    w->link = w->next;
    if (w->link == NULL) return false;
    w->next = w->link->next;
    return true;
}
