/* yaml_pos.h - reads a YAML file as a tree in which every value has its line and column. It is for files that people
 * write.
 *
 * Anchors, aliases, merge keys, duplicate keys and a second document are refused. */
#ifndef CONFIG_YAML_POS_H
#define CONFIG_YAML_POS_H

#include "ipc/base/yaml.h"

struct yaml_doc {
    struct rv_arena *arena;
    const char *file;      /* the name of the file in errors */
    struct yaml_pos *root; /* NULL if the document is empty */
};
int yaml_doc_parse(struct yaml_doc *d, struct rv_str text, const char *file, struct rv_error *err);
int yaml_doc_load(struct yaml_doc *d, const char *path, struct rv_error *err);
void yaml_doc_free(struct yaml_doc *d);

struct yaml_pos *yaml_pos_get(const struct yaml_pos *map, const char *key);
const char *yaml_kind_name(enum yaml_kind k);
/* The value of a node. Scalars follow the core schema. */
struct rv_node *yaml_pos_data(struct rv_arena *a, const struct yaml_pos *n);

#endif
