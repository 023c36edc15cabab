/* base64.c - see base64.h. */
#include "base64.h"

#include <errno.h>

static const char *const alphabets[] = {
    [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

void base64_encode(struct rv_bytes bytes, enum base64_form form, struct rv_buf *out) {
    const char *alphabet = alphabets[form];
    rv_buf_reserve(out, bytes.n / 3 * 4 + 4);
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t word = 0;
        for (size_t k = 0; k < 3; k++) word = word << 8 | (k < have ? bytes.p[i + k] : 0);
        for (unsigned k = 0; k < 4; k++) {
            if (k <= have)
                rv_buf_addc(out, (uint8_t)alphabet[word >> (18 - 6 * k) & 63]);
            else if (form == BASE64_STANDARD)
                rv_buf_addc(out, '=');
        }
    }
}

static int digit(const char *alphabet, char c) {
    const char *p = c != 0 ? strchr(alphabet, c) : NULL;
    return p != NULL ? (int)(p - alphabet) : -1;
}

static int decode(struct rv_str text, const char *alphabet, struct rv_buf *out) {
    uint32_t word = 0;
    unsigned bits = 0, padding = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\n' || c == '\r' || c == ' ') continue;
        if (c == '=' && padding++ < 2) continue;
        int d = digit(alphabet, c);
        if (d < 0 || padding != 0) return -EINVAL;
        word = word << 6 | (uint32_t)d;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        rv_buf_addc(out, (uint8_t)(word >> bits));
    }
    return bits < 6 ? 0 : -EINVAL; /* six or more bits left over mean one digit too many */
}

int base64_decode(struct rv_str text, enum base64_form form, struct rv_buf *out) {
    size_t before = out->n;
    rv_buf_reserve(out, text.n / 4 * 3 + 3);
    int r = decode(text, alphabets[form], out);
    if (r != 0) out->n = before;
    return r;
}
