/* arena.c - memory that is freed all at once (see rayvisor/base.h).
 *
 * An arena is a list of blocks of growing size. A reset keeps the first block, so that a steady stream of small
 * requests needs no further allocation. */
#include "rayvisor/base.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BLOCK = 4096, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

struct rv_arena {
    struct arena_block *head; /* the newest block comes first; the first block ever made comes last */
};

static struct arena_block *arena_block_new(size_t cap, struct arena_block *next) {
    size_t total;
    if (__builtin_add_overflow(cap, sizeof(struct arena_block), &total)) rv_oom();
    struct arena_block *b = malloc(total); /* not zeroed here: rv_arena_alloc() zeroes what it hands out, because most
                                              of a block is never touched */
    if (b == NULL) rv_oom();
    b->used = 0;
    b->cap = cap;
    b->next = next;
    return b;
}

struct rv_arena *rv_arena_new(void) {
    struct rv_arena *a = rv_alloc(sizeof *a);
    a->head = arena_block_new(ARENA_BLOCK, NULL);
    return a;
}

struct rv_arena *rv_arena_free(struct rv_arena *a) {
    if (a == NULL) return NULL;
    for (struct arena_block *b = a->head, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
    return NULL;
}

void rv_arena_reset(struct rv_arena *a) {
    while (a->head->next != NULL) {
        struct arena_block *b = a->head;
        a->head = b->next;
        free(b);
    }
    a->head->used = 0;
}

void *rv_arena_alloc(struct rv_arena *a, size_t size) {
    size_t rounded;
    if (__builtin_add_overflow(size, (size_t)(ARENA_ALIGN - 1), &rounded)) rv_oom();
    rounded &= ~(size_t)(ARENA_ALIGN - 1);
    if (a->head->cap - a->head->used < rounded) {
        size_t cap = a->head->cap < (size_t)256 * 1024 ? a->head->cap * 2 : a->head->cap;
        a->head = arena_block_new(rounded > cap ? rounded : cap, a->head);
    }
    void *p = a->head->data + a->head->used;
    a->head->used += rounded;
    return memset(p, 0, rounded);
}

struct rv_str rv_arena_str(struct rv_arena *a, struct rv_str s) {
    char *copy = rv_arena_alloc(a, s.n + 1);
    if (s.n != 0) memcpy(copy, s.p, s.n);
    return (struct rv_str){copy, s.n};
}

struct rv_str rv_arena_fmt(struct rv_arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) n = 0;
    char *text = rv_arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct rv_str){text, (size_t)n};
}

void rv_arena_freep(struct rv_arena **a) { *a = rv_arena_free(*a); }
