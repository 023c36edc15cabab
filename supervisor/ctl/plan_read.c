/* plan_read.c - see plan_read.h. */
#include "plan_read.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ipc/base/file.h"
#include "ipc/base/loop.h"
#include "ipc/base/yaml.h"
#include "rayvisor/json.h"

enum { FILE_MAX = 16 << 20, SCHEMA_MAX = 64 << 20, NODES_MAX = 1000000 };
static const char default_config[] =
    "plugins: [{name: raycluster}, {name: rayjob}, {name: rayservice}, {name: raycronjob}]\n";

/* ---- the configuration ------------------------------------------------------------------------------------------- */

int plan_read_config(struct plan_reading *r) {
    struct ctl_context *c = r->c;
    r->places = config_find_places(RV_PLUGIN_DIR);
    const struct config_env env = {r->places.install_plugins, r->places.build_plugins, RV_OWN_PLUGINS};
    r->config = c->config != NULL ? config_load(c->config, &env, &c->err)
                                  : config_parse(rv_str(default_config), "(defaults)", &env, &c->err);
    return r->config != NULL ? 0 : c->err.code;
}

void plan_reading_end(struct plan_reading *r) {
    config_free(r->config);
    config_free_places(&r->places);
    r->api = api_close(r->api);
    rv_buf_free(&r->notes);
}

static void note(struct plan_reading *r, const char *fmt, ...) RV_PRINTF(2, 3);
static void note(struct plan_reading *r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&r->notes, fmt, ap);
    va_end(ap);
    rv_buf_addc(&r->notes, '\n');
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void add_namespace(struct plan_reading *r, struct rv_str ns) {
    for (size_t i = 0; i < r->namespace_n; i++)
        if (rv_str_eq(r->namespaces[i], ns)) return;
    struct rv_str *more = rv_arena_alloc(r->c->arena, (r->namespace_n + 1) * sizeof *more);
    if (r->namespace_n > 0) memcpy(more, r->namespaces, r->namespace_n * sizeof *more);
    more[r->namespace_n++] = ns;
    r->namespaces = more;
}

static int add_document(struct plan_reading *r, struct rv_node *node, struct rv_error *err);

static int add_list(struct plan_reading *r, struct rv_node *items, struct rv_error *err) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < rv_node_len(items); i++) code = add_document(r, rv_node_at(items, i), err);
    return code;
}

static int name_document(struct plan_reading *r, struct plan_document *d, struct rv_error *err) {
    struct rv_node *meta = rv_node_get(d->node, "metadata");
    struct rv_str ns = rv_node_text(rv_node_get(meta, "namespace"));
    d->name = rv_node_text(rv_node_get(meta, "name"));
    d->ns = ns.n != 0 ? ns : rv_str(api_namespace(r->api));
    if (d->name.n == 0) return rv_error_set(err, RV_E_INVALID, "a %s of the file has no metadata.name", d->kind->kind);
    if (r->c->ns != NULL && ns.n != 0 && !rv_str_is(ns, r->c->ns))
        return rv_error_set(err, -CTL_USAGE, "%s/" RV_STR_FMT " is of namespace " RV_STR_FMT " in the file, not %s",
                            d->kind->kind, RV_STR_ARG(d->name), RV_STR_ARG(ns), r->c->ns);
    for (const struct plan_document *o = r->documents; o != NULL; o = o->next)
        if (o->kind == d->kind && rv_str_eq(o->name, d->name) && rv_str_eq(o->ns, d->ns))
            return rv_error_set(err, RV_E_INVALID, "%s/" RV_STR_FMT " is in the file twice", d->kind->kind,
                                RV_STR_ARG(d->name));
    return 0;
}

