/* load.h - YAML files (several documents each) into the storage at start: `--load FILE_OR_DIR`. */
#ifndef RV_SANDBOX_LOAD_H
#define RV_SANDBOX_LOAD_H

#include "storage_internal.h"

/* Stops at the first object that is refused, naming file and reason. A directory gives its *.yaml in name order. */
int sb_load(struct sb_storage *s, const char *path, struct rv_error *err);

/* One YAML document (JSON is one, too) as a tree; NULL with err set. */
struct rv_node *sb_yaml_parse(struct rv_arena *a, struct rv_str text, struct rv_error *err);

#endif
