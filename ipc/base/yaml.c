/* yaml.c - turns the events of libyaml into a node tree (see yaml.h). */
#include "ipc/base/yaml.h"

#include <stdlib.h>
#include <yaml.h>

enum { DEPTH_MAX = 100 };

/* Reasons to refuse a document. The first text is for files of data. The second is for files whose every value is
 * checked (strict). */
enum refusal { ALIAS, KEY_NOT_TEXT, NOT_YAML };
static const char *const refusals[][2] = {
    [ALIAS] = {"aliases are not accepted here: write the value out", "aliases are not accepted: write the value out"},
    [KEY_NOT_TEXT] = {"a mapping key must be text", "a key must be plain text"},
    [NOT_YAML] = {"malformed YAML", "this is not YAML"},
};

size_t yaml_line(const struct yaml_marks *m, const struct rv_node *n) {
    for (const struct yaml_pos *y = m->last; y != NULL; y = y->before)
        if (y->node == n) return y->line;
    return 0;
}

/* A value that has an anchor. An alias may refer to it once it is complete. */
struct anchor {
    struct anchor *before;
    struct rv_str name;
    const struct rv_node *node; /* NULL until it is complete */
    /* How many nodes the value has, and how deep they are nested. */
    size_t nodes, height;
};

struct merge {
    struct merge *next;
    struct rv_node *value;
    yaml_mark_t at;
};

struct frame {
    struct rv_node *container;
    struct anchor *anchor;
    struct yaml_pos *pos; /* NULL if positions are not wanted */
    yaml_mark_t at;
    /* `height` is the depth of the values inside. */
    size_t nodes_before, height;
    struct rv_str key; /* in a map, the key whose value comes next */
    yaml_mark_t key_at;
    bool has_key, key_merges;
    struct merge *merges, **merges_last;
};

struct builder {
    const struct yaml_opts *o;
    struct rv_arena *arena;
    struct rv_error *err;
    struct frame frames[DEPTH_MAX];
    size_t depth, nodes, documents;
    struct anchor *anchors;
    struct rv_node *root;
};

static int fail_at(const struct builder *b, const yaml_mark_t *m, const char *what) {
    if (b->o->name == NULL) return rv_error_set(b->err, RV_E_PARSE, "line %zu: %s", m->line + 1, what);
    if (!b->o->strict) return rv_error_set(b->err, RV_E_CONFIG, "%s:%zu: %s", b->o->name, m->line + 1, what);
    return rv_error_set(b->err, RV_E_CONFIG, "%s:%zu:%zu: %s", b->o->name, m->line + 1, m->column + 1, what);
}

static int refuse(const struct builder *b, const yaml_mark_t *m, enum refusal r) {
    return fail_at(b, m, refusals[r][b->o->strict]);
}

/* ---- scalars -------------------------------------------------------------------------------------------- */

struct rv_node *yaml_plain(struct rv_arena *a, struct rv_str text) {
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
    return b->o->plain != NULL ? b->o->plain(b->arena, s) : yaml_plain(b->arena, s);
}

/* ---- placing values --------------------------------------------------------------------------------------- */

/* Adds the position of a value to the container that is open. Returns NULL if positions are not wanted. */
static struct yaml_pos *pos_add(const struct builder *b, const struct rv_node *n, const yaml_mark_t *m) {
    if (b->o->marks == NULL) return NULL;
    struct yaml_pos *p = rv_arena_alloc(b->arena, sizeof *p);
    *p = (struct yaml_pos){.kind = YAML_POS_SCALAR, .node = n, .line = m->line + 1, .column = m->column + 1};
    if (rv_node_type(n) == RV_MAP) p->kind = YAML_POS_MAP;
    if (rv_node_type(n) == RV_ARRAY) p->kind = YAML_POS_LIST;
    p->last = &p->kids;
    p->before = b->o->marks->last;
    b->o->marks->last = p;
    if (b->depth == 0) {
        b->o->marks->root = p;
        return p;
    }
    const struct frame *f = &b->frames[b->depth - 1];
    if (f->has_key) {
        p->key = f->key;
        p->key_line = f->key_at.line + 1;
        p->key_column = f->key_at.column + 1;
    }
    *f->pos->last = p;
    f->pos->last = &p->next;
    f->pos->n++;
    return p;
}

