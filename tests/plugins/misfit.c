/* misfit.c - a plugin whose descriptor is wrong in the way that the environment variable MISFIT names. */
#include <stdlib.h>
#include <string.h>

#include "rayvisor/plugin.h"

static int32_t init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    (void)api;
    (void)h;
    (void)ret_state;
    (void)err;
    return 0;
}

static void reconcile(void *state, const struct rv_key *key, struct rv_outcome *ret) {
    (void)state;
    (void)key;
    (void)ret;
}

static const struct rv_kind kinds[1];

RV_EXPORT const struct rv_plugin *rv_plugin_v3(void);
RV_EXPORT const struct rv_plugin *rv_plugin_v3(void) {
    static struct rv_plugin p;
    const char *wrong = getenv("MISFIT"), *value = wrong != NULL ? strchr(wrong, '=') : NULL;
    size_t n = value != NULL ? (size_t)(value - wrong) : 0;
    p = (struct rv_plugin){.size = sizeof p,
                           .magic = RV_ABI_MAGIC,
                           .abi_major = RV_ABI_MAJOR,
                           .name = "misfit",
                           .version = "1.2",
                           .init = init,
                           .reconcile = reconcile,
                           .kinds = kinds,
                           .kind_n = 1};
    if (value == NULL) return &p;
    uint32_t number = (uint32_t)strtoul(value + 1, NULL, 0);
    const char *text = value[1] != 0 ? value + 1 : NULL;
    if (strncmp(wrong, "nothing", n) == 0) return NULL;
    if (strncmp(wrong, "size", n) == 0) p.size = number;
    if (strncmp(wrong, "magic", n) == 0) p.magic = number;
    if (strncmp(wrong, "major", n) == 0) p.abi_major = number;
    if (strncmp(wrong, "name", n) == 0) p.name = text;
    if (strncmp(wrong, "version", n) == 0) p.version = text;
    if (strncmp(wrong, "init", n) == 0) p.init = NULL;
    if (strncmp(wrong, "reconcile", n) == 0) p.reconcile = NULL;
    if (strncmp(wrong, "kinds", n) == 0) p.kinds = NULL;
    if (strncmp(wrong, "kind_n", n) == 0) p.kind_n = 0;
    return &p;
}
