/* selector.c - label selectors, from text and from objects (apimachinery labels.Parse; see rayvisor/k8s.h).
 *
 *   selector    = requirement { "," requirement }
 *   requirement = [ "!" ] key | key ( "=" | "==" | "!=" ) value | key ( "in" | "notin" ) "(" value { "," value } ")"
 */
#include "rayvisor/k8s.h"

#include <ctype.h>
#include <stdlib.h>

enum op { OP_EXISTS, OP_ABSENT, OP_IN, OP_NOT_IN };

struct requirement {
    struct rv_str key;
    enum op op;
    struct rv_str *values;
    size_t n;
    struct requirement *next;
};

struct rv_selector {
    struct rv_arena *arena;
    struct requirement *first, **last;
};

static struct rv_selector *selector_new(void) {
    struct rv_selector *s = rv_alloc(sizeof *s);
    s->arena = rv_arena_new();
    s->last = &s->first;
    return s;
}

struct rv_selector *rv_selector_free(struct rv_selector *s) {
    if (s != NULL) rv_arena_free(s->arena);
    free(s);
    return NULL;
}

static struct requirement *require(struct rv_selector *s, struct rv_str key, enum op op) {
    struct requirement *r = rv_arena_alloc(s->arena, sizeof *r);
    r->key = rv_arena_str(s->arena, key);
    r->op = op;
    *s->last = r;
    s->last = &r->next;
    return r;
}

static void add_value(struct rv_selector *s, struct requirement *r, struct rv_str value) {
    struct rv_str *grown = rv_arena_alloc(s->arena, (r->n + 1) * sizeof *grown);
    if (r->n != 0) memcpy(grown, r->values, r->n * sizeof *grown);
    grown[r->n++] = rv_arena_str(s->arena, value);
    r->values = grown;
}

/* ---- text ----------------------------------------------------------------------------------------------- */

struct scan {
    struct rv_str text;
    size_t at;
    struct rv_error *err;
};

static int complain(struct scan *c, const char *what) {
    return rv_error_set(c->err, RV_E_PARSE, "label selector \"" RV_STR_FMT "\": %s at character %zu",
                        RV_STR_ARG(c->text), what, c->at + 1);
}

static void blanks(struct scan *c) {
    while (c->at < c->text.n && isspace((unsigned char)c->text.p[c->at])) c->at++;
}

static char peek(struct scan *c) {
    blanks(c);
    return c->at < c->text.n ? c->text.p[c->at] : 0;
}

static bool take(struct scan *c, char want) {
    if (peek(c) != want) return false;
    c->at++;
    return true;
}

static struct rv_str word(struct scan *c) {
    blanks(c);
    size_t start = c->at;
    while (c->at < c->text.n && strchr(",=!() \t\n", c->text.p[c->at]) == NULL && c->text.p[c->at] != 0) c->at++;
    return (struct rv_str){c->text.p + start, c->at - start};
}

static int parse_value(struct scan *c, struct rv_selector *s, struct requirement *r) {
    struct rv_str v = word(c);
    if (rv_name_label_value(v) != NULL) return complain(c, "a value that is no label value");
    add_value(s, r, v);
    return 0;
}

static int parse_set(struct scan *c, struct rv_selector *s, struct requirement *r) {
    if (!take(c, '(')) return complain(c, "'(' expected");
    do {
        if (parse_value(c, s, r) != 0) return RV_E_PARSE;
    } while (take(c, ','));
    return take(c, ')') ? 0 : complain(c, "',' or ')' expected");
}

static int parse_requirement(struct scan *c, struct rv_selector *s) {
    bool absent = take(c, '!');
    struct rv_str key = word(c);
    if (rv_name_label_key(key) != NULL) return complain(c, "a key that is no label key");
    struct requirement *r = require(s, key, absent ? OP_ABSENT : OP_EXISTS);
    char next = peek(c);
    if (absent || next == 0 || next == ',') return 0;
    if (next == '=' || next == '!') {
        c->at++;
        r->op = next == '!' ? OP_NOT_IN : OP_IN;
        if (next == '!' && !take(c, '=')) return complain(c, "'!=' expected");
        if (next == '=' && c->at < c->text.n && c->text.p[c->at] == '=') c->at++;
        return parse_value(c, s, r);
    }
    struct rv_str op = word(c);
    if (!rv_str_is(op, "in") && !rv_str_is(op, "notin")) return complain(c, "'=', '!=', 'in', 'notin' or ',' expected");
    r->op = rv_str_is(op, "in") ? OP_IN : OP_NOT_IN;
    return parse_set(c, s, r);
}

