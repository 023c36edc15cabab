/* view.h - one stored resource in two API groups, such as events in core/v1 and events.k8s.io/v1. Storage, listeners
 * and simulated controllers see the stored form. HTTP handlers convert in both directions. */
#ifndef RV_SANDBOX_VIEW_H
#define RV_SANDBOX_VIEW_H

#include "deploy/sandbox/storage.h"

struct sb_view {
    const char *group; /* the API group of the view */
    const char *stored_version, *stored_plural;
    /* Converts the stored form to the served form, in place. */
    void (*show)(struct rv_arena *a, struct rv_node *object);
    /* Converts the served form to the stored form, in place. `old` is the stored object before (absent on create).
     * Requirements of this API group only are added to causes. */
    void (*take)(struct rv_arena *a, struct rv_node *object, struct rv_val old, struct rv_node *causes);
    const char *const (*fields)[2]; /* field selectors: served name, stored name; ends with NULL */
};

const struct sb_view *sb_view_of(const char *group); /* NULL for most groups */
/* The stored resource: r itself if it has no view. */
const struct sb_resource *sb_view_stored(struct sb_storage *s, const struct sb_resource *r);
void sb_view_show(const struct sb_resource *served, struct rv_arena *a, struct rv_node *object);
/* Returns 0, or a negative code and fills st. */
int sb_view_take(struct sb_storage *s, const struct sb_resource *served, struct rv_arena *a, struct rv_node *object,
                 struct rv_val old, struct sb_status *st);

extern const struct sb_view sb_events_view; /* rules/events.c */

#endif
