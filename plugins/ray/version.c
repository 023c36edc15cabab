/* version.c - see version.h. */
#include "version.h"

enum { LONGEST = 1000000 };

bool rc_version_parse(struct rv_str s, struct rc_version *ret) {
    *ret = (struct rc_version){0};
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == 'v')) s = (struct rv_str){s.p + 1, s.n - 1};
    int64_t *const parts[] = {&ret->major, &ret->minor, &ret->patch};
    size_t at = 0, n = 0;
    for (; n < RV_ARRAY_LEN(parts); n++) {
        size_t start = at;
        while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9') at++;
        if (at == start || rv_str_to_int((struct rv_str){s.p + start, at - start}, 0, LONGEST, parts[n]) != 0) break;
        if (n == 0 && at - start > 1 && s.p[start] == '0') return false;
        ret->suffix = (struct rv_str){s.p + at, s.n - at};
        if (at >= s.n || s.p[at] != '.') return n >= 1;
        at++;
    }
    return n >= 2;
}

bool rc_version_at_least(const struct rc_version *v, int64_t major, int64_t minor) {
    return v->major != major ? v->major > major : v->minor >= minor;
}
