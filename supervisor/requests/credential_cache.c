/* credential_cache.c - see credential_cache.h. */
#include "credential_cache.h"

#include <stdlib.h>
#include <string.h>

#include "ipc/base/hash.h"

#define SECOND INT64_C(1000000000)

struct slot {
    struct rv_buf key; /* the Secret, its key and the header, each with a NUL; empty: the slot is free */
    struct rv_buf line;
    int64_t until; /* monotonic, ns */
};

struct credential_cache {
    struct slot slots[CREDENTIAL_CACHE_SLOTS];
};

struct credential_cache *credential_cache_new(void) {
    return rv_alloc(sizeof(struct credential_cache));
}

static void wipe(struct slot *s) {
    if (s->line.p != NULL) explicit_bzero(s->line.p, s->line.cap);
    rv_buf_free(&s->line);
    rv_buf_free(&s->key);
}

struct credential_cache *credential_cache_free(struct credential_cache *c) {
    if (c == NULL) return NULL;
    for (size_t i = 0; i < CREDENTIAL_CACHE_SLOTS; i++) wipe(&c->slots[i]);
    free(c);
    return NULL;
}

/* The slot of that credential, and its key. */
static struct slot *slot_of(struct credential_cache *c, const struct rv_http_request *h, struct rv_buf *key) {
    const struct rv_str texts[] = {h->secret_ns, h->secret_name, h->secret_key, h->auth_header, h->auth_prefix};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) {
        rv_buf_add_str(key, texts[i]);
        rv_buf_addc(key, 0);
    }
    return &c->slots[hash64_texts(texts, RV_ARRAY_LEN(texts)) % CREDENTIAL_CACHE_SLOTS];
}

static bool is_of(const struct slot *s, const struct rv_buf *key) {
    return s->key.n == key->n && memcmp(s->key.p, key->p, key->n) == 0;
}

const char *credential_cache_find(struct credential_cache *c, const struct rv_http_request *h, int64_t now) {
    rv_autobuf struct rv_buf key = {0};
    struct slot *s = slot_of(c, h, &key);
    if (!is_of(s, &key)) return NULL;
    if (now < s->until) return rv_buf_cstr(&s->line);
    wipe(s);
    return NULL;
}

void credential_cache_put(struct credential_cache *c, const struct rv_http_request *h, struct rv_str line,
                          int64_t now) {
    rv_autobuf struct rv_buf key = {0};
    struct slot *s = slot_of(c, h, &key);
    if (line.n > CREDENTIAL_CACHE_LINE) return;
    wipe(s);
    rv_buf_reserve(&s->line, line.n + 1); /* it does not grow, so no copy of it stays behind */
    rv_buf_add_str(&s->line, line);
    rv_buf_add(&s->key, key.p, key.n);
    s->until = now + CREDENTIAL_CACHE_S * SECOND;
}

void credential_cache_drop(struct credential_cache *c, const struct rv_http_request *h) {
    rv_autobuf struct rv_buf key = {0};
    struct slot *s = slot_of(c, h, &key);
    if (is_of(s, &key)) wipe(s);
}
