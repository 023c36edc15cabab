/* rayvisor/value.h - reading an object without copying it.
 *
 * Every Kubernetes object inside Rayvisor is a msgpack map with the shape of its JSON. A `struct rv_val` is a view of
 * one value in those bytes. It has 16 bytes, is passed by value and is never freed. It is valid as long as the bytes
 * are. An absent value has n == 0. Every function accepts it, so chains of calls need no checks in between.
 *
 * All functions expect bytes that have passed rv_mp_check(). Everything that Rayvisor passes to a plugin has passed it.
 * On such bytes they never read out of bounds.
 *
 * A path is text such as "metadata.name", "spec.containers[0].image" or "metadata.labels[ray.io/cluster]". Digits in
 * brackets are an index of an array. Any other text in brackets is a key of a map, taken literally. */
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

/* The limits of rv_mp_check() for values from any peer. */
enum { RV_MP_MAX_DEPTH = 100, RV_MP_MAX_NODES = 2000000 };

/* Checks that the bytes are exactly one well-formed value. It checks that counts fit into the remaining bytes, the
 * limits on depth and nodes, that text is UTF-8, that keys are strings and occur once, and that there are no extension
 * types. It does not recurse, and its memory is bounded. Returns RV_E_PARSE or RV_E_TOO_BIG; the text gives the byte
 * offset. */
int rv_mp_check(struct rv_bytes bytes, struct rv_error *err);

enum rv_type rv_val_type(struct rv_val v);
const char *rv_type_name(enum rv_type t); /* "string", "map", ... */
static inline bool rv_val_present(struct rv_val v) { return v.n != 0; }
/* True if the value is neither absent nor null. */
bool rv_val_set(struct rv_val v);

/* The value under a key, at an index or at a path. Absent if there is none. */
struct rv_val rv_val_get(struct rv_val map, const char *key);
struct rv_val rv_val_getn(struct rv_val map, struct rv_str key);
struct rv_val rv_val_at(struct rv_val array, size_t index);
struct rv_val rv_val_path(struct rv_val v, const char *path);
size_t rv_val_len(struct rv_val v); /* number of entries of an array or map; 0 for anything else */

/* Scalars. They return the fallback if the value is absent or of another type. A float with an integral value can be
 * read as an int, and an int as a float. */
struct rv_str rv_val_str(struct rv_val v); /* {NULL,0} if it is not a string */
struct rv_str rv_val_str_or(struct rv_val v, const char *fallback);
int64_t rv_val_int(struct rv_val v, int64_t fallback);
double rv_val_float(struct rv_val v, double fallback);
bool rv_val_bool(struct rv_val v, bool fallback);
struct rv_bytes rv_val_bin(struct rv_val v);

/* Short forms of rv_val_x(rv_val_path(v, path)). */
struct rv_str rv_path_str(struct rv_val v, const char *path);
int64_t rv_path_int(struct rv_val v, const char *path, int64_t fallback);
bool rv_path_bool(struct rv_val v, const char *path, bool fallback);

/* Iterates over an array or a map: for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) use it.key (in maps) and
 * it.val. Any other value has no entries. */
struct rv_iter {
    const uint8_t *p, *end;
    size_t left;
    bool map;
    struct rv_str key;
    struct rv_val val;
};
struct rv_iter rv_iter(struct rv_val v);
bool rv_iter_next(struct rv_iter *it);

/* Deep equality by value. The order of maps and the width of integers do not matter, and 1 equals 1.0. */
bool rv_val_equal(struct rv_val a, struct rv_val b);

/* Returns true if `have` contains everything that `want` has. Maps in `have` may have more keys, which the API server
 * or others have added. Lists must have the same length. An empty list or map in `want` also matches an absent value.
 * With it a controller sees whether an object still is what it wrote. */
bool rv_val_within(struct rv_val want, struct rv_val have);

/* A deterministic 128-bit hash of the value that does not depend on the order of maps. It detects changes and is not
 * cryptographic. */
struct rv_hash {
    uint64_t hi, lo;
};
struct rv_hash rv_val_hash(struct rv_val v);

/* Functions that write msgpack, for small messages (built on msgpack-c). The caller writes as many elements or entries
 * as it has announced. */
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
void rv_mp_val(struct rv_buf *b, struct rv_val v); /* copies the bytes; absent becomes nil */

#ifdef __cplusplus
}
#endif
#endif
