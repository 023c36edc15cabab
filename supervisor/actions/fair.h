/* fair.h - decides whose turn it is. Plugins take turns, then the keys of a plugin take turns, and the requests of a
 * key keep their order.
 *
 * So a plugin with a thousand keys, or a key with a thousand requests, delays nobody else by more than one turn. The
 * queue only links items, which belong to the caller. */
#ifndef ACTIONS_FAIR_H
#define ACTIONS_FAIR_H

#include "rayvisor/base.h"

struct fair_item { /* embed it */
    struct fair_item *next;
};
struct fair;
struct fair *fair_new(void);
struct fair *fair_free(struct fair *f); /* only when it is empty, or the items are somebody's */
void fair_push(struct fair *f, const void *plugin, struct rv_str ns, struct rv_str name, struct fair_item *item);
/* The next item in turn that `ready` accepts (asked only for the first item of each key), or NULL. */
struct fair_item *fair_pop(struct fair *f, bool (*ready)(void *arg, struct fair_item *item), void *arg);
/* Takes everything of a plugin out, in no order. */
void fair_drop(struct fair *f, const void *plugin, void (*fn)(void *arg, struct fair_item *item), void *arg);
/* Takes everything out. */
void fair_drop_all(struct fair *f, void (*fn)(void *arg, struct fair_item *item), void *arg);
size_t fair_count(const struct fair *f);

#endif
