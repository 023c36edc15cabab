/* buffer.c - the growable byte buffer (see rayvisor/base.h). */
#include "rayvisor/base.h"

#include <stdio.h>
#include <stdlib.h>

void rv_buf_reserve(struct rv_buf *b, size_t more) {
    size_t need;
    if (__builtin_add_overflow(b->n, more, &need) || __builtin_add_overflow(need, (size_t)1, &need)) rv_oom();
    if (need <= b->cap) return;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        if (__builtin_mul_overflow(cap, (size_t)2, &cap)) rv_oom();
    b->p = rv_realloc_array(b->p, cap, 1);
    b->cap = cap;
}

void rv_buf_add(struct rv_buf *b, const void *p, size_t n) {
    if (n == 0) return;
    rv_buf_reserve(b, n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void rv_buf_addc(struct rv_buf *b, uint8_t byte) { rv_buf_add(b, &byte, 1); }
void rv_buf_adds(struct rv_buf *b, const char *text) { rv_buf_add(b, text, strlen(text)); }
void rv_buf_add_str(struct rv_buf *b, struct rv_str s) { rv_buf_add(b, s.p, s.n); }

void rv_buf_vaddf(struct rv_buf *b, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) return;
    rv_buf_reserve(b, (size_t)n);
    vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
    b->n += (size_t)n;
}

void rv_buf_addf(struct rv_buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void rv_buf_consume(struct rv_buf *b, size_t n) {
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

void rv_buf_clear(struct rv_buf *b) { b->n = 0; }

void rv_buf_free(struct rv_buf *b) {
    free(b->p);
    *b = (struct rv_buf){0};
}

const char *rv_buf_cstr(struct rv_buf *b) {
    rv_buf_reserve(b, 1);
    b->p[b->n] = 0;
    return (const char *)b->p;
}