struct rv_selector *rv_selector_parse(struct rv_str text, struct rv_error *err) {
    struct rv_selector *s = selector_new();
    struct scan c = {text, 0, err};
    if (peek(&c) == 0) return s;
    do {
        if (parse_requirement(&c, s) != 0) return rv_selector_free(s);
    } while (take(&c, ','));
    if (peek(&c) != 0) {
        complain(&c, "',' expected");
        return rv_selector_free(s);
    }
    return s;
}

/* ---- objects -------------------------------------------------------------------------------------------- */

static int expression(struct rv_selector *s, struct rv_val e, struct rv_error *err) {
    static const struct {
        const char *name;
        enum op op;
        bool values;
    } ops[] = {{"In", OP_IN, true},
               {"NotIn", OP_NOT_IN, true},
               {"Exists", OP_EXISTS, false},
               {"DoesNotExist", OP_ABSENT, false}};
    struct rv_str op = rv_path_str(e, "operator"), key = rv_path_str(e, "key");
    struct rv_val values = rv_val_get(e, "values");
    for (size_t i = 0; i < RV_ARRAY_LEN(ops); i++) {
        if (!rv_str_is(op, ops[i].name)) continue;
        if (ops[i].values != (rv_val_len(values) > 0))
            return rv_error_set(err, RV_E_INVALID, "matchExpressions: operator %s %s values", ops[i].name,
                                ops[i].values ? "needs" : "takes no");
        struct requirement *r = require(s, key, ops[i].op);
        for (struct rv_iter it = rv_iter(values); rv_iter_next(&it);) add_value(s, r, rv_val_str(it.val));
        return 0;
    }
    return rv_error_set(err, RV_E_INVALID,
                        "matchExpressions: operator \"" RV_STR_FMT "\" is none of In, NotIn, Exists, DoesNotExist",
                        RV_STR_ARG(op));
}

struct rv_selector *rv_selector_from_val(struct rv_val v, struct rv_error *err) {
    struct rv_selector *s = selector_new();
    for (struct rv_iter it = rv_iter(rv_val_get(v, "matchLabels")); rv_iter_next(&it);)
        add_value(s, require(s, it.key, OP_IN), rv_val_str(it.val));
    for (struct rv_iter it = rv_iter(rv_val_get(v, "matchExpressions")); rv_iter_next(&it);)
        if (expression(s, it.val, err) != 0) return rv_selector_free(s);
    return s;
}

/* ---- use ------------------------------------------------------------------------------------------------ */

static bool meets(const struct requirement *r, struct rv_val labels) {
    struct rv_val v = rv_val_getn(labels, r->key);
    bool present = rv_val_type(v) == RV_STRING, among = false;
    if (r->op == OP_EXISTS) return present;
    if (r->op == OP_ABSENT) return !present;
    for (size_t i = 0; present && !among && i < r->n; i++) among = rv_str_eq(rv_val_str(v), r->values[i]);
    return r->op == OP_IN ? among : !among;
}

bool rv_selector_matches(const struct rv_selector *s, struct rv_val labels) {
    for (const struct requirement *r = s->first; r != NULL; r = r->next)
        if (!meets(r, labels)) return false;
    return true;
}

void rv_selector_print(const struct rv_selector *s, struct rv_buf *out) {
    for (const struct requirement *r = s->first; r != NULL; r = r->next) {
        if (r != s->first) rv_buf_addc(out, ',');
        if (r->op == OP_ABSENT) rv_buf_addc(out, '!');
        rv_buf_add_str(out, r->key);
        if (r->op == OP_EXISTS || r->op == OP_ABSENT) continue;
        if (r->n == 1) {
            rv_buf_addf(out, "%s" RV_STR_FMT, r->op == OP_IN ? "=" : "!=", RV_STR_ARG(r->values[0]));
            continue;
        }
        rv_buf_adds(out, r->op == OP_IN ? " in (" : " notin (");
        for (size_t i = 0; i < r->n; i++) rv_buf_addf(out, "%s" RV_STR_FMT, i > 0 ? "," : "", RV_STR_ARG(r->values[i]));
        rv_buf_addc(out, ')');
    }
}
