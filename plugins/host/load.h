/* load.h - opening a plugin's shared object: everything is checked before any of its functions but the one exported
 * symbol is called. */
#ifndef HOST_LOAD_H
#define HOST_LOAD_H

#include "rayvisor/plugin.h"

/* NULL with RV_E_ABI (it does not fit) or RV_E_CONFIG (it cannot be opened). Never unloaded. */
const struct rv_plugin *load_plugin(const char *path, struct rv_error *err);

#endif
