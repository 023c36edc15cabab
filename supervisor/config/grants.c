/* grants.c - see grants.h. */
#include "grants.h"

#include "ipc/base/nearest.h"

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
    p->grants = rv_arena_alloc(r->doc->arena, p->manifest->write_n * sizeof *p->grants);
    for (size_t i = 0; i < p->manifest->write_n; i++) /* the needs of a feature that is off are not granted */
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
    struct schema_texts in; /* the watched namespaces among those in which it is granted */
};

/* Several entries are added up. */
static struct read find_read(const struct schema_reader *r, const struct config *c, const struct config_plugin *p,
                             const struct manifest_kind *k) {
    struct read found = {0};
    size_t most = 0;
    for (size_t i = 0; i < p->grant_n; i++)
        if (grants_read_of(&p->grants[i], k)) most += p->grants[i].namespaces.n;
    found.in.list = rv_arena_alloc(r->doc->arena, most * sizeof *found.in.list);
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

/* ---- names of metrics ----------------------------------------------------------------------------------- */

static bool begins_with(struct rv_str s, struct rv_str prefix) {
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

static bool overlap(struct rv_str a, struct rv_str b) { return begins_with(a, b) || begins_with(b, a); }

/* Several of Rayvisor's own plugins know of leaks, and their series tell which (plugins/ray/leak.h). */
static bool is_shared(struct rv_str prefix) { return rv_str_is(prefix, "rayvisor_leaked_"); }

/* Samples of these names do not say which plugin they are from. So a name is one plugin's. The names that dashboards
 * for KubeRay know and those that begin like ours are Rayvisor's own plugins', or those of a plugin that is granted
 * all. */
static int check_metrics(const struct schema_reader *r, const struct config_plugin *p, bool own) {
    const struct schema_texts *t = &p->manifest->metrics;
    for (size_t i = 0; i < t->n && !own && !p->all_grants; i++)
        if (overlap(t->list[i], RV_STR("kuberay_")) || overlap(t->list[i], RV_STR("rayvisor_")))
            return schema_fail(r, p->grants_node,
                               "the manifest of plugin " RV_STR_FMT " claims the names of metrics " RV_STR_FMT
                               "*, which are those of Rayvisor's own plugins: say grants: all to allow it",
                               RV_STR_ARG(p->name), RV_STR_ARG(t->list[i]));
    return 0;
}

static int compare_metrics(const struct schema_reader *r, const struct config_plugin *first,
                           const struct config_plugin *p) {
    const struct schema_texts *a = &first->manifest->metrics, *b = &p->manifest->metrics;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (overlap(a->list[i], b->list[k]) && !(is_shared(a->list[i]) && is_shared(b->list[k])))
                return schema_fail(r, p->node,
                                   "the manifests of plugins " RV_STR_FMT " and " RV_STR_FMT
                                   " claim the same names of metrics, " RV_STR_FMT "* and " RV_STR_FMT
                                   "*: only one of them can be enabled",
                                   RV_STR_ARG(first->name), RV_STR_ARG(p->name), RV_STR_ARG(a->list[i]),
                                   RV_STR_ARG(b->list[k]));
    return 0;
}

int grants_check_metrics(const struct schema_reader *r, const struct config *c) {
    int code = 0;
    for (size_t i = 0; i < c->plugin_n; i++)
        for (size_t k = i + 1; k < c->plugin_n && code == 0; k++)
            if (c->plugins[i].enabled && c->plugins[k].enabled)
                code = compare_metrics(r, &c->plugins[i], &c->plugins[k]);
    return code;
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
    if (code == 0) code = check_metrics(r, p, own);
    return code != 0 ? code : check_reads(r, c, p, own);
}

/* ---- what is likely not meant ----------------------------------------------------------------------------- */

static bool same_target(const struct manifest_write *a, const struct manifest_write *b) {
    return rv_str_eq(a->api_version, b->api_version) && rv_str_eq(a->resource, b->resource) &&
           rv_str_eq(a->subresource, b->subresource);
}

static bool asked_for(const struct manifest *m, const struct manifest_write *g, struct nearest *near) {
    bool found = false;
    for (size_t i = 0; i < m->write_n; i++) {
        found = found || same_target(&m->writes[i], g);
        nearest_offer(near, m->writes[i].resource);
    }
    for (size_t i = 0; i < m->kind_n; i++) {
        found = found || grants_read_of(g, &m->kinds[i]);
        nearest_offer(near, m->kinds[i].resource);
    }
    return found;
}

static void add_target(struct rv_buf *out, const struct manifest_write *g) {
    rv_buf_addf(out, RV_STR_FMT "%s" RV_STR_FMT " (" RV_STR_FMT ")", RV_STR_ARG(g->resource),
                g->subresource.n != 0 ? "/" : "", RV_STR_ARG(g->subresource), RV_STR_ARG(g->api_version));
}

static void warn(const struct config *c, const struct yaml_pos *at, const struct rv_buf *text, config_warning_fn fn,
                 void *arg) {
    rv_autobuf struct rv_buf line = {0};
    rv_buf_addf(&line, "%s:%zu:%zu: " RV_STR_FMT, c->doc.file, at->line, at->column, RV_STR_ARG(rv_buf_str(text)));
    fn(arg, rv_buf_cstr(&line));
}

static void warn_unasked(const struct config *c, const struct config_plugin *p, config_warning_fn fn, void *arg) {
    const struct yaml_pos *at = p->grants_node->kids;
    for (size_t i = 0; i < p->grant_n && at != NULL; i++, at = at->next) {
        rv_autobuf struct rv_buf text = {0};
        struct nearest near = nearest_begin(p->grants[i].resource);
        if (asked_for(p->manifest, &p->grants[i], &near)) continue;
        rv_buf_addf(&text, "grants[%zu] of plugin " RV_STR_FMT " is of ", i, RV_STR_ARG(p->name));
        add_target(&text, &p->grants[i]);
        rv_buf_adds(&text, ", which its manifest does not ask for");
        if (!rv_str_eq(near.best, p->grants[i].resource)) nearest_hint(&near, &text);
        warn(c, at, &text, fn, arg);
    }
}

static void warn_ungranted(const struct config *c, const struct config_plugin *p, config_warning_fn fn, void *arg) {
    for (size_t i = 0; i < p->manifest->write_n; i++) {
        const struct manifest_write *w = &p->manifest->writes[i];
        rv_autobuf struct rv_buf verbs = {0}, text = {0};
        if (!manifest_when(&w->when, &p->settings)) continue;
        for (size_t v = 0; v < w->verbs.n; v++) {
            bool granted = false;
            for (size_t g = 0; g < p->grant_n; g++)
                granted = granted || (same_target(&p->grants[g], w) && listed(&p->grants[g].verbs, w->verbs.list[v]));
            if (!granted) rv_buf_addf(&verbs, "%s" RV_STR_FMT, verbs.n != 0 ? ", " : "", RV_STR_ARG(w->verbs.list[v]));
        }
        if (verbs.n == 0) continue;
        rv_buf_addf(&text, "plugin " RV_STR_FMT " needs to %s ", RV_STR_ARG(p->name), rv_buf_cstr(&verbs));
        add_target(&text, w);
        rv_buf_adds(&text, ", which its grants do not say: it will be refused");
        warn(c, p->grants_node, &text, fn, arg);
    }
}

void grants_warnings(const struct config *c, const struct config_plugin *p, config_warning_fn fn, void *arg) {
    if (!p->enabled || p->all_grants || p->grants_node == NULL) return;
    warn_unasked(c, p, fn, arg);
    warn_ungranted(c, p, fn, arg);
}
