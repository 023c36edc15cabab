/* keyed_hash.c - SipHash-2-4 by OpenSSL (see keyed_hash.h). */
#include "keyed_hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "ipc/base/log.h"
#include "ipc/base/random.h"

enum { WORD = 8, KEY = 16 };

/* The algorithm defines both in little-endian order. */
static void put_word(uint8_t p[WORD], uint64_t word) {
    for (int i = 0; i < WORD; i++) p[i] = (uint8_t)(word >> 8 * i);
}

static uint64_t get_word(const uint8_t p[WORD]) {
    uint64_t word = 0;
    for (int i = 0; i < WORD; i++) word |= (uint64_t)p[i] << 8 * i;
    return word;
}

uint64_t keyed_hash(const struct keyed_hash *k, struct rv_str text) {
    uint8_t key[KEY], out[WORD];
    size_t size = WORD, n = 0;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
    put_word(key, k->key[0]);
    put_word(key + WORD, k->key[1]);
    const unsigned char *p = (const unsigned char *)(text.n != 0 ? text.p : "");
    if (EVP_Q_mac(NULL, "SIPHASH", NULL, NULL, params, key, sizeof key, p, text.n, out, sizeof out, &n) == NULL ||
        n != WORD) {
        log_error("OpenSSL has no SipHash");
        abort();
    }
    return get_word(out);
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
