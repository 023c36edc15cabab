/* metrics_table.h - the counters and gauges that a plugin reports, bounded in number. */
#ifndef PROC_METRICS_TABLE_H
#define PROC_METRICS_TABLE_H

#include "ipc/msg.h"

struct metrics_table;
struct metrics_table *metrics_table_new(void);
struct metrics_table *metrics_table_free(struct metrics_table *t);
void metrics_table_set(struct metrics_table *t, const struct msg_metric *m);
void metrics_table_print(const struct metrics_table *t, const char *plugin, struct rv_buf *out);

#endif
