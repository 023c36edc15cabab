/* yaml_tree.h - a YAML document as a node tree, for kubeconfig files. Anchors are refused (nothing here needs them),
 * scalars follow the YAML core schema, errors carry file:line. */
#ifndef KUBE_YAML_TREE_H
#define KUBE_YAML_TREE_H

#include "rayvisor/tree.h"

/* Where nodes stand, for errors about what they say. Lives in the tree's arena. */
struct yaml_marks {
    struct yaml_mark *last;
};
size_t yaml_line(const struct yaml_marks *m, const struct rv_node *n); /* from 1; 0: unknown */

/* NULL with RV_E_CONFIG and "name:line: what". An empty document is an empty map. marks may be NULL. */
struct rv_node *yaml_tree_parse(struct rv_arena *a, struct rv_str text, const char *name, struct yaml_marks *marks,
                                struct rv_error *err);

#endif
