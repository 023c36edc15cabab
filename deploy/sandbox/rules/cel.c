/* cel.c - a recursive-descent evaluator (see cel.h). It parses and evaluates at the same time, because rules are short.
 * If it only checks a rule, values are unknown and type errors do not count. */
#include "cel.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum { DEPTH = 32 };

struct cel {
    struct rv_arena *arena;
    struct rv_str text;
    size_t at;
    unsigned depth;
    /* `broken`: a syntax error. `failed`: an error of the evaluation. */
    bool checking, transition, broken;
    bool failed;
    struct rv_val self, old_self;
};

static struct rv_val expression(struct cel *c);

static struct rv_val wrong(struct cel *c) {
    c->broken = true;
    return RV_VAL_ABSENT;
}

static struct rv_val boolean(struct cel *c, bool v) { return rv_node_freeze(c->arena, rv_node_bool(c->arena, v)); }

static bool truth(struct cel *c, struct rv_val v) {
    if (rv_val_type(v) != RV_BOOL && !c->checking) c->failed = true;
    return rv_val_bool(v, false);
}

static void blanks(struct cel *c) {
    while (c->at < c->text.n && isspace((unsigned char)c->text.p[c->at])) c->at++;
}

static bool take(struct cel *c, const char *token) {
    blanks(c);
    size_t n = strlen(token);
    if (c->text.n - c->at < n || memcmp(c->text.p + c->at, token, n) != 0) return false;
    bool word = isalpha((unsigned char)token[0]) != 0;
    if (word && c->at + n < c->text.n && (isalnum((unsigned char)c->text.p[c->at + n]) || c->text.p[c->at + n] == '_'))
        return false;
    c->at += n;
    return true;
}

static struct rv_str identifier(struct cel *c) {
    blanks(c);
    size_t start = c->at;
    while (c->at < c->text.n && (isalnum((unsigned char)c->text.p[c->at]) || c->text.p[c->at] == '_')) c->at++;
    return (struct rv_str){c->text.p + start, c->at - start};
}

/* Reads self or oldSelf and the fields after it. *ret_present says whether the last field exists. */
static struct rv_val selection(struct cel *c, bool *ret_present) {
    struct rv_str root = identifier(c);
    struct rv_val v = rv_str_is(root, "self") ? c->self : c->old_self;
    if (rv_str_is(root, "oldSelf"))
        c->transition = true;
    else if (!rv_str_is(root, "self"))
        return wrong(c);
    while (take(c, ".")) {
        struct rv_str field = identifier(c);
        if (field.n == 0) return wrong(c);
        v = rv_val_getn(v, field);
    }
    *ret_present = rv_val_present(v);
    return v;
}

static size_t characters(struct rv_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((uint8_t)s.p[i] & 0xc0) != 0x80;
    return n;
}

static struct rv_val call(struct cel *c, bool has) {
    bool present = false;
    if (!take(c, "(")) return wrong(c);
    struct rv_val v = selection(c, &present);
    if (!take(c, ")")) return wrong(c);
    if (has) return boolean(c, present);
    if (!present) c->failed = true;
    size_t n = rv_val_type(v) == RV_STRING ? characters(rv_val_str(v)) : rv_val_len(v);
    return rv_node_freeze(c->arena, rv_node_int(c->arena, (int64_t)n));
}

static struct rv_val text_literal(struct cel *c, char quote) {
    size_t start = c->at;
    while (c->at < c->text.n && c->text.p[c->at] != quote) {
        if (c->text.p[c->at] == '\\') return wrong(c);
        c->at++;
    }
    if (c->at == c->text.n) return wrong(c);
    struct rv_str s = {c->text.p + start, c->at - start};
    c->at++;
    return rv_node_freeze(c->arena, rv_node_str(c->arena, s));
}

static struct rv_val list_literal(struct cel *c) {
    struct rv_node *list = rv_node_array(c->arena);
    if (take(c, "]")) return rv_node_freeze(c->arena, list);
    do {
        struct rv_val v = expression(c);
        if (c->broken) return v;
        rv_node_append(c->arena, list, rv_val_present(v) ? rv_node_from(c->arena, v) : rv_node_null(c->arena));
    } while (take(c, ","));
    return take(c, "]") ? rv_node_freeze(c->arena, list) : wrong(c);
}

static struct rv_val primary(struct cel *c) {
    int64_t number;
    bool present = false;
    if (take(c, "(")) {
        struct rv_val v = expression(c);
        return take(c, ")") ? v : wrong(c);
    }
    if (take(c, "[")) return list_literal(c);
    if (take(c, "'")) return text_literal(c, '\'');
    if (take(c, "\"")) return text_literal(c, '"');
    if (take(c, "true")) return boolean(c, true);
    if (take(c, "false")) return boolean(c, false);
    if (take(c, "has")) return call(c, true);
    if (take(c, "size")) return call(c, false);
    blanks(c);
    if (c->at < c->text.n && isdigit((unsigned char)c->text.p[c->at]))
        return rv_str_to_int(identifier(c), 0, INT64_MAX, &number) == 0
                   ? rv_node_freeze(c->arena, rv_node_int(c->arena, number))
                   : wrong(c);
    struct rv_val v = selection(c, &present);
    if (!present && !c->checking) c->failed = true;
    return v;
}

