/* lifecycle.h - a plugin's life as a table: state x event gives the next state and what to do. No process and no clock
 * in here, so that every path can be tested. */
#ifndef PROC_LIFECYCLE_H
#define PROC_LIFECYCLE_H

#include "rayvisor/base.h"

/* X(NAME, text) */
#define LIFE_STATES(X)                                                                                                 \
    X(DISABLED, "disabled") /* by config */                                                                            \
    X(STARTING, "starting") /* process made, no HELLO yet */                                                           \
    X(SYNCING, "syncing")   /* welcomed; snapshot on its way */                                                        \
    X(READY, "ready")                                                                                                  \
    X(DRAINING, "draining") /* asked to finish */                                                                      \
    X(DYING, "dying")       /* killed; its end is awaited */                                                           \
    X(BACKOFF, "backoff")   /* waits for its restart */                                                                \
    X(BROKEN, "broken")     /* died too often: tried again every few minutes */                                        \
    X(MISFIT, "misfit")     /* cannot run as it is (ABI, settings): waits for a change */

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
    LIFE_DO_SPAWN,     /* make a process */
    LIFE_DO_WELCOME,   /* answer HELLO, begin the snapshot */
    LIFE_DO_DRAIN,     /* send DRAIN, start the drain deadline */
    LIFE_DO_KILL,      /* SIGABRT, then SIGKILL */
    LIFE_DO_WAIT,      /* arm the restart timer by the number of deaths */
    LIFE_DO_WAIT_LONG, /* arm the half-open timer */
    LIFE_DO_FORGET,    /* release what the process had */
};
struct life_step {
    enum life_state next;
    enum life_action action;
};
struct life_step lifecycle_step(enum life_state s, enum life_event e);
const char *life_state_name(enum life_state s);

/* Restart delay after that many deaths in a row: 0.2 s doubling to 30 s, the last fifth random. */
int64_t lifecycle_backoff_ms(unsigned deaths, uint32_t random);

#endif
