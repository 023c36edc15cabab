/* yaml_pos.h - YAML as a tree in which every node knows its line and column, for files that people write and we judge.
 *
 * Anchors, aliases, tags and merge keys are refused (a configuration says what it means), and so are duplicate keys. */
#ifndef CONFIG_YAML_POS_H
#define CONFIG_YAML_POS_H

#include "rayvisor/tree.h"

enum yaml_kind { YAML_POS_SCALAR, YAML_POS_LIST, YAML_POS_MAP };

struct yaml_pos {
    enum yaml_kind kind;
    struct rv_str text, key; /* scalars; key: of this entry in its map */
    bool quoted;
    size_t line, column, key_line, key_column; /* from 1 */
    struct yaml_pos *kids, **last, *next;
    size_t n;
};

struct yaml_doc {
    struct rv_arena *arena;
    const char *file;      /* as the errors name it */
    struct yaml_pos *root; /* NULL: empty document */
};
int yaml_doc_parse(struct yaml_doc *d, struct rv_str text, const char *file, struct rv_error *err);
int yaml_doc_load(struct yaml_doc *d, const char *path, struct rv_error *err);
void yaml_doc_free(struct yaml_doc *d);

struct yaml_pos *yaml_pos_get(const struct yaml_pos *map, const char *key);
const char *yaml_kind_name(enum yaml_kind k);
/* A node as data, scalars by the core schema. */
struct rv_node *yaml_pos_data(struct rv_arena *a, const struct yaml_pos *n);

#endif
