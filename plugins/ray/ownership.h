/* ownership.h - who owns an object. Only the uid in its controller reference decides. Labels and names do not, because
 * they can be copied. */
#ifndef RAY_OWNERSHIP_H
#define RAY_OWNERSHIP_H

#include "rayvisor/k8s.h"

enum rc_ownership {
    RC_OWNER_NO_OBJECT,   /* the object does not exist */
    RC_OWNER_US,          /* our object controls it */
    RC_OWNER_NOBODY,      /* it has no controller */
    RC_OWNER_PREDECESSOR, /* an object of our kind and name that has been deleted; this one will be garbage-collected */
    RC_OWNER_OTHER        /* another object controls it */
};

/* Whose an object may be. */
struct rc_owner {
    const char *kind; /* "RayService" */
    struct rv_str name, uid;
};

/* For an existing object, from the view of the object with that kind, name and uid. */
enum rc_ownership rc_ownership(struct rv_val object, const char *kind, struct rv_str name, struct rv_str uid);
/* The name of its controller when that is of this kind; otherwise empty. */
struct rv_str rc_controller_name(struct rv_val object, const char *kind);

#endif
