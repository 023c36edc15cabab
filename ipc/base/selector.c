/* selector.c - label selectors, from text and from objects (labels.Parse of apimachinery; see rayvisor/k8s.h).
 *
 *   selector    = requirement { "," requirement }
 *   requirement = [ "!" ] key | key ( "=" | "==" | "!=" ) value | key ( "in" | "notin" ) "(" value { "," value } ")"
 *               | key ( ">" | "<" ) integer
 *
 * A value may be empty, but a list may not. "a in ()" is refused; "a in (,)" is the list of the empty value. */
#include "rayvisor/k8s.h"

#include <stdlib.h>

enum op { OP_EXISTS, OP_ABSENT, OP_IN, OP_NOT_IN, OP_GREATER, OP_LESS };

struct requirement {
    struct rv_str key;
    enum op op;
    struct rv_str *values;
    size_t n, cap;
    int64_t bound; /* the number after > and < */
    struct requirement *next;
};

struct rv_selector {
    struct rv_arena *arena;
    struct requirement *first, **last;
    bool nothing; /* the object had no selector; it matches nothing */
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
    if (r->n == r->cap) {
        r->cap = r->cap != 0 ? r->cap * 2 : 4;
        struct rv_str *grown = rv_arena_alloc(s->arena, r->cap * sizeof *grown);
        if (r->n != 0) memcpy(grown, r->values, r->n * sizeof *grown);
        r->values = grown;
    }
    r->values[r->n++] = rv_arena_str(s->arena, value);
}

/* ---- text ----------------------------------------------------------------------------------------------- */

struct scan {
    struct rv_str text;
    size_t at;
    struct rv_error *err;
};

static int syntax_error(struct scan *c, const char *what) {
    return rv_error_set(c->err, RV_E_PARSE, "label selector \"" RV_STR_FMT "\": %s at character %zu",
                        RV_STR_ARG(c->text), what, c->at + 1);
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void blanks(struct scan *c) {
    while (c->at < c->text.n && blank(c->text.p[c->at])) c->at++;
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
    while (c->at < c->text.n && strchr(",=!()<> \t\r\n", c->text.p[c->at]) == NULL && c->text.p[c->at] != 0) c->at++;
    return (struct rv_str){c->text.p + start, c->at - start};
}

static int parse_value(struct scan *c, struct rv_selector *s, struct requirement *r) {
    struct rv_str v = word(c);
    if (rv_name_label_value(v) != NULL) return syntax_error(c, "a value that is no label value");
    add_value(s, r, v);
    return 0;
}

static int parse_set(struct scan *c, struct rv_selector *s, struct requirement *r) {
    if (!take(c, '(')) return syntax_error(c, "'(' expected");
    if (peek(c) == ')') return syntax_error(c, "at least one value expected");
    do {
        if (parse_value(c, s, r) != 0) return RV_E_PARSE;
    } while (take(c, ','));
    return take(c, ')') ? 0 : syntax_error(c, "',' or ')' expected");
}

static int parse_bound(struct scan *c, struct rv_selector *s, struct requirement *r) {
    struct rv_str v = word(c);
    if (rv_str_to_int(v, INT64_MIN, INT64_MAX, &r->bound) != 0) return syntax_error(c, "an integer expected");
    add_value(s, r, v);
    return 0;
}

static int parse_requirement(struct scan *c, struct rv_selector *s) {
    bool absent = take(c, '!');
    struct rv_str key = word(c);
    if (rv_name_label_key(key) != NULL) return syntax_error(c, "a key that is no label key");
    struct requirement *r = require(s, key, absent ? OP_ABSENT : OP_EXISTS);
    char next = peek(c);
    if (absent || next == 0 || next == ',') return 0;
    if (next == '=' || next == '!') {
        c->at++;
        r->op = next == '!' ? OP_NOT_IN : OP_IN;
        if (next == '!' && !take(c, '=')) return syntax_error(c, "'!=' expected");
        if (next == '=' && c->at < c->text.n && c->text.p[c->at] == '=') c->at++;
        return parse_value(c, s, r);
    }
    if (next == '>' || next == '<') {
        c->at++;
        r->op = next == '>' ? OP_GREATER : OP_LESS;
        return parse_bound(c, s, r);
    }
    struct rv_str op = word(c);
    if (!rv_str_is(op, "in") && !rv_str_is(op, "notin"))
        return syntax_error(c, "'=', '!=', 'in', 'notin' or ',' expected");
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
        syntax_error(&c, "',' expected");
        return rv_selector_free(s);
    }
    return s;
}

/* ---- objects -------------------------------------------------------------------------------------------- */

static int invalid(struct rv_error *err, const char *where, struct rv_str what, const char *why) {
    return rv_error_set(err, RV_E_INVALID, "label selector: %s \"" RV_STR_FMT "\" %s", where, RV_STR_ARG(what), why);
}

