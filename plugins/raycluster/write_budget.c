/* write_budget.c - see write_budget.h. */
#include "write_budget.h"

#define MS INT64_C(1000000)
#define INTERVAL (WRITE_BUDGET_INTERVAL_MS * MS)

int64_t write_budget_take(struct write_budget *b, int64_t now) {
    int64_t burst = WRITE_BUDGET_BURST * INTERVAL, latest = now + WRITE_BUDGET_LONGEST_MS * MS;
    /* The clock may have been set back. */
    if (b->full_at < now || b->full_at > latest + burst) b->full_at = now;
    int64_t turn = b->full_at + INTERVAL - burst;
    if (turn > latest) return latest;
    b->full_at += INTERVAL;
    return turn > now ? turn : now;
}

void write_budget_earn(struct write_budget *b, uint32_t pods) { b->full_at -= pods * (INTERVAL / WRITE_BUDGET_PODS); }
