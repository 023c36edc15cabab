/* value.c - reads msgpack in place (see rayvisor/value.h). */
#include "rayvisor/value.h"

#include "mp.h"
#include "path.h"

#include <math.h>

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

/* Reads the key at *p and moves *p behind it. The result's p is NULL if there is none. Nearly all keys are short. */
static struct rv_str key_at(const uint8_t **p, const uint8_t *end) {
    size_t left = (size_t)(end - *p), head = 1, n;
    struct mp_head h;
    if (left > 0 && **p >= 0xa0 && **p <= 0xbf) {
        n = **p & 0x1f;
    } else {
        if (mp_head(*p, left, &h) != 0 || h.type != RV_STRING) return (struct rv_str){NULL, 0};
        head = h.head;
        n = h.body;
    }
    if (n > left - head) return (struct rv_str){NULL, 0};
    struct rv_str key = {(const char *)*p + head, n};
    *p += head + n;
    return key;
}

bool rv_iter_next(struct rv_iter *it) {
    if (it->left == 0) return false;
    it->left--;
    if (it->map) {
        it->key = key_at(&it->p, it->end);
        if (it->key.p == NULL) return it->left = 0, false;
    }
    size_t size = mp_size(it->p, (size_t)(it->end - it->p));
    if (size == 0) return it->left = 0, false;
    it->val = (struct rv_val){it->p, size};
    it->p += size;
    return true;
}

/* ---- access ------------------------------------------------------------------------------------------- */

/* All controllers spend much of their time here. So the length of a key is compared first, and values of other keys are
 * skipped. Returns NULL if there is no such key. */
static const uint8_t *find(struct rv_val map, struct rv_str key) {
    struct rv_iter it = rv_iter(map);
    if (!it.map) return NULL;
    const uint8_t *p = it.p;
    for (; it.left > 0; it.left--) {
        struct rv_str found = key_at(&p, it.end);
        if (found.p == NULL) return NULL;
        if (found.n == key.n && (key.n == 0 || memcmp(found.p, key.p, key.n) == 0)) return p;
        size_t size = mp_size(p, (size_t)(it.end - p));
        if (size == 0) return NULL;
        p += size;
    }
    return NULL;
}

static struct rv_val sized(const uint8_t *p, size_t n) {
    size_t size = p != NULL ? mp_size(p, n) : 0;
    return size != 0 ? (struct rv_val){p, size} : RV_VAL_ABSENT;
}

struct rv_val rv_val_getn(struct rv_val map, struct rv_str key) {
    const uint8_t *p = find(map, key);
    return sized(p, p != NULL ? (size_t)(map.p + map.n - p) : 0);
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

struct rv_val rv_val_path(struct rv_val v, const char *path) {
    struct path_step step;
    while (v.n != 0 && path_next(&path, &step)) {
        if (step.bad) return RV_VAL_ABSENT;
        int64_t index;
        bool at = step.bracket && rv_val_type(v) == RV_ARRAY && rv_str_to_int(step.text, 0, INT32_MAX, &index) == 0;
        if (at || *path == 0) {
            v = at ? rv_val_at(v, (size_t)index) : rv_val_getn(v, step.text);
            continue;
        }
        /* Within the path the end of each value is not needed: the end of the outermost value bounds the search. */
        const uint8_t *p = find(v, step.text), *end = v.p + v.n;
        v = p != NULL ? (struct rv_val){p, (size_t)(end - p)} : RV_VAL_ABSENT;
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
