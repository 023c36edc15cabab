/* text.c - UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF (see text.h). */
#include "utf8.h"

/* By first byte: how many bytes follow, and the range of the second one. */
static const struct lead {
    uint8_t from, to, more, low, high;
} leads[] = {
    {0x00, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf},
    {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
    {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

size_t rv_utf8_sequence(struct rv_str s) {
    if (s.n == 0) return 0;
    const uint8_t *p = (const uint8_t *)s.p;
    for (size_t i = 0; i < RV_ARRAY_LEN(leads); i++) {
        const struct lead *l = &leads[i];
        if (p[0] < l->from || p[0] > l->to) continue;
        if (s.n <= l->more || (l->more > 0 && (p[1] < l->low || p[1] > l->high))) return 0;
        for (size_t k = 2; k <= l->more; k++)
            if ((p[k] & 0xc0) != 0x80) return 0;
        return (size_t)l->more + 1;
    }
    return 0;
}

struct rv_str rv_utf8_clip(struct rv_str s, size_t max) {
    struct rv_str rest = {s.p, s.n < max ? s.n : max};
    size_t n = 0;
    for (size_t len; (len = rv_utf8_sequence(rest)) > 0; n += len) rest = (struct rv_str){rest.p + len, rest.n - len};
    return (struct rv_str){s.p, n};
}

bool rv_utf8_valid(struct rv_str s) { return rv_utf8_clip(s, s.n).n == s.n; }
