/* value_hash.c - deep equality and hashes of values (see rayvisor/value.h).
 *
 * Both compare numbers by value: 1, 1.0 and a uint64 1 are equal. An integer beyond 2^53 is not equal to the double
 * nearest to it. RV_MP_MAX_DEPTH bounds the recursion. */
#include "mp.h"

#include <math.h>
#include <stdlib.h>

static bool head_of(struct rv_val v, struct mp_head *ret) { return v.n != 0 && mp_head(v.p, v.n, ret) == 0; }

/* Converts a float with an integral value to an integer. */
static void number_normalise(struct mp_head *h) {
    if (h->type != RV_FLOAT || h->f != trunc(h->f)) return;
    double f = h->f;
    if (f >= -9223372036854775808.0 && f < 9223372036854775808.0) {
        h->type = RV_INT;
        h->i = (int64_t)f;
    } else if (f > 0 && f < 18446744073709551616.0) {
        h->type = RV_UINT;
        h->u = (uint64_t)f;
    }
}

/* ---- hash ---------------------------------------------------------------------------------------------- */

/* Spreads every input bit over all 64 bits (the finaliser of splitmix64). */
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

static struct rv_hash hash_scalar(struct rv_hash h, const uint8_t *p, const struct mp_head *head) {
    h = hash_add(h, (uint64_t)head->type);
    switch (head->type) {
    case RV_BOOL:
        return hash_add(h, head->b);
    case RV_INT:
    case RV_UINT:
    case RV_FLOAT:
        return hash_add(h, head->u);
    case RV_STRING:
    case RV_BIN:
        return hash_bytes(h, p + head->head, head->body);
    default:
        return h;
    }
}

/* The hashes of the entries of a map are added, so that their order does not matter. */
static struct rv_hash hash_val(struct rv_val v, unsigned depth) {
    struct rv_hash h = {UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344)}, sum = {0, 0};
    struct mp_head head;
    if (!head_of(v, &head)) return h;
    number_normalise(&head);
    h = hash_scalar(h, v.p, &head);
    if ((head.type != RV_ARRAY && head.type != RV_MAP) || depth >= RV_MP_MAX_DEPTH) return h;
    h = hash_add(h, head.count);
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        struct rv_hash e = hash_val(it.val, depth + 1);
        if (head.type == RV_ARRAY) {
            h = hash_add(hash_add(h, e.hi), e.lo);
        } else {
            e = hash_bytes(e, it.key.p, it.key.n);
            sum.hi += e.hi;
            sum.lo += e.lo;
        }
    }
    return head.type == RV_MAP ? hash_add(hash_add(h, sum.hi), sum.lo) : h;
}

struct rv_hash rv_val_hash(struct rv_val v) {
    return hash_val(v, 0);
}

/* ---- equality ------------------------------------------------------------------------------------------ */

static bool equal_val(struct rv_val a, struct rv_val b, unsigned depth);

static bool equal_scalars(struct rv_val a, struct mp_head x, struct rv_val b, struct mp_head y) {
    number_normalise(&x);
    number_normalise(&y);
    if (x.type != y.type) return false;
    switch (x.type) {
    case RV_BOOL:
        return x.b == y.b;
    case RV_INT:
    case RV_UINT:
        return x.u == y.u;
    case RV_FLOAT:
        return x.f == y.f;
    case RV_STRING:
    case RV_BIN:
        return x.body == y.body && memcmp(a.p + x.head, b.p + y.head, x.body) == 0;
    default:
        return true;
    }
}

struct entry {
    struct rv_str key;
    struct rv_val val;
};

static int entry_compare(const void *a, const void *b) {
    return rv_str_cmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static struct entry *entries_sorted(struct rv_iter it) {
    size_t n = it.left;
    struct entry *v = rv_alloc_array(n, sizeof *v);
    for (size_t i = 0; rv_iter_next(&it); i++) v[i] = (struct entry){it.key, it.val};
    qsort(v, n, sizeof *v, entry_compare);
    return v;
}

/* The entries usually have the same order. From the first difference on, the rest is compared in sorted order. */
static bool equal_maps(struct rv_val a, struct rv_val b, unsigned depth) {
    struct rv_iter x = rv_iter(a), y = rv_iter(b), i = x, k = y;
    while (rv_iter_next(&i) && rv_iter_next(&k) && rv_str_eq(i.key, k.key)) {
        if (!equal_val(i.val, k.val, depth + 1)) return false;
        x = i;
        y = k;
    }
    size_t n = x.left;
    if (n == 0) return true;
    rv_autofree struct entry *p = entries_sorted(x);
    rv_autofree struct entry *q = entries_sorted(y);
    for (size_t at = 0; at < n; at++)
        if (!rv_str_eq(p[at].key, q[at].key) || !equal_val(p[at].val, q[at].val, depth + 1)) return false;
    return true;
}

static bool equal_val(struct rv_val a, struct rv_val b, unsigned depth) {
    if (a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0)) return true;
    struct mp_head x, y;
    if (depth > RV_MP_MAX_DEPTH || !head_of(a, &x) || !head_of(b, &y)) return false;
    bool flat = x.type != RV_ARRAY && x.type != RV_MAP;
    if (flat) return equal_scalars(a, x, b, y);
    if (x.type != y.type || x.count != y.count) return false;
    if (x.type == RV_MAP) return equal_maps(a, b, depth);
    struct rv_iter i = rv_iter(a), k = rv_iter(b);
    while (rv_iter_next(&i) && rv_iter_next(&k))
        if (!equal_val(i.val, k.val, depth + 1)) return false;
    return true;
}

bool rv_val_equal(struct rv_val a, struct rv_val b) { return equal_val(a, b, 0); }

bool rv_val_within(struct rv_val want, struct rv_val have) {
    if (rv_val_type(want) == RV_MAP) {
        for (struct rv_iter it = rv_iter(want); rv_iter_next(&it);)
            if (!rv_val_within(it.val, rv_val_getn(have, it.key))) return false;
        return rv_val_type(have) == RV_MAP || rv_val_len(want) == 0;
    }
    if (rv_val_type(want) == RV_ARRAY) {
        if (rv_val_len(want) == 0 && !rv_val_set(have)) return true; /* the API server does not store an empty list */
        if (rv_val_type(have) != RV_ARRAY || rv_val_len(have) != rv_val_len(want)) return false;
        struct rv_iter x = rv_iter(want), y = rv_iter(have);
        while (rv_iter_next(&x) && rv_iter_next(&y))
            if (!rv_val_within(x.val, y.val)) return false;
        return true;
    }
    return rv_val_equal(want, have);
}
