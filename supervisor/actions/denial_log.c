/* denial_log.c - see denial_log.h. It is a table of hashes. Two refusals that share a slot are reported more often,
 * never less. */
#include "denial_log.h"
#include "ipc/base/hash.h"
#include "ipc/base/rate_limit.h"

#include <stdlib.h>

enum { REMEMBERED = 256, PLUGINS = 64 /* plugins that share a slot share its limit */, BURST = 20 };
#define HOUR INT64_C(3600000000000)
static const double EACH_NS = 60e9;

struct denied {
    uint64_t seen[REMEMBERED];
    int64_t at[REMEMBERED];
    struct rate_limit reports[PLUGINS];
};

struct denied *denial_log_new(void) {
    struct denied *d = rv_alloc(sizeof *d);
    for (size_t i = 0; i < PLUGINS; i++) d->reports[i].tokens = BURST;
    return d;
}

struct denied *denial_log_free(struct denied *d) {
    free(d);
    return NULL;
}

bool denial_log_is_first(struct denied *d, const char *plugin, const char *kind, int64_t now) {
    const struct rv_str texts[] = {rv_str(plugin), rv_str(kind)};
    uint64_t h = hash64_texts(texts, RV_ARRAY_LEN(texts));
    size_t i = h % REMEMBERED;
    if (d->seen[i] == h && now - d->at[i] < HOUR) return false;
    if (!rate_limit_take(&d->reports[hash64_texts(texts, 1) % PLUGINS], now, EACH_NS, BURST)) return false;
    d->seen[i] = h;
    d->at[i] = now;
    return true;
}
