/* ownership.c - see ownership.h. */
#include "ownership.h"

enum rc_ownership rc_ownership(struct rv_val object, const char *kind, struct rv_str name, struct rv_str uid) {
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (!rv_path_bool(it.val, "controller", false)) continue;
        if (rv_str_eq(rv_path_str(it.val, "uid"), uid)) return RC_OWNER_US;
        bool namesake = rv_str_is(rv_path_str(it.val, "kind"), kind) && rv_str_eq(rv_path_str(it.val, "name"), name);
        return namesake ? RC_OWNER_PREDECESSOR : RC_OWNER_OTHER;
    }
    return RC_OWNER_NOBODY;
}
