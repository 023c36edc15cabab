/* lifecycle.c - the table (see lifecycle.h). A pair that is not listed changes nothing. */
#include "lifecycle.h"
#include "ipc/base/backoff.h"

static const struct {
    enum life_state state;
    enum life_event event;
    struct life_step step;
} table[] = {
    {LIFE_DISABLED, LIFE_ON_ENABLE, {LIFE_STARTING, LIFE_DO_SPAWN}},
    {LIFE_STARTING, LIFE_ON_HELLO, {LIFE_SYNCING, LIFE_DO_WELCOME}},
    {LIFE_STARTING, LIFE_ON_DEADLINE, {LIFE_DYING, LIFE_DO_KILL}},
    {LIFE_SYNCING, LIFE_ON_SYNCED, {LIFE_READY, LIFE_DO_NOTHING}},
    {LIFE_SYNCING, LIFE_ON_DEADLINE, {LIFE_DYING, LIFE_DO_KILL}},
    {LIFE_READY, LIFE_ON_DEADLINE, {LIFE_DYING, LIFE_DO_KILL}},
    {LIFE_STARTING, LIFE_ON_VIOLATION, {LIFE_DYING, LIFE_DO_KILL}},
    {LIFE_SYNCING, LIFE_ON_VIOLATION, {LIFE_DYING, LIFE_DO_KILL}},
    {LIFE_READY, LIFE_ON_VIOLATION, {LIFE_DYING, LIFE_DO_KILL}},
    /* It is killed while it drains. Its end is expected, so it is not restarted. */
    {LIFE_DRAINING, LIFE_ON_VIOLATION, {LIFE_DRAINING, LIFE_DO_KILL}},
    {LIFE_DRAINING, LIFE_ON_DEADLINE, {LIFE_DRAINING, LIFE_DO_KILL}},
    {LIFE_STARTING, LIFE_ON_EXITED, {LIFE_BACKOFF, LIFE_DO_WAIT}},
    {LIFE_SYNCING, LIFE_ON_EXITED, {LIFE_BACKOFF, LIFE_DO_WAIT}},
    {LIFE_READY, LIFE_ON_EXITED, {LIFE_BACKOFF, LIFE_DO_WAIT}},
    {LIFE_DYING, LIFE_ON_EXITED, {LIFE_BACKOFF, LIFE_DO_WAIT}},
    {LIFE_DRAINING, LIFE_ON_EXITED, {LIFE_DISABLED, LIFE_DO_FORGET}},
    {LIFE_STARTING, LIFE_ON_EXITED_CONFIG, {LIFE_MISFIT, LIFE_DO_NOTHING}},
    {LIFE_SYNCING, LIFE_ON_EXITED_CONFIG, {LIFE_MISFIT, LIFE_DO_NOTHING}},
    {LIFE_READY, LIFE_ON_EXITED_CONFIG, {LIFE_MISFIT, LIFE_DO_NOTHING}},
    {LIFE_DYING, LIFE_ON_EXITED_CONFIG, {LIFE_MISFIT, LIFE_DO_NOTHING}},
    {LIFE_DRAINING, LIFE_ON_EXITED_CONFIG, {LIFE_DISABLED, LIFE_DO_FORGET}},
    {LIFE_BACKOFF, LIFE_ON_RETRY, {LIFE_STARTING, LIFE_DO_SPAWN}},
    {LIFE_BACKOFF, LIFE_ON_TOO_MANY, {LIFE_BROKEN, LIFE_DO_WAIT_LONG}},
    {LIFE_BROKEN, LIFE_ON_RETRY, {LIFE_STARTING, LIFE_DO_SPAWN}},
    {LIFE_MISFIT, LIFE_ON_RETRY, {LIFE_STARTING, LIFE_DO_SPAWN}},
    {LIFE_STARTING, LIFE_ON_DISABLE, {LIFE_DRAINING, LIFE_DO_DRAIN}},
    {LIFE_SYNCING, LIFE_ON_DISABLE, {LIFE_DRAINING, LIFE_DO_DRAIN}},
    {LIFE_READY, LIFE_ON_DISABLE, {LIFE_DRAINING, LIFE_DO_DRAIN}},
    {LIFE_DYING, LIFE_ON_DISABLE, {LIFE_DRAINING, LIFE_DO_NOTHING}},
    {LIFE_BACKOFF, LIFE_ON_DISABLE, {LIFE_DISABLED, LIFE_DO_FORGET}},
    {LIFE_BROKEN, LIFE_ON_DISABLE, {LIFE_DISABLED, LIFE_DO_FORGET}},
    {LIFE_MISFIT, LIFE_ON_DISABLE, {LIFE_DISABLED, LIFE_DO_FORGET}},
};

struct life_step lifecycle_step(enum life_state s, enum life_event e) {
    for (size_t i = 0; i < RV_ARRAY_LEN(table); i++)
        if (table[i].state == s && table[i].event == e) return table[i].step;
    return (struct life_step){s, LIFE_DO_NOTHING};
}

const char *life_state_name(enum life_state s) {
    static const char *const names[] = {
#define LIFE_X(name, text) text,
        LIFE_STATES(LIFE_X)
#undef LIFE_X
    };
    return (unsigned)s < RV_ARRAY_LEN(names) ? names[s] : "unknown";
}

int64_t lifecycle_backoff_ms(unsigned deaths, uint32_t random) {
    return backoff_pause((struct backoff_pause){.first = 200, .most = 30000, .below = 20}, deaths, random);
}
