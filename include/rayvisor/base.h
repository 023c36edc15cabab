/* rayvisor/base.h - the few things that every other public header needs: byte views, errors, a growable
 * buffer, an arena and scope cleanup.
 *
 * Conventions used by all of Rayvisor's C interfaces:
 *   - a function that can fail returns int: 0 or a negative code (an -errno or an RV_E_* below); where a person
 *     will read the reason, the last parameter is a `struct rv_error *` that may be NULL;
 *   - `ret_x` parameters are written on success only;
 *   - a name ending in _take takes ownership of its argument, _borrow returns memory that the callee keeps;
 *     everything else copies in and lends out until the owning object changes or is freed;
 *   - x_free(NULL) is allowed and returns NULL, so `p = x_free(p)` is the idiom;
 *   - nothing here takes a lock: an object belongs to one thread at a time.
 * Running out of memory is handled in one place: rv_alloc() and friends call rv_oom(), which prints one line
 * and aborts. Sizes that come from outside are bounded before they reach an allocation.
 */
#ifndef RAYVISOR_BASE_H
#define RAYVISOR_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RV_EXPORT __attribute__((visibility("default")))
#define rv_cleanup(fn) __attribute__((cleanup(fn)))
#define RV_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- views ------------------------------------------------------------------------------------------ */

/* Text that somebody else owns; not NUL-terminated; p may be NULL when n is 0. */
struct rv_str {
    const char *p;
    size_t n;
};

/* Bytes that somebody else owns. */
struct rv_bytes {
    const uint8_t *p;
    size_t n;
};

#define RV_STR(literal) ((struct rv_str){(literal), sizeof(literal) - 1})
#define RV_STR_FMT "%.*s"
#define RV_STR_ARG(s) (int)(s).n, (s).n != 0 ? (s).p : ""

