/* denied.c - see denied.h. A table of hashes: what shares its place with another thing is said more often, never less.
 */
#include "denied.h"
#include "ipc/base/hash.h"

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

bool denied_first_report(struct denied *d, const char *plugin, const char *why, int64_t now) {
    const struct rv_str texts[] = {rv_str(plugin), rv_str(why)};
    uint64_t h = rv_hash64_texts(texts, RV_ARRAY_LEN(texts));
    size_t i = h % REMEMBERED;
    if (d->seen[i] == h && now - d->at[i] < HOUR) return false;
    d->seen[i] = h;
    d->at[i] = now;
    return true;
}
