/* controller.h - what the host sees of every Ray controller: its state, which begins with the host, and its vtable. */
#ifndef RAY_CONTROLLER_H
#define RAY_CONTROLLER_H

#include "context.h"

/* The state of a controller begins with this. */
struct rc_controller {
    const struct rv_host_api *api;
    struct rv_host *host;
};

/* Makes a zeroed state of `size` bytes and reads the settings into it; settings may be NULL. For rv_plugin.init. */
int32_t rc_controller_init(size_t size, const struct rv_host_api *api, struct rv_host *h,
                           int32_t (*settings)(void *state, struct rv_error *err), void **ret_state,
                           struct rv_error *err);
/* The context of one reconcile over the object, which has the name and the uid that the mirror says. */
struct rc_context rc_context_of(const struct rc_controller *k, struct rv_arena *a, const char *kind,
                                const char *controller, const struct rv_object *o);
/* spec.managedBy names another controller: then the object is none of ours. */
bool rc_managed_elsewhere(struct rv_val spec);

/* Defines the plugin and exports it. The file includes the header of kinds that the build makes from the manifest
 * (NAME_kinds.h). What follows the name are further fields of struct rv_plugin. */
#define RC_PLUGIN(plugin_name, ...)                                                                                    \
    static const struct rv_plugin plugin_name = {.size = sizeof plugin_name,                                           \
                                                 .magic = RV_ABI_MAGIC,                                                \
                                                 .abi_major = RV_ABI_MAJOR,                                            \
                                                 .abi_minor = RV_ABI_MINOR,                                            \
                                                 .name = #plugin_name,                                                 \
                                                 .version = RV_VERSION,                                                \
                                                 .kinds = rv_manifest_kinds,                                           \
                                                 .kind_n = KIND_COUNT,                                                 \
                                                 __VA_ARGS__};                                                         \
    RV_PLUGIN(plugin_name)

#endif