static struct rv_val unary(struct cel *c) {
    blanks(c);
    bool negated = c->at + 1 < c->text.n && c->text.p[c->at] == '!' && c->text.p[c->at + 1] != '=';
    if (!negated) return primary(c);
    c->at++;
    if (++c->depth > DEPTH) return wrong(c);
    bool v = truth(c, unary(c));
    c->depth--;
    return boolean(c, !v);
}

static bool contained(struct rv_val item, struct rv_val list) {
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        if (rv_val_equal(it.val, item)) return true;
    return false;
}

/* Types that can be compared with each other: numbers of any kind, texts, booleans. */
enum rank { UNRANKED, NUMBER, TEXT, TRUTH };
static enum rank rank_of(struct rv_val v) {
    static const enum rank ranks[] = {[RV_INT] = NUMBER,  [RV_UINT] = NUMBER, [RV_FLOAT] = NUMBER,
                                      [RV_STRING] = TEXT, [RV_BOOL] = TRUTH,  [RV_MAP] = UNRANKED};
    return ranks[rv_val_type(v)];
}

/* Integers are compared exactly, with all 64 bits. If one is a float, both become floats. */
static int number_order(struct rv_val a, struct rv_val b) {
    enum rv_type x = rv_val_type(a), y = rv_val_type(b);
    if (x == RV_FLOAT || y == RV_FLOAT) {
        double p = rv_val_float(a, 0), q = rv_val_float(b, 0);
        return (p > q) - (p < q);
    }
    if (x != y) return x == RV_UINT ? 1 : -1;                   /* above every int */
    if (x == RV_UINT) return memcmp(a.p + 1, b.p + 1, a.n - 1); /* eight bytes, the highest one first */
    int64_t p = rv_val_int(a, 0), q = rv_val_int(b, 0);
    return (p > q) - (p < q);
}

/* Returns -1, 0 or 1. Values of two types have no order; comparing them is an error. */
static int order(struct cel *c, struct rv_val a, struct rv_val b) {
    enum rank r = rank_of(a);
    if (r == UNRANKED || r != rank_of(b)) {
        if (!c->checking) c->failed = true;
        return 0;
    }
    if (r == NUMBER) return number_order(a, b);
    int text =
        r == TEXT ? rv_str_cmp(rv_val_str(a), rv_val_str(b)) : (int)rv_val_bool(a, false) - rv_val_bool(b, false);
    return (text > 0) - (text < 0);
}

static bool compare(struct cel *c, size_t op, struct rv_val left, struct rv_val right) {
    enum { EQUAL, UNEQUAL, AT_MOST, AT_LEAST, LESS, MORE, IN };
    if (op == EQUAL) return rv_val_equal(left, right);
    if (op == UNEQUAL) return !rv_val_equal(left, right);
    if (op == IN) return contained(left, right);
    int o = order(c, left, right);
    return op == AT_MOST ? o <= 0 : op == AT_LEAST ? o >= 0 : op == LESS ? o < 0 : o > 0;
}

static struct rv_val comparison(struct cel *c) {
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">", "in"};
    struct rv_val left = unary(c);
    for (size_t i = 0; i < RV_ARRAY_LEN(operators); i++) {
        if (!take(c, operators[i])) continue;
        struct rv_val right = unary(c);
        return boolean(c, compare(c, i, left, right));
    }
    return left;
}

/* If the left side decides && or ||, errors of the right side do not count. */
static struct rv_val conjunction(struct cel *c) {
    struct rv_val v = comparison(c);
    while (take(c, "&&")) {
        bool left = truth(c, v), failed = c->failed;
        bool right = truth(c, comparison(c));
        if (!left) c->failed = failed;
        v = boolean(c, left && right);
    }
    return v;
}

static struct rv_val expression(struct cel *c) {
    if (++c->depth > DEPTH) return wrong(c);
    struct rv_val v = conjunction(c);
    while (take(c, "||")) {
        bool left = truth(c, v), failed = c->failed;
        bool right = truth(c, conjunction(c));
        if (left) c->failed = failed;
        v = boolean(c, left || right);
    }
    c->depth--;
    return v;
}

static struct rv_val whole(struct cel *c) {
    struct rv_val v = expression(c);
    blanks(c);
    if (c->at != c->text.n) c->broken = true;
    return v;
}

int cel_check(struct rv_str rule, bool *ret_transition, struct rv_error *err) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct cel c = {.arena = a, .text = rule, .checking = true};
    (void)whole(&c);
    *ret_transition = c.transition;
    if (!c.broken) return 0;
    return rv_error_set(
        err, RV_E_INVALID,
        "the sandbox cannot judge the rule \"%.*s\" (from character %zu on); use a real API server for it",
        (int)(rule.n < 200 ? rule.n : 200), rule.p, c.at + 1);
}

bool cel_holds(struct rv_str rule, struct rv_val self, struct rv_val old_self) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct cel c = {.arena = a, .text = rule, .self = self, .old_self = old_self};
    struct rv_val v = whole(&c);
    return !c.broken && !c.failed && rv_val_bool(v, false);
}
