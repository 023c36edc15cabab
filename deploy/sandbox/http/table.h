/* table.h - the forms of objects in answers: whole, as rows of a meta.k8s.io/v1 Table (what kubectl get shows), or only
 * their metadata. */
#ifndef RV_SANDBOX_TABLE_H
#define RV_SANDBOX_TABLE_H

#include "deploy/sandbox/storage.h"

enum sb_shape { SB_WHOLE, SB_TABLE, SB_PARTIAL };
enum sb_include { SB_INCLUDE_METADATA, SB_INCLUDE_OBJECT, SB_INCLUDE_NONE }; /* what a row has besides its cells */
struct sb_form {
    enum sb_shape shape;
    enum sb_include include;
};
/* Reads the Accept header and the query's includeObject (NULL if it was not given). */
struct sb_form sb_form_of(struct rv_str accept, const char *include);

/* Writes one object as an answer or as the object of a watch event. columns: with the column definitions (a watch sends
 * them once). */
void sb_form_object(struct sb_form f, const struct sb_resource *served, const struct sb_object *o, bool columns,
                    struct rv_buf *out);
/* A list: its head, items that the caller separates by commas, and its tail. cont is the continue token or NULL. */
struct sb_list_meta {
    uint64_t version;
    const char *cont;
    int64_t remaining;
};
void sb_form_open(struct sb_form f, const struct sb_resource *served, const struct sb_list_meta *m, struct rv_buf *out);
void sb_form_item(struct sb_form f, const struct sb_resource *served, const struct sb_object *o, struct rv_buf *out);
void sb_form_close(struct rv_buf *out);
/* Writes a watch event that has only a version. */
void sb_form_bookmark(struct sb_form f, const struct sb_resource *served, uint64_t version, bool initial,
                      struct rv_buf *out);

/* http/columns.c: the columns of a built-in kind after Name, and their cells. */
struct sb_column {
    const char *name, *type, *format;
    int priority;
    void (*cell)(struct rv_val object, struct rv_buf *out); /* writes one JSON value */
};
/* NULL if the kind has no table of its own. *ret_n counts the columns, including Name. */
const struct sb_column *sb_columns_of(const struct sb_resource *stored, size_t *ret_n);

/* http/jsonpath.c: evaluates the simple JSONPath of printer columns: .a.b, ['a.b'], [0], [*], [?(@.type=="Ready")]. The
 * result is absent if nothing is there. */
struct rv_val sb_jsonpath(struct rv_val v, struct rv_str path);

#endif
