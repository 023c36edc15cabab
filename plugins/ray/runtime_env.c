/* runtime_env.c - spec.runtimeEnvYAML as an object. People write it by hand, so anchors, merges and the words of YAML
 * 1.1 (yes, no, on, off) mean what they mean to the reference's reader. What a document of anchors unfolds to is
 * bounded. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <yaml.h>

#include "job.h"

enum { DEPTH_MAX = 64, NODES_MAX = 50000 };

struct reader {
    struct rv_arena *a;
    yaml_document_t *doc;
    size_t nodes;
    struct rv_error *err;
};

static int fail(struct reader *r, const yaml_mark_t *m, const char *what) {
    return rv_error_set(r->err, RV_E_PARSE, "line %zu: %s", m->line + 1, what);
}

static const struct word {
    const char *text;
    enum rv_type type;
    bool on;
} words[] = {{"", RV_NULL, false},     {"~", RV_NULL, false},     {"null", RV_NULL, false},  {"Null", RV_NULL, false},
             {"NULL", RV_NULL, false}, {"y", RV_BOOL, true},      {"Y", RV_BOOL, true},      {"yes", RV_BOOL, true},
             {"Yes", RV_BOOL, true},   {"YES", RV_BOOL, true},    {"true", RV_BOOL, true},   {"True", RV_BOOL, true},
             {"TRUE", RV_BOOL, true},  {"on", RV_BOOL, true},     {"On", RV_BOOL, true},     {"ON", RV_BOOL, true},
             {"n", RV_BOOL, false},    {"N", RV_BOOL, false},     {"no", RV_BOOL, false},    {"No", RV_BOOL, false},
             {"NO", RV_BOOL, false},   {"false", RV_BOOL, false}, {"False", RV_BOOL, false}, {"FALSE", RV_BOOL, false},
             {"off", RV_BOOL, false},  {"Off", RV_BOOL, false},   {"OFF", RV_BOOL, false}};

/* Digits with a prefix for the base, underscores left out. */
static bool whole_number(const char *text, int64_t *ret) {
    rv_autobuf struct rv_buf b = {0};
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits < '0' || *digits > '9') return false;
    for (const char *p = text; *p != 0; p++)
        if (*p != '_') rv_buf_addc(&b, (uint8_t)*p);
    const char *plain = rv_buf_cstr(&b);
    size_t sign = *plain == '-' || *plain == '+';
    int base = 10;
    if (plain[sign] == '0' && plain[sign + 1] != 0) {
        char kind = plain[sign + 1];
        base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
        if (kind == 'x' || kind == 'b' || kind == 'o') memmove(b.p + sign, b.p + sign + 2, b.n - sign - 1);
    }
    char *end;
    errno = 0;
    long long v = strtoll(plain, &end, base);
    *ret = v;
    return errno == 0 && end != plain && *end == 0;
}

static bool real_number(const char *text, double *ret) {
    size_t n = strspn(text, "0123456789.eE+-");
    bool digit = strpbrk(text, "0123456789") != NULL;
    char *end;
    if (text[n] != 0 || !digit || *text == 'e' || *text == 'E') return false;
    *ret = strtod(text, &end);
    return *end == 0 && isfinite(*ret);
}

static struct rv_node *plain(struct rv_arena *a, const char *text, struct rv_str s) {
    int64_t whole;
    double real;
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if (strcmp(text, words[i].text) == 0)
            return words[i].type == RV_NULL ? rv_node_null(a) : rv_node_bool(a, words[i].on);
    if (whole_number(text, &whole)) return rv_node_int(a, whole);
    if (real_number(text, &real)) return rv_node_float(a, real);
    return rv_node_str(a, s);
}

static struct rv_node *scalar(struct reader *r, const yaml_node_t *n) {
    struct rv_str s = {(const char *)n->data.scalar.value, n->data.scalar.length};
    bool text = n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || memchr(s.p, 0, s.n) != NULL;
    return text ? rv_node_str(r->a, s) : plain(r->a, s.p, s);
}

static int convert(struct reader *r, int index, size_t depth, struct rv_node **ret);

/* A key may be a number or a word: it is text in JSON. */
static int key_of(struct reader *r, int index, struct rv_str *ret) {
    const yaml_node_t *n = yaml_document_get_node(r->doc, index);
    if (n->type != YAML_SCALAR_NODE) return fail(r, &n->start_mark, "a mapping key must be text");
    *ret = rv_arena_str(r->a, (struct rv_str){(const char *)n->data.scalar.value, n->data.scalar.length});
    return 0;
}

