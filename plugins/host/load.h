/* load.h - opens the shared object of a plugin. Everything is checked before any function of it is called, except for
 * the one exported symbol. */
#ifndef HOST_LOAD_H
#define HOST_LOAD_H

#include "rayvisor/plugin.h"

/* Returns NULL with RV_E_ABI (it does not fit) or RV_E_CONFIG (it cannot be opened). The object is never unloaded. */
const struct rv_plugin *load_plugin(const char *path, struct rv_error *err);

#endif
