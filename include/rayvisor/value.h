/* rayvisor/value.h - reading an object without copying it.
 *
 * Every Kubernetes object inside Rayvisor is a msgpack map with the shape of its JSON. A `struct rv_val` is a
 * view of one value in those bytes: 16 bytes, passed by value, never freed, valid as long as the bytes are.
 * An absent value has n == 0; every accessor accepts it, so chains need no checks in between.
 * All functions expect bytes that passed rv_mp_check() once (everything that Rayvisor hands to a plugin has);
 * on such bytes they never read out of bounds.
 *
 * Paths: "metadata.name", "spec.containers[0].image", "metadata.labels[ray.io/cluster]". Inside brackets, digits
 * index an array and anything else is a map key taken literally.
 */
#ifndef RAYVISOR_VALUE_H
#define RAYVISOR_VALUE_H

#include "rayvisor/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum rv_type {
    RV_ABSENT = 0,
    RV_NULL,
    RV_BOOL,
    RV_INT,  /* fits int64_t */
    RV_UINT, /* above INT64_MAX */
    RV_FLOAT,
    RV_STRING,
    RV_BIN,
    RV_ARRAY,
    RV_MAP,
};

struct rv_val {
    const uint8_t *p;
    size_t n;
};

#define RV_VAL_ABSENT ((struct rv_val){NULL, 0})

/* Limits of rv_mp_check(): what we accept from any peer. */
enum { RV_MP_MAX_DEPTH = 100, RV_MP_MAX_NODES = 2000000 };

/* Checks that the bytes are exactly one well-formed value: counts within the remaining bytes, depth and node
 * limits, UTF-8 text, string keys, no duplicate keys, no extension types. Iterative; allocates nothing per node beyond
 * a bounded stack. RV_E_PARSE or RV_E_TOO_BIG with the byte offset in the text. */
int rv_mp_check(struct rv_bytes bytes, struct rv_error *err);

enum rv_type rv_val_type(struct rv_val v);
const char *rv_type_name(enum rv_type t); /* "string", "map", ... */
static inline bool rv_val_present(struct rv_val v) { return v.n != 0; }
/* Neither absent nor null. */
bool rv_val_set(struct rv_val v);

struct rv_val rv_val_get(struct rv_val map, const char *key);
struct rv_val rv_val_getn(struct rv_val map, struct rv_str key);
struct rv_val rv_val_at(struct rv_val array, size_t index);
struct rv_val rv_val_path(struct rv_val v, const char *path);
size_t rv_val_len(struct rv_val v); /* entries of an array or map; 0 for anything else */

/* Scalars: the fallback where the value is absent or of another type. A float with an integral value reads as
 * an int, and an int as a float. */
struct rv_str rv_val_str(struct rv_val v); /* {NULL,0} fallback */
struct rv_str rv_val_str_or(struct rv_val v, const char *fallback);
int64_t rv_val_int(struct rv_val v, int64_t fallback);
double rv_val_float(struct rv_val v, double fallback);
bool rv_val_bool(struct rv_val v, bool fallback);
struct rv_bytes rv_val_bin(struct rv_val v);

/* Shorthands for rv_val_x(rv_val_path(v, path)). */
struct rv_str rv_path_str(struct rv_val v, const char *path);
int64_t rv_path_int(struct rv_val v, const char *path, int64_t fallback);
bool rv_path_bool(struct rv_val v, const char *path, bool fallback);

/* for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) use it.key (maps) and it.val. Anything that is
 * neither array nor map iterates zero times. */
struct rv_iter {
    const uint8_t *p, *end;
    size_t left;
    bool map;
    struct rv_str key;
    struct rv_val val;
};
struct rv_iter rv_iter(struct rv_val v);
bool rv_iter_next(struct rv_iter *it);

/* Deep equality by value: map order and integer width do not matter; 1 and 1.0 are equal. */
bool rv_val_equal(struct rv_val a, struct rv_val b);

/* Is everything that want says so in have? Maps may have more keys (what the API server or others added), lists must be
 * of one length. How a controller sees drift of what it wrote. */
bool rv_val_within(struct rv_val want, struct rv_val have);

/* Deterministic 128-bit hash of the value, independent of map order (for change detection, not security). */
struct rv_hash {
    uint64_t hi, lo;
};
struct rv_hash rv_val_hash(struct rv_val v);

/* Writing msgpack by hand, for small fixed messages (built on msgpack-c). Counts are the caller's. */
void rv_mp_nil(struct rv_buf *b);
void rv_mp_bool(struct rv_buf *b, bool v);
void rv_mp_int(struct rv_buf *b, int64_t v);
void rv_mp_uint(struct rv_buf *b, uint64_t v);
void rv_mp_float(struct rv_buf *b, double v);
void rv_mp_str(struct rv_buf *b, struct rv_str s);
void rv_mp_cstr(struct rv_buf *b, const char *text);
void rv_mp_bin(struct rv_buf *b, struct rv_bytes bytes);
void rv_mp_array(struct rv_buf *b, size_t n);
void rv_mp_map(struct rv_buf *b, size_t n);
void rv_mp_val(struct rv_buf *b, struct rv_val v); /* verbatim; absent becomes nil */

#ifdef __cplusplus
}
#endif
#endif
