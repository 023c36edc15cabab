/* document.c - see document.h. Texts are in double quotes, which is JSON's form, unless they are so plain that no
 * reader could take them for anything else. */
#include "document.h"

#include <stdio.h>

#include "ipc/base/visible.h"
#include "rayvisor/json.h"

/* A letter first, and then only letters, digits and what means nothing in YAML; no word that YAML 1.1 takes for a
 * boolean or for null. */
static bool is_plain(struct rv_str s) {
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    if (s.n == 0 || s.n > 200) return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z'),
             more = (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.' || ch == '/';
        if (!letter && !(more && i > 0)) return false;
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if (rv_str_ieq(s, words[i])) return false;
    return true;
}

static void add_text(struct rv_buf *out, struct rv_str s) {
    if (is_plain(s))
        rv_buf_add_str(out, s);
    else
        rv_json_quote(s, out);
}

static void add_indent(struct rv_buf *out, int depth) {
    for (int i = 0; i < depth; i++) rv_buf_adds(out, "  ");
}

static bool is_open(struct rv_val v) {
    enum rv_type t = rv_val_type(v);
    return (t == RV_MAP || t == RV_ARRAY) && rv_val_len(v) > 0;
}

/* `inside`: the first line goes behind a "- ". Recursion is bounded by RV_MP_MAX_DEPTH. */
static void add_value(struct rv_buf *out, struct rv_val v, int depth, bool inside) {
    if (!is_open(v)) {
        if (rv_val_type(v) == RV_STRING)
            add_text(out, rv_val_str(v));
        else
            rv_json_write(v, out);
        rv_buf_addc(out, '\n');
        return;
    }
    bool map = rv_val_type(v) == RV_MAP;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it); inside = false) {
        bool open = is_open(it.val);
        if (!inside) add_indent(out, depth);
        if (map) {
            add_text(out, it.key);
            rv_buf_adds(out, open ? ":\n" : ": ");
            add_value(out, it.val, depth + 1, false);
        } else {
            rv_buf_adds(out, "- ");
            add_value(out, it.val, depth + 1, open);
        }
    }
}

void document_yaml(struct rv_val v, struct rv_buf *out) { add_value(out, v, 0, false); }

bool document_print(struct ctl_context *c, struct rv_val v) {
    rv_autobuf struct rv_buf b = {0}, shown = {0};
    bool yaml = strcmp(c->output, "yaml") == 0;
    if (!yaml && strcmp(c->output, "json") != 0) return false;
    if (yaml)
        document_yaml(v, &b);
    else
        rv_json_write_pretty(v, &b);
    visible_text(rv_buf_str(&b), VISIBLE_LINES, &shown);
    fwrite(shown.p, 1, shown.n, stdout);
    return true;
}
