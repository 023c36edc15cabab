/* credential_cache.c - see credential_cache.h. */
#include "credential_cache.h"

#include <stdlib.h>
#include <string.h>

#include "recent.h"

#define SECOND INT64_C(1000000000)

struct line {
    struct rv_buf text;
    int64_t until, used; /* monotonic, ns */
};

struct credential_cache {
    struct recent *lines;
};

static void wipe(void *value) {
    struct line *l = value;
    if (l->text.p != NULL) explicit_bzero(l->text.p, l->text.cap);
    rv_buf_free(&l->text);
    free(l);
}

struct credential_cache *credential_cache_new(void) {
    struct credential_cache *c = rv_alloc(sizeof *c);
    c->lines = recent_new(CREDENTIAL_CACHE_LINES, wipe);
    return c;
}

struct credential_cache *credential_cache_free(struct credential_cache *c) {
    if (c == NULL) return NULL;
    recent_free(c->lines);
    free(c);
    return NULL;
}

/* The Secret, its key and the header, each with a NUL. */
static void name_of(struct rv_buf *name, const struct rv_http_request *h) {
    const struct rv_str texts[] = {h->secret_ns, h->secret_name, h->secret_key, h->auth_header, h->auth_prefix};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) {
        rv_buf_add_str(name, texts[i]);
        rv_buf_addc(name, 0);
    }
}

const char *credential_cache_find(struct credential_cache *c, const struct rv_http_request *h, int64_t now) {
    rv_autobuf struct rv_buf name = {0};
    name_of(&name, h);
    struct line *l = recent_find(c->lines, rv_buf_str(&name));
    if (l == NULL) return NULL;
    l->used = now;
    if (now < l->until || (h->flags & RV_HTTP_KEEP_CREDENTIAL) != 0) return rv_buf_cstr(&l->text);
    recent_remove(c->lines, rv_buf_str(&name));
    return NULL;
}

static void wipe_unused(struct credential_cache *c, int64_t now) {
    for (const struct line *l; (l = recent_oldest(c->lines)) != NULL;) {
        if (now - l->used < CREDENTIAL_CACHE_UNUSED_S * SECOND) return;
        recent_remove_oldest(c->lines);
    }
}

void credential_cache_put(struct credential_cache *c, const struct rv_http_request *h, struct rv_str line,
                          int64_t now) {
    rv_autobuf struct rv_buf name = {0};
    wipe_unused(c, now);
    if (line.n > CREDENTIAL_CACHE_LINE) return;
    struct line *l = rv_alloc(sizeof *l);
    rv_buf_reserve(&l->text, line.n + 1); /* it does not grow, so no copy of it stays behind */
    rv_buf_add_str(&l->text, line);
    l->until = now + CREDENTIAL_CACHE_S * SECOND;
    l->used = now;
    name_of(&name, h);
    recent_put(c->lines, rv_buf_str(&name), l);
}

void credential_cache_drop(struct credential_cache *c, const struct rv_http_request *h) {
    rv_autobuf struct rv_buf name = {0};
    name_of(&name, h);
    recent_remove(c->lines, rv_buf_str(&name));
}
