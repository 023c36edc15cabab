/* Every path of a plugin's life, without a process: what must happen, and what must never happen. */
#include "supervisor/proc/lifecycle.h"

#include "tests/unit/sdk/suite.h"

static const char *const event_names[] = {
#define LIFE_X(name) #name,
    LIFE_EVENTS(LIFE_X)
#undef LIFE_X
};

/* A history: events in order, and where they lead. */
struct history {
    const char *name;
    enum life_event events[10];
    size_t n;
    enum life_state end;
    enum life_action last;
};

static void histories(void) {
    static const struct history all[] = {
        {"starts", {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_SYNCED}, 3, LIFE_READY, LIFE_DO_NOTHING},
        {"a crash waits",
         {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_SYNCED, LIFE_ON_EXITED},
         4,
         LIFE_BACKOFF,
         LIFE_DO_WAIT},
        {"a crash before hello waits", {LIFE_ON_ENABLE, LIFE_ON_EXITED}, 2, LIFE_BACKOFF, LIFE_DO_WAIT},
        {"comes back", {LIFE_ON_ENABLE, LIFE_ON_EXITED, LIFE_ON_RETRY}, 3, LIFE_STARTING, LIFE_DO_SPAWN},
        {"too many deaths", {LIFE_ON_ENABLE, LIFE_ON_EXITED, LIFE_ON_TOO_MANY}, 3, LIFE_BROKEN, LIFE_DO_WAIT_LONG},
        {"half open",
         {LIFE_ON_ENABLE, LIFE_ON_EXITED, LIFE_ON_TOO_MANY, LIFE_ON_RETRY},
         4,
         LIFE_STARTING,
         LIFE_DO_SPAWN},
        {"no hello in time", {LIFE_ON_ENABLE, LIFE_ON_DEADLINE}, 2, LIFE_DYING, LIFE_DO_KILL},
        {"no synced in time", {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_DEADLINE}, 3, LIFE_DYING, LIFE_DO_KILL},
        {"a hang",
         {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_SYNCED, LIFE_ON_VIOLATION, LIFE_ON_EXITED},
         5,
         LIFE_BACKOFF,
         LIFE_DO_WAIT},
        {"does not fit", {LIFE_ON_ENABLE, LIFE_ON_EXITED_CONFIG}, 2, LIFE_MISFIT, LIFE_DO_NOTHING},
        {"fits now", {LIFE_ON_ENABLE, LIFE_ON_EXITED_CONFIG, LIFE_ON_RETRY}, 3, LIFE_STARTING, LIFE_DO_SPAWN},
        {"drains",
         {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_SYNCED, LIFE_ON_DISABLE, LIFE_ON_DRAINED, LIFE_ON_EXITED},
         6,
         LIFE_DISABLED,
         LIFE_DO_FORGET},
        {"drains too long and is not restarted",
         {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_SYNCED, LIFE_ON_DISABLE, LIFE_ON_DEADLINE, LIFE_ON_EXITED},
         6,
         LIFE_DISABLED,
         LIFE_DO_FORGET},
        {"breaks the protocol while it drains",
         {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_SYNCED, LIFE_ON_DISABLE, LIFE_ON_VIOLATION, LIFE_ON_EXITED},
         6,
         LIFE_DISABLED,
         LIFE_DO_FORGET},
        {"switched off while it dies",
         {LIFE_ON_ENABLE, LIFE_ON_DEADLINE, LIFE_ON_DISABLE, LIFE_ON_EXITED},
         4,
         LIFE_DISABLED,
         LIFE_DO_FORGET},
        {"switched off while it waits",
         {LIFE_ON_ENABLE, LIFE_ON_EXITED, LIFE_ON_DISABLE},
         3,
         LIFE_DISABLED,
         LIFE_DO_FORGET},
        {"switched off while broken",
         {LIFE_ON_ENABLE, LIFE_ON_EXITED, LIFE_ON_TOO_MANY, LIFE_ON_DISABLE},
         4,
         LIFE_DISABLED,
         LIFE_DO_FORGET},
        {"switched off before hello",
         {LIFE_ON_ENABLE, LIFE_ON_DISABLE, LIFE_ON_EXITED_CONFIG},
         3,
         LIFE_DISABLED,
         LIFE_DO_FORGET},
        {"and on again",
         {LIFE_ON_ENABLE, LIFE_ON_DISABLE, LIFE_ON_EXITED, LIFE_ON_ENABLE},
         4,
         LIFE_STARTING,
         LIFE_DO_SPAWN},
        {"a second hello changes nothing",
         {LIFE_ON_ENABLE, LIFE_ON_HELLO, LIFE_ON_HELLO},
         3,
         LIFE_SYNCING,
         LIFE_DO_NOTHING},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) {
        struct life_step s = {LIFE_DISABLED, LIFE_DO_NOTHING};
        for (size_t e = 0; e < all[i].n; e++) s = lifecycle_step(s.next, all[i].events[e]);
        CHECK_ROW(s.next == all[i].end, all[i].name);
        CHECK_ROW(s.action == all[i].last, all[i].name);
    }
}

