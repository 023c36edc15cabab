/* view.h - one stored resource behind two API groups, as events are in core/v1 and events.k8s.io/v1. The stored form is
 * what storage, listeners and simulated controllers see; a view converts at the HTTP edge, both ways. */
#ifndef RV_SANDBOX_VIEW_H
#define RV_SANDBOX_VIEW_H

#include "deploy/sandbox/storage.h"

struct sb_view {
    const char *group; /* whose view it is */
    const char *stored_version, *stored_plural;
    void (*show)(struct rv_arena *a, struct rv_node *object); /* stored form to served form, in place */
    /* Served to stored, in place; old is the stored object before (absent on create). What this API group alone demands
     * goes to causes. */
    void (*take)(struct rv_arena *a, struct rv_node *object, struct rv_val old, struct rv_node *causes);
    const char *const (*fields)[2]; /* field selectors: served name, stored name; ends with NULL */
};

const struct sb_view *sb_view_of(const char *group); /* NULL for most */
/* The resource that is stored: r itself when it has no view. */
const struct sb_resource *sb_view_stored(struct sb_storage *s, const struct sb_resource *r);
void sb_view_show(const struct sb_resource *served, struct rv_arena *a, struct rv_node *object);
/* 0, or negative with st filled. */
int sb_view_take(struct sb_storage *s, const struct sb_resource *served, struct rv_arena *a, struct rv_node *object,
                 struct rv_val old, struct sb_status *st);

extern const struct sb_view sb_events_view; /* rules/events.c */

#endif