static int add_document(struct plan_reading *r, struct rv_node *node, struct rv_error *err) {
    struct rv_str kind = rv_node_text(rv_node_get(node, "kind")),
                  api_version = rv_node_text(rv_node_get(node, "apiVersion"));
    if (rv_node_type(node) == RV_NULL) return 0; /* an empty document */
    if (rv_node_type(node) != RV_MAP || kind.n == 0)
        return rv_error_set(err, RV_E_INVALID, "a document of the file is no object of Kubernetes: it has no kind");
    if (rv_str_is(kind, "List")) return add_list(r, rv_node_get(node, "items"), err);
    if (!rv_str_is(api_version, "ray.io/v1")) {
        struct rv_str name = rv_node_text(rv_node_path(node, "metadata.name"));
        bool ours = rv_str_starts(api_version, "ray.io/");
        if (ours)
            return rv_error_set(err, RV_E_INVALID, "apiVersion is " RV_STR_FMT "; accepted is ray.io/v1",
                                RV_STR_ARG(api_version));
        note(r, RV_STR_FMT "/" RV_STR_FMT " is not of ray.io: it is not planned", RV_STR_ARG(kind), RV_STR_ARG(name));
        return 0;
    }
    struct plan_document *d = rv_arena_alloc(r->c->arena, sizeof *d);
    *d = (struct plan_document){.kind = ctl_kind_need(kind, err), .node = rv_node_copy(r->c->arena, node)};
    int code = d->kind == NULL ? RV_E_INVALID : name_document(r, d, err);
    if (code != 0) return code;
    add_namespace(r, d->ns);
    *r->documents_last = d;
    r->documents_last = &d->next;
    return 0;
}

static int on_document(void *arg, struct rv_arena *a, struct rv_node *node, struct rv_error *err) {
    (void)a;
    return add_document(arg, node, err);
}

static int read_all(const char *path, struct rv_buf *out, struct rv_error *err) {
    if (strcmp(path, "-") != 0) return file_read(path, FILE_MAX, out, err);
    char chunk[65536];
    for (ssize_t n; (n = read(STDIN_FILENO, chunk, sizeof chunk)) != 0;) {
        if (n < 0 && errno != EINTR)
            return rv_error_set(err, -errno, "cannot read standard input: %s", strerror(errno));
        if (n > 0) rv_buf_add(out, chunk, (size_t)n);
        if (out->n > FILE_MAX)
            return rv_error_set(err, RV_E_TOO_BIG, "standard input has more than %d bytes", FILE_MAX);
    }
    return 0;
}

int plan_read_file(struct plan_reading *r, const char *path) {
    rv_autobuf struct rv_buf text = {0};
    const char *shown = strcmp(path, "-") == 0 ? "standard input" : path;
    const struct yaml_opts o = {.name = shown, .anchors = true, .max_nodes = NODES_MAX};
    r->documents_last = &r->documents;
    int code = read_all(path, &text, &r->c->err);
    if (code == 0) code = yaml_each(rv_buf_str(&text), &o, on_document, r, &r->c->err);
    if (code == 0 && r->documents == NULL)
        code = rv_error_set(&r->c->err, RV_E_INVALID, "%s has no object of ray.io", shown);
    return code;
}

/* ---- the schema -------------------------------------------------------------------------------------------------- */

static bool is_kind(struct rv_val schema, const char *kind) {
    for (struct rv_iter it = rv_iter(rv_val_get(schema, "x-kubernetes-group-version-kind")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "kind"), kind) && rv_str_is(rv_path_str(it.val, "version"), "v1"))
            return true;
    return false;
}

static int read_schemas(struct plan_reading *r) {
    struct ctl_context *c = r->c;
    struct rv_str text = {0};
    int code = api_text(r->api, "/openapi/v3/apis/ray.io/v1", SCHEMA_MAX, "the schema of ray.io/v1", &text, &c->err);
    if (code == RV_E_NOT_FOUND)
        return rv_error_set(&c->err, code, "%s does not serve ray.io/v1: apply the CustomResourceDefinitions first",
                            api_server(r->api));
    const struct rv_json_limits limits = {.max_bytes = SCHEMA_MAX};
    struct rv_val v = RV_VAL_ABSENT;
    struct rv_json_reader *reader = rv_json_reader_new(NULL, &limits, NULL, NULL);
    if (code == 0) code = rv_json_reader_feed(reader, text.p, text.n, &c->err);
    if (code == 0) code = rv_json_reader_finish(reader, &v, &c->err);
    struct rv_str kept = rv_arena_str(c->arena, (struct rv_str){(const char *)v.p, v.n});
    rv_json_reader_free(reader);
    if (code != 0) return code;
    v = (struct rv_val){(const uint8_t *)kept.p, kept.n};
    for (struct rv_iter it = rv_iter(rv_val_path(v, "components.schemas")); rv_iter_next(&it);)
        for (size_t k = 0; k < CTL_KIND_N; k++)
            if (is_kind(it.val, ctl_kinds[k].kind)) r->schemas[k] = it.val;
    return 0;
}

