/* memory.c - allocation that never returns NULL, and cleanup at the end of a scope (see rayvisor/base.h). */
#include "rayvisor/base.h"

#include <stdlib.h>
#include <unistd.h>

void rv_oom(void) {
    static const char text[] = "rayvisor: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    abort();
}

void *rv_alloc(size_t size) {
    void *p = calloc(1, size != 0 ? size : 1);
    if (p == NULL) rv_oom();
    return p;
}

void *rv_alloc_array(size_t n, size_t size) {
    void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);
    if (p == NULL) rv_oom();
    return p;
}

void *rv_realloc_array(void *p, size_t n, size_t size) {
    void *q = reallocarray(p, n != 0 ? n : 1, size != 0 ? size : 1);
    if (q == NULL) rv_oom();
    return q;
}

void rv_freep(void *pp) {
    void **p = pp;
    free(*p);
    *p = NULL;
}

void rv_closep(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}
