#include "table.h"
#include "cells.h"
#include "deploy/sandbox/rules/schema.h"
#include "http.h"
#include "rayvisor/json.h"

struct sb_form sb_form_of(struct rv_str accept, const char *include) {
    struct sb_form f = {SB_WHOLE, SB_INCLUDE_METADATA};
    struct rv_str first = accept; /* what is preferred comes first */
    const char *comma = accept.n != 0 ? memchr(accept.p, ',', accept.n) : NULL;
    if (comma != NULL) first.n = (size_t)(comma - accept.p);
    if (first.n != 0 && memmem(first.p, first.n, "as=Table", 8) != NULL) f.shape = SB_TABLE;
    if (first.n != 0 && memmem(first.p, first.n, "as=PartialObjectMetadata", 24) != NULL) f.shape = SB_PARTIAL;
    if (include != NULL && strcmp(include, "Object") == 0) f.include = SB_INCLUDE_OBJECT;
    if (include != NULL && strcmp(include, "None") == 0) f.include = SB_INCLUDE_NONE;
    return f;
}

/* ---- durations ---- */

/* ---- columns ---- */

static void add_column(struct rv_buf *out, size_t i, struct rv_val column, const struct sb_column *c) {
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
    for (size_t k = 0; k < RV_ARRAY_LEN(keys); k++) {
        rv_buf_addf(out, "%s\"%s\":", k != 0 ? "," : i != 0 ? ",{" : "{", keys[k]);
        rv_json_quote(texts[k], out);
    }
    rv_buf_addf(out, ",\"priority\":%lld}", (long long)priority);
}

/* What a kind without columns of its own shows. */
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

/* The C columns of a resource; custom ones with columns in their definition have just the name here. */
static const struct sb_column *columns_of(const struct sb_resource *r, size_t *ret_n, struct rv_val *ret_more) {
    *ret_more = r->custom ? sb_schema_columns(r->schema) : RV_VAL_ABSENT;
    *ret_n = 2;
    if (r->custom && rv_val_len(*ret_more) != 0) *ret_n = 1;
    if (r->custom) return custom_plain;
    const struct sb_column *own = sb_columns_of(r, ret_n);
    return own != NULL ? own : plain;
}

static void write_columns(const struct sb_resource *r, struct rv_buf *out) {
    size_t n = 0, i = 0;
    struct rv_val more;
    const struct sb_column *c = columns_of(r, &n, &more);
    for (; i < n; i++) add_column(out, i, RV_VAL_ABSENT, &c[i]);
    for (struct rv_iter it = rv_iter(more); rv_iter_next(&it); i++) add_column(out, i, it.val, NULL);
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

static void write_partial(const struct sb_object *o, struct rv_buf *out) {
    rv_buf_adds(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
    rv_json_write(rv_val_get(o->value, "metadata"), out);
    rv_buf_addc(out, '}');
}

static void write_row(struct sb_form f, const struct sb_resource *served, const struct sb_object *o,
                      struct rv_buf *out) {
    size_t n = 0;
    struct rv_val more;
    const struct sb_column *c = columns_of(o->resource, &n, &more);
    rv_buf_adds(out, "{\"cells\":[");
    for (size_t i = 0; i < n; i++) {
        if (i != 0) rv_buf_addc(out, ',');
        c[i].cell(o->value, out);
    }
    for (struct rv_iter it = rv_iter(more); rv_iter_next(&it);) {
        rv_buf_addc(out, ',');
        custom_cell(sb_jsonpath(o->value, rv_val_str(rv_val_get(it.val, "jsonPath"))),
                    rv_val_str(rv_val_get(it.val, "type")), out);
    }
    rv_buf_adds(out, "]");
    if (f.include != SB_INCLUDE_NONE) rv_buf_adds(out, ",\"object\":");
    if (f.include == SB_INCLUDE_METADATA) write_partial(o, out);
    if (f.include == SB_INCLUDE_OBJECT) sb_write_object(served, o, out);
    rv_buf_addc(out, '}');
}

static void list_meta(const struct sb_list_meta *m, struct rv_buf *out) {
    rv_buf_addf(out, "\"metadata\":{\"resourceVersion\":\"%llu\"", (unsigned long long)m->version);
    if (m->cont != NULL)
        rv_buf_addf(out, ",\"continue\":\"%s\",\"remainingItemCount\":%lld", m->cont, (long long)m->remaining);
    rv_buf_adds(out, "},");
}

static void table_head(const struct sb_resource *stored, const struct sb_list_meta *m, bool columns,
                       struct rv_buf *out) {
    rv_buf_adds(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",");
    list_meta(m, out);
    rv_buf_adds(out, "\"columnDefinitions\":[");
    if (columns) write_columns(stored, out);
    rv_buf_adds(out, "],\"rows\":[");
}

void sb_form_object(struct sb_form f, const struct sb_resource *served, const struct sb_object *o, bool columns,
                    struct rv_buf *out) {
    if (f.shape == SB_WHOLE) {
        sb_write_object(served, o, out);
    } else if (f.shape == SB_PARTIAL) {
        write_partial(o, out);
    } else {
        table_head(o->resource, &(struct sb_list_meta){.version = o->version}, columns, out);
        write_row(f, served, o, out);
        rv_buf_adds(out, "]}");
    }
}

void sb_form_open(struct sb_form f, const struct sb_resource *served, const struct sb_list_meta *m,
                  struct rv_buf *out) {
    if (f.shape == SB_TABLE) {
        table_head(served, m, true, out);
        return;
    }
    bool partial = f.shape == SB_PARTIAL;
    rv_buf_addf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s%s%s\",",
                partial ? "PartialObjectMetadataList" : served->list_kind, partial ? "meta.k8s.io" : served->group,
                partial || served->group[0] != '\0' ? "/" : "", partial ? "v1" : served->version);
    list_meta(m, out);
    rv_buf_adds(out, "\"items\":[");
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
    rv_buf_adds(out, "{\"type\":\"BOOKMARK\",\"object\":");
    if (f.shape == SB_TABLE) {
        table_head(served, &(struct sb_list_meta){.version = version}, false, out);
        rv_buf_adds(out, "]}}\n");
        return;
    }
    bool partial = f.shape == SB_PARTIAL;
    rv_buf_addf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s%s%s\",\"metadata\":{\"resourceVersion\":\"%llu\"%s}}}\n",
                partial ? "PartialObjectMetadata" : served->kind, partial ? "meta.k8s.io" : served->group,
                partial || served->group[0] != '\0' ? "/" : "", partial ? "v1" : served->version,
                (unsigned long long)version,
                initial ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}
