#include "table.h"

/* The text between brackets. *ret_next is the end of the brackets. */
static struct rv_str bracket(struct rv_str path, size_t at, size_t *ret_next) {
    size_t end = at + 1;
    char quote = '\0';
    for (; end < path.n; end++) {
        char c = path.p[end];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '\'' || c == '"')
            quote = c;
        else if (c == ']')
            break;
    }
    *ret_next = end < path.n ? end + 1 : path.n;
    return (struct rv_str){path.p + at + 1, end - at - 1};
}

static struct rv_str unquote(struct rv_str s) {
    if (s.n >= 2 && (s.p[0] == '\'' || s.p[0] == '"') && s.p[s.n - 1] == s.p[0])
        return (struct rv_str){s.p + 1, s.n - 2};
    return s;
}

/* ?(@.field=="text"): the first element that matches. */
static struct rv_val filtered(struct rv_val list, struct rv_str test) {
    static const char OPEN[] = "?(@";
    const char *eq = memmem(test.p, test.n, "==", 2);
    if (!rv_str_starts(test, OPEN) || eq == NULL || !rv_str_ends(test, ")")) return RV_VAL_ABSENT;
    struct rv_str field = {test.p + sizeof OPEN - 1, (size_t)(eq - test.p) - (sizeof OPEN - 1)};
    struct rv_str want = {eq + 2, test.n - (size_t)(eq - test.p) - 3};
    while (field.n > 0 && field.p[field.n - 1] == ' ') field.n--;
    while (want.n > 0 && want.p[0] == ' ') want = (struct rv_str){want.p + 1, want.n - 1};
    while (want.n > 0 && want.p[want.n - 1] == ' ') want.n--;
    want = unquote(want);
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) {
        struct rv_val have = sb_jsonpath(it.val, field);
        int64_t n = 0;
        bool same = rv_val_type(have) == RV_STRING
                        ? rv_str_eq(rv_val_str(have), want)
                        : rv_str_to_int(want, INT64_MIN, INT64_MAX, &n) == 0 && n == rv_val_int(have, n + 1);
        if (same) return it.val;
    }
    return RV_VAL_ABSENT;
}

static struct rv_val subscript(struct rv_val v, struct rv_str in) {
    int64_t index = 0;
    if (in.n != 0 && in.p[0] == '?') return filtered(v, in);
    if (rv_str_is(in, "*")) return rv_val_at(v, 0);
    if (rv_str_to_int(in, 0, INT32_MAX, &index) == 0) return rv_val_at(v, (size_t)index);
    return rv_val_getn(v, unquote(in));
}

struct rv_val sb_jsonpath(struct rv_val v, struct rv_str path) {
    size_t i = 0;
    while (i < path.n && rv_val_present(v)) {
        if (path.p[i] == '[') {
            v = subscript(v, bracket(path, i, &i));
            continue;
        }
        if (path.p[i] == '.') i++;
        rv_autobuf struct rv_buf name = {0};
        while (i < path.n && path.p[i] != '.' && path.p[i] != '[') {
            if (path.p[i] == '\\' && i + 1 < path.n) i++; /* "\." is a dot in a name */
            rv_buf_addc(&name, (uint8_t)path.p[i++]);
        }
        if (name.n != 0) v = rv_val_getn(v, rv_buf_str(&name));
    }
    return v;
}
