/* control.h - /sandbox/v1: what tests and people ask of the sandbox itself, beside the Kubernetes API.
 *
 *   GET    /sandbox/v1/stats          counters (http/stats.h) and the number of objects by resource
 *   DELETE /sandbox/v1/stats          starts them afresh
 *   POST   /sandbox/v1/faults         a rule (http/faults.h); answers {"id":N}
 *   GET    /sandbox/v1/faults         the rules and how often each was met
 *   DELETE /sandbox/v1/faults[/ID]    forgets all, or one; what was stalled breaks off
 *   POST   /sandbox/v1/pause          {"ms":N}: no listening socket and no connection for so long
 *   POST   /sandbox/v1/compact        the watch history is forgotten: older watches get 410
 *   POST   /sandbox/v1/drop-watches   every watch ends
 *
 * None of these is counted or meets a fault. */
#ifndef RV_SANDBOX_CONTROL_H
#define RV_SANDBOX_CONTROL_H

#include "http.h"
#include "stats.h"

/* What control needs of the server. */
struct sb_control {
    struct sb_storage *storage;
    struct sb_faults *faults;
    struct sb_stats *stats;
    void (*drop_watches)(void *arg);
    void (*release)(void *arg);           /* what faults hold back */
    void (*pause)(void *arg, int64_t ms); /* after the answer to this request is out */
    void *arg;
};
/* False when the path is not one of the above. */
bool sb_control(const struct sb_control *c, struct sb_request *q, struct sb_response *r);

#endif
