/* trouble.h - what goes wrong between the API server and us meets many requests and watches at once. It is told in one
 * line when it begins, in one now and then while it lasts, and in one when it is over:
 *
 *   watches are broken and begin again   times=14 of="pods, services, jobs and 9 more" reason="HTTP 503 ... (14)"
 *   watches work again                   after="61 s" times=90 */
#ifndef SUPERVISOR_TROUBLE_H
#define SUPERVISOR_TROUBLE_H

#include "ipc/base/loop.h"
#include "rayvisor/base.h"

struct trouble_opts {
    struct rv_loop *loop;
    const char *begins, *lasts, *over; /* the lines; literals */
    bool (*persists)(void *arg);       /* is it still so, although nothing new was reported? NULL: no */
    void *arg;
    int64_t gather_ms,
        quiet_ms; /* what breaks together breaks within; so long without news, and it is over. 0: 300, 5000 */
};

struct trouble *trouble_new(const struct trouble_opts *o);
struct trouble *trouble_free(struct trouble *t);
/* of: whom it met ("create pods"), reason: how. Both are copied; of each the first few that differ are named. */
void trouble_report(struct trouble *t, struct rv_str of, struct rv_str reason);

#endif
