/* coalesce.h - when is a process prompt, and when may what comes wait a little, to be handled together with what
 * follows?
 *
 * Gathering pays when many objects change all the time. It is not worth its delay
 *   - while few objects change, however often: one that grows from one pod to a thousand is soon at rest;
 *   - right after something new was wanted (an object was made, a spec was edited): somebody watches. In a crowd of
 *     new objects it would not be seen: the first few have it.
 * It has no clock of its own, so that it can be tested and replayed. */
#ifndef RV_IPC_BASE_COALESCE_H
#define RV_IPC_BASE_COALESCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    COALESCE_FEW = 8,          /* so many objects that change within */
    COALESCE_WITHIN_MS = 1000, /* this time are no longer few */
    COALESCE_NEW_MS = 1500,    /* how long something new is looked at promptly, */
    COALESCE_CROWD_MS = 300    /* unless it is one of as many within this time */
};

struct rv_coalesce { /* zero: prompt */
    struct {
        uint64_t hash;
        int64_t until; /* ns */
    } busy[COALESCE_FEW];
    int64_t until;              /* ns */
    int64_t made[COALESCE_FEW]; /* ns: until when the last new things count as a crowd, a ring */
    unsigned made_at;
};

/* Something happens to the object of that hash. */
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

/* Something new is wanted. */
static inline void rv_coalesce_new(struct rv_coalesce *h, int64_t now) {
    bool crowd = h->made[h->made_at] > now;
    h->made[h->made_at] = now + COALESCE_CROWD_MS * INT64_C(1000000);
    h->made_at = (h->made_at + 1) % COALESCE_FEW;
    if (!crowd) h->until = now + COALESCE_NEW_MS * INT64_C(1000000);
}

/* False: gather. */
static inline bool rv_coalesce_prompt(const struct rv_coalesce *h, int64_t now) {
    if (now < h->until) return true;
    for (unsigned i = 0; i < COALESCE_FEW; i++)
        if (h->busy[i].until <= now) return true;
    return false;
}

#endif
