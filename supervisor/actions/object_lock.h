/* object_lock.h - which objects have an action under way: a second one on the same object waits for the first.
 *
 * A hash of the actions that run; it only links them. The action and its texts must stay until busy_leave(). */
#ifndef ACTIONS_BUSY_H
#define ACTIONS_BUSY_H

#include "rayvisor/plugin.h"

struct busy_item { /* embed it, zeroed */
    struct busy_item *next, **back;
    const struct rv_action *action;
    uint32_t hash;
};
struct busy;
struct busy *busy_new(void);
struct busy *busy_free(struct busy *b); /* the items are the caller's */
/* Actions without a name concern no object and are never in the way. */
void busy_enter(struct busy *b, struct busy_item *item, const struct rv_action *a);
void busy_leave(struct busy_item *item); /* does nothing for one that is not in */
bool busy_with(const struct busy *b, const struct rv_action *a);

#endif
