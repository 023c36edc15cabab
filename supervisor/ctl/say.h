/* say.h - what an object of ray.io, or a pod, waits for: one plain sentence from its spec and status alone.
 *
 * The sentences are made from conditions and fields, so they are the same for whichever operator wrote the status.
 * These functions depend on their arguments only. */
#ifndef CTL_SAY_H
#define CTL_SAY_H

#include "kinds.h"
#include "rayvisor/value.h"

enum say_state {
    SAY_WELL,   /* it is as wanted, or still going on as wanted */
    SAY_WAITS,  /* it waits for something that may still come by itself */
    SAY_FAULTY, /* it has failed, or will not go on by itself */
    SAY_RESTS,  /* it is suspended, ended or somebody else's: nothing is expected */
};
const char *say_state_word(enum say_state s);

struct say {
    enum say_state state;
    struct rv_str text;  /* without a full stop */
    int64_t since, next; /* wall clock, ns; 0 if not known */
    struct rv_str then;  /* what happens at `next` */
};

struct say say_object(struct rv_arena *a, const struct ctl_kind *k, struct rv_val object, int64_t now);
struct say say_pod(struct rv_arena *a, struct rv_val pod, int64_t now);
/* The state as the kind's own word, such as "ready" or "Running". */
struct rv_str say_status_word(const struct ctl_kind *k, struct rv_val object);

/* A duration for people: "12 s", "5 min", "3 h", "2 d". */
struct rv_str say_duration(struct rv_arena *a, int64_t ns);
/* "at 2026-01-02T03:04:05Z (in 5 min)", or "(5 min ago)". */
struct rv_str say_time(struct rv_arena *a, int64_t at, int64_t now);

#endif
