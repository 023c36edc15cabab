/* log_limit.h - limits what a plugin logs. A flood of lines would make the log useless for everybody else. So only its
 * beginning is logged, and the number of lines that were suppressed. */
#ifndef PROC_LOG_LIMIT_H
#define PROC_LOG_LIMIT_H

#include "ipc/base/log.h"
#include "ipc/base/rate_limit.h"

struct log_limit {
    struct rate_limit bucket, bytes;
    uint64_t suppressed;
};

/* `bytes` is the length of the line. Returns true if it may be logged. It first logs how many lines were suppressed
 * before. */
bool log_limit_allows(struct log_limit *c, struct rv_str plugin, size_t bytes, int64_t now);
/* Logs how many lines were suppressed, if the limit allows it again or if `last` says that no more lines will come. */
void log_limit_report_suppressed(struct log_limit *c, struct rv_str plugin, int64_t now, bool last);

#endif
