/* hash.h - FNV-1a over texts, for tables in memory. Not for what an attacker may choose to collide on purpose at a cost
 * to others: the names of objects in one cluster are many, but each is somebody's own. */
#ifndef RV_IPC_BASE_HASH_H
#define RV_IPC_BASE_HASH_H

#include "rayvisor/base.h"

#define RV_HASH_BEGIN 2166136261u

/* One text more, and its end: "ab", "c" is not "a", "bc". */
static inline uint32_t rv_hash_add(uint32_t h, struct rv_str s) {
    for (size_t i = 0; i < s.n; i++) h = (h ^ (uint8_t)s.p[i]) * 16777619u;
    return (h ^ 0xff) * 16777619u;
}

/* Its low bits, which a table takes, depend on all of it. */
static inline uint32_t rv_hash_end(uint32_t h) { return h ^ h >> 15; }

static inline uint32_t rv_hash_key(struct rv_str ns, struct rv_str name) {
    return rv_hash_end(rv_hash_add(rv_hash_add(RV_HASH_BEGIN, ns), name));
}

static inline uint32_t rv_hash_kind_key(uint32_t kind, struct rv_str a, struct rv_str b) {
    return rv_hash_end(rv_hash_add(rv_hash_add(RV_HASH_BEGIN ^ kind * 2654435761u, a), b));
}

#endif
