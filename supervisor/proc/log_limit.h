/* log_limit.h - what a plugin says is logged, but not without end: a flood of lines costs the log of all others, and
 * says no more than its beginning and how many there were. */
#ifndef PROC_LOG_LIMIT_H
#define PROC_LOG_LIMIT_H

#include "ipc/base/log.h"
#include "ipc/base/rate_limit.h"

struct log_limit {
    struct rv_rate_limit bucket, bytes;
    uint64_t suppressed;
};

/* bytes: of the line. True: it may be logged. What was held back before is told first. */
bool log_limit_allows(struct log_limit *c, struct rv_str plugin, size_t bytes, int64_t now);
/* Tells what was held back, when there is room again or nothing more will come. */
void log_limit_report_suppressed(struct log_limit *c, struct rv_str plugin, int64_t now, bool last);

#endif
