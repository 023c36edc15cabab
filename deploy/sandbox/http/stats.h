/* stats.h - counts requests to the API server by kind and by client, for tests and figures (GET /sandbox/v1/stats). */
#ifndef RV_SANDBOX_STATS_H
#define RV_SANDBOX_STATS_H

#include "faults.h"
#include "ipc/base/json_writer.h"

struct sb_stats;
struct sb_stats *sb_stats_new(void);
struct sb_stats *sb_stats_free(struct sb_stats *t);
void sb_stats_reset(struct sb_stats *t); /* resets everything but the number of open watches */

void sb_stats_request(struct sb_stats *t, const struct sb_fault_call *c, size_t bytes_in);
void sb_stats_answer(struct sb_stats *t, int http, size_t bytes_out);
void sb_stats_fault(struct sb_stats *t);
/* +1 for an opened watch, -1 for an ended one. */
void sb_stats_watch(struct sb_stats *t, const char *resource, int change);
void sb_stats_events(struct sb_stats *t, uint64_t events); /* events that were sent to watches */
void sb_stats_bytes_out(struct sb_stats *t, size_t n);     /* bytes of a watch */
/* Writes the counters as members of the open JSON object. */
void sb_stats_write(const struct sb_stats *t, struct jsonw *w);

#endif