/* Holds for every pair of the table, listed or not. */
static void invariants(void) {
    for (unsigned s = 0; s < LIFE_STATE_COUNT; s++)
        for (unsigned e = 0; e < LIFE_EVENT_COUNT; e++) {
            struct life_step step = lifecycle_step((enum life_state)s, (enum life_event)e);
            bool process =
                s == LIFE_STARTING || s == LIFE_SYNCING || s == LIFE_READY || s == LIFE_DRAINING || s == LIFE_DYING;
            char row[64];
            snprintf(row, sizeof row, "%s x %s", life_state_name((enum life_state)s), event_names[e]);
            /* never a second process beside the first; and only a spawn makes one */
            CHECK_ROW(step.action != LIFE_DO_SPAWN || !process, row);
            bool after = step.next == LIFE_STARTING || step.next == LIFE_SYNCING || step.next == LIFE_READY;
            CHECK_ROW(!after || process || step.action == LIFE_DO_SPAWN, row);
            /* a process is given up only when its end was seen */
            bool ended = e == LIFE_ON_EXITED || e == LIFE_ON_EXITED_CONFIG;
            bool gone = step.next == LIFE_DISABLED || step.next == LIFE_BACKOFF || step.next == LIFE_BROKEN ||
                        step.next == LIFE_MISFIT;
            CHECK_ROW(!(process && gone) || ended, row);
            /* what is to stop never starts by itself */
            if (s == LIFE_DRAINING || s == LIFE_DISABLED)
                CHECK_ROW(e == LIFE_ON_ENABLE || step.next == LIFE_DRAINING || step.next == LIFE_DISABLED, row);
            /* switching off always leads towards off */
            if (e == LIFE_ON_DISABLE) CHECK_ROW(step.next == LIFE_DRAINING || step.next == LIFE_DISABLED, row);
        }
}

static void backoff(void) {
    int64_t least = 0;
    for (unsigned deaths = 1; deaths < 40; deaths++) {
        int64_t low = lifecycle_backoff_ms(deaths, 0), high = 0;
        for (uint32_t r = 0; r < 20000; r += 7) {
            int64_t ms = lifecycle_backoff_ms(deaths, r);
            if (ms > high) high = ms;
            CU_ASSERT_TRUE(ms >= low);
        }
        CU_ASSERT_TRUE(low >= least);
        CU_ASSERT_TRUE(high <= 30000);
        CU_ASSERT_TRUE(high > low);
        least = low;
    }
    CU_ASSERT_TRUE(lifecycle_backoff_ms(1, 0) >= 160 && lifecycle_backoff_ms(1, 12345) <= 200);
    CU_ASSERT_TRUE(lifecycle_backoff_ms(30, 0) == 24000);
}

static const struct suite_test tests[] = {{"histories", histories}, {"invariants", invariants}, {"back-off", backoff}};
SUITE_MAIN("lifecycle", tests)
