/* fair.h - a fair queue. Plugins take turns, then the keys of a plugin take turns, and the requests of a key keep their
 * order.
 *
 * So a plugin with a thousand keys, or a key with a thousand requests, delays nobody else by more than one turn. The
 * queue only links items, which belong to the caller. */
#ifndef ACTIONS_FAIR_H
#define ACTIONS_FAIR_H

#include "rayvisor/base.h"

struct fair_item { /* embed it in the caller's struct */
    struct fair_item *next;
};
struct fair;
struct fair *fair_new(void);
struct fair *fair_free(struct fair *f); /* only if it is empty, or if the caller still has the items */
void fair_push(struct fair *f, const void *plugin, struct rv_str ns, struct rv_str name, struct fair_item *item);
/* Returns the next item that `ready` accepts, or NULL. `ready` is asked only about the first item of each key. */
struct fair_item *fair_pop(struct fair *f, bool (*ready)(void *arg, struct fair_item *item), void *arg);
/* Removes all items of a plugin, in no particular order. */
void fair_drop(struct fair *f, const void *plugin, void (*fn)(void *arg, struct fair_item *item), void *arg);
/* Removes all items. */
void fair_drop_all(struct fair *f, void (*fn)(void *arg, struct fair_item *item), void *arg);
size_t fair_count(const struct fair *f);

#endif
