/* own_manager.h - whether an entry of metadata.managedFields is of this operator. */
#ifndef ACTIONS_OWN_MANAGER_H
#define ACTIONS_OWN_MANAGER_H

#include "rayvisor/base.h"

/* Each plugin writes as a field manager of its own, called rayvisor-PLUGIN. */
static inline bool is_own_manager(struct rv_str manager) { return rv_str_starts(manager, "rayvisor"); }

#endif
