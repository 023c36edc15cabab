/* value.c - reading msgpack in place (see rayvisor/value.h). */
#include "rayvisor/value.h"

#include "mp.h"

#include <math.h>
#include <stdlib.h>

static bool head_of(struct rv_val v, struct mp_head *ret) { return v.n != 0 && mp_head(v.p, v.n, ret) == 0; }

enum rv_type rv_val_type(struct rv_val v) {
    struct mp_head h;
    return head_of(v, &h) ? h.type : RV_ABSENT;
}

const char *rv_type_name(enum rv_type t) {
    static const char *const names[] = {"absent", "null",   "boolean", "integer", "unsigned integer",
                                        "number", "string", "bytes",   "array",   "map"};
    return (size_t)t < RV_ARRAY_LEN(names) ? names[t] : "unknown";
}

bool rv_val_set(struct rv_val v) { return v.n != 0 && v.p[0] != 0xc0; }

/* ---- iteration ---------------------------------------------------------------------------------------- */

struct rv_iter rv_iter(struct rv_val v) {
    struct rv_iter it = {0};
    struct mp_head h;
    if (!head_of(v, &h) || (h.type != RV_ARRAY && h.type != RV_MAP)) return it;
    it.p = v.p + h.head;
    it.end = v.p + v.n;
    it.left = h.count;
    it.map = h.type == RV_MAP;
    return it;
}

bool rv_iter_next(struct rv_iter *it) {
    if (it->left == 0) return false;
    it->left--;
    if (it->map) {
        struct mp_head h;
        if (mp_head(it->p, (size_t)(it->end - it->p), &h) != 0) return it->left = 0, false;
        it->key = (struct rv_str){(const char *)it->p + h.head, h.body};
        it->p += h.head + h.body;
    }
    size_t size = mp_size(it->p, (size_t)(it->end - it->p));
    if (size == 0) return it->left = 0, false;
    it->val = (struct rv_val){it->p, size};
    it->p += size;
    return true;
}

/* ---- access ------------------------------------------------------------------------------------------- */

struct rv_val rv_val_getn(struct rv_val map, struct rv_str key) {
    struct rv_iter it = rv_iter(map);
    if (!it.map) return RV_VAL_ABSENT;
    while (rv_iter_next(&it))
        if (rv_str_eq(it.key, key)) return it.val;
    return RV_VAL_ABSENT;
}

struct rv_val rv_val_get(struct rv_val map, const char *key) {
    return rv_val_getn(map, rv_str(key));
}

struct rv_val rv_val_at(struct rv_val array, size_t index) {
    struct rv_iter it = rv_iter(array);
    if (it.map || index >= it.left) return RV_VAL_ABSENT;
    for (size_t i = 0; rv_iter_next(&it); i++)
        if (i == index) return it.val;
    return RV_VAL_ABSENT;
}

static struct rv_val bracket_step(struct rv_val v, struct rv_str inside) {
    int64_t index;
    if (rv_val_type(v) == RV_ARRAY && rv_str_to_int(inside, 0, INT32_MAX, &index) == 0)
        return rv_val_at(v, (size_t)index);
    return rv_val_getn(v, inside);
}

struct rv_val rv_val_path(struct rv_val v, const char *path) {
    const char *p = path;
    while (*p != 0 && v.n != 0) {
        if (*p == '.') {
            p++;
        } else if (*p == '[') {
            const char *close = strchr(p, ']');
            if (close == NULL) return RV_VAL_ABSENT;
            v = bracket_step(v, (struct rv_str){p + 1, (size_t)(close - p - 1)});
            p = close + 1;
        } else {
            size_t n = strcspn(p, ".[");
            v = rv_val_getn(v, (struct rv_str){p, n});
            p += n;
        }
    }
    return v;
}

size_t rv_val_len(struct rv_val v) {
    struct mp_head h;
    return head_of(v, &h) ? h.count : 0;
}

struct rv_str rv_val_str(struct rv_val v) {
    struct mp_head h;
    if (!head_of(v, &h) || h.type != RV_STRING) return (struct rv_str){NULL, 0};
    return (struct rv_str){(const char *)v.p + h.head, h.body};
}

struct rv_str rv_val_str_or(struct rv_val v, const char *fallback) {
    return rv_val_type(v) == RV_STRING ? rv_val_str(v) : rv_str(fallback);
}

int64_t rv_val_int(struct rv_val v, int64_t fallback) {
    struct mp_head h;
    if (!head_of(v, &h)) return fallback;
    if (h.type == RV_INT) return h.i;
    if (h.type == RV_FLOAT && h.f >= -9223372036854775808.0 && h.f < 9223372036854775808.0 && h.f == trunc(h.f))
        return (int64_t)h.f;
    return fallback;
}

double rv_val_float(struct rv_val v, double fallback) {
    struct mp_head h;
    if (!head_of(v, &h)) return fallback;
    if (h.type == RV_INT) return (double)h.i;
    if (h.type == RV_UINT) return (double)h.u;
    return h.type == RV_FLOAT ? h.f : fallback;
}

bool rv_val_bool(struct rv_val v, bool fallback) {
    struct mp_head h;
    return head_of(v, &h) && h.type == RV_BOOL ? h.b : fallback;
}

struct rv_bytes rv_val_bin(struct rv_val v) {
    struct mp_head h;
    if (!head_of(v, &h) || h.type != RV_BIN) return (struct rv_bytes){NULL, 0};
    return (struct rv_bytes){v.p + h.head, h.body};
}

struct rv_str rv_path_str(struct rv_val v, const char *path) {
    return rv_val_str(rv_val_path(v, path));
}

