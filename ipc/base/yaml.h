/* yaml.h - reads YAML into a node tree (rayvisor/tree.h). It is used for files and fields that people write.
 *
 * All readers of YAML use this parser with different options. By default aliases are refused and "<<" is an ordinary
 * key, because a document of a few lines can expand to millions of nodes. A caller may accept aliases; then it bounds
 * the number of nodes. Errors name the line. A reader that checks every value (the configuration, manifests) asks for
 * positions. They give the line and the column of each value and of its key. */
#ifndef RV_IPC_BASE_YAML_H
#define RV_IPC_BASE_YAML_H

#include "rayvisor/tree.h"

enum yaml_kind { YAML_POS_SCALAR, YAML_POS_LIST, YAML_POS_MAP };

/* A value and its position in the text. */
struct yaml_pos {
    enum yaml_kind kind;
    /* `text` is the text of a scalar as written. `key` is the key of this entry in its map. */
    struct rv_str text, key;
    bool quoted;
    size_t line, column, key_line, key_column; /* counted from 1 */
    const struct rv_node *node;                /* the same value in the tree */
    struct yaml_pos *kids, **last, *next, *before;
    size_t n; /* number of `kids`; nodes from an alias have none */
};

/* The positions of all values of a document. They are allocated in the tree's arena. */
struct yaml_marks {
    /* `root` is NULL for an empty document. `last` is the newest position; the others follow by `before`. */
    struct yaml_pos *root, *last;
};
size_t yaml_line(const struct yaml_marks *m, const struct rv_node *n); /* counted from 1; 0 if unknown */

struct yaml_opts {
    /* With a name, errors are RV_E_CONFIG "name:line: what". With NULL they are RV_E_PARSE "line N: what". */
    const char *name;
    bool anchors;                /* aliases and merge keys are accepted */
    bool repeats;                /* a key may occur twice; the last one counts */
    bool strict;                 /* anchors, merge keys and a second document are refused; errors name the column */
    size_t max_depth, max_nodes; /* 0 means 100 for the depth and no limit for the nodes */
    struct yaml_marks *marks;    /* NULL if positions are not wanted */
    /* Converts an unquoted scalar. NULL means yaml_plain. The text ends with a NUL. */
    struct rv_node *(*plain)(struct rv_arena *a, struct rv_str text);
};

/* Converts an unquoted scalar by YAML's core schema: null, true and false in any case, and decimal numbers. Anything
 * else is text. */
struct rv_node *yaml_plain(struct rv_arena *a, struct rv_str text);

/* Parses the first document. An empty document gives a null node. Returns NULL and sets err on an error. */
struct rv_node *yaml_tree(struct rv_arena *a, struct rv_str text, const struct yaml_opts *o, struct rv_error *err);
/* Calls fn for each document. The document's arena lives as long as the call. Stops at the first error, including one
 * that fn returns. */
typedef int (*yaml_fn)(void *arg, struct rv_arena *a, struct rv_node *document, struct rv_error *err);
int yaml_each(struct rv_str text, const struct yaml_opts *o, yaml_fn fn, void *arg, struct rv_error *err);

#endif
