/* hint.h - "did you mean" for the name of an object that was not found. */
#ifndef CTL_HINT_H
#define CTL_HINT_H

#include "api.h"
#include "kinds.h"

/* Adds to *err the name of that kind in the namespace which is nearest, or else a namespace that has the name. Adds
 * nothing if neither can be found, or if the API server does not say. */
void hint_object(struct ctl_context *c, struct api *api, const struct ctl_kind *k, const char *ns, struct rv_str name,
                 struct rv_error *err);

#endif
