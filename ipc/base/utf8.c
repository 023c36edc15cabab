/* utf8.c - see utf8.h. */
#include "utf8.h"

size_t utf8_sequence(struct rv_str s) {
    const uint8_t *p = (const uint8_t *)s.p;
    if (s.n == 0) return 0;
    if (p[0] < 0x80) return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < len) return 0;
    for (size_t k = 1; k < len; k++)
        if ((p[k] & 0xc0) != 0x80) return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : len;
}

int32_t utf8_decode(struct rv_str s, size_t *ret_length) {
    static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07}; /* indexed by the length */
    size_t len = utf8_sequence(s);
    *ret_length = len != 0 ? len : 1;
    if (len == 0) return -1;
    int32_t c = (uint8_t)s.p[0] & lead_bits[len];
    for (size_t k = 1; k < len; k++) c = c << 6 | ((uint8_t)s.p[k] & 0x3f);
    return c;
}

/* The length of the well-formed part. Every string of every message and object is checked here, and nearly all are
 * ASCII. So eight ASCII characters are checked at once. */
static size_t valid_length(struct rv_str s) {
    size_t i = 0;
    while (i < s.n) {
        uint64_t word;
        if (s.n - i >= sizeof word) {
            memcpy(&word, s.p + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t len = utf8_sequence((struct rv_str){s.p + i, s.n - i});
        if (len == 0) break;
        i += len;
    }
    return i;
}

bool utf8_valid(struct rv_str s) { return valid_length(s) == s.n; }

struct rv_str utf8_clip(struct rv_str s, size_t max) {
    return (struct rv_str){s.p, valid_length((struct rv_str){s.p, s.n < max ? s.n : max})};
}
