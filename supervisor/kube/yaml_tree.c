/* yaml_tree.c - libyaml events to a node tree (see yaml_tree.h). */
#include "yaml_tree.h"

#include <yaml.h>

enum { DEPTH_MAX = 64 };

struct yaml_mark {
    const struct rv_node *node;
    size_t line;
    struct yaml_mark *before;
};

size_t yaml_line(const struct yaml_marks *m, const struct rv_node *n) {
    for (const struct yaml_mark *y = m->last; y != NULL; y = y->before)
        if (y->node == n) return y->line;
    return 0;
}

struct frame {
    struct rv_node *container;
    struct rv_node *key; /* maps: the key that waits for its value */
};

struct builder {
    struct rv_arena *arena;
    struct yaml_marks *marks;
    const char *name;
    struct rv_error *err;
    struct frame frames[DEPTH_MAX];
    size_t depth;
    struct rv_node *root;
};

static int complain(struct builder *b, const yaml_mark_t *m, const char *what) {
    return rv_error_set(b->err, RV_E_CONFIG, "%s:%zu: %s", b->name, m->line + 1, what);
}

/* Plain scalars by the core schema; quoted ones are text. */
static struct rv_node *scalar(struct rv_arena *a, const yaml_event_t *e) {
    struct rv_str s = {(const char *)e->data.scalar.value, e->data.scalar.length};
    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return rv_node_str(a, s);
    int64_t i;
    if (s.n == 0 || rv_str_is(s, "~") || rv_str_ieq(s, "null")) return rv_node_null(a);
    if (rv_str_ieq(s, "true")) return rv_node_bool(a, true);
    if (rv_str_ieq(s, "false")) return rv_node_bool(a, false);
    if (rv_str_to_int(s, INT64_MIN, INT64_MAX, &i) == 0) return rv_node_int(a, i);
    return rv_node_str(a, s);
}

static void mark(struct builder *b, const struct rv_node *n, const yaml_mark_t *m) {
    if (b->marks == NULL) return;
    struct yaml_mark *y = rv_arena_alloc(b->arena, sizeof *y);
    *y = (struct yaml_mark){n, m->line + 1, b->marks->last};
    b->marks->last = y;
}

static int place(struct builder *b, struct rv_node *n, const yaml_mark_t *m) {
    mark(b, n, m);
    if (b->depth == 0) {
        b->root = n;
        return 0;
    }
    struct frame *f = &b->frames[b->depth - 1];
    if (rv_node_type(f->container) == RV_ARRAY) {
        rv_node_append(b->arena, f->container, n);
        return 0;
    }
    if (f->key == NULL) {
        if (rv_node_type(n) != RV_STRING) return complain(b, m, "a mapping key must be text");
        if (rv_node_getn(f->container, rv_node_text(n)) != NULL) return complain(b, m, "this key stands twice");
        f->key = n;
        return 0;
    }
    rv_node_setn(b->arena, f->container, rv_node_text(f->key), n);
    f->key = NULL;
    return 0;
}

static int open_container(struct builder *b, struct rv_node *n, const yaml_mark_t *m) {
    if (b->depth == DEPTH_MAX) return complain(b, m, "nested too deeply");
    int r = place(b, n, m);
    if (r == 0) b->frames[b->depth++] = (struct frame){n, NULL};
    return r;
}

static int event(struct builder *b, const yaml_event_t *e) {
    const yaml_mark_t *m = &e->start_mark;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return place(b, scalar(b->arena, e), m);
    case YAML_MAPPING_START_EVENT:
        return open_container(b, rv_node_map(b->arena), m);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(b, rv_node_array(b->arena), m);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        b->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
        return complain(b, m, "aliases are not accepted here: write the value out");
    default:
        return 0;
    }
}

static int parse_events(struct builder *b, yaml_parser_t *p) {
    for (bool done = false; !done;) {
        yaml_event_t e;
        if (!yaml_parser_parse(p, &e))
            return rv_error_set(b->err, RV_E_CONFIG, "%s:%zu: %s", b->name, p->problem_mark.line + 1,
                                p->problem != NULL ? p->problem : "malformed YAML");
        int r = event(b, &e);
        done = e.type == YAML_STREAM_END_EVENT || e.type == YAML_DOCUMENT_END_EVENT;
        yaml_event_delete(&e);
        if (r != 0) return r;
    }
    return 0;
}

struct rv_node *yaml_tree_parse(struct rv_arena *a, struct rv_str text, const char *name, struct yaml_marks *marks,
                                struct rv_error *err) {
    struct builder b = {.arena = a, .marks = marks, .name = name, .err = err};
    yaml_parser_t p;
    if (!yaml_parser_initialize(&p)) rv_oom();
    yaml_parser_set_input_string(&p, (const unsigned char *)text.p, text.n);
    int r = parse_events(&b, &p);
    yaml_parser_delete(&p);
    if (r != 0) return NULL;
    return b.root != NULL && rv_node_type(b.root) != RV_NULL ? b.root : rv_node_map(a);
}
