/* output.h - turns what a host prints on its standard output and error into log lines with the plugin's name. What the
 * host logs itself, as JSON, becomes a line like any other, and is not quoted in one. Long
 * lines are cut. The last lines of a process that died are kept. */
#ifndef PROC_OUTPUT_H
#define PROC_OUTPUT_H

#include "ipc/base/loop.h"

struct host_output;
/* Takes the pipe's reading end, which must not block. plugin must outlive it. */
struct host_output *host_output_new(struct rv_loop *l, int fd, struct rv_str plugin);
void host_output_settle(struct host_output *o); /* says how many lines were left out, once the flood is over */
struct host_output *host_output_free(struct host_output *o); /* prints what is left first */
/* A field of a line that a plugin or its host may not name itself: it says where the line is from. */
bool host_field_reserved(struct rv_str key);

#endif
