/* path.c - see path.h. */
#include "path.h"

static bool path_bad(const char **path, struct path_step *ret) {
    *ret = (struct path_step){.bad = true};
    *path += strlen(*path);
    return true;
}

/* A dot belongs to the step before it. A field name must follow it. */
static const char *after_step(const char *p) {
    if (*p == 0 || *p == '[') return p;
    return *p == '.' && p[1] != 0 && p[1] != '.' && p[1] != '[' ? p + 1 : NULL;
}

bool path_next(const char **path, struct path_step *ret) {
    const char *p = *path;
    if (*p == 0) return false;
    size_t n;
    const char *next;
    if (*p == '[') {
        const char *close = strchr(p, ']');
        if (close == NULL) return path_bad(path, ret);
        n = (size_t)(close - p) - 1;
        p++;
        next = after_step(close + 1);
    } else {
        n = strcspn(p, ".[");
        if (n == 0) return path_bad(path, ret);
        next = after_step(p + n);
    }
    if (next == NULL) return path_bad(path, ret);
    *ret = (struct path_step){{p, n}, **path == '[', false};
    *path = next;
    return true;
}
