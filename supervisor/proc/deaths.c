/* deaths.c - a ring buffer of the last deaths (see deaths.h). */
#include "deaths.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { KEPT = 32, HOW_MAX = 96, BLAMED_FREE = 20 /* BLAMED_FREE is the deaths of ten objects */ };

struct death {
    int64_t mono, wall; /* in ns */
    enum death_cause cause;
    int status;
    bool blamed;
    char how[HOW_MAX], *doing, *key;
};

struct deaths {
    struct death ring[KEPT];
    uint64_t total, counts[DEATH_CAUSE_COUNT];
};

const char *death_cause_name(enum death_cause c) {
    static const char *const names[] = {
#define DEATH_X(name, text) text,
        DEATH_CAUSES(DEATH_X)
#undef DEATH_X
    };
    return (unsigned)c < RV_ARRAY_LEN(names) ? names[c] : "unknown";
}

void death_describe(int status, char *out, size_t size) {
    if (status < 0)
        snprintf(out, size, "not started");
    else if (WIFSIGNALED(status))
        snprintf(out, size, "signal %d (%s)", WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
    else
        snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

struct deaths *deaths_new(void) {
    return rv_alloc(sizeof(struct deaths));
}

static void forget(struct death *x) {
    free(x->doing);
    free(x->key);
    *x = (struct death){0};
}

struct deaths *deaths_free(struct deaths *d) {
    if (d == NULL) return NULL;
    for (size_t i = 0; i < KEPT; i++) forget(&d->ring[i]);
    free(d);
    return NULL;
}

void deaths_add(struct deaths *d, enum death_cause cause, int status, const char *doing, const char *key, bool blamed,
                int64_t now) {
    struct death *x = &d->ring[d->total++ % KEPT];
    forget(x);
    *x = (struct death){now, clock_wall(), cause, status, blamed, "", rv_strdup(rv_str(doing)), rv_strdup(rv_str(key))};
    death_describe(status, x->how, sizeof x->how);
    d->counts[cause]++;
}

static size_t kept(const struct deaths *d) { return d->total < KEPT ? (size_t)d->total : KEPT; }

/* Index 0 is the newest. */
static const struct death *nth(const struct deaths *d, size_t i) { return &d->ring[(d->total - 1 - i) % KEPT]; }

unsigned deaths_since(const struct deaths *d, int64_t mono) {
    unsigned own = 0, blamed = 0;
    for (size_t i = 0; i < kept(d); i++)
        if (nth(d, i)->mono > mono) *(nth(d, i)->blamed ? &blamed : &own) += 1;
    return own + (blamed > BLAMED_FREE ? blamed - BLAMED_FREE : 0);
}

uint64_t deaths_count(const struct deaths *d, enum death_cause cause) { return d->counts[cause]; }
uint64_t deaths_total(const struct deaths *d) { return d->total; }
const char *deaths_last(const struct deaths *d) { return d->total != 0 ? nth(d, 0)->how : ""; }

void deaths_each(const struct deaths *d, void (*fn)(void *arg, const struct death_info *i), void *arg) {
    for (size_t i = 0; i < kept(d); i++) {
        const struct death *x = nth(d, i);
        bool ended = x->status >= 0, signalled = ended && WIFSIGNALED(x->status);
        fn(arg, &(struct death_info){.at = x->wall,
                                     .cause = death_cause_name(x->cause),
                                     .how = x->how,
                                     .doing = x->doing,
                                     .key = x->key,
                                     .signal = signalled ? WTERMSIG(x->status) : 0,
                                     .status = ended && !signalled ? WEXITSTATUS(x->status) : -1});
    }
}
