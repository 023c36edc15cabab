/* object_lock.h - knows which objects have a running action. A second action on the same object waits for the first
 * one.
 *
 * It is a hash table that only links the running actions. An action and its texts must stay until
 * object_lock_release(). */
#ifndef ACTIONS_OBJECT_LOCK_H
#define ACTIONS_OBJECT_LOCK_H

#include "ipc/base/table.h"
#include "rayvisor/plugin.h"

struct object_lock_item { /* embed it in the caller's struct, zeroed */
    struct hash_table_link link;
    const struct rv_action *action;
    struct object_lock *in;
};
struct object_lock;
struct object_lock *object_lock_new(void);
struct object_lock *object_lock_free(struct object_lock *b); /* the items belong to the caller */
/* An action without a name locks nothing. */
void object_lock_take(struct object_lock *b, struct object_lock_item *item, const struct rv_action *a);
void object_lock_release(struct object_lock_item *item); /* does nothing for an item that holds no lock */
bool object_lock_held(const struct object_lock *b, const struct rv_action *a);

#endif
