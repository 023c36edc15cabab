/* openapi.c - OpenAPI v3, one document for each group and version. It is enough for kubectl explain, and shows kubectl
 * that the server validates fields. Built-in kinds have no descriptions; custom ones have those of their definition. */
#include "deploy/sandbox/rules/schema.h"
#include "http.h"
#include "rayvisor/json.h"

#include <stdlib.h>

#define REF "#/components/schemas/"

struct doc {
    struct sb_storage *s;
    struct jsonw w;
    struct rv_str group, version;
    const struct sb_type **todo; /* types that are referred to; each occurs once */
    size_t n, cap;
};

static void refer(struct doc *d, const struct sb_type *t) {
    for (size_t i = 0; i < d->n; i++)
        if (d->todo[i] == t) return;
    if (d->n == d->cap) {
        d->cap = d->cap != 0 ? d->cap * 2 : 64;
        d->todo = rv_realloc_array((void *)d->todo, d->cap, sizeof *d->todo);
    }
    d->todo[d->n++] = t;
}

/* ---- schemas ---- */

static void write_ref(struct jsonw *w, const struct sb_type *t) {
    jsonw_begin_array(w, "allOf");
    jsonw_begin_object(w, NULL);
    jsonw_fmt(w, "$ref", REF RV_STR_FMT, RV_STR_ARG(t->name));
    jsonw_end_object(w);
    jsonw_end_array(w);
}

static void write_type(struct doc *d, const char *key, const struct sb_type *t);

static void write_list(struct doc *d, const struct sb_type *t) {
    struct jsonw *w = &d->w;
    jsonw_text(w, "type", "array");
    write_type(d, "items", t->items);
    if (t->list == SB_LIST_SET) jsonw_text(w, "x-kubernetes-list-type", "set");
    if (t->list == SB_LIST_KEYED) jsonw_text(w, "x-kubernetes-list-type", "map");
    if (t->n_keys == 0) return;
    jsonw_begin_array(w, "x-kubernetes-list-map-keys");
    for (size_t i = 0; i < t->n_keys; i++) jsonw_str(w, NULL, t->keys[i]);
    jsonw_end_array(w);
}

static void write_type(struct doc *d, const char *key, const struct sb_type *t) {
    static const char *const simple[] = {
        [SB_ANY] = "\"type\":\"object\"",
        [SB_STRING] = "\"type\":\"string\"",
        [SB_BOOL] = "\"type\":\"boolean\"",
        [SB_INT32] = "\"type\":\"integer\",\"format\":\"int32\"",
        [SB_INT64] = "\"type\":\"integer\",\"format\":\"int64\"",
        [SB_NUMBER] = "\"type\":\"number\",\"format\":\"double\"",
        [SB_BYTES] = "\"type\":\"string\",\"format\":\"byte\"",
        [SB_QUANTITY] = "\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]",
        [SB_INT_OR_STRING] = "\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]",
        [SB_TIME] = "\"type\":\"string\",\"format\":\"date-time\"",
        [SB_MICROTIME] = "\"type\":\"string\",\"format\":\"date-time\""};
    struct jsonw *w = &d->w;
    jsonw_begin_object(w, key);
    jsonw_text(w, "description", "");
    if (t->kind == SB_STRUCT) {
        refer(d, t);
        write_ref(w, t);
    } else if (t->kind == SB_MAP) {
        jsonw_text(w, "type", "object");
        write_type(d, "additionalProperties", t->items);
    } else if (t->kind == SB_LIST) {
        write_list(d, t);
    } else {
        jsonw_members(w, rv_str(simple[t->kind]));
    }
    jsonw_end_object(w);
}

static void write_gvk(const struct sb_resource *r, const char *key, struct jsonw *w) {
    jsonw_begin_object(w, key);
    jsonw_text(w, "group", r->group);
    jsonw_text(w, "version", r->version);
    jsonw_text(w, "kind", r->kind);
    jsonw_end_object(w);
}

static void write_required(const struct sb_type *t, struct jsonw *w) {
    size_t n = 0;
    for (size_t i = 0; i < t->n_props; i++) n += t->props[i].required;
    if (n == 0) return;
    jsonw_begin_array(w, "required");
    for (size_t i = 0; i < t->n_props; i++)
        if (t->props[i].required) jsonw_str(w, NULL, t->props[i].name);
    jsonw_end_array(w);
}

