/* object_lock.c - see object_lock.h. */
#include "object_lock.h"

#include <stdlib.h>

#include "ipc/base/hash.h"

struct object_lock {
    struct hash_table items;
};

struct object_lock *object_lock_new(void) {
    return rv_alloc(sizeof(struct object_lock));
}

struct object_lock *object_lock_free(struct object_lock *b) {
    if (b != NULL) hash_table_free(&b->items);
    free(b);
    return NULL;
}

static uint32_t hash_of(const struct rv_action *a) {
    return hash_end(hash_add(hash_add(hash_add(HASH_BEGIN, a->resource), a->ns), a->name));
}

static bool same_object(const struct rv_action *a, const struct rv_action *b) {
    return rv_str_eq(a->name, b->name) && rv_str_eq(a->ns, b->ns) && rv_str_eq(a->resource, b->resource) &&
           rv_str_eq(a->api_version, b->api_version);
}

void object_lock_take(struct object_lock *b, struct object_lock_item *item, const struct rv_action *a) {
    if (a->name.n == 0) return;
    item->action = a;
    item->in = b;
    hash_table_add(&b->items, &item->link, hash_of(a));
}

void object_lock_release(struct object_lock_item *item) {
    if (item->in != NULL) hash_table_remove(&item->in->items, &item->link);
}

bool object_lock_held(const struct object_lock *b, const struct rv_action *a) {
    if (a->name.n == 0) return false;
    for (struct hash_table_link *l = hash_table_find(&b->items, hash_of(a)); l != NULL; l = hash_table_find_next(l))
        if (same_object(RV_CONTAINER(l, struct object_lock_item, link)->action, a)) return true;
    return false;
}