static int checked_value(struct rv_selector *s, struct requirement *r, struct rv_val v, struct rv_error *err) {
    const char *why = rv_val_type(v) == RV_STRING ? rv_name_label_value(rv_val_str(v)) : "must be a string";
    if (why != NULL) return invalid(err, "a value of key", r->key, why);
    add_value(s, r, rv_val_str(v));
    return 0;
}

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
    size_t k = 0;
    while (k < RV_ARRAY_LEN(ops) && !rv_str_is(op, ops[k].name)) k++;
    if (k == RV_ARRAY_LEN(ops)) return invalid(err, "operator", op, "is none of In, NotIn, Exists, DoesNotExist");
    const char *why = rv_name_label_key(key);
    if (why != NULL) return invalid(err, "key", key, why);
    bool some = rv_val_type(values) == RV_ARRAY && rv_val_len(values) > 0;
    if (ops[k].values != some) return invalid(err, "operator", op, some ? "takes no values" : "needs values");
    struct requirement *r = require(s, key, ops[k].op);
    for (struct rv_iter it = rv_iter(values); rv_iter_next(&it);)
        if (checked_value(s, r, it.val, err) != 0) return RV_E_INVALID;
    return 0;
}

static int match_labels(struct rv_selector *s, struct rv_val labels, struct rv_error *err) {
    for (struct rv_iter it = rv_iter(labels); rv_iter_next(&it);) {
        const char *why = rv_name_label_key(it.key);
        if (why != NULL) return invalid(err, "key", it.key, why);
        if (checked_value(s, require(s, it.key, OP_IN), it.val, err) != 0) return RV_E_INVALID;
    }
    return 0;
}

struct rv_selector *rv_selector_from_val(struct rv_val v, struct rv_error *err) {
    struct rv_selector *s = selector_new();
    struct rv_val labels = rv_val_get(v, "matchLabels"), list = rv_val_get(v, "matchExpressions");
    s->nothing = !rv_val_set(v);
    bool shapes = (!rv_val_set(v) || rv_val_type(v) == RV_MAP) &&
                  (!rv_val_set(labels) || rv_val_type(labels) == RV_MAP) &&
                  (!rv_val_set(list) || rv_val_type(list) == RV_ARRAY);
    if (!shapes) {
        rv_error_set(err, RV_E_INVALID,
                     "label selector: must be an object with the map matchLabels and the list matchExpressions");
        return rv_selector_free(s);
    }
    if (match_labels(s, labels, err) != 0) return rv_selector_free(s);
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        if (expression(s, it.val, err) != 0) return rv_selector_free(s);
    return s;
}

/* ---- use ------------------------------------------------------------------------------------------------ */

static bool meets(const struct requirement *r, struct rv_val labels) {
    struct rv_val v = rv_val_getn(labels, r->key);
    bool present = rv_val_type(v) == RV_STRING, among = false;
    if (r->op == OP_EXISTS) return present;
    if (r->op == OP_ABSENT) return !present;
    if (r->op == OP_GREATER || r->op == OP_LESS) {
        int64_t n;
        if (!present || rv_str_to_int(rv_val_str(v), INT64_MIN, INT64_MAX, &n) != 0) return false;
        return r->op == OP_GREATER ? n > r->bound : n < r->bound;
    }
    for (size_t i = 0; present && !among && i < r->n; i++) among = rv_str_eq(rv_val_str(v), r->values[i]);
    return r->op == OP_IN ? among : !among;
}

bool rv_selector_matches(const struct rv_selector *s, struct rv_val labels) {
    if (s->nothing) return false;
    for (const struct requirement *r = s->first; r != NULL; r = r->next)
        if (!meets(r, labels)) return false;
    return true;
}

void rv_selector_keys(const struct rv_selector *s, void (*fn)(void *arg, struct rv_str key), void *arg) {
    for (const struct requirement *r = s != NULL ? s->first : NULL; r != NULL; r = r->next) fn(arg, r->key);
}

void rv_selector_print(const struct rv_selector *s, struct rv_buf *out) {
    /* The empty text would match everything, so this text matches nothing. */
    if (s->nothing) rv_buf_adds(out, "nothing,!nothing");
    for (const struct requirement *r = s->first; r != NULL; r = r->next) {
        if (r != s->first) rv_buf_addc(out, ',');
        if (r->op == OP_ABSENT) rv_buf_addc(out, '!');
        rv_buf_add_str(out, r->key);
        if (r->op == OP_EXISTS || r->op == OP_ABSENT) continue;
        if (r->n == 1) {
            static const char *const signs[] = {[OP_IN] = "=", [OP_NOT_IN] = "!=", [OP_GREATER] = ">", [OP_LESS] = "<"};
            rv_buf_addf(out, "%s" RV_STR_FMT, signs[r->op], RV_STR_ARG(r->values[0]));
            continue;
        }
        rv_buf_adds(out, r->op == OP_IN ? " in (" : " notin (");
        for (size_t i = 0; i < r->n; i++) rv_buf_addf(out, "%s" RV_STR_FMT, i > 0 ? "," : "", RV_STR_ARG(r->values[i]));
        rv_buf_addc(out, ')');
    }
}
