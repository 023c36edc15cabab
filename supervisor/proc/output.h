/* output.h - turns the standard output and error of a host into log lines with the plugin's name. A line of JSON from
 * the host itself becomes a normal log line. Long lines are cut. The last lines of a process that died are logged as
 * well. */
#ifndef PROC_OUTPUT_H
#define PROC_OUTPUT_H

#include "ipc/base/loop.h"

struct host_output;
/* Takes over the reading end of the pipe, which must be non-blocking. `plugin` must outlive it. */
struct host_output *host_output_new(struct loop *l, int fd, struct rv_str plugin);
void host_output_report_suppressed(
    struct host_output *o);                    /* logs how many lines were suppressed, if the flood is over */
void host_output_drain(struct host_output *o); /* logs what is still in the pipe of a process that has ended */
/* The reason in the last line of JSON of level error; empty if there was none. */
struct rv_str host_output_error(const struct host_output *o);
struct host_output *host_output_free(struct host_output *o); /* drains it first */
/* Returns true for a field that a plugin or its host may not set, because it says where a line is from. */
bool host_field_reserved(struct rv_str key);

#endif
