/* denied.c - see denied.h. A table of hashes: what shares its place with another thing is said more often, never less.
 */
#include "denied.h"

#include <stdlib.h>

enum { REMEMBERED = 256 };
#define HOUR INT64_C(3600000000000)

struct denied {
    uint64_t seen[REMEMBERED];
    int64_t at[REMEMBERED];
};

struct denied *denied_new(void) {
    return rv_alloc(sizeof(struct denied));
}

struct denied *denied_free(struct denied *d) {
    free(d);
    return NULL;
}

static uint64_t mix(uint64_t h, const char *s) {
    for (; *s != 0; s++) h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
    return h;
}

bool denied_first_report(struct denied *d, const char *plugin, const char *why, int64_t now) {
    uint64_t h = mix(mix(UINT64_C(1469598103934665603), plugin), why);
    size_t i = h % REMEMBERED;
    if (d->seen[i] == h && now - d->at[i] < HOUR) return false;
    d->seen[i] = h;
    d->at[i] = now;
    return true;
}