/* Writes one component, "Name":{...}. r is set if it is a kind of this document. */
static void write_struct(struct doc *d, const struct sb_type *t, const struct sb_resource *r) {
    struct jsonw *w = &d->w;
    jsonw_key(w, t->name);
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "description", "");
    jsonw_text(w, "type", "object");
    jsonw_begin_object(w, "properties");
    for (size_t i = 0; i < t->n_props; i++) {
        jsonw_key(w, t->props[i].name);
        write_type(d, NULL, t->props[i].type);
    }
    jsonw_end_object(w);
    write_required(t, w);
    if (r != NULL) {
        jsonw_begin_array(w, "x-kubernetes-group-version-kind");
        write_gvk(r, NULL, w);
        jsonw_end_array(w);
    }
    jsonw_end_object(w);
}

/* Writes a custom kind: its own schema and the fields of every object. */
static void write_custom(struct doc *d, const struct sb_resource *r) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_from(a, sb_schema_raw(r->schema)), *props = rv_node_ensure_map(a, n, "properties");
    const struct sb_prop *meta = sb_type_prop(r->type, RV_STR("metadata"));
    static const char *const texts[] = {"apiVersion", "kind"};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++)
        rv_node_set_cstr(a, rv_node_ensure_map(a, props, texts[i]), "type", "string");
    refer(d, meta->type);
    struct rv_node *ref = rv_node_map(a), *m = rv_node_map(a);
    rv_node_set_fmt(a, ref, "$ref", REF RV_STR_FMT, RV_STR_ARG(meta->type->name));
    rv_node_append(a, rv_node_ensure_array(a, m, "allOf"), ref);
    rv_node_set(a, props, "metadata", m);
    m = rv_node_map(a);
    rv_node_set_cstr(a, m, "group", r->group);
    rv_node_set_cstr(a, m, "version", r->version);
    rv_node_set_cstr(a, m, "kind", r->kind);
    rv_node_append(a, rv_node_ensure_array(a, n, "x-kubernetes-group-version-kind"), m);
    jsonw_key(&d->w, rv_arena_fmt(a, "%s.%s.%s", r->group, r->version, r->kind));
    jsonw_val(&d->w, NULL, rv_node_freeze(a, n));
}

static bool ours(const struct doc *d, const struct sb_resource *r) {
    return rv_str_is(d->group, r->group) && rv_str_is(d->version, r->version);
}

static void add_kind(void *arg, const struct sb_resource *r) {
    struct doc *d = arg;
    if (!ours(d, r)) return;
    const struct sb_type *t = r->custom ? NULL : r->type;
    if (r->custom)
        write_custom(d, r);
    else if (t != NULL) {
        refer(d, t);
        write_struct(d, t, r);
    }
}

/* ---- paths ---- */

struct find {
    const struct doc *d;
    const struct sb_type *type;
    bool found;
};

static void is_kind(void *arg, const struct sb_resource *r) {
    struct find *f = arg;
    if (ours(f->d, r) && !r->custom && r->type == f->type) f->found = true;
}

static void write_op(struct doc *d, const struct sb_resource *r, const char *method, const char *action, bool write) {
    static const char *const parameters[] = {"dryRun", "fieldManager", "fieldValidation"};
    struct jsonw *w = &d->w;
    jsonw_begin_object(w, method);
    jsonw_text(w, "x-kubernetes-action", action);
    write_gvk(r, "x-kubernetes-group-version-kind", w);
    if (write) jsonw_begin_array(w, "parameters");
    for (size_t i = 0; write && i < RV_ARRAY_LEN(parameters); i++) {
        jsonw_begin_object(w, NULL);
        jsonw_text(w, "name", parameters[i]);
        jsonw_text(w, "in", "query");
        jsonw_raw(w, "schema", RV_STR("{\"type\":\"string\"}"));
        jsonw_end_object(w);
    }
    if (write) jsonw_end_array(w);
    jsonw_raw(w, "responses", RV_STR("{\"200\":{\"description\":\"OK\"}}"));
    jsonw_end_object(w);
}