int64_t rv_path_int(struct rv_val v, const char *path, int64_t fallback) {
    return rv_val_int(rv_val_path(v, path), fallback);
}

bool rv_path_bool(struct rv_val v, const char *path, bool fallback) {
    return rv_val_bool(rv_val_path(v, path), fallback);
}

/* ---- hash and equality --------------------------------------------------------------------------------- */

/* splitmix64's finaliser: a full-avalanche mix of 64 bits. */
static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static struct rv_hash hash_add(struct rv_hash h, uint64_t word) {
    h.hi = mix(h.hi ^ word) + UINT64_C(0x9e3779b97f4a7c15);
    h.lo = mix(h.lo + word * UINT64_C(0xd6e8feb86659fd93)) ^ (h.hi << 17 | h.hi >> 47);
    return h;
}

static struct rv_hash hash_bytes(struct rv_hash h, const void *data, size_t n) {
    const uint8_t *p = data;
    h = hash_add(h, n);
    while (n > 0) {
        uint64_t word = 0;
        size_t take = n < sizeof word ? n : sizeof word;
        memcpy(&word, p, take);
        h = hash_add(h, word);
        p += take;
        n -= take;
    }
    return h;
}

/* Depth is bounded by rv_mp_check; a map's entries are added up so that their order does not matter. */
static struct rv_hash hash_val(struct rv_val v, unsigned depth) {
    struct rv_hash h = {UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344)};
    struct mp_head head;
    if (!head_of(v, &head)) return h;
    double f;
    switch (head.type) {
    case RV_BOOL:
        return hash_add(hash_add(h, 1), head.b);
    case RV_INT:
        f = (double)head.i;
        return (int64_t)f == head.i && fabs(f) < 9e15 ? hash_bytes(hash_add(h, 2), &f, sizeof f)
                                                      : hash_add(hash_add(h, 3), head.u);
    case RV_UINT:
        return hash_add(hash_add(h, 3), head.u);
    case RV_FLOAT:
        return hash_bytes(hash_add(h, 2), &head.f, sizeof head.f);
    case RV_STRING:
        return hash_bytes(hash_add(h, 4), v.p + head.head, head.body);
    case RV_BIN:
        return hash_bytes(hash_add(h, 5), v.p + head.head, head.body);
    case RV_NULL:
    case RV_ABSENT:
        return hash_add(h, 6);
    case RV_ARRAY:
    case RV_MAP:
        break;
    }
    h = hash_add(hash_add(h, head.type == RV_MAP ? 7 : 8), head.count);
    struct rv_hash sum = {0, 0};
    if (depth >= RV_MP_MAX_DEPTH) return h;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        struct rv_hash e = hash_val(it.val, depth + 1);
        if (head.type == RV_MAP) {
            e = hash_bytes(e, it.key.p, it.key.n);
            sum.hi += e.hi;
            sum.lo += e.lo;
        } else {
            h = hash_add(hash_add(h, e.hi), e.lo);
        }
    }
    return head.type == RV_MAP ? hash_add(hash_add(h, sum.hi), sum.lo) : h;
}

struct rv_hash rv_val_hash(struct rv_val v) {
    return hash_val(v, 0);
}

static bool scalars_equal(const struct mp_head *x, const struct mp_head *y, struct rv_val a, struct rv_val b) {
    if (x->type == RV_FLOAT && y->type == RV_FLOAT) return x->f == y->f;
    if (x->type != y->type)
        return (x->type == RV_FLOAT || y->type == RV_FLOAT) && (x->type == RV_INT || y->type == RV_INT) &&
               rv_val_float(a, 0) == rv_val_float(b, 1);
    switch (x->type) {
    case RV_BOOL:
        return x->b == y->b;
    case RV_INT:
    case RV_UINT:
        return x->u == y->u;
    case RV_STRING:
    case RV_BIN:
        return x->body == y->body && memcmp(a.p + x->head, b.p + y->head, x->body) == 0;
    default:
        return true;
    }
}

enum { LARGE_MAP = 64 };

static bool equal_val(struct rv_val a, struct rv_val b, unsigned depth);

static bool maps_equal(struct rv_val a, struct rv_val b, unsigned depth) {
    struct rv_iter x = rv_iter(a), y = rv_iter(b);
    if (x.left > LARGE_MAP) { /* lookups would be quadratic: the hash decides (128 bits) */
        struct rv_hash p = hash_val(a, depth), q = hash_val(b, depth);
        return p.hi == q.hi && p.lo == q.lo;
    }
    while (rv_iter_next(&x)) {
        bool same_place = rv_iter_next(&y) && rv_str_eq(x.key, y.key);
        struct rv_val other = same_place ? y.val : rv_val_getn(b, x.key);
        if (other.n == 0 || !equal_val(x.val, other, depth + 1)) return false;
    }
    return true;
}

static bool equal_val(struct rv_val a, struct rv_val b, unsigned depth) {
    if (a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0)) return true;
    struct mp_head x, y;
    if (depth >= RV_MP_MAX_DEPTH || !head_of(a, &x) || !head_of(b, &y)) return false;
    if (x.type != RV_ARRAY && x.type != RV_MAP) return scalars_equal(&x, &y, a, b);
    if (x.type != y.type || x.count != y.count) return false;
    if (x.type == RV_MAP) return maps_equal(a, b, depth);
    struct rv_iter i = rv_iter(a), k = rv_iter(b);
    while (rv_iter_next(&i) && rv_iter_next(&k))
        if (!equal_val(i.val, k.val, depth + 1)) return false;
    return true;
}

bool rv_val_equal(struct rv_val a, struct rv_val b) { return equal_val(a, b, 0); }
