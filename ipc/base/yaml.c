/* yaml.c - libyaml's events to a node tree (see yaml.h). */
#include "yaml.h"

#include <stdlib.h>
#include <yaml.h>

enum { DEPTH_MAX = 100 };

struct rv_yaml_mark {
    const struct rv_node *node;
    size_t line;
    struct rv_yaml_mark *before;
};

size_t rv_yaml_line(const struct rv_yaml_marks *m, const struct rv_node *n) {
    for (const struct rv_yaml_mark *y = m->last; y != NULL; y = y->before)
        if (y->node == n) return y->line;
    return 0;
}

/* A value that an alias may name, once it is complete. */
struct anchor {
    struct anchor *before;
    struct rv_str name;
    const struct rv_node *node; /* NULL: not complete */
    size_t nodes, height;       /* how many it has, and how deep they are nested */
};

struct merge {
    struct merge *next;
    struct rv_node *value;
    size_t line;
};

struct frame {
    struct rv_node *container;
    struct anchor *anchor;
    size_t line, nodes_before, height; /* height: of what is in it */
    struct rv_str key;                 /* of a map: the key that waits for its value */
    bool has_key, key_merges;
    struct merge *merges, **merges_last;
};

struct builder {
    const struct rv_yaml_opts *o;
    struct rv_arena *arena;
    struct rv_error *err;
    struct frame frames[DEPTH_MAX];
    size_t depth, nodes;
    struct anchor *anchors;
    struct rv_node *root;
};

static int complain(const struct builder *b, size_t line, const char *what) {
    if (b->o->name != NULL) return rv_error_set(b->err, RV_E_CONFIG, "%s:%zu: %s", b->o->name, line, what);
    return rv_error_set(b->err, RV_E_PARSE, "line %zu: %s", line, what);
}

/* ---- scalars -------------------------------------------------------------------------------------------- */

struct rv_node *rv_yaml_plain(struct rv_arena *a, struct rv_str text) {
    int64_t i;
    char *end;
    if (text.n == 0 || rv_str_is(text, "~") || rv_str_ieq(text, "null")) return rv_node_null(a);
    if (rv_str_ieq(text, "true")) return rv_node_bool(a, true);
    if (rv_str_ieq(text, "false")) return rv_node_bool(a, false);
    if (rv_str_to_int(text, INT64_MIN, INT64_MAX, &i) == 0) return rv_node_int(a, i);
    rv_autofree char *z = rv_strdup(text);
    double d = strtod(z, &end);
    bool number = *end == 0 && strspn(z, "0123456789+-.eE") == text.n;
    return number ? rv_node_float(a, d) : rv_node_str(a, text);
}

static struct rv_node *scalar(const struct builder *b, const yaml_event_t *e) {
    struct rv_str s = {(const char *)e->data.scalar.value, e->data.scalar.length};
    bool quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || (s.n != 0 && memchr(s.p, 0, s.n) != NULL);
    if (quoted) return rv_node_str(b->arena, s);
    return b->o->plain != NULL ? b->o->plain(b->arena, s) : rv_yaml_plain(b->arena, s);
}

/* ---- placing values --------------------------------------------------------------------------------------- */

static void mark(const struct builder *b, const struct rv_node *n, size_t line) {
    if (b->o->marks == NULL) return;
    struct rv_yaml_mark *y = rv_arena_alloc(b->arena, sizeof *y);
    *y = (struct rv_yaml_mark){n, line, b->o->marks->last};
    b->o->marks->last = y;
}

static int place_in_map(struct builder *b, struct frame *f, struct rv_node *n, size_t line) {
    f->has_key = false;
    if (!f->key_merges) {
        rv_node_setn(b->arena, f->container, f->key, n);
        return 0;
    }
    struct merge *m = rv_arena_alloc(b->arena, sizeof *m);
    *m = (struct merge){.value = n, .line = line};
    *f->merges_last = m;
    f->merges_last = &m->next;
    return 0;
}

