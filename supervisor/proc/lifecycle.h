/* lifecycle.h - the life of a plugin as a table: a state and an event give the next state and the actions. There is no
 * process and no clock in this file, so every path can be tested. */
#ifndef PROC_LIFECYCLE_H
#define PROC_LIFECYCLE_H

#include "rayvisor/base.h"

/* X(NAME, text) */
#define LIFE_STATES(X)                                                                                                 \
    X(DISABLED, "disabled") /* by the configuration */                                                                 \
    X(STARTING, "starting") /* the process runs; no HELLO yet */                                                       \
    X(SYNCING, "syncing")   /* WELCOME was sent; the snapshot is being sent */                                         \
    X(READY, "ready")                                                                                                  \
    X(DRAINING, "draining") /* was asked to finish */                                                                  \
    X(DYING, "dying")       /* was killed; its end has not come yet */                                                 \
    X(BACKOFF, "backoff")   /* waits for its restart */                                                                \
    X(BROKEN, "broken")     /* died too often; it is tried again every few minutes */                                  \
    X(MISFIT, "misfit")     /* cannot run as it is (ABI, settings); it waits for a change */

#define LIFE_EVENTS(X)                                                                                                 \
    X(ENABLE)                                                                                                          \
    X(DISABLE) X(HELLO) X(SYNCED) X(DRAINED) X(EXITED) X(EXITED_CONFIG) X(DEADLINE) X(VIOLATION) X(RETRY) X(TOO_MANY)

enum life_state {
#define LIFE_X(name, text) LIFE_##name,
    LIFE_STATES(LIFE_X)
#undef LIFE_X
        LIFE_STATE_COUNT
};
enum life_event {
#define LIFE_X(name) LIFE_ON_##name,
    LIFE_EVENTS(LIFE_X)
#undef LIFE_X
        LIFE_EVENT_COUNT
};
enum life_action {
    LIFE_DO_NOTHING,
    LIFE_DO_SPAWN,     /* start a process */
    LIFE_DO_WELCOME,   /* answer HELLO, begin the snapshot */
    LIFE_DO_DRAIN,     /* send DRAIN, start the drain deadline */
    LIFE_DO_KILL,      /* SIGABRT, then SIGKILL */
    LIFE_DO_WAIT,      /* arm the restart timer; the number of deaths decides the delay */
    LIFE_DO_WAIT_LONG, /* arm the long restart timer */
    LIFE_DO_FORGET,    /* free what belonged to the process */
};
struct life_step {
    enum life_state next;
    enum life_action action;
};
struct life_step lifecycle_step(enum life_state s, enum life_event e);
const char *life_state_name(enum life_state s);

/* The delay before a restart after that many deaths in a row: 0.2 s, doubling up to 30 s. The last fifth of it is
 * random. */
int64_t lifecycle_backoff_ms(unsigned deaths, uint32_t random);

#endif