static int place_in_map(struct builder *b, struct frame *f, struct rv_node *n, const yaml_mark_t *m) {
    f->has_key = false;
    if (!f->key_merges) {
        rv_node_setn(b->arena, f->container, f->key, n);
        return 0;
    }
    struct merge *merge = rv_arena_alloc(b->arena, sizeof *merge);
    *merge = (struct merge){.value = n, .at = *m};
    *f->merges_last = merge;
    f->merges_last = &merge->next;
    return 0;
}

static int place(struct builder *b, struct rv_node *n, size_t height, const yaml_mark_t *m) {
    if (b->depth == 0) {
        b->root = n;
        return 0;
    }
    struct frame *f = &b->frames[b->depth - 1];
    if (height > f->height) f->height = height;
    if (rv_node_type(f->container) == RV_MAP) return f->has_key ? place_in_map(b, f, n, m) : refuse(b, m, KEY_NOT_TEXT);
    rv_node_append(b->arena, f->container, n);
    return 0;
}

static bool wants_key(const struct builder *b) {
    const struct frame *f = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
    return f != NULL && rv_node_type(f->container) == RV_MAP && !f->has_key;
}

static int refuse_repeat(const struct builder *b, struct rv_str key, const yaml_mark_t *m) {
    if (!b->o->strict) return fail_at(b, m, "this key stands twice");
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "\"" RV_STR_FMT "\" stands here for the second time: keep one", RV_STR_ARG(key));
    return fail_at(b, m, rv_buf_cstr(&text));
}

/* A key that looks like a number or a word is text, as in JSON. */
static int take_key(struct builder *b, const yaml_event_t *e, const yaml_mark_t *m) {
    struct frame *f = &b->frames[b->depth - 1];
    struct rv_str key = {(const char *)e->data.scalar.value, e->data.scalar.length};
    if (b->o->strict && rv_str_is(key, "<<")) return fail_at(b, m, "merge keys are not accepted: write the values out");
    f->key_merges = b->o->anchors && rv_str_is(key, "<<");
    if (!f->key_merges && !b->o->repeats && rv_node_getn(f->container, key) != NULL) return refuse_repeat(b, key, m);
    f->key = rv_arena_str(b->arena, key);
    f->key_at = *m;
    f->has_key = true;
    return 0;
}

/* ---- anchors, aliases, merge keys ------------------------------------------------------------------------- */

static int count(struct builder *b, size_t n, const yaml_mark_t *m) {
    b->nodes += n;
    return b->o->max_nodes != 0 && b->nodes > b->o->max_nodes ? fail_at(b, m, "too much, or nested too deeply") : 0;
}

static size_t depth_max(const struct builder *b) {
    return b->o->max_depth != 0 && b->o->max_depth < DEPTH_MAX ? b->o->max_depth : DEPTH_MAX;
}

static struct anchor *declare(struct builder *b, const yaml_char_t *name) {
    if (name == NULL || !b->o->anchors) return NULL; /* an anchor has no effect if aliases are refused */
    struct anchor *a = rv_arena_alloc(b->arena, sizeof *a);
    *a = (struct anchor){.before = b->anchors, .name = rv_arena_str(b->arena, rv_str((const char *)name))};
    b->anchors = a;
    return a;
}

static int take_alias(struct builder *b, const char *name, const yaml_mark_t *m) {
    if (!b->o->anchors) return refuse(b, m, ALIAS);
    if (wants_key(b)) return refuse(b, m, KEY_NOT_TEXT);
    const struct anchor *a = b->anchors;
    while (a != NULL && !rv_str_is(a->name, name)) a = a->before;
    if (a == NULL) return fail_at(b, m, "an alias of nothing that stands before it");
    if (a->node == NULL) return fail_at(b, m, "an alias within what it names");
    if (b->depth + a->height > depth_max(b)) return fail_at(b, m, "nested too deeply");
    int r = count(b, a->nodes, m);
    if (r != 0) return r;
    struct rv_node *n = rv_node_copy(b->arena, a->node);
    pos_add(b, n, m);
    return place(b, n, a->height, m);
}