static int place(struct builder *b, struct rv_node *n, size_t height, size_t line) {
    mark(b, n, line);
    if (b->depth == 0) {
        b->root = n;
        return 0;
    }
    struct frame *f = &b->frames[b->depth - 1];
    if (height > f->height) f->height = height;
    if (rv_node_type(f->container) == RV_MAP)
        return f->has_key ? place_in_map(b, f, n, line) : complain(b, line, "a mapping key must be text");
    rv_node_append(b->arena, f->container, n);
    return 0;
}

static bool wants_key(const struct builder *b) {
    const struct frame *f = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
    return f != NULL && rv_node_type(f->container) == RV_MAP && !f->has_key;
}

/* A key may look like a number or a word: it is text, as in JSON. */
static int take_key(struct builder *b, const yaml_event_t *e, size_t line) {
    struct frame *f = &b->frames[b->depth - 1];
    struct rv_str key = {(const char *)e->data.scalar.value, e->data.scalar.length};
    f->key_merges = b->o->anchors && rv_str_is(key, "<<");
    if (!f->key_merges && !b->o->repeats && rv_node_getn(f->container, key) != NULL)
        return complain(b, line, "this key stands twice");
    f->key = rv_arena_str(b->arena, key);
    f->has_key = true;
    return 0;
}

/* ---- anchors, aliases, merge keys ------------------------------------------------------------------------- */

static int count(struct builder *b, size_t n, size_t line) {
    b->nodes += n;
    return b->o->max_nodes != 0 && b->nodes > b->o->max_nodes ? complain(b, line, "too much, or nested too deeply") : 0;
}

static size_t depth_max(const struct builder *b) {
    return b->o->max_depth != 0 && b->o->max_depth < DEPTH_MAX ? b->o->max_depth : DEPTH_MAX;
}

static struct anchor *declare(struct builder *b, const yaml_char_t *name) {
    if (name == NULL || !b->o->anchors) return NULL; /* without aliases an anchor means nothing */
    struct anchor *a = rv_arena_alloc(b->arena, sizeof *a);
    *a = (struct anchor){.before = b->anchors, .name = rv_arena_str(b->arena, rv_str((const char *)name))};
    b->anchors = a;
    return a;
}

static int take_alias(struct builder *b, const char *name, size_t line) {
    if (!b->o->anchors) return complain(b, line, "aliases are not accepted here: write the value out");
    if (wants_key(b)) return complain(b, line, "a mapping key must be text");
    const struct anchor *a = b->anchors;
    while (a != NULL && !rv_str_is(a->name, name)) a = a->before;
    if (a == NULL) return complain(b, line, "an alias of nothing that stands before it");
    if (a->node == NULL) return complain(b, line, "an alias within what it names");
    if (b->depth + a->height > depth_max(b)) return complain(b, line, "nested too deeply");
    int r = count(b, a->nodes, line);
    return r != 0 ? r : place(b, rv_node_copy(b->arena, a->node), a->height, line);
}

/* What the merged map says, where the map itself, or what was merged before, says nothing. */
static int merge_map(struct builder *b, struct rv_node *into, const struct merge *m, struct rv_node *from) {
    struct rv_str key;
    struct rv_node *value;
    if (rv_node_type(from) != RV_MAP) return complain(b, m->line, "\"<<\" takes a mapping, or a list of them");
    for (size_t i = 0; rv_node_entry(from, i, &key, &value); i++)
        if (rv_node_getn(into, key) == NULL) rv_node_setn(b->arena, into, key, rv_node_copy(b->arena, value));
    return 0;
}

static int merge_all(struct builder *b, const struct frame *f) {
    int r = 0;
    for (const struct merge *m = f->merges; m != NULL && r == 0; m = m->next) {
        if (rv_node_type(m->value) != RV_ARRAY)
            r = merge_map(b, f->container, m, m->value);
        else
            for (size_t i = 0; i < rv_node_len(m->value) && r == 0; i++)
                r = merge_map(b, f->container, m, rv_node_at(m->value, i));
    }
    return r;
}

/* ---- events ----------------------------------------------------------------------------------------------- */

