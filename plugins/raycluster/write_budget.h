/* write_budget.h - how often all clusters together may write a status that only shows progress.
 *
 * When a thousand clusters start at once, each of them makes some steps of progress before it is ready. Nobody watches
 * a thousand clusters step by step, but each write costs the API server as much as the creation of a pod. So such
 * writes share a rate, and are few in relation to the pods that are created. A few clusters never notice it. Of many
 * clusters, each gets a turn in the order in which they asked, and the wait has an upper limit. A cluster that becomes
 * ready, fails or is edited does not wait for a turn.
 *
 * There is no clock in this file, so tests and replays get the same answers again. */
#ifndef RAYCLUSTER_WRITE_BUDGET_H
#define RAYCLUSTER_WRITE_BUDGET_H

#include <stdint.h>

enum {
    WRITE_BUDGET_INTERVAL_MS = 1000, /* one turn in this time, */
    WRITE_BUDGET_PODS = 10,          /* one more for this many pods that are created, */
    WRITE_BUDGET_BURST = 30,         /* and this many at once after a quiet time */
    WRITE_BUDGET_LONGEST_MS = 30000, /* nobody waits longer */
};

struct write_budget { /* {0} is valid: no write was made yet */
    int64_t full_at;  /* wall clock, ns: when no turn is in use any more */
};

/* Takes the next turn. Returns the time of that turn (wall clock, ns), which is `now` if the budget allows it. */
int64_t write_budget_take(struct write_budget *b, int64_t now);
/* Pods were requested to be created: turns come sooner. */
void write_budget_earn(struct write_budget *b, uint32_t pods);

#endif
