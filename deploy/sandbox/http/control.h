/* control.h - /sandbox/v1: what tests and people can do with the sandbox itself, besides the Kubernetes API.
 *
 *   GET    /sandbox/v1/stats          counters (http/stats.h) and the number of objects by resource
 *   DELETE /sandbox/v1/stats          sets them to zero
 *   POST   /sandbox/v1/faults         adds a rule (http/faults.h); answers {"id":N}
 *   GET    /sandbox/v1/faults         the rules and how often each was applied
 *   DELETE /sandbox/v1/faults[/ID]    removes all rules, or one; stalled requests are disconnected
 *   POST   /sandbox/v1/pause          {"ms":N}: closes the listening socket and all connections for this time
 *   POST   /sandbox/v1/compact        drops the watch history: older watches get 410
 *   POST   /sandbox/v1/drop-watches   ends every watch
 *
 * None of these requests is counted or meets a fault. */
#ifndef RV_SANDBOX_CONTROL_H
#define RV_SANDBOX_CONTROL_H

#include "http.h"
#include "stats.h"

/* What the control API needs from the server. */
struct sb_control {
    struct sb_storage *storage;
    struct sb_faults *faults;
    struct sb_stats *stats;
    void (*drop_watches)(void *arg);
    void (*release)(void *arg);           /* releases requests that faults hold back */
    void (*pause)(void *arg, int64_t ms); /* takes effect after the answer to this request was sent */
    void *arg;
};
/* Returns false if the path is not one of the above. */
bool sb_control(const struct sb_control *c, struct sb_request *q, struct sb_response *r);

#endif
