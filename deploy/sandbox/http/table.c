#include "table.h"
#include "cells.h"
#include "deploy/sandbox/rules/schema.h"
#include "http.h"
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"

struct sb_form sb_form_of(struct rv_str accept, const char *include) {
    struct sb_form f = {SB_WHOLE, SB_INCLUDE_METADATA};
    struct rv_str first = accept; /* the preferred form comes first */
    const char *comma = accept.n != 0 ? memchr(accept.p, ',', accept.n) : NULL;
    if (comma != NULL) first.n = (size_t)(comma - accept.p);
    if (first.n != 0 && memmem(first.p, first.n, "as=Table", 8) != NULL) f.shape = SB_TABLE;
    if (first.n != 0 && memmem(first.p, first.n, "as=PartialObjectMetadata", 24) != NULL) f.shape = SB_PARTIAL;
    if (include != NULL && strcmp(include, "Object") == 0) f.include = SB_INCLUDE_OBJECT;
    if (include != NULL && strcmp(include, "None") == 0) f.include = SB_INCLUDE_NONE;
    return f;
}

/* ---- columns ---- */

static void add_column(struct jsonw *w, struct rv_val column, const struct sb_column *c) {
    struct rv_str texts[] = {RV_STR("Name"), RV_STR("string"), RV_STR("name"), RV_STR("")};
    static const char *const keys[] = {"name", "type", "format", "description"};
    int64_t priority = c != NULL ? c->priority : rv_val_int(rv_val_get(column, "priority"), 0);
    for (size_t k = 0; rv_val_present(column) && k < RV_ARRAY_LEN(keys); k++)
        texts[k] = rv_val_str(rv_val_get(column, keys[k]));
    if (c != NULL) {
        texts[0] = rv_str(c->name);
        texts[1] = rv_str(c->type);
        texts[2] = rv_str(c->format);
    }
    jsonw_begin_object(w, NULL);
    for (size_t k = 0; k < RV_ARRAY_LEN(keys); k++) jsonw_str(w, keys[k], texts[k]);
    jsonw_int(w, "priority", priority);
    jsonw_end_object(w);
}

/* The column of a kind without columns of its own. */
static void cell_name(struct rv_val o, struct rv_buf *out) { rv_json_quote(rv_path_str(o, "metadata.name"), out); }
static void cell_created(struct rv_val o, struct rv_buf *out) {
    rv_json_quote(rv_path_str(o, "metadata.creationTimestamp"), out);
}
static void cell_age(struct rv_val o, struct rv_buf *out) {
    sb_cell_since(rv_val_path(o, "metadata.creationTimestamp"), "<unknown>", out);
}
static const struct sb_column plain[] = {{"Name", "string", "name", 0, cell_name},
                                         {"Created At", "date", "", 0, cell_created}};
static const struct sb_column custom_plain[] = {{"Name", "string", "name", 0, cell_name},
                                                {"Age", "date", "", 0, cell_age}};

/* The columns of a resource in C. Custom resources with columns in their definition have only the name here. */
static const struct sb_column *columns_of(const struct sb_resource *r, size_t *ret_n, struct rv_val *ret_more) {
    *ret_more = r->custom ? sb_schema_columns(r->schema) : RV_VAL_ABSENT;
    *ret_n = 2;
    if (r->custom && rv_val_len(*ret_more) != 0) *ret_n = 1;
    if (r->custom) return custom_plain;
    const struct sb_column *own = sb_columns_of(r, ret_n);
    return own != NULL ? own : plain;
}

static void write_columns(const struct sb_resource *r, struct jsonw *w) {
    size_t n = 0;
    struct rv_val more;
    const struct sb_column *c = columns_of(r, &n, &more);
    for (size_t i = 0; i < n; i++) add_column(w, RV_VAL_ABSENT, &c[i]);
    for (struct rv_iter it = rv_iter(more); rv_iter_next(&it);) add_column(w, it.val, NULL);
}

static void custom_cell(struct rv_val v, struct rv_str type, struct rv_buf *out) {
    bool text = rv_str_is(type, "string");
    if (!rv_val_set(v))
        rv_buf_adds(out, rv_str_is(type, "date") ? "\"<unknown>\"" : "null");
    else if (rv_str_is(type, "date"))
        sb_cell_since(v, "<invalid>", out);
    else if (text && rv_val_type(v) != RV_STRING) {
        rv_autobuf struct rv_buf b = {0};
        rv_json_write(v, &b);
        rv_json_quote(rv_buf_str(&b), out);
    } else
        rv_json_write(v, out);
}

/* ---- objects in their forms ---- */

#define META_V1 "meta.k8s.io/v1"

static void write_partial(const struct sb_object *o, struct rv_buf *out) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "kind", "PartialObjectMetadata");
    jsonw_text(&w, "apiVersion", META_V1);
    jsonw_val(&w, "metadata", rv_val_get(o->value, "metadata"));
    jsonw_end_object(&w);
}

