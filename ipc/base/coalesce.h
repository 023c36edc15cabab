/* coalesce.h - decides whether changes are handled at once or are collected for a moment and handled together.
 *
 * Collecting saves work when many objects change all the time. In two cases it only costs time, and there the answer is
 * "at once":
 *
 *   - Few objects change, however often they do. A cluster that grows from one pod to a thousand is one such object.
 *   - A user has just created an object or edited a spec and waits for the effect. This holds for the first few of many
 *     objects that are created together, because nobody watches each one of a thousand.
 *
 * There is no clock in this file, so tests and replays get the same answers again. */
#ifndef RV_IPC_BASE_COALESCE_H
#define RV_IPC_BASE_COALESCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    COALESCE_FEW = 8,          /* Fewer objects than this count as few ... */
    COALESCE_WITHIN_MS = 1000, /* ... if they change within this time. */
    COALESCE_EDITED_MS = 1500, /* Changes are handled at once for this long after a creation or an edit ... */
    COALESCE_CROWD_MS = 300    /* ... unless COALESCE_FEW creations or edits came within this time. */
};

struct coalesce { /* {0} is valid: changes are handled at once */
    struct {
        uint64_t hash;
        int64_t until; /* in ns */
    } changed[COALESCE_FEW];
    int64_t until; /* in ns */
    /* A ring buffer: until when (in ns) each of the last creations and edits counts. */
    int64_t edited[COALESCE_FEW];
    unsigned edited_at;
};

/* The object with this hash has changed. */
static inline void coalesce_changed(struct coalesce *c, int64_t now, uint64_t hash) {
    unsigned at = 0;
    for (unsigned i = 0; i < COALESCE_FEW; i++) {
        if (c->changed[i].hash == hash) {
            at = i;
            break;
        }
        if (c->changed[i].until < c->changed[at].until) at = i;
    }
    c->changed[at].hash = hash;
    c->changed[at].until = now + COALESCE_WITHIN_MS * INT64_C(1000000);
}

/* A user has created an object or edited a spec. */
static inline void coalesce_edited(struct coalesce *c, int64_t now) {
    bool crowd = c->edited[c->edited_at] > now;
    c->edited[c->edited_at] = now + COALESCE_CROWD_MS * INT64_C(1000000);
    c->edited_at = (c->edited_at + 1) % COALESCE_FEW;
    if (!crowd) c->until = now + COALESCE_EDITED_MS * INT64_C(1000000);
}

/* Returns true if changes should be handled at once, and false if they should be collected. */
static inline bool coalesce_at_once(const struct coalesce *c, int64_t now) {
    if (now < c->until) return true;
    for (unsigned i = 0; i < COALESCE_FEW; i++)
        if (c->changed[i].until <= now) return true;
    return false;
}

#endif
