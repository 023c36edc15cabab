/* yaml_tree.h - a YAML document as a node tree, for kubeconfig files. Anchors are refused (nothing here needs them),
 * scalars follow the YAML core schema, errors carry file:line. */
#ifndef KUBE_YAML_TREE_H
#define KUBE_YAML_TREE_H

#include "rayvisor/tree.h"

/* NULL with RV_E_CONFIG and "name:line: what". An empty document is an empty map. */
struct rv_node *yaml_tree_parse(struct rv_arena *a, struct rv_str text, const char *name, struct rv_error *err);
struct rv_node *yaml_tree_load(struct rv_arena *a, const char *path, struct rv_error *err);
/* A whole file, at most max bytes. */
int file_read(const char *path, size_t max, struct rv_buf *out, struct rv_error *err);

#endif
