/* mp.c - msgpack heads, sizes and the checker (see mp.h, rayvisor/value.h).
 *
 * The checker is what stands between a peer's bytes and every reader: after it no count, length or key can
 * surprise. It walks with an explicit stack; duplicate keys are found by comparing within small maps and by sorting
 * key references in large ones, so hostile input costs n log n at most. */
#include "mp.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t load_be(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

static int head_ext_or_reserved(uint8_t c) { return c == 0xc1 ? RV_E_PARSE : -EPROTONOSUPPORT; }

/* Heads of the form: one type byte, then `width` bytes of length or count. */
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
    if (c >= 0xe0) return ret->i = (int8_t)c, 0;
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

size_t mp_size(const uint8_t *p, size_t n) {
    const uint8_t *start = p, *end = p + n;
    size_t pending = 1; /* values still to be passed; depth does not matter for the size */
    while (pending > 0) {
        struct mp_head h;
        if (mp_head(p, (size_t)(end - p), &h) != 0) return 0;
        if ((size_t)(end - p) - h.head < h.body) return 0;
        p += h.head + h.body;
        pending--;
        size_t more = h.type == RV_MAP ? h.count * 2 : h.count;
        if (more > (size_t)(end - p)) return 0;
        pending += more;
    }
    return (size_t)(p - start);
}

/* ---- checking ---------------------------------------------------------------------------------------- */

static bool utf8_valid(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n;) {
        uint8_t c = p[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        if (c < 0xc2 || c > 0xf4 || n - i < len) return false;
        for (size_t k = 1; k < len; k++)
            if ((p[i + k] & 0xc0) != 0x80) return false;
        if ((c == 0xe0 && p[i + 1] < 0xa0) || (c == 0xed && p[i + 1] > 0x9f) || (c == 0xf0 && p[i + 1] < 0x90) ||
            (c == 0xf4 && p[i + 1] > 0x8f))
            return false;
        i += len;
    }
    return true;
}

static int key_compare(const void *a, const void *b) {
    return rv_str_cmp(*(const struct rv_str *)a, *(const struct rv_str *)b);
}

enum { SMALL_MAP = 16 };

/* Are all keys of the map whose entries begin at p different? The entries were checked already. */
static bool keys_unique(const uint8_t *p, const uint8_t *end, size_t count) {
    struct rv_str few[SMALL_MAP], *keys = few;
    if (count > SMALL_MAP) keys = rv_alloc_array(count, sizeof *keys);
    for (size_t i = 0; i < count; i++) {
        struct mp_head h;
        (void)mp_head(p, (size_t)(end - p), &h);
        keys[i] = (struct rv_str){(const char *)p + h.head, h.body};
        p += h.head + h.body;
        p += mp_size(p, (size_t)(end - p));
    }
    bool unique = true;
    if (count > SMALL_MAP) qsort(keys, count, sizeof *keys, key_compare);
    for (size_t i = 1; unique && i < count; i++)
        for (size_t k = count > SMALL_MAP ? i - 1 : 0; unique && k < i; k++) unique = !rv_str_eq(keys[i], keys[k]);
    if (keys != few) free(keys);
    return unique;
}

struct check_level {
    size_t left; /* values (keys and values of a map) still to come */
    bool map;
    size_t count;
    const uint8_t *entries;
};

struct check {
    const uint8_t *start, *p, *end;
    size_t nodes, depth;
    struct check_level levels[RV_MP_MAX_DEPTH];
    struct rv_error *err;
};

static int check_fail(struct check *c, int code, const char *what) {
    return rv_error_set(c->err, code, "msgpack: %s at byte %zu", what, (size_t)(c->p - c->start));
}

/* Leaves every level that is complete; a map's keys are compared when it closes. */
static int check_close(struct check *c) {
    while (c->depth > 0 && c->levels[c->depth - 1].left == 0) {
        struct check_level *l = &c->levels[--c->depth];
        /* Within nested maps keys_unique walks values again: at most depth times, and depth is bounded. */
        if (l->map && !keys_unique(l->entries, c->end, l->count))
            return check_fail(c, RV_E_PARSE, "duplicate key in the map that ends");
    }
    return 0;
}

static int check_one(struct check *c) {
    struct mp_head h;
    size_t left = (size_t)(c->end - c->p);
    int r = mp_head(c->p, left, &h);
    if (r != 0) return check_fail(c, RV_E_PARSE, r == RV_E_PARSE ? "truncated or reserved byte" : "extension type");
    if (left - h.head < h.body) return check_fail(c, RV_E_PARSE, "text longer than the message");
    if (++c->nodes > RV_MP_MAX_NODES) return check_fail(c, RV_E_TOO_BIG, "too many values");
    struct check_level *up = c->depth > 0 ? &c->levels[c->depth - 1] : NULL;
    bool is_key = up != NULL && up->map && up->left % 2 == 0;
    if (is_key && h.type != RV_STRING) return check_fail(c, RV_E_PARSE, "map key that is not text");
    if (h.type == RV_STRING && !utf8_valid(c->p + h.head, h.body)) return check_fail(c, RV_E_PARSE, "invalid UTF-8");
    if (up != NULL) up->left--;
    c->p += h.head + h.body;
    if (h.type != RV_ARRAY && h.type != RV_MAP) return check_close(c);
    size_t values = h.type == RV_MAP ? h.count * 2 : h.count;
    if (values > (size_t)(c->end - c->p)) return check_fail(c, RV_E_PARSE, "count larger than the rest of the message");
    if (c->depth == RV_MP_MAX_DEPTH) return check_fail(c, RV_E_TOO_BIG, "nesting too deep");
    c->levels[c->depth++] = (struct check_level){values, h.type == RV_MAP, h.count, c->p};
    return check_close(c);
}

int rv_mp_check(struct rv_bytes bytes, struct rv_error *err) {
    struct check c = {.start = bytes.p, .p = bytes.p, .end = bytes.p + bytes.n, .err = err};
    do {
        int r = check_one(&c);
        if (r != 0) return r;
    } while (c.depth > 0);
    return c.p == c.end ? 0 : check_fail(&c, RV_E_PARSE, "bytes behind the value");
}