static void add_paths(void *arg, const struct sb_resource *r) {
    struct doc *d = arg;
    struct jsonw *w = &d->w;
    if (!ours(d, r)) return;
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s%s/%s/%s%s", r->group[0] != '\0' ? "/apis/" : "/api", r->group, r->version,
                r->namespaced ? "namespaces/{namespace}/" : "", r->plural);
    jsonw_begin_object(w, rv_buf_cstr(&path));
    write_op(d, r, "get", "list", false);
    write_op(d, r, "post", "post", true);
    jsonw_end_object(w);
    rv_buf_adds(&path, "/{name}");
    jsonw_begin_object(w, rv_buf_cstr(&path));
    write_op(d, r, "get", "get", false);
    write_op(d, r, "put", "put", true);
    write_op(d, r, "patch", "patch", true);
    write_op(d, r, "delete", "delete", false);
    jsonw_end_object(w);
}

static void write_doc(struct doc *d) {
    struct jsonw *w = &d->w;
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "openapi", "3.0.0");
    jsonw_begin_object(w, "info");
    jsonw_text(w, "title", "Kubernetes");
    jsonw_text(w, "version", "v1.36.0-sandbox");
    jsonw_end_object(w);
    jsonw_begin_object(w, "paths");
    sb_resource_each(d->s, add_paths, d);
    jsonw_end_object(w);
    jsonw_begin_object(w, "components");
    jsonw_begin_object(w, "schemas");
    sb_resource_each(d->s, add_kind, d);
    for (size_t i = 0; i < d->n; i++) { /* the list grows while it is written */
        struct find f = {d, d->todo[i], false};
        sb_resource_each(d->s, is_kind, &f);
        if (!f.found) write_struct(d, d->todo[i], NULL);
    }
    jsonw_end_object(w);
    jsonw_end_object(w);
    jsonw_end_object(w);
}

/* ---- the index ---- */

static void add_to_index(void *arg, const struct sb_resource *r) {
    struct jsonw *w = arg;
    rv_autobuf struct rv_buf key = {0}, member = {0};
    rv_buf_addf(&key, "api%s%s/%s", r->group[0] != '\0' ? "s/" : "", r->group, r->version);
    rv_buf_addf(&member, "\"%s\":", rv_buf_cstr(&key));
    /* Another kind has the same group and version. */
    if (memmem(w->out->p, w->out->n, member.p, member.n) != NULL) return;
    jsonw_begin_object(w, rv_buf_cstr(&key));
    jsonw_fmt(w, "serverRelativeURL", "/openapi/v3/%s", rv_buf_cstr(&key));
    jsonw_end_object(w);
}

bool sb_openapi(struct sb_request *q, struct sb_response *r) {
    static const char ROOT[] = "/openapi/v3";
    if (!rv_str_starts(q->path, ROOT)) return false;
    struct rv_str rest = {q->path.p + sizeof ROOT - 1, q->path.n - (sizeof ROOT - 1)};
    if (rest.n == 0) {
        struct jsonw w = {.out = &r->body};
        jsonw_begin_object(&w, NULL);
        jsonw_begin_object(&w, "paths");
        sb_resource_each(q->storage, add_to_index, &w);
        jsonw_end_object(&w);
        jsonw_end_object(&w);
        return true;
    }
    struct doc d = {.s = q->storage, .w = {.out = &r->body}};
    if (rv_str_is(rest, "/api/v1")) {
        d.version = RV_STR("v1");
    } else if (rv_str_starts(rest, "/apis/")) {
        d.group = (struct rv_str){rest.p + 6, rest.n - 6};
        const char *slash = memchr(d.group.p, '/', d.group.n);
        if (slash == NULL) return false;
        d.version = (struct rv_str){slash + 1, d.group.n - (size_t)(slash + 1 - d.group.p)};
        d.group.n = (size_t)(slash - d.group.p);
    }
    rv_autobuf struct rv_buf index = {0};
    sb_resource_each(q->storage, add_to_index, &(struct jsonw){.out = &index});
    struct rv_str quoted = rv_arena_fmt(q->arena, "\"/openapi/v3" RV_STR_FMT "\"", RV_STR_ARG(rest));
    if (memmem(index.p, index.n, quoted.p, quoted.n) == NULL) return false; /* nothing is served there */
    write_doc(&d);
    free((void *)d.todo);
    return true;
}
