/* object_lock.c - see object_lock.h. */
#include "object_lock.h"

#include <stdlib.h>

#include "ipc/base/hash.h"

enum { BUCKETS = 256 };

struct object_lock {
    struct object_lock_item *buckets[BUCKETS];
};

struct object_lock *object_lock_new(void) {
    return rv_alloc(sizeof(struct object_lock));
}

struct object_lock *object_lock_free(struct object_lock *b) {
    free(b);
    return NULL;
}

static uint32_t hash_of(const struct rv_action *a) {
    return rv_hash_end(rv_hash_add(rv_hash_add(rv_hash_add(RV_HASH_BEGIN, a->resource), a->ns), a->name));
}

static bool same_object(const struct rv_action *a, const struct rv_action *b) {
    return rv_str_eq(a->name, b->name) && rv_str_eq(a->ns, b->ns) && rv_str_eq(a->resource, b->resource) &&
           rv_str_eq(a->api_version, b->api_version);
}

void object_lock_take(struct object_lock *b, struct object_lock_item *item, const struct rv_action *a) {
    if (a->name.n == 0) return;
    item->action = a;
    item->hash = hash_of(a);
    item->back = &b->buckets[item->hash % BUCKETS];
    item->next = *item->back;
    if (item->next != NULL) item->next->back = &item->next;
    *item->back = item;
}

void object_lock_release(struct object_lock_item *item) {
    if (item->back == NULL) return;
    *item->back = item->next;
    if (item->next != NULL) item->next->back = item->back;
    item->back = NULL;
}

bool object_lock_held(const struct object_lock *b, const struct rv_action *a) {
    if (a->name.n == 0) return false;
    uint32_t hash = hash_of(a);
    for (const struct object_lock_item *i = b->buckets[hash % BUCKETS]; i != NULL; i = i->next)
        if (i->hash == hash && same_object(i->action, a)) return true;
    return false;
}
