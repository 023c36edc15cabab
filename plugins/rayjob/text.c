/* text.c - the two quotings of the contract: shell words in double quotes, and JSON with sorted keys. Programs in
 * users' images read both, so the bytes are those of the reference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/utf8.h"
#include "text.h"

/* Characters that cannot be printed: controls, spaces other than the usual one, private use, non-characters. */
static bool printable(int32_t c) {
    static const int32_t hidden[][2] = {
        {0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},     {0x600, 0x605},   {0x61c, 0x61c},   {0x6dd, 0x6dd},
        {0x70f, 0x70f},   {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f},
        {0x3000, 0x3000}, {0xd800, 0xf8ff}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}};
    if (c >= 0xe0000) return false;
    for (size_t i = 0; i < RV_ARRAY_LEN(hidden); i++)
        if (c >= hidden[i][0] && c <= hidden[i][1]) return false;
    return true;
}

/* One way of quoting: which characters have a letter behind a backslash, and how others that need it are written. */
struct quoting {
    const char *named, *letters;
    /* c: the character, or below 0 for a byte that belongs to none. False: it stands as it is. */
    bool (*escape)(struct rv_buf *out, int32_t c, uint8_t byte);
};

static void quote(struct rv_buf *out, struct rv_str s, const struct quoting *q) {
    rv_buf_addc(out, '"');
    for (size_t at = 0, length; at < s.n; at += length) {
        int32_t c = utf8_decode((struct rv_str){s.p + at, s.n - at}, &length);
        const char *special = c > 0 && c < 128 ? strchr(q->named, c) : NULL;
        if (special != NULL)
            rv_buf_addf(out, "\\%c", q->letters[special - q->named]);
        else if (!q->escape(out, c, (uint8_t)s.p[at]))
            rv_buf_add(out, s.p + at, length);
    }
    rv_buf_addc(out, '"');
}

static bool escape_in_word(struct rv_buf *out, int32_t c, uint8_t byte) {
    if (c >= 0 && printable(c)) return false;
    if (c < 0x80)
        rv_buf_addf(out, "\\x%02x", byte);
    else
        rv_buf_addf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
    return true;
}

void rj_quote(struct rv_buf *out, struct rv_str s) {
    static const struct quoting word = {"\a\b\f\n\r\t\v\"\\", "abfnrtv\"\\", escape_in_word};
    quote(out, s, &word);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static bool escape_in_json(struct rv_buf *out, int32_t c, uint8_t byte) {
    (void)byte;
    bool plain = c >= 0x20 && c != '<' && c != '>' && c != '&' && c != 0x2028 && c != 0x2029;
    if (plain) return false;
    rv_buf_addf(out, "\\u%04x", c < 0 ? 0xfffdu : (unsigned)c);
    return true;
}

static void json_text(struct rv_buf *out, struct rv_str s) {
    static const struct quoting json = {"\b\f\n\r\t\"\\", "bfnrt\"\\", escape_in_json};
    quote(out, s, &json);
}

/* The shortest form that reads back as the same number. Only very small and very large numbers have an exponent. */
static void json_float(struct rv_buf *out, double v) {
    char text[64];
    if (!isfinite(v)) {
        rv_buf_adds(out, "null");
        return;
    }
    int digits = 1;
    do {
        snprintf(text, sizeof text, "%.*e", digits - 1, v);
    } while (strtod(text, NULL) != v && ++digits <= 17);
    double size = fabs(v);
    if (size != 0 && (size < 1e-6 || size >= 1e21)) {
        char *e = strchr(text, 'e');
        long exponent = strtol(e + 1, NULL, 10);
        *e = 0;
        rv_buf_addf(out, "%se%s%02ld", text, exponent < 0 ? "-" : "+", labs(exponent));
        /* "e-09" is written as "e-9". */
        if (exponent < 0 && labs(exponent) < 10) {
            out->n -= 2;
            rv_buf_addf(out, "%ld", labs(exponent));
        }
        return;
    }
    char *e = strchr(text, 'e');
    long exponent = strtol(e + 1, NULL, 10);
    int decimals = digits - 1 - (int)exponent;
    if (decimals >= 0) {
        rv_buf_addf(out, "%.*f", decimals, v);
        return;
    }
    for (const char *p = text; p < e; p++)
        if (*p != '.') rv_buf_addc(out, (uint8_t)*p);
    for (; decimals < 0; decimals++) rv_buf_addc(out, '0'); /* more digits are not known */
}

struct entry {
    struct rv_str key;
    struct rv_val val;
};

static int by_key(const void *x, const void *y) {
    return rv_str_cmp(((const struct entry *)x)->key, ((const struct entry *)y)->key);
}

static void json_map(struct rv_buf *out, struct rv_val v) {
    size_t n = 0, count = rv_val_len(v);
    rv_autofree struct entry *list = rv_alloc_array(count, sizeof *list);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) list[n++] = (struct entry){it.key, it.val};
    qsort(list, n, sizeof *list, by_key);
    rv_buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i != 0) rv_buf_addc(out, ',');
        json_text(out, list[i].key);
        rv_buf_addc(out, ':');
        rj_json(out, list[i].val);
    }
    rv_buf_addc(out, '}');
}

void rj_json(struct rv_buf *out, struct rv_val v) {
    size_t i = 0;
    switch (rv_val_type(v)) {
    case RV_MAP:
        json_map(out, v);
        return;
    case RV_ARRAY:
        rv_buf_addc(out, '[');
        for (struct rv_iter it = rv_iter(v); rv_iter_next(&it); i++) {
            if (i != 0) rv_buf_addc(out, ',');
            rj_json(out, it.val);
        }
        rv_buf_addc(out, ']');
        return;
    case RV_STRING:
        json_text(out, rv_val_str(v));
        return;
    case RV_BOOL:
        rv_buf_adds(out, rv_val_bool(v, false) ? "true" : "false");
        return;
    case RV_INT:
        rv_buf_addf(out, "%lld", (long long)rv_val_int(v, 0));
        return;
    case RV_UINT:
    case RV_FLOAT:
        json_float(out, rv_val_float(v, 0));
        return;
    default:
        rv_buf_adds(out, "null");
        return;
    }
}