/* Copies each entry of the merged map that the map itself, or an earlier merged map, does not have. */
static int merge_map(struct builder *b, struct rv_node *into, const struct merge *m, struct rv_node *from) {
    struct rv_str key;
    struct rv_node *value;
    if (rv_node_type(from) != RV_MAP) return fail_at(b, &m->at, "\"<<\" takes a mapping, or a list of them");
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

static int take_scalar(struct builder *b, const yaml_event_t *e, const yaml_mark_t *m) {
    struct anchor *a = declare(b, e->data.scalar.anchor);
    int r = count(b, 1, m);
    if (r != 0) return r;
    if (wants_key(b)) return take_key(b, e, m);
    struct rv_node *n = scalar(b, e);
    if (a != NULL) {
        a->node = n;
        a->nodes = 1;
    }
    struct yaml_pos *pos = pos_add(b, n, m);
    if (pos != NULL) {
        pos->text = rv_arena_str(b->arena, (struct rv_str){(const char *)e->data.scalar.value, e->data.scalar.length});
        pos->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    }
    return place(b, n, 0, m);
}

static int open_container(struct builder *b, struct rv_node *n, const yaml_char_t *name, const yaml_mark_t *m) {
    struct anchor *a = declare(b, name);
    size_t before = b->nodes;
    int r = count(b, 1, m);
    if (r != 0) return r;
    if (b->depth == depth_max(b)) return fail_at(b, m, "nested too deeply");
    if (wants_key(b)) return refuse(b, m, KEY_NOT_TEXT);
    struct yaml_pos *pos = pos_add(b, n, m);
    struct frame *f = &b->frames[b->depth++];
    *f = (struct frame){.container = n, .anchor = a, .pos = pos, .at = *m, .nodes_before = before};
    f->merges_last = &f->merges;
    return 0;
}

/* A container is added to its parent when it is complete. */
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
    return place(b, f->container, f->height + 1, &f->at);
}

/* The anchor that the value of this event declares, or NULL. */
static const yaml_char_t *anchor_of(const yaml_event_t *e) {
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return e->data.scalar.anchor;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor;
    default:
        return NULL;
    }
}

static int on_event(struct builder *b, const yaml_event_t *e) {
    const yaml_mark_t *m = &e->start_mark;
    const yaml_char_t *anchor = anchor_of(e);
    if (b->o->strict && anchor != NULL)
        return fail_at(b, m, "anchors are not accepted: write the value out where it is needed");
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->o->strict && b->documents++ > 0)
            return fail_at(b, m, "one document is expected, a second one begins here");
        return 0;
    case YAML_SCALAR_EVENT:
        return take_scalar(b, e, m);
    case YAML_MAPPING_START_EVENT:
        return open_container(b, rv_node_map(b->arena), anchor, m);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(b, rv_node_array(b->arena), anchor, m);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return close_container(b);
    case YAML_ALIAS_EVENT:
        return take_alias(b, (const char *)e->data.alias.anchor, m);
    default:
        return 0;
    }
}

/* ---- documents -------------------------------------------------------------------------------------------- */

/* Reads events up to the end of a document. *ret_more says whether another document may follow. */
static int read_document(struct builder *b, yaml_parser_t *p, bool *ret_more) {
    int r = 0;
    for (bool done = false; !done && r == 0;) {
        yaml_event_t e;
        if (!yaml_parser_parse(p, &e))
            return p->problem != NULL ? fail_at(b, &p->problem_mark, p->problem)
                                      : refuse(b, &p->problem_mark, NOT_YAML);
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

struct rv_node *yaml_tree(struct rv_arena *a, struct rv_str text, const struct yaml_opts *o, struct rv_error *err) {
    struct builder b = {.o = o, .arena = a, .err = err};
    yaml_parser_t p;
    int r = 0;
    parser_open(&p, text);
    for (bool more = true; more && r == 0;) {
        r = read_document(&b, &p, &more);
        more = more && o->strict; /* reads to the end of the text, so that a second document is refused */
    }
    yaml_parser_delete(&p);
    if (r != 0) return NULL;
    return b.root != NULL ? b.root : rv_node_null(a);
}

int yaml_each(struct rv_str text, const struct yaml_opts *o, yaml_fn fn, void *arg, struct rv_error *err) {
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
