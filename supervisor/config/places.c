/* places.c - see places.h. */
#include "places.h"

#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

struct config_places config_find_places(const char *installed) {
    char exe[4096];
    rv_autobuf struct rv_buf plugins = {0};
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = 0;
    struct config_places p = {.exe_dir = rv_strdup(rv_str(dirname(exe))),
                              .install_plugins = rv_strdup(rv_str(installed))};
    rv_buf_addf(&plugins, "%s/../lib/rayvisor/plugins", p.exe_dir);
    p.build_plugins = realpath(rv_buf_cstr(&plugins), NULL);
    if (p.build_plugins == NULL) p.build_plugins = rv_strdup(rv_buf_str(&plugins));
    return p;
}

void config_free_places(struct config_places *p) {
    free(p->exe_dir);
    free(p->build_plugins);
    free(p->install_plugins);
    *p = (struct config_places){0};
}

char *config_find_host(const struct config_places *p, const struct config *c) {
    static const char *const places[] = {"/rayvisor-host", "/../libexec/rayvisor/rayvisor-host"};
    rv_autobuf struct rv_buf b = {0};
    if (c->host_binary.n != 0) return rv_strdup(c->host_binary);
    for (size_t i = 0; i < RV_ARRAY_LEN(places); i++) {
        rv_buf_clear(&b);
        rv_buf_adds(&b, p->exe_dir);
        rv_buf_adds(&b, places[i]);
        if (access(rv_buf_cstr(&b), X_OK) == 0) break;
    }
    return rv_strdup(rv_buf_str(&b));
}