static int take_scalar(struct builder *b, const yaml_event_t *e, size_t line) {
    struct anchor *a = declare(b, e->data.scalar.anchor);
    int r = count(b, 1, line);
    if (r != 0) return r;
    if (wants_key(b)) return take_key(b, e, line);
    struct rv_node *n = scalar(b, e);
    if (a != NULL) {
        a->node = n;
        a->nodes = 1;
    }
    return place(b, n, 0, line);
}

static int open_container(struct builder *b, struct rv_node *n, const yaml_char_t *name, size_t line) {
    struct anchor *a = declare(b, name);
    size_t before = b->nodes;
    int r = count(b, 1, line);
    if (r != 0) return r;
    if (b->depth == depth_max(b)) return complain(b, line, "nested too deeply");
    if (wants_key(b)) return complain(b, line, "a mapping key must be text");
    struct frame *f = &b->frames[b->depth++];
    *f = (struct frame){.container = n, .anchor = a, .line = line, .nodes_before = before};
    f->merges_last = &f->merges;
    return 0;
}

/* A container is placed when it is complete. */
static int close_container(struct builder *b) {
    struct frame *f = &b->frames[b->depth - 1];
    int r = merge_all(b, f);
    if (r != 0) return r;
    if (f->anchor != NULL) {
        f->anchor->node = f->container;
        f->anchor->nodes = b->nodes - f->nodes_before;
        f->anchor->height = f->height + 1;
    }
    b->depth--;
    return place(b, f->container, f->height + 1, f->line);
}

static int on_event(struct builder *b, const yaml_event_t *e) {
    size_t line = e->start_mark.line + 1;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(b, e, line);
    case YAML_MAPPING_START_EVENT:
        return open_container(b, rv_node_map(b->arena), e->data.mapping_start.anchor, line);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(b, rv_node_array(b->arena), e->data.sequence_start.anchor, line);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return close_container(b);
    case YAML_ALIAS_EVENT:
        return take_alias(b, (const char *)e->data.alias.anchor, line);
    default:
        return 0;
    }
}

/* ---- documents -------------------------------------------------------------------------------------------- */

/* Events up to the end of a document. *ret_more: there may be another one. */
static int read_document(struct builder *b, yaml_parser_t *p, bool *ret_more) {
    int r = 0;
    for (bool done = false; !done && r == 0;) {
        yaml_event_t e;
        if (!yaml_parser_parse(p, &e))
            return complain(b, p->problem_mark.line + 1, p->problem != NULL ? p->problem : "malformed YAML");
        r = on_event(b, &e);
        *ret_more = e.type != YAML_STREAM_END_EVENT;
        done = e.type == YAML_STREAM_END_EVENT || e.type == YAML_DOCUMENT_END_EVENT;
        yaml_event_delete(&e);
    }
    return r;
}

static void parser_open(yaml_parser_t *p, struct rv_str text) {
    if (!yaml_parser_initialize(p)) rv_oom();
    yaml_parser_set_input_string(p, (const unsigned char *)(text.n != 0 ? text.p : ""), text.n);
}

struct rv_node *rv_yaml_parse(struct rv_arena *a, struct rv_str text, const struct rv_yaml_opts *o,
                              struct rv_error *err) {
    struct builder b = {.o = o, .arena = a, .err = err};
    yaml_parser_t p;
    bool more;
    parser_open(&p, text);
    int r = read_document(&b, &p, &more);
    yaml_parser_delete(&p);
    if (r != 0) return NULL;
    return b.root != NULL ? b.root : rv_node_null(a);
}

int rv_yaml_each(struct rv_str text, const struct rv_yaml_opts *o, rv_yaml_fn fn, void *arg, struct rv_error *err) {
    yaml_parser_t p;
    int r = 0;
    parser_open(&p, text);
    for (bool more = true; more && r == 0;) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct builder b = {.o = o, .arena = a, .err = err};
        r = read_document(&b, &p, &more);
        if (r == 0 && b.root != NULL) r = fn(arg, a, b.root, err);
    }
    yaml_parser_delete(&p);
    return r;
}
