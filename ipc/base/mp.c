/* mp.c - reads the heads and sizes of msgpack values (see mp.h). */
#include "mp.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

static uint64_t load16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return be16toh(v);
}

static uint64_t load32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static uint64_t load_be(const uint8_t *p, size_t width) {
    uint64_t v;
    if (width == 1) return p[0];
    if (width == 2) return load16(p);
    if (width == 4) return load32(p);
    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

static int head_ext_or_reserved(uint8_t c) { return c == 0xc1 ? RV_E_PARSE : -EPROTONOSUPPORT; }

/* Decodes a head that has one type byte and then `width` bytes of length or count. */
static int head_sized(const uint8_t *p, size_t n, size_t width, enum rv_type type, struct mp_head *ret) {
    if (n < 1 + width) return RV_E_PARSE;
    size_t v = (size_t)load_be(p + 1, width);
    ret->type = type;
    ret->head = 1 + width;
    if (type == RV_STRING || type == RV_BIN)
        ret->body = v;
    else
        ret->count = v;
    return 0;
}

static int head_number(const uint8_t *p, size_t n, struct mp_head *ret) {
    static const uint8_t widths[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8}; /* 0xca .. 0xd3 */
    uint8_t c = p[0];
    size_t width = widths[c - 0xca];
    if (n < 1 + width) return RV_E_PARSE;
    uint64_t raw = load_be(p + 1, width);
    ret->head = 1 + width;
    ret->type = RV_INT;
    if (c == 0xca) {
        uint32_t bits = (uint32_t)raw;
        float f;
        memcpy(&f, &bits, sizeof f);
        ret->type = RV_FLOAT;
        ret->f = (double)f;
    } else if (c == 0xcb) {
        ret->type = RV_FLOAT;
        memcpy(&ret->f, &raw, sizeof raw);
    } else if (c <= 0xcf) {
        ret->u = raw;
        if (raw > INT64_MAX) ret->type = RV_UINT;
    } else {
        unsigned shift = (unsigned)(64 - 8 * width);
        ret->i = (int64_t)(raw << shift) >> shift;
    }
    return 0;
}

int mp_head(const uint8_t *p, size_t n, struct mp_head *ret) {
    if (n == 0) return RV_E_PARSE;
    uint8_t c = p[0];
    *ret = (struct mp_head){.type = RV_INT, .head = 1};
    if (c <= 0x7f) return ret->i = c, 0;
    if (c >= 0xe0) return ret->i = (int64_t)c - 256, 0;
    if (c <= 0x8f) return ret->type = RV_MAP, ret->count = c & 0x0f, 0;
    if (c <= 0x9f) return ret->type = RV_ARRAY, ret->count = c & 0x0f, 0;
    if (c <= 0xbf) return ret->type = RV_STRING, ret->body = c & 0x1f, 0;
    if (c >= 0xca && c <= 0xd3) return head_number(p, n, ret);
    switch (c) {
    case 0xc0:
        return ret->type = RV_NULL, 0;
    case 0xc2:
    case 0xc3:
        return ret->type = RV_BOOL, ret->b = c == 0xc3, 0;
    case 0xc4:
        return head_sized(p, n, 1, RV_BIN, ret);
    case 0xc5:
        return head_sized(p, n, 2, RV_BIN, ret);
    case 0xc6:
        return head_sized(p, n, 4, RV_BIN, ret);
    case 0xd9:
        return head_sized(p, n, 1, RV_STRING, ret);
    case 0xda:
        return head_sized(p, n, 2, RV_STRING, ret);
    case 0xdb:
        return head_sized(p, n, 4, RV_STRING, ret);
    case 0xdc:
        return head_sized(p, n, 2, RV_ARRAY, ret);
    case 0xdd:
        return head_sized(p, n, 4, RV_ARRAY, ret);
    case 0xde:
        return head_sized(p, n, 2, RV_MAP, ret);
    case 0xdf:
        return head_sized(p, n, 4, RV_MAP, ret);
    default:
        return head_ext_or_reserved(c);
    }
}

/* How one value is skipped: how many bytes its count or length has, and what it counts. */
enum skip_what { SKIP_BAD, SKIP_PLAIN, SKIP_BYTES, SKIP_ITEMS, SKIP_PAIRS };
static const struct {
    uint8_t what, width;
} skips[32] = {
    /* 0xc0 .. 0xdf; for SKIP_PLAIN the width is the length of the payload */
    {SKIP_PLAIN, 0}, {SKIP_BAD, 0},   {SKIP_PLAIN, 0}, {SKIP_PLAIN, 0}, {SKIP_BYTES, 1}, {SKIP_BYTES, 2},
    {SKIP_BYTES, 4}, {SKIP_BAD, 0},   {SKIP_BAD, 0},   {SKIP_BAD, 0},   {SKIP_PLAIN, 4}, {SKIP_PLAIN, 8},
    {SKIP_PLAIN, 1}, {SKIP_PLAIN, 2}, {SKIP_PLAIN, 4}, {SKIP_PLAIN, 8}, {SKIP_PLAIN, 1}, {SKIP_PLAIN, 2},
    {SKIP_PLAIN, 4}, {SKIP_PLAIN, 8}, {SKIP_BAD, 0},   {SKIP_BAD, 0},   {SKIP_BAD, 0},   {SKIP_BAD, 0},
    {SKIP_BAD, 0},   {SKIP_BYTES, 1}, {SKIP_BYTES, 2}, {SKIP_BYTES, 4}, {SKIP_ITEMS, 2}, {SKIP_ITEMS, 4},
    {SKIP_PAIRS, 2}, {SKIP_PAIRS, 4},
};

/* Skips the head (and the payload) at p. Adds the number of values inside to *pending. Returns 0 if it is malformed. */
static size_t skip_wide(const uint8_t *p, size_t left, size_t *pending) {
    unsigned what = skips[p[0] - 0xc0].what, width = skips[p[0] - 0xc0].width;
    if (what == SKIP_BAD || left < 1 + (size_t)width) return 0;
    if (what == SKIP_PLAIN) return 1 + (size_t)width;
    size_t v = (size_t)load_be(p + 1, width), head = 1 + (size_t)width;
    if (v > left - head) return 0;
    if (what == SKIP_BYTES) return head + v;
    *pending += what == SKIP_PAIRS ? 2 * v : v;
    return head;
}

size_t mp_size(const uint8_t *p, size_t n) {
    const uint8_t *start = p, *end = p + n;
    for (size_t pending = 1; pending > 0; pending--) { /* the depth does not matter for the size */
        size_t left = (size_t)(end - p), step = 1;
        if (left == 0) return 0;
        uint8_t c = *p;
        if (c >= 0xa0 && c <= 0xbf)
            step += c & 0x1f;
        else if (c >= 0x80 && c <= 0x8f)
            pending += 2 * (size_t)(c & 0x0f);
        else if (c >= 0x90 && c <= 0x9f)
            pending += c & 0x0f;
        else if (c >= 0xc0 && c <= 0xdf)
            step = skip_wide(p, left, &pending);
        if (step == 0 || step > left) return 0;
        p += step;
    }
    return (size_t)(p - start);
}