static void write_row(struct sb_form f, const struct sb_resource *served, const struct sb_object *o,
                      struct rv_buf *out) {
    size_t n = 0;
    struct rv_val more;
    const struct sb_column *c = columns_of(o->resource, &n, &more);
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_begin_array(&w, "cells");
    for (size_t i = 0; i < n; i++) c[i].cell(o->value, jsonw_value(&w, NULL));
    for (struct rv_iter it = rv_iter(more); rv_iter_next(&it);)
        custom_cell(sb_jsonpath(o->value, rv_val_str(rv_val_get(it.val, "jsonPath"))),
                    rv_val_str(rv_val_get(it.val, "type")), jsonw_value(&w, NULL));
    jsonw_end_array(&w);
    if (f.include == SB_INCLUDE_METADATA) write_partial(o, jsonw_value(&w, "object"));
    if (f.include == SB_INCLUDE_OBJECT) sb_write_object(served, o, jsonw_value(&w, "object"));
    jsonw_end_object(&w);
}

static void list_meta(const struct sb_list_meta *m, struct jsonw *w) {
    jsonw_begin_object(w, "metadata");
    jsonw_fmt(w, "resourceVersion", "%llu", (unsigned long long)m->version);
    if (m->cont != NULL) {
        jsonw_text(w, "continue", m->cont);
        jsonw_int(w, "remainingItemCount", m->remaining);
    }
    jsonw_end_object(w);
}

/* Writes kind and apiVersion, of the resource itself or of its metadata alone. */
static void write_type_meta(struct jsonw *w, const struct sb_resource *served, bool partial, bool list) {
    if (partial)
        jsonw_fmt(w, "kind", "PartialObjectMetadata%s", list ? "List" : "");
    else
        jsonw_text(w, "kind", list ? served->list_kind : served->kind);
    if (partial)
        jsonw_text(w, "apiVersion", META_V1);
    else
        jsonw_fmt(w, "apiVersion", "%s%s%s", served->group, served->group[0] != '\0' ? "/" : "", served->version);
}

/* Begins a table, up to its rows. sb_form_close() ends it. */
static void begin_table(const struct sb_resource *stored, const struct sb_list_meta *m, bool columns,
                        struct rv_buf *out) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "kind", "Table");
    jsonw_text(&w, "apiVersion", META_V1);
    list_meta(m, &w);
    jsonw_begin_array(&w, "columnDefinitions");
    if (columns) write_columns(stored, &w);
    jsonw_end_array(&w);
    jsonw_begin_array(&w, "rows");
}

void sb_form_object(struct sb_form f, const struct sb_resource *served, const struct sb_object *o, bool columns,
                    struct rv_buf *out) {
    if (f.shape == SB_WHOLE) {
        sb_write_object(served, o, out);
    } else if (f.shape == SB_PARTIAL) {
        write_partial(o, out);
    } else {
        begin_table(o->resource, &(struct sb_list_meta){.version = o->version}, columns, out);
        write_row(f, served, o, out);
        sb_form_close(out);
    }
}

void sb_form_open(struct sb_form f, const struct sb_resource *served, const struct sb_list_meta *m,
                  struct rv_buf *out) {
    if (f.shape == SB_TABLE) {
        begin_table(served, m, true, out);
        return;
    }
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    write_type_meta(&w, served, f.shape == SB_PARTIAL, true);
    list_meta(m, &w);
    jsonw_begin_array(&w, "items");
}

void sb_form_item(struct sb_form f, const struct sb_resource *served, const struct sb_object *o, struct rv_buf *out) {
    if (f.shape == SB_TABLE)
        write_row(f, served, o, out);
    else if (f.shape == SB_PARTIAL)
        write_partial(o, out);
    else
        sb_write_object(served, o, out);
}

void sb_form_close(struct rv_buf *out) { rv_buf_adds(out, "]}"); }

void sb_form_bookmark(struct sb_form f, const struct sb_resource *served, uint64_t version, bool initial,
                      struct rv_buf *out) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "type", "BOOKMARK");
    if (f.shape == SB_TABLE) {
        begin_table(served, &(struct sb_list_meta){.version = version}, false, jsonw_value(&w, "object"));
        sb_form_close(out);
    } else {
        jsonw_begin_object(&w, "object");
        write_type_meta(&w, served, f.shape == SB_PARTIAL, false);
        jsonw_begin_object(&w, "metadata");
        jsonw_fmt(&w, "resourceVersion", "%llu", (unsigned long long)version);
        if (initial) jsonw_raw(&w, "annotations", RV_STR("{\"k8s.io/initial-events-end\":\"true\"}"));
        jsonw_end_object(&w);
        jsonw_end_object(&w);
    }
    jsonw_end_object(&w);
    rv_buf_addc(out, '\n');
}
