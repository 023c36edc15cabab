/* keep_object.c - see keep_object.h. */
#include "keep_object.h"

static enum rc_kept repair(struct rc_context *x, const struct rc_wanted *w, const struct rv_object *have) {
    struct rv_node *patch = w->drift != NULL ? w->drift(x->arena, have->value, w->object) : NULL;
    if (patch == NULL) return RC_KEPT_AS_WANTED;
    if (w->hold) return RC_KEPT_PATCHING;
    if (w->memo != NULL && rc_patch_is_futile(w->memo, x->arena, patch, have->resource_version)) return RC_KEPT_FUTILE;
    ctx_patch(x, w->api_version, w->resource, have->name, have->uid, patch, w->patch_tag);
    return RC_KEPT_PATCHING;
}

enum rc_kept rc_keep_object(struct rc_context *x, const struct rc_wanted *w) {
    struct rv_object have = {.size = sizeof have};
    struct rc_owner owner = w->owner.kind != NULL ? w->owner : (struct rc_owner){x->kind, x->name, x->uid};
    if (!ctx_get(x, w->kind, rv_node_text(rv_node_path(w->object, "metadata.name")), &have)) {
        if (w->may_create && !w->hold) ctx_create(x, w->api_version, w->resource, w->object, w->create_tag);
        return RC_KEPT_CREATING;
    }
    enum rc_ownership whose = rc_ownership(have.value, owner.kind, owner.name, owner.uid);
    if (whose == RC_OWNER_PREDECESSOR || (whose == RC_OWNER_US && rv_meta_deleting(have.value))) return RC_KEPT_GOING;
    return whose == RC_OWNER_US ? repair(x, w, &have) : RC_KEPT_OTHERS;
}
