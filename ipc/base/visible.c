/* visible.c - see visible.h. */
#include "visible.h"

#include "utf8.h"

/* Sorted by code point: Unicode's categories Cc, Zl and Zp, and the characters of Cf that are invisible or change the
 * direction of text. */
static const struct {
    int32_t first, last;
} unseen[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_unseen(int32_t c) {
    for (size_t i = 0; i < RV_ARRAY_LEN(unseen) && c >= unseen[i].first; i++)
        if (c <= unseen[i].last) return true;
    return false;
}

/* Escapes a code point as JSON does. Above U+FFFF it is written as two halves. */
static void add_escape(int32_t c, struct rv_buf *out) {
    if (c == '\n')
        rv_buf_adds(out, "\\n");
    else if (c > 0xffff)
        rv_buf_addf(out, "\\u%04x\\u%04x", 0xd800U + ((unsigned)(c - 0x10000) >> 10), 0xdc00U + (unsigned)(c & 0x3ff));
    else
        rv_buf_addf(out, "\\u%04x", (unsigned)c);
}

static bool stays(int32_t c, enum visible_text how) {
    if (how == VISIBLE_LINES && (c == '\n' || c == '\t')) return true;
    if (how == VISIBLE_QUOTED && (c == '"' || c == '\\')) return false;
    return c >= 0 && !is_unseen(c);
}

void visible_text(struct rv_str s, enum visible_text how, struct rv_buf *out) {
    size_t plain = 0; /* start of a run that stays as it is */
    for (size_t i = 0, n; i < s.n; i += n) {
        int32_t c = utf8_decode((struct rv_str){s.p + i, s.n - i}, &n);
        if (stays(c, how)) continue;
        rv_buf_add(out, s.p + plain, i - plain);
        plain = i + n;
        if (c < 0)
            rv_buf_addc(out, '?');
        else if (c == '"' || c == '\\')
            rv_buf_addf(out, "\\%c", (char)c);
        else
            add_escape(c, out);
    }
    if (s.n > plain) rv_buf_add(out, s.p + plain, s.n - plain);
}

bool visible_already(struct rv_str s) {
    for (size_t i = 0, n; i < s.n; i += n)
        if (!stays(utf8_decode((struct rv_str){s.p + i, s.n - i}, &n), VISIBLE_LINE)) return false;
    return true;
}

static void add_text(struct rv_str s, struct rv_buf *out) {
    rv_autobuf struct rv_buf text = {0};
    visible_text(s, VISIBLE_LINE, &text);
    rv_mp_str(out, rv_buf_str(&text));
}

/* The recursion is as deep as the value, which rv_mp_check() bounds. */
void visible_value(struct rv_val v, struct rv_buf *out) {
    enum rv_type type = rv_val_type(v);
    if (type == RV_MAP)
        rv_mp_map(out, rv_val_len(v));
    else if (type == RV_ARRAY)
        rv_mp_array(out, rv_val_len(v));
    else if (type == RV_STRING)
        add_text(rv_val_str(v), out);
    else
        rv_mp_val(out, v);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        if (it.map) add_text(it.key, out);
        visible_value(it.val, out);
    }
}
