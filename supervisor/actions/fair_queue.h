/* fair_queue.h - a fair queue. Plugins take turns, then the keys of a plugin take turns, and the requests of a key keep
 * their order.
 *
 * So a plugin with a thousand keys, or a key with a thousand requests, delays nobody else by more than one turn. The
 * queue only links items, which belong to the caller. */
#ifndef ACTIONS_FAIR_QUEUE_H
#define ACTIONS_FAIR_QUEUE_H

#include "rayvisor/base.h"

struct fair_queue_item { /* embed it in the caller's struct */
    struct fair_queue_item *next;
};
struct fair_queue;
struct fair_queue *fair_queue_new(void);
struct fair_queue *
fair_queue_free(struct fair_queue *f); /* only if it is empty, or if the caller still has the items */
void fair_queue_push(struct fair_queue *f, const void *plugin, struct rv_str ns, struct rv_str name,
                     struct fair_queue_item *item);
/* Returns the next item that `ready` accepts, or NULL. `ready` is asked only about the first item of each key. */
struct fair_queue_item *fair_queue_pop(struct fair_queue *f, bool (*ready)(void *arg, struct fair_queue_item *item),
                                       void *arg);
/* Removes all items of a plugin, in no particular order. */
void fair_queue_drop(struct fair_queue *f, const void *plugin, void (*fn)(void *arg, struct fair_queue_item *item),
                     void *arg);
/* Removes all items. */
void fair_queue_drop_all(struct fair_queue *f, void (*fn)(void *arg, struct fair_queue_item *item), void *arg);
size_t fair_queue_count(const struct fair_queue *f);

#endif
