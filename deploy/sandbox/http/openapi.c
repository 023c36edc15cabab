/* OpenAPI v3, one document a group and version: enough for kubectl explain, and for kubectl to see that the server
 * validates fields. Built-in kinds come without descriptions; custom ones say what their definition says. */
#include "deploy/sandbox/rules/schema.h"
#include "http.h"
#include "rayvisor/json.h"

#include <stdlib.h>

#define REF "{\"$ref\":\"#/components/schemas/"

struct doc {
    struct sb_storage *s;
    struct rv_buf *out;
    struct rv_str group, version;
    const struct sb_type **todo; /* types that are referred to; each once */
    size_t n, cap, resources;
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

static void write_type(struct doc *d, const struct sb_type *t, const char *description) {
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
    rv_buf_addf(d->out, "{\"description\":\"%s\",", description);
    if (t->kind == SB_STRUCT) {
        refer(d, t);
        rv_buf_addf(d->out, "\"allOf\":[" REF RV_STR_FMT "\"}]", RV_STR_ARG(t->name));
    } else if (t->kind == SB_MAP) {
        rv_buf_adds(d->out, "\"type\":\"object\",\"additionalProperties\":");
        write_type(d, t->items, "");
    } else if (t->kind == SB_LIST) {
        rv_buf_adds(d->out, "\"type\":\"array\",\"items\":");
        write_type(d, t->items, "");
        if (t->list == SB_LIST_SET) rv_buf_adds(d->out, ",\"x-kubernetes-list-type\":\"set\"");
        if (t->list == SB_LIST_KEYED) rv_buf_adds(d->out, ",\"x-kubernetes-list-type\":\"map\"");
        for (size_t i = 0; i < t->n_keys; i++)
            rv_buf_addf(d->out, "%s\"" RV_STR_FMT "\"%s", i == 0 ? ",\"x-kubernetes-list-map-keys\":[" : ",",
                        RV_STR_ARG(t->keys[i]), i + 1 == t->n_keys ? "]" : "");
    } else {
        rv_buf_adds(d->out, simple[t->kind]);
    }
    rv_buf_addc(d->out, '}');
}

static void write_gvk(const struct sb_resource *r, struct rv_buf *out) {
    rv_buf_addf(out, "{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}", r->group, r->version, r->kind);
}

/* One component: "Name":{...}; r when it is a kind of this document. */
static void write_struct(struct doc *d, const struct sb_type *t, const struct sb_resource *r) {
    rv_buf_addf(d->out, "\"" RV_STR_FMT "\":{\"description\":\"\",\"type\":\"object\",\"properties\":{",
                RV_STR_ARG(t->name));
    for (size_t i = 0; i < t->n_props; i++) {
        rv_buf_addf(d->out, "%s\"" RV_STR_FMT "\":", i != 0 ? "," : "", RV_STR_ARG(t->props[i].name));
        write_type(d, t->props[i].type, "");
    }
    rv_buf_adds(d->out, "}");
    size_t n = 0;
    for (size_t i = 0; i < t->n_props; i++)
        if (t->props[i].required)
            rv_buf_addf(d->out, "%s\"" RV_STR_FMT "\"", n++ == 0 ? ",\"required\":[" : ",",
                        RV_STR_ARG(t->props[i].name));
    if (n != 0) rv_buf_addc(d->out, ']');
    if (r != NULL) {
        rv_buf_adds(d->out, ",\"x-kubernetes-group-version-kind\":[");
        write_gvk(r, d->out);
        rv_buf_addc(d->out, ']');
    }
    rv_buf_addc(d->out, '}');
}

/* A custom kind: its own schema, with what every object has. */
static void write_custom(struct doc *d, const struct sb_resource *r) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf ref = {0}, mp = {0};
    struct rv_node *n = rv_node_from(a, sb_schema_raw(r->schema)), *props = rv_node_ensure_map(a, n, "properties");
    const struct sb_prop *meta = sb_type_prop(r->type, RV_STR("metadata"));
    static const char *const texts[] = {"apiVersion", "kind"};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++)
        rv_node_set_cstr(a, rv_node_ensure_map(a, props, texts[i]), "type", "string");
    rv_buf_addf(&ref, "[" REF RV_STR_FMT "\"}]", RV_STR_ARG(meta->type->name));
    refer(d, meta->type);
    rv_json_to_mp(rv_buf_str(&ref), NULL, &mp, NULL);
    struct rv_node *m = rv_node_map(a);
    rv_node_set(a, m, "allOf", rv_node_from(a, (struct rv_val){mp.p, mp.n}));
    rv_node_set(a, props, "metadata", m);
    m = rv_node_map(a);
    rv_node_set_cstr(a, m, "group", r->group);
    rv_node_set_cstr(a, m, "version", r->version);
    rv_node_set_cstr(a, m, "kind", r->kind);
    rv_node_append(a, rv_node_ensure_array(a, n, "x-kubernetes-group-version-kind"), m);
    rv_buf_addf(d->out, "\"%s.%s.%s\":", r->group, r->version, r->kind);
    rv_json_write(rv_node_freeze(a, n), d->out);
}

