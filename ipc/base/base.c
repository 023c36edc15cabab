/* base.c - views, errors, buffers and arenas (see rayvisor/base.h).
 *
 * The arena is a list of blocks that only grow; reset keeps the first block so that a steady stream of small
 * requests settles into no allocation at all. */
#include "rayvisor/base.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- views ------------------------------------------------------------------------------------------ */

bool rv_str_starts(struct rv_str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

bool rv_str_ends(struct rv_str s, const char *suffix) {
    size_t n = strlen(suffix);
    return s.n >= n && memcmp(s.p + (s.n - n), suffix, n) == 0;
}

bool rv_str_ieq(struct rv_str a, const char *text) {
    size_t n = strlen(text);
    if (a.n != n) return false;
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)a.p[i]) != tolower((unsigned char)text[i])) return false;
    return true;
}

int rv_str_cmp(struct rv_str a, struct rv_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n != 0 ? memcmp(a.p, b.p, n) : 0;
    if (c != 0) return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

char *rv_strdup(struct rv_str s) {
    char *copy = rv_alloc(s.n + 1);
    if (s.n != 0) memcpy(copy, s.p, s.n);
    return copy;
}

int rv_str_to_int(struct rv_str s, int64_t min, int64_t max, int64_t *ret_value) {
    bool negative = s.n != 0 && s.p[0] == '-';
    size_t i = negative ? 1 : 0;
    int64_t v = 0;
    if (i == s.n) return -EINVAL;
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return -EINVAL;
        int64_t digit = s.p[i] - '0';
        if (__builtin_mul_overflow(v, (int64_t)10, &v)) return -ERANGE;
        if (negative ? __builtin_sub_overflow(v, digit, &v) : __builtin_add_overflow(v, digit, &v)) return -ERANGE;
    }
    if (v < min || v > max) return -ERANGE;
    *ret_value = v;
    return 0;
}

/* ---- errors ------------------------------------------------------------------------------------------ */

static const struct {
    int code;
    const char *name, *text;
} error_table[] = {
#define RV_X(name, number, text) {name, #name, text},
    RV_ERROR_TABLE(RV_X)
#undef RV_X
};

const char *rv_error_text(int code) {
    if (code == 0) return "success";
    for (size_t i = 0; i < RV_ARRAY_LEN(error_table); i++)
        if (error_table[i].code == code) return error_table[i].text;
    const char *text = code < 0 && code > -3000 ? strerrordesc_np(-code) : NULL;
    return text != NULL ? text : "unknown error";
}

const char *rv_error_name(int code) {
    if (code == 0) return "OK";
    for (size_t i = 0; i < RV_ARRAY_LEN(error_table); i++)
        if (error_table[i].code == code) return error_table[i].name + strlen("RV_E_");
    const char *name = code < 0 && code > -3000 ? strerrorname_np(-code) : NULL;
    return name != NULL ? name : "UNKNOWN_CODE";
}

static void error_mark_cut(struct rv_error *err, int written) {
    if (written >= (int)sizeof err->text) memcpy(err->text + sizeof err->text - 4, "...", 4);
}

int rv_error_set(struct rv_error *err, int code, const char *fmt, ...) {
    if (err == NULL) return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    error_mark_cut(err, vsnprintf(err->text, sizeof err->text, fmt, ap));
    va_end(ap);
    return code;
}

int rv_error_wrap(struct rv_error *err, const char *fmt, ...) {
    if (err == NULL) return -EINVAL;
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text)
        n += snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", inner);
    error_mark_cut(err, n);
    return err->code;
}

/* ---- memory ------------------------------------------------------------------------------------------ */

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

enum { ARENA_BLOCK = 4096, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

struct rv_arena {
    struct arena_block *head; /* newest first; the first block made is the last in the list */
};

static struct arena_block *arena_block_new(size_t cap, struct arena_block *next) {
    size_t total;
    if (__builtin_add_overflow(cap, sizeof(struct arena_block), &total)) rv_oom();
    struct arena_block *b = malloc(total); /* zeroed as it is given out: most of a block is never touched */
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

void rv_freep(void *pp) {
    void **p = pp;
    free(*p);
    *p = NULL;
}

void rv_closep(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void rv_arena_freep(struct rv_arena **a) { *a = rv_arena_free(*a); }
