/* coalesce.h - decides whether changes are handled at once or collected for a moment and handled together.
 *
 * Collecting saves work when many objects change all the time. It only costs time in two cases, and there the answer is
 * "at once":
 *   - few objects change, however often they do. A cluster that grows from one pod to a thousand is such an object.
 *   - a user has just made an object or edited a spec and waits for the effect. This holds for the first few of many
 *     objects that are made together; nobody watches each one of a thousand.
 * There is no clock in here, so that tests and replays get the same answers again. */
#ifndef RV_IPC_BASE_COALESCE_H
#define RV_IPC_BASE_COALESCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    COALESCE_FEW = 8,          /* fewer objects than this ... */
    COALESCE_WITHIN_MS = 1000, /* ... that change within this time are few */
    COALESCE_NEW_MS = 1500,    /* for how long changes are handled at once after something new ... */
    COALESCE_CROWD_MS = 300    /* ... unless COALESCE_FEW new things came within this time */
};

struct rv_coalesce { /* {0}: at once */
    struct {
        uint64_t hash;
        int64_t until; /* ns */
    } busy[COALESCE_FEW];
    int64_t until;              /* ns */
    int64_t made[COALESCE_FEW]; /* ns; a ring: until when each of the last new things counts for the crowd */
    unsigned made_at;
};

/* The object with this hash has changed. */
static inline void rv_coalesce_busy(struct rv_coalesce *h, int64_t now, uint64_t hash) {
    unsigned at = 0;
    for (unsigned i = 0; i < COALESCE_FEW; i++) {
        if (h->busy[i].hash == hash) {
            at = i;
            break;
        }
        if (h->busy[i].until < h->busy[at].until) at = i;
    }
    h->busy[at].hash = hash;
    h->busy[at].until = now + COALESCE_WITHIN_MS * INT64_C(1000000);
}

/* A user has made an object or edited a spec. */
static inline void rv_coalesce_new(struct rv_coalesce *h, int64_t now) {
    bool crowd = h->made[h->made_at] > now;
    h->made[h->made_at] = now + COALESCE_CROWD_MS * INT64_C(1000000);
    h->made_at = (h->made_at + 1) % COALESCE_FEW;
    if (!crowd) h->until = now + COALESCE_NEW_MS * INT64_C(1000000);
}

/* True: handle changes at once; false: collect them. */
static inline bool rv_coalesce_prompt(const struct rv_coalesce *h, int64_t now) {
    if (now < h->until) return true;
    for (unsigned i = 0; i < COALESCE_FEW; i++)
        if (h->busy[i].until <= now) return true;
    return false;
}

#endif
