/* failure_log.h - summarises failures in the log. A problem between the API server and the supervisor affects many
 * requests and watches at once. It is logged in one line when it begins, in one line now and then while it lasts, and
 * in one line when it is over:
 *
 *   watches are broken and begin again   times=14 of="pods, services, jobs and 9 more" reason="HTTP 503 ... (14)"
 *   watches work again                   after="61 s" times=90 */
#ifndef SUPERVISOR_FAILURE_LOG_H
#define SUPERVISOR_FAILURE_LOG_H

#include "ipc/base/loop.h"
#include "rayvisor/base.h"

struct failure_log_opts {
    struct loop *loop;
    const char *begins, *lasts, *over; /* the lines of the log; literals */
    /* Returns true if the problem lasts although nothing new was reported. NULL means no. */
    bool (*persists)(void *arg);
    void *arg;
    /* Failures within coalesce_ms are reported together. After quiet_ms without a failure the problem is over. 0 means
     * 300 and 5000. */
    int64_t coalesce_ms, quiet_ms;
};

struct failure_log *failure_log_new(const struct failure_log_opts *o);
struct failure_log *failure_log_free(struct failure_log *t);
/* `of` says what failed ("create pods"), and `reason` says why. Both are copied. The first few different ones are
 * named. */
void failure_log_report(struct failure_log *t, struct rv_str of, struct rv_str reason);

#endif
