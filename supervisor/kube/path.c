/* path.c - paths of the API, with every part escaped (see kube_path in kube.h). */
#include "kube.h"

static void add_escaped(struct rv_buf *b, struct rv_str s) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain) {
            rv_buf_addc(b, c);
        } else {
            rv_buf_addc(b, '%');
            rv_buf_addc(b, (uint8_t)hex[c >> 4]);
            rv_buf_addc(b, (uint8_t)hex[c & 15]);
        }
    }
}

static void add_part(struct rv_buf *b, const char *before, struct rv_str part) {
    if (part.n == 0) return;
    rv_buf_adds(b, before);
    /* "." and ".." as a whole part would be removed on the way to the server. */
    if (rv_str_is(part, ".") || rv_str_is(part, "..")) {
        for (size_t i = 0; i < part.n; i++) rv_buf_adds(b, "%2E");
        return;
    }
    add_escaped(b, part);
}

char *kube_path(struct rv_str api_version, struct rv_str ns, struct rv_str resource, struct rv_str name,
                struct rv_str sub, ...) {
    rv_autobuf struct rv_buf b = {0};
    const char *slash = api_version.n != 0 ? memchr(api_version.p, '/', api_version.n) : NULL;
    if (slash == NULL) {
        add_part(&b, "/api/", api_version);
    } else {
        size_t n = (size_t)(slash - api_version.p);
        add_part(&b, "/apis/", (struct rv_str){api_version.p, n});
        add_part(&b, "/", (struct rv_str){slash + 1, api_version.n - n - 1});
    }
    add_part(&b, "/namespaces/", ns);
    add_part(&b, "/", resource);
    add_part(&b, "/", name);
    add_part(&b, "/", sub);
    va_list ap;
    va_start(ap, sub);
    const char *separator = "?";
    for (const char *key; (key = va_arg(ap, const char *)) != NULL; separator = "&") {
        rv_buf_adds(&b, separator);
        add_escaped(&b, rv_str(key));
        rv_buf_addc(&b, '=');
        add_escaped(&b, rv_str(va_arg(ap, const char *)));
    }
    va_end(ap);
    return rv_strdup(rv_buf_str(&b));
}
