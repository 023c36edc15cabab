/* history.h - the last things that happened to each object, in bounded memory.
 *
 * Each object has a list of at most `object_bytes`. All lists together have at most `total_bytes`: beyond that what is
 * oldest of all goes first, so a few busy objects cannot drive out the others for longer than they are busy. What is
 * known of an object stays for a while after the object was deleted. */
#ifndef TRAIL_HISTORY_H
#define TRAIL_HISTORY_H

#include "happening.h"

struct history_bounds {
    uint64_t object_bytes, total_bytes; /* 0: nothing is kept */
    int64_t keep_ns;                    /* after an object was deleted */
};
struct history;
struct history *history_new(const struct history_bounds *b);
struct history *history_free(struct history *h);
void history_reconfigure(struct history *h, const struct history_bounds *b);

/* Texts that are too long are cut. `plugin`, `kind`, `related_kind`, `verb` and `code` are kept as pointers, so they
 * must stay. Of times up to 71 minutes are kept. */
void history_add(struct history *h, const struct happening *it);
bool history_has(const struct history *h, const char *kind, struct rv_str ns, struct rv_str name);
/* The object exists no longer, or exists again. It may be said more than once. `now` is monotonic, ns. */
void history_gone(struct history *h, const char *kind, struct rv_str ns, struct rv_str name, int64_t now);
void history_back(struct history *h, const char *kind, struct rv_str ns, struct rv_str name);
/* Forgets objects that were deleted long enough ago. */
void history_sweep(struct history *h, int64_t now);

/* Calls fn for what is known, in the order in which it happened. The kind may be in any case, as the singular or the
 * resource. Returns how many there were. *ret_gone: for so many ns the object has been deleted, or -1. */
size_t history_each(const struct history *h, struct rv_str kind, struct rv_str ns, struct rv_str name, int64_t now,
                    int64_t *ret_gone, void (*fn)(void *arg, const struct happening *it), void *arg);

struct history_stats {
    uint64_t objects, entries, bytes, dropped;
};
struct history_stats history_stats(const struct history *h);

#endif
