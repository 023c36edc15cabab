/* rayvisor/base.h - what every other public header needs: text and bytes with a length, errors, a growable buffer, an
 * arena and scope cleanup.
 *
 * Conventions of all C interfaces of Rayvisor:
 *   - A function that can fail returns int: 0 or a negative code (an -errno or an RV_E_* below). If a person will read
 *     the reason, the last parameter is a `struct rv_error *`, which may be NULL.
 *   - `ret_x` parameters are written on success only.
 *   - A function whose name ends in _take takes ownership of its argument. One that ends in _borrow returns memory that
 *     the callee keeps. All other functions copy their arguments. What they return is borrowed until the owning object
 *     changes or is freed.
 *   - x_free(NULL) is allowed. x_free() returns NULL, so that you can write `p = x_free(p)`.
 *   - Nothing in these headers takes a lock. An object belongs to one thread at a time.
 *   - Sizes are in bytes, durations in milliseconds, and times in nanoseconds since the Unix epoch, unless a name or a
 *     comment says otherwise.
 *
 * Running out of memory is handled in one place. rv_alloc() and its siblings call rv_oom(), which prints one line and
 * aborts. Sizes that come from outside are bounded before they reach an allocation. */
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

/* Text that somebody else owns. It is not NUL-terminated. p may be NULL if n is 0. */
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

/* A view of a C string, which must outlive the view. NULL gives the empty text. */
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
bool rv_str_ieq(struct rv_str a, const char *text); /* ignores ASCII case */
/* Compares bytes. Of two equal beginnings the shorter text is first. */
int rv_str_cmp(struct rv_str a, struct rv_str b);
char *rv_strdup(struct rv_str s); /* a copy with a NUL; free it with free() */
/* Puts such a copy in the place of *text, which is freed. s may point into it. */
void rv_str_store(char **text, struct rv_str s);
/* Reads the whole text as a decimal integer. Returns -EINVAL if it is not one, and -ERANGE if it is outside [min,
 * max]. */
int rv_str_to_int(struct rv_str s, int64_t min, int64_t max, int64_t *ret_value);

/* ---- errors ------------------------------------------------------------------------------------------ */

/* Error codes besides -errno. Their numbers cannot be an errno. X(name, number, text) */
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

/* A code and a sentence for a person: what failed, why, and, where it helps, what to do. */
struct rv_error {
    int code;
    char text[512]; /* is cut with "..." if it is too long */
};

/* Sets *err (if it is not NULL) and returns code. So `return rv_error_set(err, -EINVAL, "...")` is one line. */
int rv_error_set(struct rv_error *err, int code, const char *fmt, ...) RV_PRINTF(3, 4);
/* Puts "context: " before the text of *err. Sets and returns `code`, which is usually the code that the callee
 * returned. If err is NULL, it only returns the code. */
int rv_error_wrap(struct rv_error *err, int code, const char *fmt, ...) RV_PRINTF(3, 4);
/* A constant text for an -errno or an RV_E_* ("object not found", "Connection refused"). */
const char *rv_error_text(int code);
/* A constant symbolic name for it ("NOT_FOUND", "ECONNREFUSED"). */
const char *rv_error_name(int code);

/* ---- memory ------------------------------------------------------------------------------------------ */

/* Prints one line and aborts the process. */
void rv_oom(void) __attribute__((noreturn));
void *rv_alloc(size_t size);                 /* zeroed; never NULL; size 0 gives a valid pointer; free with free() */
void *rv_alloc_array(size_t n, size_t size); /* zeroed; checks n * size for overflow */
/* Like realloc(), with a check of n * size for overflow. New bytes are not zeroed. Never NULL. */
void *rv_realloc_array(void *p, size_t n, size_t size);

/* A growable byte buffer. {0} is a valid empty buffer. Its memory is freed with rv_buf_free(). */
struct rv_buf {
    uint8_t *p;
    size_t n, cap;
};
/* Makes room for `more` further bytes. */
void rv_buf_reserve(struct rv_buf *b, size_t more);
/* Appends n bytes; one byte; a C string; text; formatted text. */
void rv_buf_add(struct rv_buf *b, const void *p, size_t n);
void rv_buf_addc(struct rv_buf *b, uint8_t byte);
void rv_buf_adds(struct rv_buf *b, const char *text);
void rv_buf_add_str(struct rv_buf *b, struct rv_str s);
void rv_buf_addf(struct rv_buf *b, const char *fmt, ...) RV_PRINTF(2, 3);
void rv_buf_vaddf(struct rv_buf *b, const char *fmt, va_list ap) RV_PRINTF(2, 0);
void rv_buf_consume(struct rv_buf *b, size_t n); /* drops the first n bytes */
void rv_buf_clear(struct rv_buf *b);             /* sets n to 0 and keeps the memory */
void rv_buf_free(struct rv_buf *b);              /* frees the memory and sets the buffer to {0} */
/* Puts a NUL after the content, which n does not count; valid until the next change. */
const char *rv_buf_cstr(struct rv_buf *b);
static inline struct rv_str rv_buf_str(const struct rv_buf *b) {
    struct rv_str s = {(const char *)b->p, b->n};
    return s;
}
static inline struct rv_bytes rv_buf_bytes(const struct rv_buf *b) {
    struct rv_bytes s = {b->p, b->n};
    return s;
}

/* Memory that is freed all at once. Typical uses are one arena for a decoded message and one for a reconcile. */
struct rv_arena;
struct rv_arena *rv_arena_new(void);
struct rv_arena *rv_arena_free(struct rv_arena *a);
void rv_arena_reset(struct rv_arena *a);               /* frees all allocations and keeps one block of memory */
void *rv_arena_alloc(struct rv_arena *a, size_t size); /* zeroed, aligned to 16 bytes, never NULL */
struct rv_str rv_arena_str(struct rv_arena *a, struct rv_str s); /* a copy with a NUL after it */
struct rv_str rv_arena_fmt(struct rv_arena *a, const char *fmt, ...) RV_PRINTF(2, 3);

/* Cleanup functions for rv_cleanup(): `rv_cleanup(rv_freep) char *x = NULL;` */
void rv_freep(void *pp);
void rv_closep(int *fd); /* closes a descriptor that is not negative; does not retry on EINTR */
void rv_arena_freep(struct rv_arena **a);
#define rv_autofree rv_cleanup(rv_freep)
#define rv_autobuf rv_cleanup(rv_buf_free)
#define rv_autoclose rv_cleanup(rv_closep)
#define rv_autoarena rv_cleanup(rv_arena_freep)
/* Returns the value of a pointer variable and sets the variable to NULL. So ownership moves to the receiver. */
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
