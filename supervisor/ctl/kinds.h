/* kinds.h - the four kinds of ray.io and the names by which people call them. */
#ifndef CTL_KINDS_H
#define CTL_KINDS_H

#include "command.h"

struct ctl_kind {
    const char *kind, *resource, *singular, *short_name; /* "RayCluster", "rayclusters", "raycluster", "rc" */
};
extern const struct ctl_kind ctl_kinds[];
enum { CTL_RAYCLUSTER, CTL_RAYJOB, CTL_RAYSERVICE, CTL_RAYCRONJOB, CTL_KIND_N };

/* The kind by any of its names, in upper or lower case, also with its group ("rayclusters.ray.io"). NULL if it is none
 * of the four. */
const struct ctl_kind *ctl_kind_find(struct rv_str name);
/* The same; sets err with the accepted names, and which may have been meant. */
const struct ctl_kind *ctl_kind_need(struct rv_str name, struct rv_error *err);
/* Reads the arguments "KIND/NAME" or "KIND NAME". Returns -CTL_USAGE and sets c->err if they are neither. `purpose` is
 * what the command does with the object, such as "explain". */
int ctl_object_argument(struct ctl_context *c, const char *purpose, struct rv_str *ret_kind, const char **ret_name);

#endif
