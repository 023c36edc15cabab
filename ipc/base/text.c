/* text.c - text with a length: comparing, copying, reading numbers (see rayvisor/base.h). */
#include "rayvisor/base.h"
#include <stdlib.h>

#include <ctype.h>
#include <errno.h>

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

void rv_str_store(char **text, struct rv_str s) {
    char *fresh = rv_strdup(s);
    free(*text);
    *text = fresh;
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