static inline struct rv_str rv_str(const char *text) {
    struct rv_str s = {text, text != NULL ? strlen(text) : 0};
    return s;
}
static inline bool rv_str_eq(struct rv_str a, struct rv_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool rv_str_is(struct rv_str a, const char *text) { return rv_str_eq(a, rv_str(text)); }
bool rv_str_starts(struct rv_str s, const char *prefix);
bool rv_str_ends(struct rv_str s, const char *suffix);
bool rv_str_ieq(struct rv_str a, const char *text); /* ASCII case-insensitive */
int rv_str_cmp(struct rv_str a, struct rv_str b);   /* byte order, shorter first on a tie */
char *rv_strdup(struct rv_str s);                   /* NUL-terminated heap copy */
/* Whole text as a decimal integer in [min, max]; -EINVAL or -ERANGE otherwise. */
int rv_str_to_int(struct rv_str s, int64_t min, int64_t max, int64_t *ret_value);

/* ---- errors ------------------------------------------------------------------------------------------ */

/* Codes beside -errno; far away from any errno. X(name, number, text) */
#define RV_ERROR_TABLE(X)                                                                                              \
    X(RV_E_PARSE, 3001, "malformed input")                                                                             \
    X(RV_E_TOO_BIG, 3002, "input exceeds a limit")                                                                     \
    X(RV_E_PROTOCOL, 3003, "peer violated the protocol")                                                               \
    X(RV_E_CONFIG, 3004, "configuration error")                                                                        \
    X(RV_E_DENIED, 3005, "not granted by policy")                                                                      \
    X(RV_E_FORBIDDEN, 3006, "forbidden by the API server")                                                             \
    X(RV_E_UNAUTHORIZED, 3007, "credentials rejected")                                                                 \
    X(RV_E_NOT_FOUND, 3008, "object not found")                                                                        \
    X(RV_E_EXISTS, 3009, "object already exists")                                                                      \
    X(RV_E_CONFLICT, 3010, "object changed meanwhile or precondition failed")                                          \
    X(RV_E_INVALID, 3011, "object is invalid")                                                                         \
    X(RV_E_GONE, 3012, "resource version too old")                                                                     \
    X(RV_E_THROTTLED, 3013, "throttled")                                                                               \
    X(RV_E_UNAVAILABLE, 3014, "service unavailable")                                                                   \
    X(RV_E_TIMEOUT, 3015, "timed out")                                                                                 \
    X(RV_E_UNKNOWN, 3016, "request sent, outcome unknown")                                                             \
    X(RV_E_SHUTDOWN, 3017, "shutting down")                                                                            \
    X(RV_E_ABI, 3018, "plugin ABI mismatch")                                                                           \
    X(RV_E_CREDENTIAL, 3019, "the credential cannot be read")

enum {
#define RV_X(name, number, text) name = -(number),
    RV_ERROR_TABLE(RV_X)
#undef RV_X
};

/* A code and the sentence a person reads: what failed, why, and where it helps how to mend it. */
struct rv_error {
    int code;
    char text[512]; /* cut with "..." when longer */
};

/* Sets *err (if not NULL) and returns code, so `return rv_error_set(err, -EINVAL, "...")` is one line. */
int rv_error_set(struct rv_error *err, int code, const char *fmt, ...) RV_PRINTF(3, 4);
/* Puts "context: " before the text that is there, going up the stack. code is what the callee returned; it is returned,
 * also where err is NULL. */
int rv_error_wrap(struct rv_error *err, int code, const char *fmt, ...) RV_PRINTF(3, 4);
/* Static text of any code of the two spaces ("object not found", "Connection refused"). */
const char *rv_error_text(int code);
/* Static symbolic name ("NOT_FOUND", "ECONNREFUSED"). */
const char *rv_error_name(int code);

/* ---- memory ------------------------------------------------------------------------------------------ */

void rv_oom(void) __attribute__((noreturn));
void *rv_alloc(size_t size);                 /* zeroed; never NULL; size 0 gives a valid pointer */
void *rv_alloc_array(size_t n, size_t size); /* zeroed, overflow-checked */
void *rv_realloc_array(void *p, size_t n, size_t size);

/* A growable byte buffer. {0} is a valid empty one. */
struct rv_buf {
    uint8_t *p;
    size_t n, cap;
};
void rv_buf_reserve(struct rv_buf *b, size_t more);
void rv_buf_add(struct rv_buf *b, const void *p, size_t n);
void rv_buf_addc(struct rv_buf *b, uint8_t byte);
void rv_buf_adds(struct rv_buf *b, const char *text);
void rv_buf_add_str(struct rv_buf *b, struct rv_str s);
void rv_buf_addf(struct rv_buf *b, const char *fmt, ...) RV_PRINTF(2, 3);
void rv_buf_vaddf(struct rv_buf *b, const char *fmt, va_list ap) RV_PRINTF(2, 0);
void rv_buf_consume(struct rv_buf *b, size_t n); /* drops the first n bytes */
void rv_buf_clear(struct rv_buf *b);             /* keeps the memory */
void rv_buf_free(struct rv_buf *b);              /* back to {0} */
const char *rv_buf_cstr(struct rv_buf *b);       /* NUL kept behind the content, not counted */
static inline struct rv_str rv_buf_str(const struct rv_buf *b) {
    struct rv_str s = {(const char *)b->p, b->n};
    return s;
}
static inline struct rv_bytes rv_buf_bytes(const struct rv_buf *b) {
    struct rv_bytes s = {b->p, b->n};
    return s;
}

/* Memory that is freed all at once: one per decoded message or per reconcile. */
struct rv_arena;
struct rv_arena *rv_arena_new(void);
struct rv_arena *rv_arena_free(struct rv_arena *a);
void rv_arena_reset(struct rv_arena *a);                         /* frees all allocations, keeps the first block */
void *rv_arena_alloc(struct rv_arena *a, size_t size);           /* zeroed, 16-byte aligned */
struct rv_str rv_arena_str(struct rv_arena *a, struct rv_str s); /* copy; NUL behind it */
struct rv_str rv_arena_fmt(struct rv_arena *a, const char *fmt, ...) RV_PRINTF(2, 3);

/* Cleanup helpers for rv_cleanup(): `rv_cleanup(rv_freep) char *x = NULL;` */
void rv_freep(void *pp);
void rv_closep(int *fd); /* closes when >= 0; never retries on EINTR */
void rv_arena_freep(struct rv_arena **a);
#define rv_autofree rv_cleanup(rv_freep)
#define rv_autobuf rv_cleanup(rv_buf_free)
#define rv_autoclose rv_cleanup(rv_closep)
#define rv_autoarena rv_cleanup(rv_arena_freep)
/* The value of a pointer variable, which becomes NULL: hands ownership on. */
#define RV_TAKE(ptr)                                                                                                   \
    __extension__({                                                                                                    \
        __typeof__(ptr) rv_taken_ = (ptr);                                                                             \
        (ptr) = NULL;                                                                                                  \
        rv_taken_;                                                                                                     \
    })

#ifdef __cplusplus
}
#endif
#endif
