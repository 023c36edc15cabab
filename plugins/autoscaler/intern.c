/* intern.c - an open-addressed table over copies in an arena. */
#include "plugins/autoscaler/intern.h"

static uint64_t hash_of(struct rv_bytes key) {
    uint64_t h = 0x9e3779b97f4a7c15u ^ key.n;
    size_t i = 0;
    for (; i + 8 <= key.n; i += 8) {
        uint64_t word;
        memcpy(&word, key.p + i, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    for (; i < key.n; i++) h = (h ^ key.p[i]) * 0x100000001b3u;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

void *intern_grow(struct rv_arena *a, void *p, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return p;
    uint32_t more = *cap == 0 ? 16 : *cap * 2;
    if (more <= *cap) rv_oom();
    void *q = rv_arena_alloc(a, (size_t)more * size);
    if (n != 0) memcpy(q, p, (size_t)n * size);
    *cap = more;
    return q;
}

static bool same(struct rv_bytes a, struct rv_bytes b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void rehash(struct intern *t) {
    t->n_slots = t->n_slots == 0 ? 64 : t->n_slots * 2;
    t->slots = rv_arena_alloc(t->arena, (size_t)t->n_slots * sizeof *t->slots);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t at = (uint32_t)t->hashes[i] & (t->n_slots - 1);
        while (t->slots[at] != 0) at = (at + 1) & (t->n_slots - 1);
        t->slots[at] = i + 1;
    }
}

/* The slot that has the key, or the empty one where it belongs. */
static uint32_t slot_of(const struct intern *t, struct rv_bytes key, uint64_t hash) {
    uint32_t at = (uint32_t)hash & (t->n_slots - 1);
    for (; t->slots[at] != 0; at = (at + 1) & (t->n_slots - 1)) {
        uint32_t i = t->slots[at] - 1;
        if (t->hashes[i] == hash && same(t->keys[i], key)) break;
    }
    return at;
}

uint32_t intern_find(const struct intern *t, struct rv_bytes key) {
    if (t->n_slots == 0) return INTERN_NONE;
    uint32_t at = slot_of(t, key, hash_of(key));
    return t->slots[at] != 0 ? t->slots[at] - 1 : INTERN_NONE;
}

uint32_t intern_put(struct intern *t, struct rv_bytes key, bool *ret_new) {
    if (t->n_slots < 2 * (t->n + 1)) rehash(t);
    uint64_t hash = hash_of(key);
    uint32_t at = slot_of(t, key, hash);
    if (ret_new != NULL) *ret_new = t->slots[at] == 0;
    if (t->slots[at] != 0) return t->slots[at] - 1;
    uint32_t cap = t->cap;
    t->keys = intern_grow(t->arena, t->keys, t->n, &cap, sizeof *t->keys);
    cap = t->cap;
    t->hashes = intern_grow(t->arena, t->hashes, t->n, &cap, sizeof *t->hashes);
    t->cap = cap;
    uint8_t *copy = rv_arena_alloc(t->arena, key.n);
    if (key.n != 0) memcpy(copy, key.p, key.n);
    t->keys[t->n] = (struct rv_bytes){copy, key.n};
    t->hashes[t->n] = hash;
    t->slots[at] = ++t->n;
    return t->n - 1;
}
