/* metrics_table.h - the counters and gauges that a plugin reports. Their number and their bytes are bounded. A name has
 * the type of its first series, and series of another type are left out. The counters NAME_bucket, NAME_sum and
 * NAME_count together are printed as one histogram. */
#ifndef PROC_METRICS_TABLE_H
#define PROC_METRICS_TABLE_H

#include "ipc/protocol/msg.h"
#include "supervisor/config/manifest.h"

struct metrics_table;
struct metrics_table *metrics_table_new(void);
struct metrics_table *metrics_table_free(struct metrics_table *t);
void metrics_table_set(struct metrics_table *t, const struct msg_metric *m);
/* A new host begins. A series that it does not report before the next sweep belongs to an object that was deleted while
 * no host was running; the sweep removes it. Counters stay, because nobody would report them again. */
void metrics_table_mark(struct metrics_table *t);
void metrics_table_sweep(struct metrics_table *t);
/* No host will report soon. Gauges are removed, because they would show an old state. */
void metrics_table_drop_gauges(struct metrics_table *t);
/* Writes a label's value in quotes, escaped for the Prometheus text format (which differs from JSON). After one wrong
 * escape Prometheus refuses the whole page. */
void metrics_quote(struct rv_str value, struct rv_buf *out);
/* Calls fn for the present series of each gauge whose name begins so. labels: {"a":"b"}, as JSON. */
void metrics_table_each(const struct metrics_table *t, const char *prefix,
                        void (*fn)(void *arg, const char *name, struct rv_str labels, double value), void *arg);
/* Prints the tables of several plugins as one text. Each metric occurs once, with its type and all its samples. If two
 * plugins give a name different types, the type of the first one counts. */
struct metrics_source {
    const char *plugin;
    const struct metrics_table *table;
    /* Names with these prefixes do not get the prefix "rayvisor_plugin_"; may be NULL. */
    const struct schema_texts *prefixes;
    const struct manifest_metric_help *help; /* what the names mean */
    size_t help_n;
};
struct metrics_walk;
struct metrics_walk *metrics_walk_new(const struct metrics_source *list, size_t n);
struct metrics_walk *metrics_walk_free(struct metrics_walk *w);
/* Adds samples until out has about so many bytes; false: those were the last. The list is that of now: in between
 * plugins and series may go, which are left out then, and come, which are on the page where their name still comes. */
bool metrics_walk_more(struct metrics_walk *w, const struct metrics_source *list, size_t n, size_t bytes,
                       struct rv_buf *out);

#endif
