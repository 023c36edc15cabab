/* load.h - loads YAML files (with several documents each) into the storage at the start: `--load FILE_OR_DIR`. */
#ifndef RV_SANDBOX_LOAD_H
#define RV_SANDBOX_LOAD_H

#include "storage_internal.h"

/* Stops at the first object that is refused; the error names the file and the reason. For a directory, loads its *.yaml
 * in the order of names. */
int sb_load(struct sb_storage *s, const char *path, struct rv_error *err);

/* Parses one YAML document (JSON is YAML as well). Returns NULL and sets err on an error. */
struct rv_node *sb_yaml_parse(struct rv_arena *a, struct rv_str text, struct rv_error *err);

#endif
