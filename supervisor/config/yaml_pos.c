/* yaml_pos.c - libyaml events to a tree with positions (see yaml_pos.h). */
#include "yaml_pos.h"

#include <yaml.h>

#include "ipc/base/file.h"
#include "ipc/base/yaml.h"

enum { DEPTH_MAX = 32, FILE_MAX = 1 << 20 };

struct building {
    struct yaml_doc *doc;
    struct rv_error *err;
    struct yaml_pos *open[DEPTH_MAX], *key;
    struct yaml_pos *keys[DEPTH_MAX];
    size_t depth;
};

static int complain(struct building *b, const yaml_mark_t *m, const char *what) {
    return rv_error_set(b->err, RV_E_CONFIG, "%s:%zu:%zu: %s", b->doc->file, m->line + 1, m->column + 1, what);
}

const char *yaml_kind_name(enum yaml_kind k) {
    return k == YAML_POS_SCALAR ? "a single value" : k == YAML_POS_LIST ? "a list" : "a mapping";
}

struct yaml_pos *yaml_pos_get(const struct yaml_pos *map, const char *key) {
    if (map == NULL || map->kind != YAML_POS_MAP) return NULL;
    for (struct yaml_pos *k = map->kids; k != NULL; k = k->next)
        if (rv_str_is(k->key, key)) return k;
    return NULL;
}

static struct yaml_pos *node_new(struct building *b, enum yaml_kind kind, const yaml_mark_t *m) {
    struct yaml_pos *n = rv_arena_alloc(b->doc->arena, sizeof *n);
    n->kind = kind;
    n->line = m->line + 1;
    n->column = m->column + 1;
    n->last = &n->kids;
    return n;
}

static int place(struct building *b, struct yaml_pos *n, const yaml_mark_t *m) {
    if (b->depth == 0) {
        b->doc->root = n;
        return 0;
    }
    struct yaml_pos *in = b->open[b->depth - 1], **key = &b->keys[b->depth - 1];
    if (in->kind == YAML_POS_MAP && *key == NULL) {
        rv_autofree char *text = rv_strdup(n->text);
        if (n->kind != YAML_POS_SCALAR) return complain(b, m, "a key must be plain text");
        if (rv_str_is(n->text, "<<")) return complain(b, m, "merge keys are not accepted: write the values out");
        if (yaml_pos_get(in, text) != NULL)
            return rv_error_set(b->err, RV_E_CONFIG, "%s:%zu:%zu: \"%s\" stands here for the second time: keep one",
                                b->doc->file, m->line + 1, m->column + 1, text);
        *key = n;
        return 0;
    }
    if (*key != NULL) {
        n->key = (*key)->text;
        n->key_line = (*key)->line;
        n->key_column = (*key)->column;
        *key = NULL;
    }
    *in->last = n;
    in->last = &n->next;
    in->n++;
    return 0;
}

static int on_event(struct building *b, const yaml_event_t *e) {
    const yaml_mark_t *m = &e->start_mark;
    struct yaml_pos *n;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        if (e->data.scalar.anchor != NULL)
            return complain(b, m, "anchors are not accepted: write the value out where it is needed");
        n = node_new(b, YAML_POS_SCALAR, m);
        n->text =
            rv_arena_str(b->doc->arena, (struct rv_str){(const char *)e->data.scalar.value, e->data.scalar.length});
        n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return place(b, n, m);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        if ((e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.anchor : e->data.sequence_start.anchor) !=
            NULL)
            return complain(b, m, "anchors are not accepted: write the value out where it is needed");
        if (b->depth == DEPTH_MAX) return complain(b, m, "nested too deeply");
        n = node_new(b, e->type == YAML_MAPPING_START_EVENT ? YAML_POS_MAP : YAML_POS_LIST, m);
        if (place(b, n, m) != 0) return RV_E_CONFIG;
        b->keys[b->depth] = NULL;
        b->open[b->depth++] = n;
        return 0;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        b->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
        return complain(b, m, "aliases are not accepted: write the value out");
    default:
        return 0;
    }
}

int yaml_doc_parse(struct yaml_doc *d, struct rv_str text, const char *file, struct rv_error *err) {
    d->arena = rv_arena_new();
    d->file = rv_arena_str(d->arena, rv_str(file)).p;
    d->root = NULL;
    struct building b = {.doc = d, .err = err};
    yaml_parser_t p;
    if (!yaml_parser_initialize(&p)) rv_oom();
    yaml_parser_set_input_string(&p, (const unsigned char *)text.p, text.n);
    int r = 0;
    unsigned documents = 0;
    for (bool end = false; r == 0 && !end;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&p, &e)) {
            r = rv_error_set(err, RV_E_CONFIG, "%s:%zu:%zu: %s", d->file, p.problem_mark.line + 1,
                             p.problem_mark.column + 1, p.problem != NULL ? p.problem : "this is not YAML");
            break;
        }
        if (e.type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
            r = complain(&b, &e.start_mark, "one document is expected, a second one begins here");
        if (r == 0) r = on_event(&b, &e);
        end = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&p);
    if (r != 0) yaml_doc_free(d);
    return r;
}

int yaml_doc_load(struct yaml_doc *d, const char *path, struct rv_error *err) {
    rv_autobuf struct rv_buf text = {0};
    *d = (struct yaml_doc){0};
    int r = rv_file_read(path, FILE_MAX, &text, err);
    return r != 0 ? r : yaml_doc_parse(d, rv_buf_str(&text), path, err);
}

void yaml_doc_free(struct yaml_doc *d) {
    d->arena = rv_arena_free(d->arena);
    d->root = NULL;
}

struct rv_node *yaml_pos_data(struct rv_arena *a, const struct yaml_pos *n) {
    if (n->kind == YAML_POS_SCALAR) return n->quoted ? rv_node_str(a, n->text) : rv_yaml_plain(a, n->text);
    struct rv_node *out = n->kind == YAML_POS_MAP ? rv_node_map(a) : rv_node_array(a);
    for (const struct yaml_pos *k = n->kids; k != NULL; k = k->next) { /* depth is bounded by the parser */
        if (n->kind == YAML_POS_MAP)
            rv_node_setn(a, out, k->key, yaml_pos_data(a, k));
        else
            rv_node_append(a, out, yaml_pos_data(a, k));
    }
    return out;
}
