/* hash.h - FNV-1a over texts, for hash tables in memory. It does not resist an attacker who makes texts collide on
 * purpose. So it is used only where the keys are names and uids of objects in one cluster, or where a bounded
 * number of them is kept. supervisor/proc/keyed_hash.h is for all other texts. */
#ifndef RV_IPC_BASE_HASH_H
#define RV_IPC_BASE_HASH_H

#include "rayvisor/base.h"

#define HASH_BEGIN 2166136261u
#define RV_HASH64_BEGIN UINT64_C(14695981039346656037)

static inline uint32_t hash_bytes(uint32_t h, struct rv_str s) {
    for (size_t i = 0; i < s.n; i++) h = (h ^ (uint8_t)s.p[i]) * 16777619u;
    return h;
}

static inline uint64_t hash64_bytes(uint64_t h, struct rv_str s) {
    for (size_t i = 0; i < s.n; i++) h = (h ^ (uint8_t)s.p[i]) * UINT64_C(1099511628211);
    return h;
}

/* Adds a number, for example another hash. */
static inline uint64_t hash64_number(uint64_t h, uint64_t n) { return (h ^ n) * UINT64_C(1099511628211); }

/* Adds one more text and a separator, so that "ab", "c" and "a", "bc" have different hashes. */
static inline uint32_t hash_add(uint32_t h, struct rv_str s) { return (hash_bytes(h, s) ^ 0xff) * 16777619u; }

/* The hash of several texts with a separator after each. Its 64 bits are enough to stand for the texts where only the
 * hash is remembered. */
static inline uint64_t hash64_texts(const struct rv_str *texts, size_t n) {
    uint64_t h = RV_HASH64_BEGIN;
    for (size_t i = 0; i < n; i++) h = (hash64_bytes(h, texts[i]) ^ 0xff) * UINT64_C(1099511628211);
    return h;
}

/* Mixes the high bits into the low bits, because a table uses only the low ones. */
static inline uint32_t hash_end(uint32_t h) { return h ^ h >> 15; }

static inline uint32_t hash_key(struct rv_str ns, struct rv_str name) {
    return hash_end(hash_add(hash_add(HASH_BEGIN, ns), name));
}

static inline uint32_t hash_kind_key(uint32_t kind, struct rv_str a, struct rv_str b) {
    return hash_end(hash_add(hash_add(HASH_BEGIN ^ kind * 2654435761u, a), b));
}

#endif
