/* stats.h - what was asked of the API server and by whom: counters for tests and figures (GET /sandbox/v1/stats). */
#ifndef RV_SANDBOX_STATS_H
#define RV_SANDBOX_STATS_H

#include "faults.h"
#include "ipc/base/json_writer.h"

struct sb_stats;
struct sb_stats *sb_stats_new(void);
struct sb_stats *sb_stats_free(struct sb_stats *t);
void sb_stats_reset(struct sb_stats *t); /* everything but the watches that are open */

void sb_stats_request(struct sb_stats *t, const struct sb_fault_call *c, size_t bytes_in);
void sb_stats_answer(struct sb_stats *t, int http, size_t bytes_out);
void sb_stats_fault(struct sb_stats *t);
void sb_stats_watch(struct sb_stats *t, const char *resource, int change); /* +1 opened, -1 ended */
void sb_stats_events(struct sb_stats *t, uint64_t events);                 /* sent to watches */
void sb_stats_bytes_out(struct sb_stats *t, size_t n);                     /* of a watch */
/* The counters, as members of the JSON object that is open. */
void sb_stats_write(const struct sb_stats *t, struct jsonw *w);

#endif