static bool ours(const struct doc *d, const struct sb_resource *r) {
    return rv_str_is(d->group, r->group) && rv_str_is(d->version, r->version);
}

static void add_kind(void *arg, const struct sb_resource *r) {
    struct doc *d = arg;
    if (!ours(d, r)) return;
    const struct sb_type *t = r->custom ? NULL : r->type;
    if (d->resources++ != 0) rv_buf_addc(d->out, ',');
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
    static const char PARAMETERS[] = ",\"parameters\":[{\"name\":\"dryRun\",\"in\":\"query\",\"schema\":{\"type\":"
                                     "\"string\"}},{\"name\":\"fieldManager\",\"in\":"
                                     "\"query\",\"schema\":{\"type\":\"string\"}},{\"name\":\"fieldValidation\",\"in\":"
                                     "\"query\",\"schema\":{\"type\":\"string\"}}]";
    rv_buf_addf(d->out, "\"%s\":{\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-kind\":", method, action);
    write_gvk(r, d->out);
    rv_buf_addf(d->out, "%s,\"responses\":{\"200\":{\"description\":\"OK\"}}}", write ? PARAMETERS : "");
}

static void add_paths(void *arg, const struct sb_resource *r) {
    struct doc *d = arg;
    if (!ours(d, r)) return;
    const char *prefix = r->group[0] != '\0' ? "/apis/" : "/api";
    const char *ns = r->namespaced ? "namespaces/{namespace}/" : "";
    rv_buf_addf(d->out, "%s\"%s%s/%s/%s%s\":{", d->resources++ != 0 ? "," : "", prefix, r->group, r->version, ns,
                r->plural);
    write_op(d, r, "get", "list", false);
    rv_buf_addc(d->out, ',');
    write_op(d, r, "post", "post", true);
    rv_buf_addf(d->out, "},\"%s%s/%s/%s%s/{name}\":{", prefix, r->group, r->version, ns, r->plural);
    write_op(d, r, "get", "get", false);
    rv_buf_addc(d->out, ',');
    write_op(d, r, "put", "put", true);
    rv_buf_addc(d->out, ',');
    write_op(d, r, "patch", "patch", true);
    rv_buf_addc(d->out, ',');
    write_op(d, r, "delete", "delete", false);
    rv_buf_addc(d->out, '}');
}

static void write_doc(struct doc *d) {
    rv_buf_adds(
        d->out,
        "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":\"v1.36.0-sandbox\"},\"paths\":{");
    sb_resource_each(d->s, add_paths, d);
    rv_buf_adds(d->out, "},\"components\":{\"schemas\":{");
    d->resources = 0;
    sb_resource_each(d->s, add_kind, d);
    for (size_t i = 0; i < d->n; i++) { /* grows as they are written */
        struct find f = {d, d->todo[i], false};
        sb_resource_each(d->s, is_kind, &f);
        if (f.found) continue;
        if (d->resources++ != 0) rv_buf_addc(d->out, ',');
        write_struct(d, d->todo[i], NULL);
    }
    rv_buf_adds(d->out, "}}}");
}

/* ---- the index ---- */

static void add_to_index(void *arg, const struct sb_resource *r) {
    struct rv_buf *out = arg, key = {0};
    rv_buf_addf(&key, "\"api%s%s/%s\":", r->group[0] != '\0' ? "s/" : "", r->group, r->version);
    if (memmem(out->p, out->n, key.p, key.n) == NULL)
        rv_buf_addf(out, "%s" RV_STR_FMT "{\"serverRelativeURL\":\"/openapi/v3/api%s%s/%s\"}",
                    out->p[out->n - 1] != '{' ? "," : "", RV_STR_ARG(rv_buf_str(&key)), r->group[0] != '\0' ? "s/" : "",
                    r->group, r->version);
    rv_buf_free(&key);
}

bool sb_openapi(struct sb_request *q, struct sb_response *r) {
    static const char ROOT[] = "/openapi/v3";
    if (!rv_str_starts(q->path, ROOT)) return false;
    struct rv_str rest = {q->path.p + sizeof ROOT - 1, q->path.n - (sizeof ROOT - 1)};
    if (rest.n == 0) {
        rv_buf_adds(&r->body, "{\"paths\":{");
        sb_resource_each(q->storage, add_to_index, &r->body);
        rv_buf_adds(&r->body, "}}");
        return true;
    }
    struct doc d = {.s = q->storage, .out = &r->body};
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
    rv_buf_addc(&index, '{');
    sb_resource_each(q->storage, add_to_index, &index);
    struct rv_str quoted = rv_arena_fmt(q->arena, "\"/openapi/v3" RV_STR_FMT "\"", RV_STR_ARG(rest));
    if (memmem(index.p, index.n, quoted.p, quoted.n) == NULL) return false; /* nothing is served there */
    write_doc(&d);
    free((void *)d.todo);
    return true;
}
