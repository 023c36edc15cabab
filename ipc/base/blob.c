#include "blob.h"

#include <stdlib.h>

struct rv_blob {
    unsigned refs;
    size_t n;
    uint8_t bytes[];
};

struct rv_blob *rv_blob_new(struct rv_bytes bytes) {
    size_t size;
    if (__builtin_add_overflow(sizeof(struct rv_blob), bytes.n, &size)) rv_oom();
    struct rv_blob *b = malloc(size);
    if (b == NULL) rv_oom();
    b->refs = 1;
    b->n = bytes.n;
    if (bytes.n != 0) memcpy(b->bytes, bytes.p, bytes.n);
    return b;
}

struct rv_blob *rv_blob_ref(struct rv_blob *b) {
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return b;
}

struct rv_blob *rv_blob_unref(struct rv_blob *b) {
    if (b != NULL && __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0) free(b);
    return NULL;
}

struct rv_bytes rv_blob_bytes(const struct rv_blob *b) {
    return (struct rv_bytes){b->bytes, b->n};
}
