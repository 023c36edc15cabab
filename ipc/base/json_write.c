/* json_write.c - writes msgpack values as JSON text (see rayvisor/json.h). rv_mp_check has bounded the depth. */
#include "rayvisor/json.h"

#include "base64.h"
#include "number.h"

#include <inttypes.h>
#include <math.h>

void rv_json_quote(struct rv_str s, struct rv_buf *out) {
    rv_buf_addc(out, '"');
    size_t plain = 0; /* start of a run of characters that need no escape */
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        rv_buf_add(out, s.p + plain, i - plain);
        plain = i + 1;
        switch (c) {
        case '"':
            rv_buf_adds(out, "\\\"");
            break;
        case '\\':
            rv_buf_adds(out, "\\\\");
            break;
        case '\n':
            rv_buf_adds(out, "\\n");
            break;
        case '\t':
            rv_buf_adds(out, "\\t");
            break;
        case '\r':
            rv_buf_adds(out, "\\r");
            break;
        default:
            rv_buf_addf(out, "\\u%04x", c);
            break;
        }
    }
    if (s.n > plain) rv_buf_add(out, s.p + plain, s.n - plain);
    rv_buf_addc(out, '"');
}

static void write_double(double v, struct rv_buf *out) {
    if (!isfinite(v)) { /* JSON has no such numbers */
        rv_buf_adds(out, "null");
        return;
    }
    char text[32];
    number_format(v, text);
    rv_buf_adds(out, text);
}

static void write_base64(struct rv_bytes b, struct rv_buf *out) {
    rv_buf_addc(out, '"');
    base64_encode(b, BASE64_STANDARD, out);
    rv_buf_addc(out, '"');
}

struct writer {
    struct rv_buf *out;
    bool pretty;
};

static void newline(const struct writer *w, unsigned depth) {
    if (!w->pretty) return;
    rv_buf_addc(w->out, '\n');
    for (unsigned i = 0; i < depth; i++) rv_buf_adds(w->out, "  ");
}

static void write_val(const struct writer *w, struct rv_val v, unsigned depth);

static void write_container(const struct writer *w, struct rv_val v, unsigned depth, bool map) {
    bool first = true;
    rv_buf_addc(w->out, map ? '{' : '[');
    for (struct rv_iter it = rv_iter(v); depth < RV_MP_MAX_DEPTH && rv_iter_next(&it); first = false) {
        if (!first) rv_buf_addc(w->out, ',');
        newline(w, depth + 1);
        if (map) {
            rv_json_quote(it.key, w->out);
            rv_buf_adds(w->out, w->pretty ? ": " : ":");
        }
        write_val(w, it.val, depth + 1);
    }
    if (!first) newline(w, depth);
    rv_buf_addc(w->out, map ? '}' : ']');
}

static void write_val(const struct writer *w, struct rv_val v, unsigned depth) {
    enum rv_type type = rv_val_type(v);
    switch (type) {
    case RV_ABSENT:
    case RV_NULL:
        rv_buf_adds(w->out, "null");
        return;
    case RV_BOOL:
        rv_buf_adds(w->out, rv_val_bool(v, false) ? "true" : "false");
        return;
    case RV_INT:
        rv_buf_addf(w->out, "%" PRId64, rv_val_int(v, 0));
        return;
    case RV_UINT: {
        uint64_t u = 0; /* nine bytes: 0xcf and the number */
        for (size_t i = 1; i < v.n; i++) u = u << 8 | v.p[i];
        rv_buf_addf(w->out, "%" PRIu64, u);
        return;
    }
    case RV_FLOAT:
        write_double(rv_val_float(v, 0), w->out);
        return;
    case RV_STRING:
        rv_json_quote(rv_val_str(v), w->out);
        return;
    case RV_BIN:
        write_base64(rv_val_bin(v), w->out);
        return;
    case RV_ARRAY:
    case RV_MAP:
        write_container(w, v, depth, type == RV_MAP);
        return;
    }
}

void rv_json_write(struct rv_val v, struct rv_buf *out) { write_val(&(struct writer){out, false}, v, 0); }

void rv_json_write_pretty(struct rv_val v, struct rv_buf *out) {
    write_val(&(struct writer){out, true}, v, 0);
    rv_buf_addc(out, '\n');
}
