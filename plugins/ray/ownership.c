/* ownership.c - see ownership.h. */
#include "ownership.h"

/* The controller reference; absent: it has none. */
static struct rv_val controller_of(struct rv_val object) {
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false)) return it.val;
    return RV_VAL_ABSENT;
}

enum rc_ownership rc_ownership(struct rv_val object, const char *kind, struct rv_str name, struct rv_str uid) {
    struct rv_val owner = controller_of(object);
    if (!rv_val_present(owner)) return RC_OWNER_NOBODY;
    if (rv_str_eq(rv_path_str(owner, "uid"), uid)) return RC_OWNER_US;
    bool namesake = rv_str_is(rv_path_str(owner, "kind"), kind) && rv_str_eq(rv_path_str(owner, "name"), name);
    return namesake ? RC_OWNER_PREDECESSOR : RC_OWNER_OTHER;
}

struct rv_str rc_controller_name(struct rv_val object, const char *kind) {
    struct rv_val owner = controller_of(object);
    return rv_str_is(rv_path_str(owner, "kind"), kind) ? rv_path_str(owner, "name") : (struct rv_str){NULL, 0};
}
