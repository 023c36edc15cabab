/* metrics_table.h - the counters and gauges that a plugin reports, bounded in number and bytes. A name has one type,
 * which is that of its first series; series of another type are left out. */
#ifndef PROC_METRICS_TABLE_H
#define PROC_METRICS_TABLE_H

#include "ipc/protocol/msg.h"
#include "supervisor/config/schema.h"

struct metrics_table;
struct metrics_table *metrics_table_new(void);
struct metrics_table *metrics_table_free(struct metrics_table *t);
void metrics_table_set(struct metrics_table *t, const struct msg_metric *m);
/* A new host begins: what it does not report again by the time of the sweep is of objects that went while there was no
 * host. Counters are kept; nobody tells them again. */
void metrics_table_mark(struct metrics_table *t);
void metrics_table_sweep(struct metrics_table *t);
/* No host will report soon: gauges would say what was true once. */
void metrics_table_drop_gauges(struct metrics_table *t);
/* A label's value in quotes, escaped as the Prometheus text format wants it (not JSON: one wrong escape and a scraper
 * refuses everything). */
void metrics_quote(struct rv_str value, struct rv_buf *out);
/* The tables of several plugins as one page: each metric once, with its type and all its samples below it. Where two
 * plugins give one name different types, that of the first in the list counts. */
struct metrics_source {
    const char *plugin;
    const struct metrics_table *table;
    const struct schema_texts *prefixes; /* names that begin so are not put under "rayvisor_plugin_"; NULL: none */
};
struct metrics_walk;
struct metrics_walk *metrics_walk_new(const struct metrics_source *list, size_t n);
struct metrics_walk *metrics_walk_free(struct metrics_walk *w);
/* Adds samples until out has about so many bytes; false: those were the last. The list is that of now: in between
 * plugins and series may go, which are left out then, and come, which are on the page where their name still comes. */
bool metrics_walk_more(struct metrics_walk *w, const struct metrics_source *list, size_t n, size_t bytes,
                       struct rv_buf *out);

#endif