struct rv_val plan_read_fix(void *arg, struct rv_str resource, struct rv_val value) {
    const struct plan_reading *r = arg;
    for (size_t k = 0; k < CTL_KIND_N; k++) {
        if (!rv_str_is(resource, ctl_kinds[k].resource)) continue;
        struct rv_node *n = rv_node_from(r->c->arena, value);
        plan_defaults(r->c->arena, n, r->schemas[k]);
        return rv_node_freeze(r->c->arena, n);
    }
    return value;
}

/* ---- objects ----------------------------------------------------------------------------------------------------- */

struct plan_thing *plan_read_keep(struct plan_reading *r, struct rv_str api_version, struct rv_str resource,
                                  struct rv_str kind, struct rv_val v) {
    struct rv_node *n = rv_node_from(r->c->arena, v);
    /* Of the elements of a list the API server says it once, for all of them. */
    rv_node_set_str(r->c->arena, n, "apiVersion", api_version);
    if (kind.n != 0) rv_node_set_str(r->c->arena, n, "kind", kind);
    if (rv_str_is(resource, "secrets")) {
        (void)rv_node_remove(n, "data");
        (void)rv_node_remove(n, "stringData");
    }
    (void)rv_node_remove(rv_node_get(n, "metadata"), "managedFields");
    return plan_state_add(&r->state, api_version, resource, kind, rv_node_freeze(r->c->arena, n));
}

static int read_kind(struct plan_reading *r, const struct manifest_kind *k, bool primary, struct rv_str ns) {
    struct rv_arena *a = r->c->arena;
    struct rv_error err = {0};
    struct api_list list;
    const struct api_what what = {.api_version = rv_arena_str(a, k->api_version).p,
                                  .resource = rv_arena_str(a, k->resource).p,
                                  .ns = rv_arena_str(a, ns).p,
                                  .labels = rv_arena_str(a, k->selector).p};
    int code = api_list(r->api, &what, &list, &err);
    if (code == RV_E_NOT_FOUND && !primary) return 0; /* it is not served: there are none */
    if (code == RV_E_FORBIDDEN && !primary) {
        note(r, "%s; what a controller finds out from them is not planned", err.text);
        return 0;
    }
    if (code != 0) {
        r->c->err = err;
        return code;
    }
    for (size_t i = 0; i < list.n; i++) (void)plan_read_keep(r, k->api_version, k->resource, k->kind, list.items[i]);
    return 0;
}

/* Kind `at` of plugin `p` was read for an earlier one. */
static bool is_read(const struct config *c, size_t p, size_t at) {
    const struct manifest_kind *k = &c->plugins[p].manifest->kinds[at];
    for (size_t i = 0; i <= p; i++)
        for (size_t n = 0; c->plugins[i].enabled && n < (i < p ? c->plugins[i].manifest->kind_n : at); n++) {
            const struct manifest_kind *o = &c->plugins[i].manifest->kinds[n];
            if (rv_str_eq(o->resource, k->resource) && rv_str_eq(o->api_version, k->api_version) &&
                (o->selector.n == 0 || rv_str_eq(o->selector, k->selector)))
                return true;
        }
    return false;
}

