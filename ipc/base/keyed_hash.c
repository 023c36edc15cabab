/* keyed_hash.c - SipHash-2-4 of Aumasson and Bernstein (see keyed_hash.h). */
#include "keyed_hash.h"

#include "random.h"

enum { WORD = 8, ROUNDS_END = 4 };

static uint64_t rotate(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static void mix(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void add_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    mix(v);
    mix(v);
    v[0] ^= word;
}

static uint64_t little_endian(const char *p, size_t n) {
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) word |= (uint64_t)(uint8_t)p[i] << 8 * i;
    return word;
}

uint64_t keyed_hash(const struct keyed_hash *k, struct rv_str text) {
    uint64_t v[4] = {k->key[0] ^ UINT64_C(0x736f6d6570736575), k->key[1] ^ UINT64_C(0x646f72616e646f6d),
                     k->key[0] ^ UINT64_C(0x6c7967656e657261), k->key[1] ^ UINT64_C(0x7465646279746573)};
    size_t at = 0;
    for (; at + WORD <= text.n; at += WORD) add_word(v, little_endian(text.p + at, WORD));
    add_word(v, little_endian(text.n != 0 ? text.p + at : "", text.n - at) | (uint64_t)text.n << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < ROUNDS_END; i++) mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t keyed_hash_pair(const struct keyed_hash *k, struct rv_str a, struct rv_str b) {
    struct keyed_hash second = {{k->key[0] ^ keyed_hash(k, a), k->key[1]}};
    return keyed_hash(&second, b);
}

struct keyed_hash keyed_hash_new(void) {
    struct keyed_hash k;
    random_bytes(&k, sizeof k);
    return k;
}
