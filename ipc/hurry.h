/* hurry.h - when is a process prompt, and when may what comes wait a little, to be handled together with what follows?
 *
 * Gathering pays when many objects change all the time. It is not worth its delay
 *   - while few objects change, however often: one that grows from one pod to a thousand is soon at rest;
 *   - right after something new was wanted (an object was made, a spec was edited): somebody watches. A crowd of new
 *     objects gets this for a fifth of the time only, as it would not be seen in it.
 *   - while work waits for answers: then what comes is what it waits for, and a pause makes everything slower.
 * It has no clock of its own, so that it can be tested and replayed. */
#ifndef RV_IPC_HURRY_H
#define RV_IPC_HURRY_H

#include "ipc/bucket.h"

enum {
    HURRY_FEW = 8,          /* so many objects that change within */
    HURRY_WITHIN_MS = 1000, /* this time are no longer few */
    HURRY_NEW_MS = 1500,    /* how long something new is looked at promptly, */
    HURRY_SAVED_MS = 4000,  /* of so much at most in a row, */
    HURRY_LEAST_MS = 500,   /* less is saved until it is worth something, */
    HURRY_SHARE = 5         /* of which one comes back in so many ms */
};

struct rv_hurry { /* zero: prompt */
    struct {
        uint64_t hash;
        int64_t until; /* ns */
    } busy[HURRY_FEW];
    int64_t until; /* ns */
    struct rv_bucket saved;
    bool backlog; /* set by the owner: work waits for answers */
};

/* Something happens to the object of that hash. */
static inline void rv_hurry_busy(struct rv_hurry *h, int64_t now, uint64_t hash) {
    unsigned at = 0;
    for (unsigned i = 0; i < HURRY_FEW; i++) {
        if (h->busy[i].hash == hash) {
            at = i;
            break;
        }
        if (h->busy[i].until < h->busy[at].until) at = i;
    }
    h->busy[at].hash = hash;
    h->busy[at].until = now + HURRY_WITHIN_MS * INT64_C(1000000);
}

/* Something new is wanted. */
static inline void rv_hurry_new(struct rv_hurry *h, int64_t now) {
    const int64_t ms = 1000000;
    int64_t from = h->until > now ? h->until : now, more = (now + HURRY_NEW_MS * ms - from) / ms;
    (void)rv_bucket_has(&h->saved, now, (double)(HURRY_SHARE * ms), HURRY_SAVED_MS);
    if (more <= 0 || h->saved.tokens < HURRY_LEAST_MS) return;
    if (more > (int64_t)h->saved.tokens) more = (int64_t)h->saved.tokens;
    h->saved.tokens -= (double)more;
    h->until = from + more * ms;
}

/* False: gather. */
static inline bool rv_hurry_is(const struct rv_hurry *h, int64_t now) {
    if (h->backlog || now < h->until) return true;
    for (unsigned i = 0; i < HURRY_FEW; i++)
        if (h->busy[i].until <= now) return true;
    return false;
}

#endif
