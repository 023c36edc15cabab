/* yaml_pos.c - YAML files with positions (see yaml_pos.h). */
#include "yaml_pos.h"

#include "ipc/base/file.h"

enum { DEPTH_MAX = 32, FILE_MAX = 1 << 20 };

const char *yaml_kind_name(enum yaml_kind k) {
    return k == YAML_POS_SCALAR ? "a single value" : k == YAML_POS_LIST ? "a list" : "a mapping";
}

struct yaml_pos *yaml_pos_get(const struct yaml_pos *map, const char *key) {
    if (map == NULL || map->kind != YAML_POS_MAP) return NULL;
    for (struct yaml_pos *k = map->kids; k != NULL; k = k->next)
        if (rv_str_is(k->key, key)) return k;
    return NULL;
}

int yaml_doc_parse(struct yaml_doc *d, struct rv_str text, const char *file, struct rv_error *err) {
    struct yaml_marks marks = {0};
    d->arena = rv_arena_new();
    d->file = rv_arena_str(d->arena, rv_str(file)).p;
    struct yaml_opts o = {.name = d->file, .strict = true, .max_depth = DEPTH_MAX, .marks = &marks};
    bool read = yaml_tree(d->arena, text, &o, err) != NULL;
    d->root = marks.root;
    if (!read) yaml_doc_free(d);
    return read ? 0 : RV_E_CONFIG;
}

int yaml_doc_load(struct yaml_doc *d, const char *path, struct rv_error *err) {
    rv_autobuf struct rv_buf text = {0};
    *d = (struct yaml_doc){0};
    int r = file_read(path, FILE_MAX, &text, err);
    return r != 0 ? r : yaml_doc_parse(d, rv_buf_str(&text), path, err);
}

void yaml_doc_free(struct yaml_doc *d) {
    d->arena = rv_arena_free(d->arena);
    d->root = NULL;
}

struct rv_node *yaml_pos_data(struct rv_arena *a, const struct yaml_pos *n) {
    return rv_node_copy(a, n->node);
}
