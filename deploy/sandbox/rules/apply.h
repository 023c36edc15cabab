/* apply.h - server-side apply: who owns which field (metadata.managedFields), and what follows from that.
 *
 * As in older API servers, ownership is recorded from an object's first apply on. Fields from before belong to
 * "before-first-apply" (or to kubectl's client-side apply, if the annotation says so). */
#ifndef RV_SANDBOX_APPLY_H
#define RV_SANDBOX_APPLY_H

#include "deploy/sandbox/storage.h"

struct sb_apply_opts {
    struct sb_write_opts write; /* manager is required */
    bool force;
};
/* Creates or changes the object. *ret_created says which. */
int sb_apply(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
             struct rv_node *config, struct rv_arena *a, const struct sb_apply_opts *o, struct sb_object **ret,
             bool *ret_created, struct sb_status *st);
/* Another kind of write to an object with owners: its manager owns what it changed. */
void sb_track_update(const struct sb_resource *r, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     const char *manager, bool status);

#endif
