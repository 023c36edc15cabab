/* mp_check.c - checks msgpack and finds duplicate keys (see mp.h, rayvisor/value.h).
 *
 * Everything from another process passes this check before anything reads it. After the check no reader has to expect a
 * wrong count, length or key. The check reads the bytes once, with an explicit stack. It finds duplicate keys by
 * comparing each pair in small maps and by sorting in large ones. So hostile input costs n log n comparisons at
 * most. */
#include "mp.h"
#include "utf8.h"

#include <stdlib.h>

/* ---- keys ---------------------------------------------------------------------------------------------- */

void mp_keys_push(struct mp_keys *keys, const uint8_t *base, size_t at, size_t n) {
    if (keys->n == keys->cap) {
        keys->cap = keys->cap != 0 ? keys->cap * 2 : 64;
        keys->v = rv_realloc_array(keys->v, keys->cap, sizeof *keys->v);
    }
    uint32_t tag = 0, tail = 0;
    size_t take = n < sizeof tag ? n : sizeof tag;
    if (n != 0) {
        memcpy(&tag, base + at, take);
        memcpy(&tail, base + at + n - take, take);
    }
    keys->v[keys->n++] = (struct mp_key){at, (uint32_t)n, tag ^ (tail * UINT32_C(0x9e3779b1))};
}

static int key_compare(const void *pa, const void *pb, void *base) {
    const struct mp_key *a = pa, *b = pb;
    if (a->tag != b->tag) return a->tag < b->tag ? -1 : 1;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return a->n != 0 ? memcmp((const uint8_t *)base + a->at, (const uint8_t *)base + b->at, a->n) : 0;
}

enum { SMALL_MAP = 16 };

bool mp_keys_pop_unique(struct mp_keys *keys, size_t from, const uint8_t *base) {
    size_t n = keys->n - from;
    bool sorted = n > SMALL_MAP, unique = true;
    if (n < 2) return keys->n = from, true;
    struct mp_key *v = keys->v + from;
    void *where = (void *)(uintptr_t)base;
    if (sorted) qsort_r(v, n, sizeof *v, key_compare, where);
    for (size_t i = 1; unique && i < n; i++)
        for (size_t k = sorted ? i - 1 : 0; unique && k < i; k++) unique = key_compare(&v[i], &v[k], where) != 0;
    keys->n = from;
    return unique;
}

void mp_keys_free(struct mp_keys *keys) {
    free(keys->v);
    *keys = (struct mp_keys){0};
}

/* ---- checking ------------------------------------------------------------------------------------------ */

struct check_level {
    size_t left; /* values still to come (keys and values of a map) */
    size_t keys; /* where the keys of this map begin on the stack of keys */
    bool map;
};

struct check {
    const uint8_t *start, *p, *end;
    size_t nodes, depth;
    struct check_level levels[RV_MP_MAX_DEPTH];
    struct mp_keys keys;
    struct rv_error *err;
};

static int check_fail(struct check *c, int code, const char *what) {
    return rv_error_set(c->err, code, "msgpack: %s at byte %zu", what, (size_t)(c->p - c->start));
}

/* Leaves every level that is complete. The keys of a map are compared when it closes. */
static int check_close(struct check *c) {
    while (c->depth > 0 && c->levels[c->depth - 1].left == 0) {
        const struct check_level *l = &c->levels[--c->depth];
        if (l->map && !mp_keys_pop_unique(&c->keys, l->keys, c->start))
            return check_fail(c, RV_E_PARSE, "duplicate key in the map that ends");
    }
    return 0;
}

static int check_open(struct check *c, const struct mp_head *h) {
    size_t left = (size_t)(c->end - c->p), values = h->count;
    bool map = h->type == RV_MAP;
    if (values > left || (map && values > left / 2))
        return check_fail(c, RV_E_PARSE, "count larger than the rest of the message");
    if (map) values *= 2;
    if (c->depth == RV_MP_MAX_DEPTH) return check_fail(c, RV_E_TOO_BIG, "nesting too deep");
    c->levels[c->depth++] = (struct check_level){values, c->keys.n, map};
    return check_close(c);
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
    const uint8_t *body = c->p + h.head;
    if (h.type == RV_STRING && !utf8_valid((struct rv_str){(const char *)body, h.body}))
        return check_fail(c, RV_E_PARSE, "invalid UTF-8");
    if (is_key) mp_keys_push(&c->keys, c->start, (size_t)(body - c->start), h.body);
    if (up != NULL) up->left--;
    c->p = body + h.body;
    return h.type == RV_ARRAY || h.type == RV_MAP ? check_open(c, &h) : check_close(c);
}

int rv_mp_check(struct rv_bytes bytes, struct rv_error *err) {
    if (bytes.n == 0) return rv_error_set(err, RV_E_PARSE, "msgpack: empty message");
    struct check c = {.start = bytes.p, .p = bytes.p, .end = bytes.p + bytes.n, .err = err};
    int r;
    do {
        r = check_one(&c);
    } while (r == 0 && c.depth > 0);
    if (r == 0 && c.p != c.end) r = check_fail(&c, RV_E_PARSE, "bytes behind the value");
    mp_keys_free(&c.keys);
    return r;
}
