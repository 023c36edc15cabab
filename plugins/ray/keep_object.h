/* keep_object.h - one object that a Ray object owns: made when it is missing, repaired when it differs, and left alone
 * when it is somebody else's. keep_service() of a controller is one call of it. */
#ifndef RAY_KEEP_OBJECT_H
#define RAY_KEEP_OBJECT_H

#include "context.h"
#include "object_drift.h"
#include "ownership.h"
#include "patch_memo.h"

struct rc_wanted {
    uint32_t kind; /* of the controller's manifest */
    const char *api_version, *resource;
    struct rv_node *object;     /* as it should be, with its name and its owner */
    struct rc_owner owner;      /* that owner; without a kind: the object of the context */
    rc_drift_fn *drift;         /* NULL: an object that is there is not looked at again */
    struct rc_patch_memo *memo; /* of the last patch; NULL: every patch is sent */
    uint64_t create_tag, patch_tag;
    bool may_create; /* false: a missing object is not made in this reconcile */
    bool hold;       /* nothing is asked for in this reconcile: what failed waits for its next try */
};

enum rc_kept {
    RC_KEPT_AS_WANTED, /* there is nothing to do */
    RC_KEPT_CREATING,  /* it is missing: its creation was asked for, if it may be made */
    RC_KEPT_PATCHING,  /* it differs: a patch was asked for, if it may be sent */
    RC_KEPT_FUTILE,    /* it differs, and the same patch did not help: something changes it back */
    RC_KEPT_GOING,     /* it is being deleted: it is made again when it is gone */
    RC_KEPT_OTHERS     /* the name is taken by an object that is not ours; it is not touched */
};

enum rc_kept rc_keep_object(struct rc_context *x, const struct rc_wanted *w);

#endif
