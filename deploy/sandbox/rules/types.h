/* types.h - the types of fields: names, types, and how lists and maps are merged. The types of built-in kinds come from
 * kinds.inc, those of custom resources from their schemas. Field ownership, strict decoding, protobuf bodies, strategic
 * patches and OpenAPI all use them. */
#ifndef RV_SANDBOX_TYPES_H
#define RV_SANDBOX_TYPES_H

#include "deploy/sandbox/storage.h"

enum sb_type_kind {
    SB_ANY, /* unknown: stored as it is, owned as a whole */
    SB_STRING,
    SB_BOOL,
    SB_INT32,
    SB_INT64,
    SB_NUMBER,
    SB_BYTES,
    SB_QUANTITY,
    SB_INT_OR_STRING,
    SB_TIME,
    SB_MICROTIME,
    SB_STRUCT, /* named fields */
    SB_MAP,    /* any names, values of one type */
    SB_LIST
};
enum sb_list_kind { SB_LIST_ATOMIC, SB_LIST_SET, SB_LIST_KEYED };

struct sb_prop;
struct sb_type {
    enum sb_type_kind kind;
    /* "Container". `api` is set for kinds: "v1/Pod", "apps/v1/Deployment". */
    struct rv_str name, api;
    struct sb_prop *props; /* for a struct */
    size_t n_props;
    const struct sb_type *items; /* for a map or list; for a struct, the type of further names */
    enum sb_list_kind list;
    struct rv_str keys[4]; /* for a list with keys */
    size_t n_keys;
    bool atomic;             /* for a struct or map: owned as a whole */
    bool open;               /* for a struct: unknown fields are kept */
    bool merge;              /* for a list: a strategic patch merges it, */
    struct rv_str merge_key; /* by this key; if it is empty, by value */
    struct rv_str text;      /* the line of kinds.inc, until it is parsed */
};
struct sb_prop {
    /* `tag` is the protobuf number, "2.1" if nested. */
    struct rv_str name, tag;
    struct rv_str fallback; /* the default of a text */
    struct rv_str description;
    bool required;
    bool keep_zero; /* 0 and false are not the same as absent */
    const struct sb_type *type;
};

struct sb_types; /* the built-in types */
struct sb_types *sb_types_new(void);
struct sb_types *sb_types_free(struct sb_types *t);
const struct sb_type *sb_types_find(const struct sb_types *t, const char *name);
/* Finds "v1/Pod" or "apps/v1/Deployment". Returns NULL if it is unknown. */
const struct sb_type *sb_types_kind(const struct sb_types *t, struct rv_str api_version, struct rv_str kind);

/* The type of a structural schema's root. `meta` is the type of metadata. The bytes are borrowed. */
const struct sb_type *sb_type_from_schema(struct rv_arena *a, struct rv_val schema, const struct sb_type *meta);

/* The property, or NULL. */
const struct sb_prop *sb_type_prop(const struct sb_type *struct_type, struct rv_str name);
/* The type behind a name of a struct or map. NULL if nothing is known (or allowed). */
const struct sb_type *sb_type_child(const struct sb_type *t, struct rv_str name);
/* Writes the key fields of a list's element as JSON ({"name":"x"}), with defaults. Returns false if one is missing. */
bool sb_type_element_key(const struct sb_type *list, struct rv_node *element, struct rv_buf *out);
/* The index of the element with the same key as `like`, or the length of the list. */
size_t sb_type_find(const struct sb_type *list, struct rv_node *in, struct rv_node *like);

#endif
