#include "tzif.h"

enum { HEADER = 44, TYPE_RECORD = 6, LIMIT = 24 * 3600 * 7 };

/* The counts in a header, in the order of the file. */
enum { ISUT, ISSTD, LEAP, TIME, TYPE, CHAR, COUNTS };

static uint64_t big_endian(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

static bool read_header(struct rv_bytes b, size_t at, uint32_t counts[COUNTS]) {
    if (b.n < at + HEADER || memcmp(b.p + at, "TZif", 4) != 0) return false;
    for (size_t i = 0; i < COUNTS; i++) counts[i] = (uint32_t)big_endian(b.p + at + 20 + 4 * i, 4);
    return true;
}

/* The length of the data block if a time has `width` bytes. The counts are below 2^32, so the sum cannot overflow. */
static uint64_t block_size(const uint32_t c[COUNTS], uint64_t width) {
    return (uint64_t)c[TIME] * (width + 1) + (uint64_t)c[TYPE] * TYPE_RECORD + c[CHAR] +
           (uint64_t)c[LEAP] * (width + 4) + c[ISSTD] + c[ISUT];
}

/* The footer has a line of its own: a newline, the rule, a newline. */
static struct rv_str read_footer(struct rv_bytes b, size_t at) {
    struct rv_str rule = {NULL, 0};
    if (at >= b.n || b.p[at] != '\n') return rule;
    const uint8_t *end = memchr(b.p + at + 1, '\n', b.n - at - 1);
    if (end != NULL) rule = (struct rv_str){(const char *)b.p + at + 1, (size_t)(end - b.p) - at - 1};
    for (size_t i = 0; i < rule.n; i++)
        if (rule.p[i] <= ' ' || rule.p[i] > '~') return (struct rv_str){NULL, 0};
    return rule;
}

static int judge(const struct tzif *z, struct rv_error *err) {
    for (size_t i = 0; i < z->type_n; i++) {
        int32_t offset = (int32_t)big_endian(z->records + i * TYPE_RECORD, 4);
        if (offset < -LIMIT || offset > LIMIT) return rv_error_set(err, RV_E_PARSE, "an offset of more than a week");
    }
    for (size_t i = 0; i < z->n; i++) {
        if (z->types[i] >= z->type_n) return rv_error_set(err, RV_E_PARSE, "a change to a clock that is not described");
        if (i > 0 && tzif_at(z, i) <= tzif_at(z, i - 1))
            return rv_error_set(err, RV_E_PARSE, "changes are not in the order of time");
    }
    return 0;
}

int tzif_parse(struct rv_bytes b, struct tzif *ret, struct rv_error *err) {
    uint32_t c[COUNTS];
    if (b.n > TZIF_MAX_BYTES) return rv_error_set(err, RV_E_PARSE, "larger than %d bytes", TZIF_MAX_BYTES);
    if (!read_header(b, 0, c)) return rv_error_set(err, RV_E_PARSE, "no TZif header");
    if (b.p[4] < '2') return rv_error_set(err, RV_E_PARSE, "TZif version 1, which has no rule for the future");
    uint64_t second = HEADER + block_size(c, 4);
    if (second > b.n || !read_header(b, (size_t)second, c))
        return rv_error_set(err, RV_E_PARSE, "the 64-bit block is missing");
    size_t at = (size_t)second + HEADER;
    if (block_size(c, 8) > b.n - at) return rv_error_set(err, RV_E_PARSE, "the 64-bit block is cut off");
    struct tzif z = {.n = c[TIME], .type_n = c[TYPE]};
    z.times = b.p + at;
    z.types = z.times + z.n * 8;
    z.records = z.types + z.n;
    z.rule = read_footer(b, at + (size_t)block_size(c, 8));
    if (z.type_n == 0 || z.rule.n == 0) return rv_error_set(err, RV_E_PARSE, "no clock, or no rule for the future");
    int r = judge(&z, err);
    if (r == 0) *ret = z;
    return r;
}

int64_t tzif_at(const struct tzif *z, size_t i) { return (int64_t)big_endian(z->times + i * 8, 8); }

int32_t tzif_offset(const struct tzif *z, size_t i) {
    return (int32_t)big_endian(z->records + (size_t)z->types[i] * TYPE_RECORD, 4);
}

int32_t tzif_first_offset(const struct tzif *z) { return (int32_t)big_endian(z->records, 4); }