static int read_kinds(struct plan_reading *r, struct rv_str ns) {
    const struct config *c = r->config;
    int code = 0;
    for (size_t p = 0; p < c->plugin_n; p++) {
        const struct config_plugin *plugin = &c->plugins[p];
        for (size_t k = 0; code == 0 && plugin->enabled && k < plugin->manifest->kind_n; k++) {
            const struct manifest_kind *kind = &plugin->manifest->kinds[k];
            if (!is_read(c, p, k) && manifest_when(&kind->when, &plugin->settings) &&
                !rv_str_is(kind->resource, "nodes"))
                code = read_kind(r, kind, k == 0, ns);
        }
    }
    return code;
}

/* ---- the file's objects in their places ------------------------------------------------------------------------ */

static void identify(struct plan_reading *r, const struct plan_document *d, struct rv_node *n, struct rv_val live) {
    struct rv_arena *a = r->c->arena;
    struct rv_node *meta = rv_node_ensure_map(a, n, "metadata");
    bool edited =
        rv_val_present(live) && !rv_node_equal(rv_node_get(n, "spec"), rv_node_from(a, rv_val_get(live, "spec")));
    rv_node_set_str(a, meta, "namespace", d->ns);
    rv_node_set_int(a, meta, "generation", rv_path_int(live, "metadata.generation", 0) + (edited ? 1 : 0));
    if (rv_val_present(live)) return;
    char now[32];
    rv_time_format(clock_wall(), now);
    rv_node_set_int(a, meta, "generation", 1);
    rv_node_set_fmt(a, meta, "uid", "planned-%s-" RV_STR_FMT, d->kind->resource, RV_STR_ARG(d->name));
    rv_node_set_cstr(a, meta, "resourceVersion", "planned");
    rv_node_set_cstr(a, meta, "creationTimestamp", now);
}

static void place(struct plan_reading *r, struct plan_document *d) {
    struct rv_arena *a = r->c->arena;
    rv_autobuf struct rv_buf why = {0};
    struct rv_str resource = rv_str(d->kind->resource), version = RV_STR("ray.io/v1");
    struct rv_val schema = r->schemas[d->kind - ctl_kinds];
    const struct plan_thing *t = plan_state_find(&r->state, version, resource, d->ns, d->name);
    struct rv_val live = t != NULL ? t->first : RV_VAL_ABSENT;
    struct rv_node *n = plan_merge(a, live, d->node);
    plan_defaults(a, n, schema);
    if (plan_misshapen(n, schema, &why)) d->refused = rv_arena_str(a, rv_buf_str(&why));
    identify(r, d, n, live);
    (void)plan_state_target(&r->state, version, resource, rv_str(d->kind->kind), rv_node_freeze(a, n));
}

static struct rv_val without_last_file(struct rv_arena *a, struct rv_val v) {
    struct rv_node *n = rv_node_from(a, v);
    bool had =
        rv_node_remove(rv_node_path(n, "metadata.annotations"), "kubectl.kubernetes.io/last-applied-configuration");
    return had ? rv_node_freeze(a, n) : v;
}

int plan_read_objects(struct plan_reading *r) {
    plan_state_begin(&r->state, r->c->arena);
    if (r->documents == NULL) add_namespace(r, r->c->all_namespaces ? RV_STR("") : rv_str(api_namespace(r->api)));
    int code = read_schemas(r);
    for (size_t i = 0; code == 0 && i < r->namespace_n; i++) code = read_kinds(r, r->namespaces[i]);
    if (code != 0) return code;
    for (struct plan_document *d = r->documents; d != NULL; d = d->next) place(r, d);
    for (struct plan_thing *t = r->state.first; t != NULL; t = t->next) {
        t->first = without_last_file(r->c->arena, t->first);
        if (rv_val_present(t->now)) t->now = without_last_file(r->c->arena, t->now);
        /* Without a file all of ray.io is looked at. What one of them has made belongs to that one. */
        if (r->documents == NULL && rv_str_is(t->api_version, "ray.io/v1"))
            t->target = !plan_state_controlled(&r->state, t);
    }
    plan_state_count(&r->state);
    return 0;
}
