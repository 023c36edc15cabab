/* Granted URL patterns against hostile URLs: "pattern NEWLINE url". What is let through must stay on the host and the
 * path of the pattern, judged here in another way than url.c does. */
#include "supervisor/config/url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nl = size != 0 ? memchr(data, '\n', size) : NULL;
    if (nl == NULL) return 0;
    struct rv_str pattern = {(const char *)data, (size_t)(nl - data)},
                  url = {(const char *)nl + 1, size - pattern.n - 1};
    bool any = url_matches(pattern, url);
    if (any && memchr(url.p, '\\', url.n) != NULL) abort();
    /* In the path no segment climbs (dots in the host are only a strange name). */
    const char *host = any ? memmem(url.p, url.n, "://", 3) : NULL, *end = url.p + url.n;
    const char *path = host != NULL ? memchr(host + 3, '/', (size_t)(end - host - 3)) : NULL;
    if (path != NULL && memmem(path, (size_t)(end - path), "/../", 4) != NULL) abort();
    bool fixed = url_matches(RV_STR("http://ray.svc:8265/api/*"), url);
    if (fixed && !rv_str_starts(url, "http://ray.svc:8265/api/")) abort();
    return 0;
}