/* "<<": what the merged map says, where the map itself says nothing. */
static int merge(struct reader *r, struct rv_node *into, int index, size_t depth) {
    const yaml_node_t *n = yaml_document_get_node(r->doc, index);
    struct rv_node *from = NULL, *value = NULL;
    struct rv_str key = {0};
    int e = 0;
    if (n->type == YAML_SEQUENCE_NODE) {
        for (yaml_node_item_t *i = n->data.sequence.items.start; e == 0 && i < n->data.sequence.items.top; i++)
            e = depth < DEPTH_MAX ? merge(r, into, *i, depth + 1) : fail(r, &n->start_mark, "nested too deeply");
        return e;
    }
    if (n->type != YAML_MAPPING_NODE) return fail(r, &n->start_mark, "\"<<\" takes a mapping, or a list of them");
    e = convert(r, index, depth + 1, &from);
    for (size_t i = 0; e == 0 && rv_node_entry(from, i, &key, &value); i++)
        if (rv_node_getn(into, key) == NULL) rv_node_setn(r->a, into, key, rv_node_copy(r->a, value));
    return e;
}

static int mapping(struct reader *r, const yaml_node_t *n, size_t depth, struct rv_node *out) {
    const yaml_node_pair_t *pairs = n->data.mapping.pairs.start, *end = n->data.mapping.pairs.top;
    struct rv_str key = {0};
    struct rv_node *value = NULL;
    int e = 0;
    for (const yaml_node_pair_t *p = pairs; e == 0 && p < end; p++) {
        e = key_of(r, p->key, &key);
        if (e != 0 || rv_str_is(key, "<<")) continue;
        if (rv_node_getn(out, key) != NULL)
            return fail(r, &yaml_document_get_node(r->doc, p->key)->start_mark, "this key stands twice");
        e = convert(r, p->value, depth + 1, &value);
        if (e == 0) rv_node_setn(r->a, out, key, value);
    }
    for (const yaml_node_pair_t *p = pairs; e == 0 && p < end; p++) {
        e = key_of(r, p->key, &key);
        if (e == 0 && rv_str_is(key, "<<")) e = merge(r, out, p->value, depth);
    }
    return e;
}

static int sequence(struct reader *r, const yaml_node_t *n, size_t depth, struct rv_node *out) {
    struct rv_node *value = NULL;
    int e = 0;
    for (yaml_node_item_t *i = n->data.sequence.items.start; e == 0 && i < n->data.sequence.items.top; i++) {
        e = convert(r, *i, depth + 1, &value);
        if (e == 0) rv_node_append(r->a, out, value);
    }
    return e;
}

static int convert(struct reader *r, int index, size_t depth, struct rv_node **ret) {
    const yaml_node_t *n = yaml_document_get_node(r->doc, index);
    if (depth > DEPTH_MAX || ++r->nodes > NODES_MAX) return fail(r, &n->start_mark, "too much, or nested too deeply");
    switch (n->type) {
    case YAML_SCALAR_NODE:
        *ret = scalar(r, n);
        return 0;
    case YAML_SEQUENCE_NODE:
        *ret = rv_node_array(r->a);
        return sequence(r, n, depth, *ret);
    case YAML_MAPPING_NODE:
        *ret = rv_node_map(r->a);
        return mapping(r, n, depth, *ret);
    default:
        *ret = rv_node_null(r->a);
        return 0;
    }
}

static struct rv_node *document(struct reader *r) {
    struct rv_node *root = NULL;
    const yaml_node_t *n = yaml_document_get_root_node(r->doc);
    if (n == NULL) return rv_node_map(r->a);
    if (convert(r, 1, 0, &root) != 0) return NULL;
    if (rv_node_type(root) == RV_NULL) return rv_node_map(r->a);
    if (rv_node_type(root) == RV_MAP) return root;
    fail(r, &n->start_mark, "a mapping is expected, such as \"pip: [requests]\"");
    return NULL;
}

struct rv_node *rj_runtime_env(struct rv_arena *a, struct rv_str yaml, struct rv_error *err) {
    yaml_parser_t parser;
    yaml_document_t doc;
    struct reader r = {.a = a, .doc = &doc, .err = err};
    struct rv_node *out = NULL;
    if (yaml_parser_initialize(&parser) == 0) rv_oom();
    yaml_parser_set_input_string(&parser, (const unsigned char *)(yaml.n != 0 ? yaml.p : ""), yaml.n);
    if (yaml_parser_load(&parser, &doc) == 0) {
        rv_error_set(err, RV_E_PARSE, "line %zu: %s", parser.problem_mark.line + 1,
                     parser.problem != NULL ? parser.problem : "malformed YAML");
    } else {
        out = document(&r);
        yaml_document_delete(&doc);
    }
    yaml_parser_delete(&parser);
    return out;
}
