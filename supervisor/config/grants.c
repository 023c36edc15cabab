/* grants.c - see grants.h. */
#include "grants.h"

bool grants_own_name(const struct config_env *env, struct rv_str plugin) {
    struct rv_str rest = rv_str(env->own_plugins != NULL ? env->own_plugins : "");
    while (rest.n != 0) {
        const char *space = memchr(rest.p, ' ', rest.n);
        size_t n = space != NULL ? (size_t)(space - rest.p) : rest.n;
        if (rv_str_eq((struct rv_str){rest.p, n}, plugin)) return true;
        n += space != NULL;
        rest = (struct rv_str){rest.p + n, rest.n - n};
    }
    return false;
}

static void grant_all(const struct schema_reader *r, struct config_plugin *p) {
    p->all_grants = true;
    p->grants = rv_arena_alloc(r->doc->arena, (p->manifest->write_n + 1) * sizeof *p->grants);
    for (size_t i = 0; i < p->manifest->write_n; i++) /* what a feature that is off would need is not granted */
        if (manifest_when(&p->manifest->writes[i].when, &p->settings)) p->grants[p->grant_n++] = p->manifest->writes[i];
    if (!p->http.given) p->http = p->manifest->http;
    if (p->secrets_node == NULL) {
        p->secrets = p->manifest->secrets;
        p->secret_n = p->manifest->secret_n;
    }
}

/* ---- reads ---------------------------------------------------------------------------------------------- */

static bool listed(const struct schema_texts *t, struct rv_str what) {
    for (size_t i = 0; i < t->n; i++)
        if (rv_str_eq(t->list[i], what)) return true;
    return false;
}

static bool grants_read_of(const struct manifest_write *g, const struct manifest_kind *k) {
    return rv_str_eq(g->api_version, k->api_version) && rv_str_eq(g->resource, k->resource) && g->subresource.n == 0 &&
           listed(&g->verbs, RV_STR("read"));
}

struct read {
    bool granted, everywhere;
    struct schema_texts in; /* where it is granted in some namespaces, those of them that are watched */
};

/* Several entries add up. */
static struct read find_read(const struct schema_reader *r, const struct config *c, const struct config_plugin *p,
                             const struct manifest_kind *k) {
    struct read found = {0};
    size_t most = 0;
    for (size_t i = 0; i < p->grant_n; i++)
        if (grants_read_of(&p->grants[i], k)) most += p->grants[i].namespaces.n;
    found.in.list = rv_arena_alloc(r->doc->arena, (most + 1) * sizeof *found.in.list);
    for (size_t i = 0; i < p->grant_n; i++) {
        const struct schema_texts *in = &p->grants[i].namespaces;
        if (!grants_read_of(&p->grants[i], k)) continue;
        found.granted = true;
        found.everywhere = found.everywhere || in->n == 0;
        for (size_t n = 0; n < in->n; n++)
            if (!listed(&found.in, in->list[n]) && (c->namespaces.n == 0 || listed(&c->namespaces, in->list[n])))
                found.in.list[found.in.n++] = in->list[n];
    }
    return found;
}

static bool same_resource_before(const struct manifest *m, size_t kind) {
    for (size_t i = 0; i < kind; i++)
        if (rv_str_eq(m->kinds[i].api_version, m->kinds[kind].api_version) &&
            rv_str_eq(m->kinds[i].resource, m->kinds[kind].resource))
            return true;
    return false;
}

static int check_reads(const struct schema_reader *r, const struct config *c, struct config_plugin *p, bool own) {
    rv_autobuf struct rv_buf missing = {0};
    const struct manifest *m = p->manifest;
    p->reads_in = rv_arena_alloc(r->doc->arena, m->kind_n * sizeof *p->reads_in);
    for (size_t i = 0; i < m->kind_n; i++) {
        const struct manifest_kind *k = &m->kinds[i];
        if (!manifest_when(&k->when, &p->settings)) continue;
        struct read found = find_read(r, c, p, k);
        if (!found.granted && !own && !same_resource_before(m, i))
            rv_buf_addf(&missing, "%s{apiVersion: " RV_STR_FMT ", resource: " RV_STR_FMT ", verbs: [read]}",
                        missing.n != 0 ? ", " : "", RV_STR_ARG(k->api_version), RV_STR_ARG(k->resource));
        if (!found.granted || found.everywhere) continue;
        if (found.in.n == 0)
            return schema_fail(r, p->grants_node,
                               "reading " RV_STR_FMT
                               " is granted in no namespace of kubernetes.namespaces: name one of those",
                               RV_STR_ARG(k->resource));
        p->reads_in[i] = found.in;
    }
    if (missing.n == 0) return 0;
    return schema_fail(r, p->grants_node,
                       "plugin " RV_STR_FMT
                       " reads what its grants do not cover: add %s (namespaces: [...] limits it), "
                       "or say grants: all",
                       RV_STR_ARG(p->name), rv_buf_cstr(&missing));
}

const struct schema_texts *config_reads_in(const struct config *c, const struct config_plugin *p, size_t kind) {
    return p->reads_in != NULL && p->reads_in[kind].n != 0 ? &p->reads_in[kind] : &c->namespaces;
}

/* ---- the entry ------------------------------------------------------------------------------------------ */

int grants_read(const struct schema_reader *r, const struct config *c, struct config_plugin *p, bool own) {
    struct yaml_pos *g = p->grants_node;
    if (g == NULL && !own)
        return schema_fail(r, p->node,
                           "plugin " RV_STR_FMT " is not one of Rayvisor's own: say what it may read and do with "
                           "grants: [...] (or grants: all for what its manifest asks)",
                           RV_STR_ARG(p->name));
    if (g == NULL || (g->kind == YAML_POS_SCALAR && rv_str_is(g->text, "all"))) {
        grant_all(r, p);
        return 0;
    }
    if (g->kind != YAML_POS_LIST)
        return schema_fail(
            r, g, "grants must be \"all\" or a list of {apiVersion, resource, subresource, verbs, namespaces}");
    int code = manifest_read_grants(r, g, &p->grants, &p->grant_n);
    return code != 0 ? code : check_reads(r, c, p, own);
}
