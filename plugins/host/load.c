/* load.c - dlopen and the ABI checks (see load.h). */
#include "load.h"

#include "ipc/base/utf8.h"

#include <dlfcn.h>

static bool name_ok(const char *name) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n >= 1 && n <= 31 && name[n] == 0 && name[0] >= 'a' && name[0] <= 'z';
}

static int check(const char *path, const struct rv_plugin *p, struct rv_error *err) {
    if (p == NULL) return rv_error_set(err, RV_E_ABI, "%s: " RV_PLUGIN_SYMBOL "() returned nothing", path);
    if (p->size < offsetof(struct rv_plugin, map) || p->magic != RV_ABI_MAGIC)
        return rv_error_set(err, RV_E_ABI, "%s: its descriptor is no Rayvisor plugin descriptor (magic %08x, size %u)",
                            path, (unsigned)p->magic, (unsigned)p->size);
    if (p->abi_major != RV_ABI_MAJOR)
        return rv_error_set(
            err, RV_E_ABI,
            "%s was built for plugin ABI %u, this host has ABI %d: rebuild it against the installed headers", path,
            (unsigned)p->abi_major, RV_ABI_MAJOR);
    if (p->name == NULL || p->version == NULL || p->init == NULL || p->reconcile == NULL)
        return rv_error_set(err, RV_E_ABI, "%s: name, version, init and reconcile must be set", path);
    if (!RV_HAS(p, kind_n) || p->kinds == NULL || p->kind_n == 0)
        return rv_error_set(err, RV_E_ABI, "%s: kinds must be set: the table that the build makes from the manifest",
                            path);
    if (!name_ok(p->name) || strlen(p->version) > 64 || !utf8_valid(rv_str(p->version)))
        return rv_error_set(err, RV_E_ABI,
                            "%s: its name must look like [a-z][a-z0-9-]{0,30} and its version be short UTF-8 text",
                            path);
    return 0;
}

const struct rv_plugin *load_plugin(const char *path, struct rv_error *err) {
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (so == NULL) {
        rv_error_set(err, RV_E_CONFIG, "cannot load the plugin: %s", dlerror());
        return NULL;
    }
    rv_plugin_fn fn;
    void *symbol = dlsym(so, RV_PLUGIN_SYMBOL);
    memcpy(&fn, &symbol, sizeof fn);
    if (fn == NULL) {
        rv_error_set(err, RV_E_ABI, "%s does not export " RV_PLUGIN_SYMBOL, path);
        return NULL;
    }
    const struct rv_plugin *p = fn();
    return check(path, p, err) == 0 ? p : NULL;
}
