/* keep_object.h - keeps one object that a Ray object owns. It is created if it is missing, corrected if it differs, and
 * left alone if it belongs to another owner. */
#ifndef RAY_KEEP_OBJECT_H
#define RAY_KEEP_OBJECT_H

#include "context.h"
#include "object_drift.h"
#include "ownership.h"
#include "patch_memo.h"

struct rc_wanted {
    uint32_t kind; /* its kind in the controller's manifest */
    const char *api_version, *resource;
    struct rv_node *object;     /* the wanted object, with its name and its owner */
    struct rc_owner owner;      /* that owner; without a kind: the object of the context */
    rc_drift_fn *drift;         /* NULL if an existing object is not compared */
    struct rc_patch_memo *memo; /* about the last patch; NULL sends every patch */
    uint64_t create_tag, patch_tag;
    bool may_create; /* if false, a missing object is not created in this reconcile */
    bool hold;       /* nothing is asked for in this reconcile: what failed waits for its next try */
};

enum rc_kept {
    RC_KEPT_AS_WANTED, /* there is nothing to do */
    RC_KEPT_CREATING,  /* it is missing, and its creation was requested if allowed */
    RC_KEPT_PATCHING,  /* it differs, and a patch was requested */
    RC_KEPT_FUTILE,    /* it differs, and the same patch did not help: something changes it back */
    RC_KEPT_GOING,     /* it is being deleted, and is created again when it is gone */
    RC_KEPT_OTHERS     /* an object of another owner has the name; it is not changed */
};

enum rc_kept rc_keep_object(struct rc_context *x, const struct rc_wanted *w);

#endif
