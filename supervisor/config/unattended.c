/* unattended.c - kinds of our own controllers that no enabled plugin works on (config.h). A plugin works on a kind if
 * it may write its status: other plugins have the kind as their primary one, too, and only read it. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "grants.h"

static bool writes_status(const struct manifest_write *list, size_t n, const struct manifest_kind *k) {
    for (size_t i = 0; i < n; i++)
        if (rv_str_eq(list[i].api_version, k->api_version) && rv_str_eq(list[i].resource, k->resource) &&
            rv_str_is(list[i].subresource, "status"))
            return true;
    return false;
}

static bool attended(const struct config *c, const struct manifest_kind *k) {
    for (size_t i = 0; i < c->plugin_n; i++)
        if (c->plugins[i].enabled && writes_status(c->plugins[i].grants, c->plugins[i].grant_n, k)) return true;
    return false;
}

/* That of the configuration's entry, which may be switched off, or of our own folder. NULL if there is none. */
static const struct manifest *manifest_of(struct config *c, const struct config_env *env, struct rv_str name) {
    const char *const folders[] = {env->build_plugins, env->install_plugins};
    for (size_t i = 0; i < c->plugin_n; i++)
        if (rv_str_eq(c->plugins[i].name, name)) return c->plugins[i].manifest;
    for (size_t i = 0; i < RV_ARRAY_LEN(folders); i++) {
        rv_autobuf struct rv_buf path = {0};
        if (folders[i] == NULL) continue;
        rv_buf_addf(&path, "%s/" RV_STR_FMT ".yaml", folders[i], RV_STR_ARG(name));
        struct manifest *m = access(rv_buf_cstr(&path), R_OK) == 0 ? manifest_load(rv_buf_cstr(&path), NULL) : NULL;
        if (m == NULL) continue;
        c->absent = rv_realloc_array(c->absent, c->absent_n + 1, sizeof(struct manifest *));
        return c->absent[c->absent_n++] = m;
    }
    return NULL;
}

void config_find_unattended(struct config *c, const struct config_env *env) {
    struct rv_str rest = rv_str(env->own_plugins);
    while (rest.n != 0) {
        const char *space = memchr(rest.p, ' ', rest.n);
        size_t n = space != NULL ? (size_t)(space - rest.p) : rest.n;
        struct rv_str name = {rest.p, n};
        const struct manifest *m = n != 0 ? manifest_of(c, env, name) : NULL;
        n += space != NULL;
        rest = (struct rv_str){rest.p + n, rest.n - n};
        if (m == NULL || !writes_status(m->writes, m->write_n, &m->kinds[0]) || attended(c, &m->kinds[0])) continue;
        c->unattended = rv_realloc_array(c->unattended, c->unattended_n + 1, sizeof *c->unattended);
        c->unattended[c->unattended_n++] = (struct config_kind){&m->kinds[0], m->name};
    }
}
