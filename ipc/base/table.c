/* table.c - see table.h. */
#include "table.h"

#include <stdlib.h>

enum { FIRST_SIZE = 64 };

static void put(struct rv_table *t, struct rv_table_link *l) {
    struct rv_table_link **head = &t->heads[l->hash & (t->size - 1)];
    l->next = *head;
    l->back = head;
    if (l->next != NULL) l->next->back = &l->next;
    *head = l;
}

static void grow(struct rv_table *t) {
    struct rv_table old = *t;
    t->size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    t->heads = rv_alloc_array(t->size, sizeof(struct rv_table_link *));
    for (struct rv_table_walk w = rv_table_walk(&old); rv_table_walk_next(&w);) put(t, w.link);
    free(old.heads);
}

void rv_table_add(struct rv_table *t, struct rv_table_link *l, uint32_t hash) {
    if (t->n >= t->size) grow(t);
    l->hash = hash;
    put(t, l);
    t->n++;
}

void rv_table_remove(struct rv_table *t, struct rv_table_link *l) {
    if (l->back == NULL) return;
    *l->back = l->next;
    if (l->next != NULL) l->next->back = l->back;
    l->back = NULL;
    t->n--;
}

static struct rv_table_link *first_of(struct rv_table_link *l, uint32_t hash) {
    while (l != NULL && l->hash != hash) l = l->next;
    return l;
}

struct rv_table_link *rv_table_find(const struct rv_table *t, uint32_t hash) {
    return t->size != 0 ? first_of(t->heads[hash & (t->size - 1)], hash) : NULL;
}

struct rv_table_link *rv_table_find_next(const struct rv_table_link *l) {
    return first_of(l->next, l->hash);
}

void rv_table_free(struct rv_table *t) {
    free(t->heads);
    *t = (struct rv_table){0};
}

struct rv_table_walk rv_table_walk(const struct rv_table *t) {
    return (struct rv_table_walk){.table = t};
}

bool rv_table_walk_next(struct rv_table_walk *w) {
    while (w->next == NULL && w->head < w->table->size) w->next = w->table->heads[w->head++];
    w->link = w->next;
    if (w->link == NULL) return false;
    w->next = w->link->next;
    return true;
}
