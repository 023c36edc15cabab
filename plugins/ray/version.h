/* version.h - Ray versions as the contract reads them: an optional v and at least two numbers, of which the first has
 * no leading zero. What follows the numbers is not compared. */
#ifndef RAYCLUSTER_VERSION_H
#define RAYCLUSTER_VERSION_H

#include "rayvisor/base.h"

struct rc_version {
    int64_t major, minor, patch;
    struct rv_str suffix; /* the text after the numbers, such as "rc1"; borrowed */
};
bool rc_version_parse(struct rv_str text, struct rc_version *ret);
bool rc_version_at_least(const struct rc_version *v, int64_t major, int64_t minor);

#endif
