/* yaml.h - YAML as a node tree (rayvisor/tree.h), for files and fields that people write.
 *
 * One builder for all readers; they differ in what they accept. Aliases are refused and "<<" is a usual key
 * unless the caller asks for them, because a document of a few lines can unfold to millions of nodes; where they are
 * accepted, the number of nodes is bounded. Errors name the line. A reader that judges every value (the configuration,
 * manifests) asks for positions, which name the line and the column of each value and of its key.
 */
#ifndef RV_IPC_BASE_YAML_H
#define RV_IPC_BASE_YAML_H

#include "rayvisor/tree.h"

enum yaml_kind { YAML_POS_SCALAR, YAML_POS_LIST, YAML_POS_MAP };

/* A value and where it stands in the text. */
struct yaml_pos {
    enum yaml_kind kind;
    struct rv_str text, key; /* text: of a scalar, as it is written; key: of this entry in its map */
    bool quoted;
    size_t line, column, key_line, key_column; /* from 1 */
    const struct rv_node *node;                /* the same value as data */
    struct yaml_pos *kids, **last, *next, *before;
    size_t n; /* of kids; what an alias unfolds to has none */
};

/* Where the values of a document stand. It lives in the tree's arena. */
struct rv_yaml_marks {
    struct yaml_pos *root, *last; /* root: NULL for an empty document; last: the newest one, linked by `before` */
};
size_t rv_yaml_line(const struct rv_yaml_marks *m, const struct rv_node *n); /* from 1; 0: unknown */

struct rv_yaml_opts {
    const char *name;            /* errors are RV_E_CONFIG "name:line: what"; NULL: RV_E_PARSE "line N: what" */
    bool anchors;                /* aliases and merge keys are accepted */
    bool repeats;                /* a key may stand twice, and the last one counts */
    bool strict;                 /* anchors, merge keys and a second document are refused; errors name the column */
    size_t max_depth, max_nodes; /* 0: 100, and as many as the text has */
    struct rv_yaml_marks *marks; /* NULL: not wanted */
    /* What an unquoted scalar is; NULL: rv_yaml_plain. The text ends with a NUL. */
    struct rv_node *(*plain)(struct rv_arena *a, struct rv_str text);
};

/* An unquoted scalar by YAML's core schema: null, true and false in any case, decimal numbers; all else is text. */
struct rv_node *rv_yaml_plain(struct rv_arena *a, struct rv_str text);

/* The first document; an empty one is null. NULL with err set. */
struct rv_node *rv_yaml_parse(struct rv_arena *a, struct rv_str text, const struct rv_yaml_opts *o,
                              struct rv_error *err);
/* Hands all documents to fn, each with an arena that lives as long as the call. Stops at the first error, fn's own
 * included. */
typedef int (*rv_yaml_fn)(void *arg, struct rv_arena *a, struct rv_node *document, struct rv_error *err);
int rv_yaml_each(struct rv_str text, const struct rv_yaml_opts *o, rv_yaml_fn fn, void *arg, struct rv_error *err);

#endif
