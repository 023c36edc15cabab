#include "strict.h"
#include "internal.h"
#include "ipc/base/base64.h"

#include <ctype.h>

enum { DEPTH_MAX = 100, UNKNOWN_MAX = 100 };

struct walk {
    struct rv_arena *a;
    struct sb_strict *out;
    bool keep;
};

static const char *const go_types[] = {[SB_STRING] = "string",     [SB_BOOL] = "bool",
                                       [SB_INT32] = "int32",       [SB_INT64] = "int64",
                                       [SB_NUMBER] = "float64",    [SB_BYTES] = "[]uint8",
                                       [SB_QUANTITY] = "Quantity", [SB_INT_OR_STRING] = "IntOrString",
                                       [SB_TIME] = "Time",         [SB_MICROTIME] = "MicroTime",
                                       [SB_STRUCT] = "object",     [SB_MAP] = "map",
                                       [SB_LIST] = "array"};

static bool fits(const struct sb_type *t, struct rv_node *v) {
    enum rv_type have = rv_node_type(v);
    bool number = have == RV_INT || have == RV_UINT || have == RV_FLOAT;
    switch (t->kind) {
    case SB_ANY:
        return true;
    case SB_STRING:
    case SB_BYTES:
    case SB_TIME:
    case SB_MICROTIME:
        return have == RV_STRING;
    case SB_BOOL:
        return have == RV_BOOL;
    case SB_INT32: {
        int64_t n = rv_node_to_int(v, 0);
        return have == RV_INT && n >= INT32_MIN && n <= INT32_MAX;
    }
    case SB_INT64:
        return have == RV_INT;
    case SB_NUMBER:
        return number;
    case SB_QUANTITY:
        return number || have == RV_STRING;
    case SB_INT_OR_STRING:
        return have == RV_INT || have == RV_STRING;
    case SB_STRUCT:
    case SB_MAP:
        return have == RV_MAP;
    case SB_LIST:
        return have == RV_ARRAY;
    }
    return true;
}

static void mismatch(struct walk *w, const struct sb_type *t, struct rv_node *v, struct rv_str path) {
    static const char *const json[] = {"value",  "null",   "bool",   "number", "number",
                                       "number", "string", "string", "array",  "object"};
    if (w->out->mismatch.n != 0) return;
    w->out->mismatch = rv_arena_fmt(w->a, "json: cannot unmarshal %s into Go struct field ." RV_STR_FMT " of type %s",
                                    json[rv_node_type(v)], RV_STR_ARG(path), go_types[t->kind]);
}

/* Decodes bytes and encodes them again, as a server does that stores them as bytes. Line breaks are skipped, and
 * anything else that is not base64 is refused. NULL if it is already in that form. */
static struct rv_node *same_bytes(struct walk *w, struct rv_node *v) {
    rv_autobuf struct rv_buf clean = {0}, bytes = {0}, again = {0};
    struct rv_str s = rv_node_text(v);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n') rv_buf_addc(&clean, (uint8_t)s.p[i]);
    struct rv_str text = rv_buf_str(&clean);
    size_t at = 0;
    while (at < text.n && (isalnum((unsigned char)text.p[at]) || text.p[at] == '+' || text.p[at] == '/')) at++;
    while (at < text.n && text.p[at] == '=') at++;
    if (at < text.n || text.n % 4 != 0 || base64_decode(text, BASE64_STANDARD, &bytes) != 0) {
        if (w->out->mismatch.n == 0)
            w->out->mismatch =
                rv_arena_fmt(w->a, "illegal base64 data at input byte %zu", at < text.n ? at : text.n / 4 * 4);
        return v;
    }
    base64_encode(rv_buf_bytes(&bytes), BASE64_STANDARD, &again);
    return rv_str_eq(rv_buf_str(&again), s) ? v : rv_node_str(w->a, rv_buf_str(&again));
}

static void unknown(struct walk *w, struct rv_str path) {
    if (rv_node_len(w->out->unknown) < UNKNOWN_MAX) rv_node_append(w->a, w->out->unknown, rv_node_str(w->a, path));
}

static void look(struct walk *w, const struct sb_type *t, struct rv_node *v, struct rv_str path, unsigned depth) {
    if (t == NULL || depth > DEPTH_MAX || rv_node_type(v) == RV_NULL) return;
    if (!fits(t, v)) {
        mismatch(w, t, v, path);
        return;
    }
    struct rv_str key;
    struct rv_node *child = NULL;
    struct rv_quantity q;
    if (t->kind == SB_QUANTITY && !w->keep && rv_quantity_from_val(rv_node_freeze(w->a, v), &q) != 0 &&
        w->out->mismatch.n == 0)
        w->out->mismatch = RV_STR("quantities must match the regular expression "
                                  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    if (t->kind == SB_LIST)
        for (size_t i = 0; i < rv_node_len(v); i++)
            look(w, t->items, rv_node_at(v, i), rv_arena_fmt(w->a, RV_STR_FMT "[%zu]", RV_STR_ARG(path), i), depth + 1);
    if (t->kind != SB_STRUCT && t->kind != SB_MAP) return;
    /* An empty annotation is read as text, in custom resources as well. */
    bool texts = t->kind == SB_MAP && t->items != NULL && t->items->kind == SB_STRING &&
                 (!w->keep || rv_str_starts(path, "metadata."));
    for (size_t i = 0; rv_node_entry(v, i, &key, &child);) {
        if (texts && rv_node_type(child) == RV_NULL) {
            rv_node_setn(w->a, v, rv_arena_str(w->a, key), rv_node_str(w->a, RV_STR("")));
            i++;
            continue;
        }
        const struct sb_type *ct = sb_type_child(t, key);
        struct rv_str sub =
            rv_arena_fmt(w->a, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(path), path.n != 0 ? "." : "", RV_STR_ARG(key));
        bool strange = ct == NULL && !t->open, empty = rv_node_type(child) == RV_NULL && t->kind == SB_STRUCT;
        if (strange) unknown(w, sub);
        if ((strange || empty) && !w->keep) {
            rv_node_setn(w->a, v, rv_arena_str(w->a, key), NULL);
            continue;
        }
        look(w, ct, child, sub, depth + 1);
        if (ct != NULL && ct->kind == SB_BYTES && rv_node_type(child) == RV_STRING && !w->keep) {
            struct rv_node *same = same_bytes(w, child);
            if (same != child) rv_node_setn(w->a, v, rv_arena_str(w->a, key), same);
        }
        i++;
    }
}

void sb_strict_decode(struct rv_arena *a, const struct sb_type *t, struct rv_node *object, bool keep,
                      struct sb_strict *ret) {
    struct walk w = {a, ret, keep};
    *ret = (struct sb_strict){.unknown = rv_node_array(a)};
    look(&w, t, object, RV_STR(""), 0);
    if (keep) ret->mismatch = RV_STR("");
}
