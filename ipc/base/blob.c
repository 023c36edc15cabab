#include "blob.h"

#include <stdlib.h>

struct blob {
    unsigned refs;
    size_t n;
    uint8_t bytes[];
};

struct blob *blob_new(struct rv_bytes bytes) {
    size_t size;
    if (__builtin_add_overflow(sizeof(struct blob), bytes.n, &size)) rv_oom();
    struct blob *b = malloc(size);
    if (b == NULL) rv_oom();
    b->refs = 1;
    b->n = bytes.n;
    if (bytes.n != 0) memcpy(b->bytes, bytes.p, bytes.n);
    return b;
}

struct blob *blob_ref(struct blob *b) {
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return b;
}

struct blob *blob_unref(struct blob *b) {
    if (b != NULL && __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0) free(b);
    return NULL;
}

struct rv_bytes blob_bytes(const struct blob *b) {
    return (struct rv_bytes){b->bytes, b->n};
}
