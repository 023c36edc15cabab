/* object_lock.h - knows which objects have an action under way. A second action on the same object waits for the
 * first one.
 *
 * This is a hash table that only links the running actions. An action and its texts must stay until
 * object_lock_release(). */
#ifndef ACTIONS_OBJECT_LOCK_H
#define ACTIONS_OBJECT_LOCK_H

#include "ipc/base/table.h"
#include "rayvisor/plugin.h"

struct object_lock_item { /* embed it, zeroed */
    struct rv_table_link link;
    const struct rv_action *action;
    struct object_lock *in;
};
struct object_lock;
struct object_lock *object_lock_new(void);
struct object_lock *object_lock_free(struct object_lock *b); /* the items are the caller's */
/* Actions without a name concern no object and are never in the way. */
void object_lock_take(struct object_lock *b, struct object_lock_item *item, const struct rv_action *a);
void object_lock_release(struct object_lock_item *item); /* does nothing for one that is not in */
bool object_lock_held(const struct object_lock *b, const struct rv_action *a);

#endif
